//! The wire types: what a gantz.yaml may say, key by key.
//!
//! Nothing is decided here. Each type mirrors one map of the file; its doc comments are the texts of
//! the JSON Schema. `resolve` gives them meaning.

mod action;
mod concurrency;
mod later;
mod server;
mod tool;
mod union;

pub(crate) use action::{
    FormatChoice, HttpAction, OutputDeclaration, OverflowChoice, RedirectChoice, ScriptAction,
    SqlAction, Worker, WorkerMode,
};
pub(crate) use concurrency::{
    OnLimitChoice, PerKey, RateDeclaration, RunnerConcurrency, ToolConcurrency,
};
pub(crate) use later::{
    Breaker, CacheDefaults, CacheRule, Database, Expectation, PaginationDefaults, PaginationRule,
    Pool, Retry, TaskChoice, TestCase, TimeoutClass,
};
pub(crate) use server::{Auth, BearerToken, BuiltinTool, Server};
pub(crate) use tool::{
    AnnotationHints, FallbackChoice, IconDeclaration, ParameterDeclaration, ThemeChoice, Tool,
    TypeName, Validation,
};
pub(crate) use union::{EnvVariables, Group, Limit, Switch, TimeoutChoice};

use super::decode::{List, Named, choice, wire};
use super::text::{AnyText, Text};

choice! {
    /// How places are treated where a value becomes the program text of another language.
    enum SafetyChoice {
        /// Refused.
        "strict" Strict,
        /// A warning, as files written for the original need it.
        "compat" Compat,
    }
}

wire! {
    /// A file that turns scripts into tools an AI agent can call.
    struct Document in "the file", Warned {
        /// The name of the set, shown to clients. Default: the name of the file's folder.
        "name" name: Text,
        /// What the set is for.
        "description" description: Text,
        /// The author's version of the set.
        "version" version: AnyText,
        /// How places are treated where a value becomes SQL, awk or Python text. Default: strict.
        "safety" safety: SafetyChoice,
        /// How the tools are served.
        "server" server: Server,
        /// Environment of every tool: a map sets variables, a list names what must be there.
        "env" env: EnvVariables,
        /// Whether tools inherit the runner's environment, without what `server` and `databases`
        /// name. With false they get PATH, HOME, LANG, TZ, TMPDIR and `env` only. Default: true.
        "inherit_env" inherit_env: bool,
        /// Limits of the whole runner, and what its tools share.
        "concurrency" concurrency: RunnerConcurrency,
        /// Retry rules by name; `default` applies to tools marked idempotent.
        "retry" retry: Named<Retry>,
        /// Circuit breakers by name.
        "circuit_breakers" circuit_breakers: Named<Breaker>,
        /// Defaults for tools that cache.
        "cache" cache: CacheDefaults,
        /// Classes of timeouts by name; a tool says `timeout: NAME`, and `default` applies to tools without one.
        "timeouts" timeouts: Named<TimeoutClass>,
        /// What becomes of calls that need a person's word where nobody can be asked, for tools that do not say
        /// it themselves. Default: refuse.
        "confirm_fallback" confirm_fallback: FallbackChoice,
        /// Databases by name.
        "databases" databases: Named<Database>,
        /// Defaults for tools that page.
        "pagination" pagination: PaginationDefaults,
        /// The tools, in the order clients see them.
        #[schemars(required)]
        "tools" tools: List<Tool>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::decode::Given;

    #[test]
    fn a_tool_weighs_what_it_sets() {
        // Ten thousand of them are in memory at once. Most have five of some thirty keys.
        assert!(
            size_of::<Given<Tool>>() <= 512,
            "{}",
            size_of::<Given<Tool>>()
        );
    }
}
