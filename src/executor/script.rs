//! One call as one process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::output::{Capture, Recording};
#[cfg(unix)]
use super::persistent::Workers;
use super::prepare;
use super::process::{Bounds, End, Ended, Launch, Roll, Running, Stops, supervise};
#[cfg(unix)]
use super::process::{Fork, Zygotes};
use super::process::{Ledger, WarmLoad};
use super::verdict::{Terms, verdict};
use crate::guard;
use crate::store::Store;
#[cfg(unix)]
use crate::tool::Worker;
use crate::tool::{
    Action, Call, Catalog, Failure, FailureCode, OnOverflow, Output, OutputFormat, Script, Stream,
    ToolName,
};

/// What is kept of standard error: a little of its beginning, more of its end.
pub(super) const STDERR_KEPT: (usize, usize) = (4 * 1024, 60 * 1024);

/// Output up to this length is read where the call runs; more of it goes to a thread that may be busy.
pub(super) const READ_IN_PLACE: u64 = 32 * 1024;

/// Longer than any run, and short enough to be added to any moment.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

/// What an answer may take past the grace: see the bound on answers after a hard kill.
const AFTER_GRACE: Duration = Duration::from_millis(2500);

/// Runs scripts, each as a process of its own, and ends all they start. Clones share everything.
#[derive(Clone, Debug, Default)]
pub struct ScriptExecutor(pub(super) Arc<Shared>);

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) supervisors: TaskTracker,
    /// The longest grace, once the runner stops.
    pub(super) draining: watch::Sender<Option<Duration>>,
    pub(super) roll: Roll,
    pub(super) store: Store,
    pub(super) ledger: Ledger,
    #[cfg(unix)]
    zygotes: Zygotes,
    #[cfg(unix)]
    pub(super) workers: Workers,
}

/// What came of a run.
#[derive(Debug)]
pub struct Execution {
    /// What the script gave.
    pub result: Result<Output, Failure>,
    /// How long it ran, from the spawn; zero when it was not started.
    pub ran: Duration,
    /// How long it was allowed to run.
    pub timeout: Duration,
    /// What deserves a look though there is an answer.
    pub warnings: Vec<String>,
}

impl Execution {
    /// What never ran.
    pub(super) fn refused(failure: Failure, timeout: Duration) -> Self {
        Self {
            result: Err(failure),
            ran: Duration::ZERO,
            timeout,
            warnings: Vec::new(),
        }
    }
}

impl ScriptExecutor {
    /// An executor that runs nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that keeps in `store` what answers cannot hold.
    pub fn storing(store: Store) -> Self {
        Self(Arc::new(Shared {
            store,
            ..Shared::default()
        }))
    }

