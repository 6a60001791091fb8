//! Runs a plan: each call starts when its own dependencies are done and there is room.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::caller::{Caller, Ended, patiently};
use super::memory::Memory;
use super::plan::{Plan, PlannedCall};
use super::progress::{Change, Progress};
use super::ready::Ready;
use super::report::{Cut, HELD_BYTES, Report, effective};
use super::request::OnError;
use super::result::{CallResult, dependency_failed};
use super::template::{Node, Template};
use crate::tool::{Failure, FailureCode, spoken};
use serde_json::{Map, Value};

/// News of calls that wait to be read; who has news waits for room.
const NEWS: usize = 64;

/// Who wants to know what besides the answer.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// Cancelled when nobody wants the rest any more. What is done is still answered.
    pub cancel: CancellationToken,
    /// Gets each call as it completes. A reader that does not keep up holds the batch back.
    pub completed: Option<mpsc::Sender<Arc<CallResult>>>,
}

/// Runs a plan to its end. Never fails as a whole: every call has one result, in the order of the request.
/// Dropping the future calls off whatever runs.
pub async fn run<C: Caller>(plan: Plan, caller: Arc<C>, watch: Watch) -> Report {
    let (news, mut heard) = mpsc::channel(NEWS);
    let mut batch = Batch::new(plan, caller, watch, news);
    let changes = batch.progress.begin();
    batch.follow(changes).await;
    loop {
        batch.place().await;
        if batch.running.is_empty() {
            break;
        }
        let is_whole = batch.cut.is_none();
        tokio::select! {
            biased;
            () = batch.watch.cancel.cancelled(), if is_whole => batch.cut_short(Cut::Cancelled),
            () = sleep_until(batch.deadline), if is_whole => batch.cut_short(Cut::TimedOut),
            Some(news) = heard.recv() => batch.hear(news).await,
        }
    }
    batch.report().await
}

/// What a call's task tells.
enum News {
    /// It has its place.
    Started(Node),
    /// It has ended.
    Ended(Node, Box<Ended>),
}

/// A call whose task lives.
struct Running {
    has_started: bool,
}

/// A batch at work.
struct Batch<C> {
    calls: Vec<PlannedCall>,
    tools: Vec<Arc<str>>,
    names: Vec<String>,
    caller: Arc<C>,
    watch: Watch,
    news: mpsc::Sender<News>,
    tasks: JoinSet<()>,
    /// Calls off what runs.
    calling_off: CancellationToken,
    progress: Progress,
    ready: Ready,
    memory: Memory,
    running: HashMap<Node, Running>,
    results: Vec<Option<Arc<CallResult>>>,
    /// Bytes of results that may still be held.
    room: usize,
    /// Calls out at once, waiting or running: one that waits may start at any moment.
    at_once: usize,
    max_parallel: u32,
    timeout: Duration,
    began: Instant,
    deadline: Instant,
    on_error: OnError,
    /// The first failed call of a batch that stops there.
    stopped_by: Option<String>,
    cut: Option<Cut>,
    processed: usize,
}

