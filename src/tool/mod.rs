//! The vocabulary: what a tool, a call and its outcome are. No I/O happens here.
//!
//! Everything in this room is already checked: names are names, numbers are in range, templates
//! are compiled. `config` makes these values, `scheduler` and `executor` use them.

mod access;
mod action;
mod arguments;
mod builtin;
mod call;
mod catalog;
mod confirmation;
mod difference;
mod environment;
mod failure;
mod gate;
mod http;
mod icon;
mod items;
mod json_path;
mod limits;
mod name;
mod outcome;
mod paging;
mod parameter;
mod progress;
pub mod remedy;
mod resilience;
mod schema;
mod secret_id;
mod spoken;
mod sql;
mod stored;
mod tape;
mod task;
pub mod template;
mod test_case;
mod trace;
mod whole_number;
mod worker;

pub use access::ToolAccess;
pub use action::{
    Action, Invocation, MissingVariable, OnOverflow, OutputFormat, OutputRules, Program, Script,
    Stdin,
};
pub use arguments::{Arguments, TIMEOUT_ARGUMENT};
pub use builtin::BuiltinTool;
pub use call::{Call, CallContext, CallId};
pub use catalog::Catalog;
pub use confirmation::{ConfirmFallback, Confirmation};
pub use difference::Difference;
pub use environment::Environment;
pub use failure::{Failure, FailureCode};
pub use gate::Gate;
pub use http::{Http, Redirects, Request, RequestTemplate, Secrets};
pub use icon::{Icon, IconTheme};
pub use items::ItemSink;
pub use json_path::{InvalidJsonPath, JsonPath};
pub use limits::{
    BucketUse, Groups, KeyLimits, OnLimit, Rate, RateLimit, RunnerLimits, ToolLimits,
};
pub use name::{InvalidToolName, ToolName};
pub use outcome::{Lack, LackUnit, Outcome, Output, Timing};
pub use paging::{PageRequest, PageRules};
pub use parameter::{Parameter, ParameterType, Parameters};
pub use progress::{Progress, ProgressReports, ProgressSink};
pub use resilience::{BreakerRules, CacheRules, RetryPolicy};
pub use schema::{Schema, Violation};
pub use secret_id::SecretId;
pub use spoken::spoken;
pub use sql::{ConnectionUrl, Database, Location, PoolRules, Sql, SqlQueries, SqlQuery};
pub use stored::{OutputId, Owner, StoredOutput};
pub use tape::{Printed, Stream, Tape};
pub use task::{LONG_CALL, TaskMode, TaskRules};
pub use template::ValueError;
pub use test_case::{Expectation, ExpectedError, TestCase};
pub use trace::TraceContext;
pub(crate) use whole_number::whole_number;
pub use worker::{ForkWorker, PersistentWorker, Worker};

/// One tool of the catalog, ready to be called.
#[derive(Debug)]
pub struct Tool {
    /// The name callers use.
    pub name: ToolName,
    /// A name for people.
    pub title: Option<String>,
    /// What the tool does, in the author's words.
    pub description: String,
    /// The author's hints about what a call does to the world.
    pub annotations: Annotations,
    /// Pictures for clients to show.
    pub icons: Vec<Icon>,
    /// What it takes.
    pub parameters: Parameters,
    /// How much of it may run, and how long.
    pub limits: ToolLimits,
    /// Whether a failed call is tried again.
    pub retry: Option<RetryPolicy>,
    /// What keeps calls away while they keep failing.
    pub circuit_breaker: Option<BreakerRules>,
    /// Whether equal calls share an answer.
    pub cache: Option<CacheRules>,
    /// What a person is asked before each call.
    pub confirmation: Option<Confirmation>,
    /// Whether the list it gives is cut into pages.
    pub paging: Option<PageRules>,
    /// When a call becomes a task.
    pub task: TaskRules,
    /// What a call does.
    pub action: Action,
    /// What becomes of what it prints, or of what a service answers.
    pub output: OutputRules,
    /// What the author expects of some calls, for `runner test`.
    pub tests: Vec<TestCase>,
    /// Where each figure came from, for `explain`.
    pub origins: Origins,
}

/// Hints for clients, as MCP's tool annotations; `None` says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// Does not change anything.
    pub read_only: Option<bool>,
    /// May delete or overwrite.
    pub destructive: Option<bool>,
    /// Calling it twice is the same as once.
    pub idempotent: Option<bool>,
    /// Reaches beyond this machine.
    pub open_world: Option<bool>,
}

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// Set in the file, at this line and column.
    File {
        /// Counted from one.
        line: usize,
        /// Counted from one.
        column: usize,
    },
}

/// The origins of a tool's settings by the dotted path of the key, as in `concurrency.max_parallel`.
/// A key that is absent was set by nobody.
#[derive(Clone, Debug, Default)]
pub struct Origins(indexmap::IndexMap<String, Origin>);

impl Origins {
    /// Notes where `key` was set.
    pub fn set(&mut self, key: impl Into<String>, origin: Origin) {
        self.0.insert(key.into(), origin);
    }

    /// Where `key` was set.
    pub fn of(&self, key: &str) -> &Origin {
        self.0.get(key).unwrap_or(&Origin::Default)
    }
}