    /// Runs a call. `place` is dropped exactly once, when no process of the call's group lives any more: before
    /// this returns, unless a process cannot be killed. Dropping the future ends the process: it is
    /// asked to end, and killed after the tool's `kill_grace` but at most 500 ms.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn run(&self, call: &Call, place: impl Send + 'static) -> Execution {
        let time = Time::of(call);
        // Held before the look at `draining`: a drain that this call does not see waits for it.
        let _tracked = self.0.supervisors.token();
        if let Some(refusal) = self.refusal(call, &time) {
            return Execution::refused(refusal, time.timeout);
        }
        let Action::Script(script) = &call.tool.action else {
            return Execution::refused(
                bug("a tool that is no script was run as one"),
                time.timeout,
            );
        };
        #[cfg(unix)]
        if let Some(Worker::Persistent(worker)) = &script.worker {
            return self.run_persistent(call, script, worker, time, place).await;
        }
        let launch = match prepare::launch(call, script, time.timeout) {
            Ok(launch) => self.warm(call, script, launch),
            Err(failure) => return Execution::refused(failure, time.timeout),
        };
        let terms = Terms::new(&launch, time.timeout, time.extends_to, time.is_callers);
        let bounds = Bounds {
            timeout: time.timeout,
            extends_to: time.extends_to,
            grace: time.grace,
            stdout: recording(&self.0.store, call).taped(call.context.tape.clone(), Stream::Stdout),
            stderr: Recording::new(Capture::new(STDERR_KEPT.0, STDERR_KEPT.1))
                .heeding(call.context.progress.clone())
                .taped(call.context.tape.clone(), Stream::Stderr),
        };
        call.context.tape.rewind();
        // Dropped with this future, the guard tells the supervisor that nobody waits any more.
        let abandoned = CancellationToken::new();
        let _guard = abandoned.clone().drop_guard();
        let stops = Stops {
            cancelled: Some(call.cancel.clone()),
            abandoned: Some(abandoned),
            draining: Some(self.0.draining.subscribe()),
        };
        let entry = self.0.roll.enter(call, time.grace);
        let (answer, answered) = oneshot::channel();
        let ward = guard::watch(call.id.as_str());
        // Its future is large, and is moved from place to place until it is a task.
        let supervisor = Box::pin(supervise(launch, bounds, stops, entry, ward, place, answer));
        self.0.supervisors.spawn(supervisor.in_current_span());
        match answered.await {
            Ok(ended) => judge(call, terms, ended).await,
            Err(_) => Execution::refused(bug("the supervisor of the process failed"), time.timeout),
        }
    }

    /// The launch, forked from a warm interpreter where its tool asks for it.
    fn warm(&self, call: &Call, script: &Script, launch: Launch) -> Launch {
        #[cfg(unix)]
        if let Some(kind) = prepare::kind(script, &launch) {
            let fork = Fork {
                zygotes: self.0.zygotes.clone(),
                kind: Arc::new(kind),
                counters: self.0.ledger.of(&call.tool.name),
            };
            return Launch {
                fork: Some(fork),
                ..launch
            };
        }
        #[cfg(not(unix))]
        let _ = (self, call, script);
        launch
    }

    /// Lets go of what only tools needed that `catalog` does not have any more.
    pub fn keep(&self, catalog: &Catalog) {
        #[cfg(unix)]
        self.0.workers.keep(catalog);
        let is_kept = |tool: &ToolName| catalog.get(tool.as_str()).is_some();
        self.0.ledger.keep(is_kept);
    }

    /// The warm interpreters of each tool that had some.
    pub fn warm_loads(&self) -> Vec<WarmLoad> {
        self.0.ledger.read()
    }

    /// Every running call, those whose processes cannot be killed included.
    pub fn running(&self) -> Vec<Running> {
        self.0.roll.all()
    }

    /// The calls whose processes were killed and live on. Each keeps its place.
    pub fn stuck(&self) -> Vec<Running> {
        let mut stuck = self.running();
        stuck.retain(|running| running.stuck);
        stuck
    }

    /// Refuses new calls, ends the running ones (asked at once, killed after their `kill_grace`, or
    /// after `grace` where that is shorter), and waits until their processes are gone. Returns those
    /// that are not, at the latest 2.5 s after the longest grace.
    pub async fn drain(&self, grace: Option<Duration>) -> Vec<Running> {
        let most = grace.unwrap_or(Duration::MAX);
        self.0.draining.send_replace(Some(most));
        #[cfg(unix)]
        self.0.workers.drain(most);
        self.0.supervisors.close();
        let longest = self
            .running()
            .iter()
            .map(|running| running.kill_grace)
            .max();
        let longest = longest.unwrap_or_default().min(most);
        let ended = timeout(longest + AFTER_GRACE, self.0.supervisors.wait()).await;
        #[cfg(unix)]
        tokio::join!(self.0.zygotes.close(), self.0.workers.close());
        match ended {
            Ok(()) => Vec::new(),
            Err(_) => self.running(),
        }
    }

    fn refusal(&self, call: &Call, time: &Time) -> Option<Failure> {
        let is_draining = self.0.draining.borrow().is_some();
        refusal(call, time, is_draining)
    }
}