impl<C: Caller> Batch<C> {
    fn new(plan: Plan, caller: Arc<C>, watch: Watch, news: mpsc::Sender<News>) -> Self {
        let began = Instant::now();
        let max_parallel = effective(caller.max_parallel(), plan.max_parallel);
        // Without a bound of its own, the batch leaves the bounds to the scheduler: then a call that waits
        // for its tool takes nothing from the others.
        let at_once = plan
            .max_parallel
            .map_or(usize::MAX, |_| max_parallel as usize);
        Self {
            progress: Progress::new(&plan.dependencies, plan.calls.len()),
            ready: Ready::new(plan.tools.len()),
            memory: Memory::new(&plan),
            names: plan.groups.iter().map(|group| group.id.clone()).collect(),
            tools: plan
                .tools
                .iter()
                .map(|tool| Arc::from(tool.as_str()))
                .collect(),
            results: vec![None; plan.calls.len()],
            room: HELD_BYTES,
            calls: plan.calls,
            calling_off: CancellationToken::new(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            deadline: began + plan.timeout,
            timeout: plan.timeout,
            on_error: plan.on_error,
            stopped_by: None,
            cut: None,
            processed: 0,
            caller,
            watch,
            news,
            at_once,
            max_parallel,
            began,
        }
    }

    /// Lets out as many calls as there is room for.
    async fn place(&mut self) {
        while self.running.len() < self.at_once
            && let Some(node) = self.ready.next()
        {
            let template = std::mem::replace(
                &mut self.calls[node].params,
                Template::Constant(Value::Null),
            );
            let filled = template.fill(&self.memory);
            self.memory.has_read(node);
            match filled {
                Ok(Value::Object(params)) => self.start(node, params),
                Ok(_) => self.start(node, Map::new()),
                Err(why) => {
                    self.ready.placed(self.calls[node].tool);
                    let failure = Failure::new(FailureCode::InvalidArguments, why).remediation(
                        "look at the result that the reference reads, and mend the way to it",
                    );
                    self.end(node, failure.into(), false).await;
                }
            }
        }
    }

    fn start(&mut self, node: Node, params: Map<String, Value>) {
        self.running.insert(node, Running { has_started: false });
        let tool = Arc::clone(&self.tools[self.calls[node].tool]);
        let (caller, news) = (Arc::clone(&self.caller), self.news.clone());
        let cancel = self.calling_off.clone();
        self.tasks.spawn(async move {
            let tell_start = async || drop(news.send(News::Started(node)).await);
            let ended = patiently(&*caller, &tool, params, &cancel, tell_start).await;
            // Nobody listens when the batch was dropped.
            drop(news.send(News::Ended(node, Box::new(ended))).await);
        });
    }

    async fn hear(&mut self, news: News) {
        while self.tasks.try_join_next().is_some() {}
        match news {
            News::Started(node) => {
                if let Some(running) = self.running.get_mut(&node) {
                    running.has_started = true;
                    self.ready.placed(self.calls[node].tool);
                }
            }
            News::Ended(node, ended) => {
                let has_started = self
                    .running
                    .remove(&node)
                    .is_some_and(|running| running.has_started);
                if !has_started {
                    self.ready.placed(self.calls[node].tool);
                }
                let (ended, was_cut) = self.as_cut(*ended);
                let never_ran = was_cut && !has_started && ended.timing.ran.is_zero();
                self.end(node, ended, never_ran).await;
            }
        }
    }

    /// A call that was called off with the batch says why.
    fn as_cut(&self, ended: Ended) -> (Ended, bool) {
        match (self.cut, ended.result) {
            (Some(cut), Err(mut failure)) if failure.code == FailureCode::Cancelled => {
                let own = self.unrun(cut, "ended");
                (failure.code, failure.message) = (own.code, own.message);
                let result = Err(failure);
                (Ended { result, ..ended }, true)
            }
            (_, result) => (Ended { result, ..ended }, false),
        }
    }

    /// A call has come to its end.
    async fn end(&mut self, node: Node, ended: Ended, skipped: bool) {
        let succeeded = ended.result.is_ok();
        if !succeeded && self.on_error == OnError::Stop && self.stopped_by.is_none() {
            self.stopped_by = Some(self.calls[node].id.clone());
            self.ready.clear();
        }
        self.record(node, ended, skipped).await;
        let changes = self.progress.settle(node, succeeded);
        self.follow(changes).await;
    }

    async fn follow(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Ready(node) => {
                    if self.cut.is_none() && self.stopped_by.is_none() {
                        self.ready.push(self.calls[node].tool, node);
                    }
                }
                Change::Skipped {
                    node,
                    dependency,
                    root,
                } => {
                    // What the end of the batch keeps from running did not fail its dependents.
                    if self.cut.is_some() {
                        continue;
                    }
                    let failure = dependency_failed(self.name(dependency), self.name(root));
                    self.memory.has_read(node);
                    self.record(node, failure.into(), true).await;
                }
            }
        }
    }

    fn name(&self, node: Node) -> &str {
        match self.calls.get(node) {
            Some(call) => &call.id,
            None => &self.names[node - self.calls.len()],
        }
    }

    async fn record(&mut self, node: Node, ended: Ended, skipped: bool) {
        let call = &self.calls[node];
        let tool = self.tools[call.tool].to_string();
        let result = Arc::new(CallResult::of(call.id.clone(), tool, ended, skipped));
        if self.cut.is_none() {
            self.processed += 1;
        }
        self.memory.keep(node, &result);
        self.results[node] = Some(match self.room.checked_sub(result.bytes()) {
            Some(left) => {
                self.room = left;
                Arc::clone(&result)
            }
            None => Arc::new(result.emptied()),
        });
        if let Some(completed) = &self.watch.completed {
            // Whoever has stopped reading gets the answer all the same.
            drop(completed.send(result).await);
        }
    }

    fn cut_short(&mut self, cut: Cut) {
        self.cut = Some(cut);
        self.ready.clear();
        self.calling_off.cancel();
    }

    /// Why a call has no result that the end of the batch kept from it.
    fn unrun(&self, cut: Cut, what: &str) -> Failure {
        match cut {
            Cut::Cancelled => Failure::new(
                FailureCode::Cancelled,
                format!("{what}: the batch was cancelled"),
            )
            .remediation("send the calls that have no result again if they are still wanted"),
            Cut::TimedOut => Failure::new(
                FailureCode::Timeout,
                format!(
                    "{what}: the batch may take {}, and that is over",
                    spoken(self.timeout)
                ),
            )
            .remediation("send the calls that have no result again, in a smaller batch or with a longer `timeout`"),
        }
    }

    /// Ends what never started, and gives the answer.
    async fn report(mut self) -> Report {
        for node in 0..self.calls.len() {
            if self.results[node].is_some() {
                continue;
            }
            let failure = match (self.cut, &self.stopped_by) {
                (Some(cut), _) => self.unrun(cut, "not run"),
                (None, Some(first)) => Failure::new(
                    FailureCode::Cancelled,
                    format!("not run: `{first}` failed, and the batch stops at the first failure"),
                ),
                (None, None) => {
                    Failure::new(FailureCode::Internal, "a bug of the runner lost this call")
                }
            };
            self.record(node, failure.into(), true).await;
        }
        Report {
            results: self.results.into_iter().flatten().collect(),
            max_parallel: self.max_parallel,
            cut: self.cut,
            processed: self.processed,
            took: self.began.elapsed(),
        }
    }
}
