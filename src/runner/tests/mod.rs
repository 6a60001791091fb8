//! The life of a call under a paused clock, with a carrier that runs nothing.

mod breaking;
mod caching;
mod confirming;
mod gated;
mod retrying;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Runner;
use super::carrier::fake::FakeCarrier;
use crate::tool::template::{ArgvTemplate, Safety};
use crate::tool::{
    Action, Annotations, Arguments, BreakerRules, BucketUse, CacheRules, Call, CallContext, CallId,
    Catalog, Environment, Failure, FailureCode, Groups, Invocation, OnLimit, OnOverflow, Origins,
    Output, OutputFormat, OutputRules, Parameters, Program, Rate, RateLimit, RetryPolicy,
    RunnerLimits, Script, Stdin, TaskRules, Tool, ToolLimits, ToolName,
};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A tool with generous limits and nothing else.
pub(super) fn tool() -> Tool {
    let parameters = || Parameters::new([], json!({"type": "object"}));
    let arguments = ArgvTemplate::compile("true", &[], &parameters(), Safety::Strict);
    Tool {
        name: ToolName::parse("fetch").unwrap(),
        title: None,
        description: "a test".to_owned(),
        annotations: Annotations::default(),
        icons: Vec::new(),
        parameters: parameters(),
        limits: ToolLimits {
            max_parallel: count(8),
            buckets: Vec::new(),
            group: None,
            queue_size: 100,
            queue_timeout: 30 * SECOND,
            per_key: None,
            timeout: 30 * SECOND,
            total: None,
            max_timeout: None,
            connect: None,
            progress_extends_timeout: None,
            kill_grace: 4 * SECOND,
        },
        retry: None,
        circuit_breaker: None,
        confirmation: None,
        cache: None,
        paging: None,
        task: TaskRules::default(),
        action: Action::Script(Script {
            invocation: Invocation::Argv {
                program: Program {
                    written: "true".to_owned(),
                    resolved: Ok(PathBuf::from("/bin/true")),
                },
                arguments: arguments.unwrap().template,
            },
            stdin: Stdin::None,
            working_dir: Ok(PathBuf::from("/")),
            environment: Environment::default(),
            worker: None,
            could_be_warm: false,
        }),
        output: OutputRules {
            format: OutputFormat::Auto,
            schema: None,
            max_bytes: 1 << 20,
            inline_bytes: 64 << 10,
            on_overflow: OnOverflow::Truncate,
            is_paged: false,
        },
        tests: Vec::new(),
        origins: Origins::default(),
    }
}

pub(super) fn count(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}

/// Up to `attempts` attempts; waits of exactly 1, 2, 4 ... seconds with a random source that says 1.
fn retry(attempts: u32) -> RetryPolicy {
    RetryPolicy {
        max_attempts: count(attempts),
        initial_delay: SECOND,
        max_delay: 60 * SECOND,
        exponential_base: 2.0,
        exit_codes: Vec::new(),
        http_statuses: Vec::new(),
        failures: Vec::new(),
    }
}

fn breaker(failure_threshold: u32, half_open_requests: u32) -> BreakerRules {
    BreakerRules {
        name: "database".to_owned(),
        failure_threshold: count(failure_threshold),
        recovery_timeout: 30 * SECOND,
        half_open_requests: count(half_open_requests),
    }
}

/// A bucket of one token that comes back each `1 / per_second` seconds.
fn bucket(requests_per_second: f64) -> BucketUse {
    BucketUse {
        bucket: "fetch/concurrency".to_owned(),
        limit: RateLimit {
            rate: Rate {
                requests_per_second,
                burst: count(1),
            },
            on_limit: OnLimit::Queue,
        },
        cost: count(1),
    }
}

pub(super) fn cached_tool(shared: bool) -> Arc<Tool> {
    let cache = CacheRules {
        ttl: 60 * SECOND,
        shared,
    };
    Arc::new(Tool {
        cache: Some(cache),
        ..tool()
    })
}

pub(super) fn call_by(tool: &Arc<Tool>, client: &str, arguments: Value) -> Call {
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object");
    };
    Call {
        id: CallId::random(),
        tool: Arc::clone(tool),
        arguments: Arguments::from_checked(arguments),
        page: None,
        context: CallContext {
            client: client.to_owned(),
            ..CallContext::default()
        },
        cancel: CancellationToken::new(),
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a run gives what this gives, or a failure"
)]
fn text(text: &str) -> Result<Output, Failure> {
    Ok(Output {
        text: text.to_owned(),
        ..Output::default()
    })
}

fn exit(code: i32) -> Result<Output, Failure> {
    Err(Failure::new(FailureCode::ExitStatus, "it failed")
        .with("exit_code", code)
        .with("stdout", "half"))
}

/// A runner with one tool, and what carries its calls out.
struct Bench {
    runner: Arc<Runner>,
    carrier: Arc<FakeCarrier>,
    tool: Arc<Tool>,
}

impl Bench {
    fn new(
        tool: Tool,
        plan: impl Fn(usize) -> (Duration, Result<Output, Failure>) + Send + Sync + 'static,
    ) -> Self {
        let limits = RunnerLimits {
            max_parallel: count(64),
            thread_pool_size: 1.try_into().unwrap(),
            queue_size: 1000,
            groups: Groups::default(),
        };
        let carrier = Arc::new(FakeCarrier::new(plan));
        let catalog = Catalog::new("bench", limits, vec![Arc::new(tool)]);
        let runner = Runner::carried_by(Arc::clone(&carrier) as _, catalog, || 1.0);
        let tool = Arc::clone(runner.catalog().get("fetch").unwrap());
        Self {
            runner: Arc::new(runner),
            carrier,
            tool,
        }
    }

    fn call(&self) -> Call {
        call_by(&self.tool, "ada", json!({}))
    }

    /// Runs a call beside the test.
    fn spawn(&self, call: Call) -> tokio::task::JoinHandle<crate::tool::Outcome> {
        let runner = Arc::clone(&self.runner);
        tokio::spawn(async move { runner.call(call).await })
    }

    /// The seconds after `since` at which runs started.
    fn starts(&self, since: tokio::time::Instant) -> Vec<u64> {
        let started = self.carrier.started();
        started.iter().map(|at| (*at - since).as_secs()).collect()
    }

    /// Whether nothing is left of any call: no place, no waiting, no run to follow.
    fn is_idle(&self) -> bool {
        let snapshot = self.runner.engine.scheduler.snapshot();
        snapshot.running == 0 && snapshot.waiting == 0 && self.runner.cache.flights() == 0
    }
}
