//! One tool over a stream of items, however long: results come in the order of the items.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::caller::{Caller, Ended, patiently};
use super::report::{Counts, Cut, effective};
use super::result::CallResult;
use crate::tool::{Failure, FailureCode};

/// Results that wait for an earlier one, at most; then nothing starts until that one is there.
const AHEAD: usize = 1000;

/// The same in bytes of what the tools said.
const AHEAD_BYTES: usize = 64 * 1024 * 1024;

/// News of calls that wait to be read.
const NEWS: usize = 64;

/// The parameters of one call, or why a line holds none.
pub type Item = Result<Map<String, Value>, Failure>;

/// The bounds of the whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct MapLimits {
    /// Calls at once. Default: what the runner and the tool allow.
    pub max_parallel: Option<NonZeroU32>,
    /// For everything. Default: none, as a stream may have no end.
    pub timeout: Option<Duration>,
}

/// How it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    /// Calls by their ends.
    pub counts: Counts,
    /// What ended it before the items did.
    pub cut: Option<Cut>,
}

/// Calls `tool` for each of `items` and sends the results in their order. Items are read as there is room for
/// them. After a cancel or the timeout no more items are read; those read are all answered.
pub async fn map<C: Caller>(
    tool: &str,
    mut items: mpsc::Receiver<Item>,
    caller: Arc<C>,
    limits: MapLimits,
    cancel: CancellationToken,
    results: mpsc::Sender<CallResult>,
) -> Mapped {
    let (news, mut heard) = mpsc::channel(NEWS);
    let mut mapping = Mapping::new(tool, caller, limits.max_parallel, news);
    // Thirty years stand for ever.
    let longest = Duration::from_hours(24 * 365 * 30);
    let deadline = Instant::now()
        + limits
            .timeout
            .map_or(longest, |timeout| timeout.min(longest));
    let mut cut = None;
    let mut has_more = true;
    while has_more || mapping.is_running() {
        tokio::select! {
            biased;
            () = cancel.cancelled(), if cut.is_none() => cut = Some(Cut::Cancelled),
            () = sleep_until(deadline), if cut.is_none() => cut = Some(Cut::TimedOut),
            Some(news) = heard.recv() => mapping.hear(news, cut),
            item = items.recv(), if has_more && mapping.has_room() => match item {
                Some(item) => mapping.place(item),
                None => has_more = false,
            },
        }
        if cut.is_some() && has_more {
            has_more = false;
            items.close();
            mapping.calling_off.cancel();
        }
        for result in mapping.in_order() {
            // Whoever has stopped reading does not want the rest.
            if results.send(result).await.is_err() {
                cancel.cancel();
            }
        }
    }
    Mapped {
        counts: mapping.counts,
        cut,
    }
}

enum News {
    Started,
    Ended(usize, Box<Ended>, bool),
}

struct Mapping<C> {
    tool: Arc<str>,
    caller: Arc<C>,
    news: mpsc::Sender<News>,
    tasks: JoinSet<()>,
    calling_off: CancellationToken,
    at_once: usize,
    /// Items that were read.
    placed: usize,
    /// Results that were handed on.
    delivered: usize,
    running: usize,
    /// Whether a call waits for its place.
    is_waiting: bool,
    /// Ended before an earlier one.
    early: BTreeMap<usize, CallResult>,
    early_bytes: usize,
    counts: Counts,
}

impl<C: Caller> Mapping<C> {
    fn new(
        tool: &str,
        caller: Arc<C>,
        max_parallel: Option<NonZeroU32>,
        news: mpsc::Sender<News>,
    ) -> Self {
        Self {
            tool: tool.into(),
            at_once: effective(caller.max_parallel(), max_parallel) as usize,
            caller,
            news,
            tasks: JoinSet::new(),
            calling_off: CancellationToken::new(),
            placed: 0,
            delivered: 0,
            running: 0,
            is_waiting: false,
            early: BTreeMap::new(),
            early_bytes: 0,
            counts: Counts::default(),
        }
    }

    const fn is_running(&self) -> bool {
        self.running > 0
    }

    const fn has_room(&self) -> bool {
        !self.is_waiting
            && self.running < self.at_once
            && self.placed - self.delivered < AHEAD
            && self.early_bytes < AHEAD_BYTES
    }

    fn place(&mut self, item: Item) {
        let number = self.placed;
        self.placed += 1;
        let params = match item {
            Ok(params) => params,
            Err(failure) => return self.end(number, failure.into(), false),
        };
        self.running += 1;
        self.is_waiting = true;
        let (tool, caller) = (Arc::clone(&self.tool), Arc::clone(&self.caller));
        let (news, cancel) = (self.news.clone(), self.calling_off.clone());
        self.tasks.spawn(async move {
            let mut has_started = false;
            let tell_start = async || {
                has_started = true;
                drop(news.send(News::Started).await);
            };
            let ended = patiently(&*caller, &tool, params, &cancel, tell_start).await;
            drop(
                news.send(News::Ended(number, Box::new(ended), has_started))
                    .await,
            );
        });
    }

    fn hear(&mut self, news: News, cut: Option<Cut>) {
        while self.tasks.try_join_next().is_some() {}
        match news {
            News::Started => self.is_waiting = false,
            News::Ended(number, mut ended, has_started) => {
                self.running -= 1;
                if !has_started {
                    self.is_waiting = false;
                }
                let mut skipped = false;
                if let (Some(cut), Err(failure)) = (cut, &mut ended.result)
                    && failure.code == FailureCode::Cancelled
                {
                    skipped = !has_started && ended.timing.ran.is_zero();
                    if cut == Cut::TimedOut {
                        failure.code = FailureCode::Timeout;
                        failure.message = "ended: the time for all items is over".into();
                    }
                }
                self.end(number, *ended, skipped);
            }
        }
    }

    fn end(&mut self, number: usize, ended: Ended, skipped: bool) {
        let id = format!("{}[{number}]", self.tool);
        let result = CallResult::of(id, self.tool.to_string(), ended, skipped);
        self.counts.add(&result);
        self.early_bytes += result.bytes();
        self.early.insert(number, result);
    }

    /// Results whose turn it is.
    fn in_order(&mut self) -> Vec<CallResult> {
        let mut due = Vec::new();
        while let Some(result) = self.early.remove(&self.delivered) {
            self.early_bytes -= result.bytes();
            self.delivered += 1;
            due.push(result);
        }
        due
    }
}