/// What becomes of the output of a call: kept, and stored in `store` where its tool says so.
pub(super) fn recording(store: &Store, call: &Call) -> Recording {
    let rules = &call.tool.output;
    let mut recording = Recording::new(Capture::halves(rules.max_bytes));
    if rules.format == OutputFormat::Jsonl {
        let (progress, items) = (call.context.progress.clone(), call.context.items.clone());
        recording = recording.of_items(rules.max_bytes, progress, items);
    }
    if rules.on_overflow != OnOverflow::Spill && !rules.is_paged {
        return recording;
    }
    let tool = call.tool.name.clone();
    recording.storing(
        store.clone(),
        call.output_owner(),
        tool,
        rules.inline_bytes as u64,
    )
}

/// Why a call is not even started, if so.
pub(super) fn refusal(call: &Call, time: &Time, is_draining: bool) -> Option<Failure> {
    let tool = &call.tool.name;
    if is_draining {
        return Some(Failure::new(
            FailureCode::ShuttingDown,
            "the runner is stopping and takes no new calls",
        ));
    }
    if call.cancel.is_cancelled() {
        return Some(Failure::new(
            FailureCode::Cancelled,
            format!("`{tool}` was called off before it started"),
        ));
    }
    time.timeout.is_zero().then(|| {
        Failure::new(
            FailureCode::Timeout,
            format!("the time the caller granted was over before `{tool}` could start"),
        )
        .remediation("grant more time (`timeout_ms`), or call again when less is waiting")
        .with("timeout_ms", 0)
    })
}

/// How long a call may run, and how long it may take to end.
pub(super) struct Time {
    pub(super) timeout: Duration,
    /// How long it may run in all where progress puts the timeout off; more than `timeout`.
    pub(super) extends_to: Option<Duration>,
    pub(super) grace: Duration,
    /// Whether the caller granted less than the tool's own timeout.
    pub(super) is_callers: bool,
}

impl Time {
    /// The tool's own figures, or less where the caller granted less. A caller's budget includes the grace, for
    /// which at most a quarter of it is set aside: a budget shorter than the grace still buys a run.
    pub(super) fn of(call: &Call) -> Self {
        let limits = &call.tool.limits;
        let whole = Self {
            timeout: call.timeout().min(LONGEST),
            extends_to: limits
                .progress_extends_timeout
                .map(|longest| longest.min(LONGEST))
                .filter(|longest| *longest > call.timeout()),
            grace: limits.kill_grace.min(LONGEST),
            is_callers: false,
        };
        let Some(remaining) = call.context.remaining(Instant::now()) else {
            return whole;
        };
        let granted = remaining.saturating_sub(whole.grace.min(remaining / 4));
        if granted >= whole.timeout {
            let extends_to = whole.extends_to.map(|longest| longest.min(granted));
            let longest = extends_to.unwrap_or(whole.timeout);
            return Self {
                extends_to,
                grace: whole.grace.min(remaining.saturating_sub(longest)),
                ..whole
            };
        }
        Self {
            timeout: granted,
            extends_to: None,
            grace: remaining.saturating_sub(granted),
            is_callers: true,
        }
    }
}

pub(super) async fn judge(call: &Call, terms: Terms, ended: Ended) -> Execution {
    let (ran, allowed) = (ended.ran, ended.allowed);
    let is_quick = ended.stdout.total <= READ_IN_PLACE && !matches!(ended.end, End::NotStarted(_));
    let (result, warnings) = if is_quick {
        verdict(call, &terms, &ended)
    } else {
        let call = call.clone();
        spawn_blocking(move || verdict(&call, &terms, &ended))
            .await
            .unwrap_or_else(|_| (Err(bug("reading the output failed")), Vec::new()))
    };
    Execution {
        result,
        ran,
        timeout: allowed,
        warnings,
    }
}

/// A bug of ours.
pub(super) fn bug(message: &str) -> Failure {
    Failure::new(FailureCode::Internal, message)
        .remediation("this is a bug of the runner: please report it")
}
