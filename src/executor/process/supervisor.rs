//! The life of one process from its start to the death of everything in its group.
//!
//! It runs in a task of its own, so that nobody who stops waiting can leave a process behind.

use std::io;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::platform::Tree;
use super::roll::Entry;
use super::start::Start;
use super::stops::{Stops, Why};
use super::{Exit, Launch};
use crate::executor::output::{Captured, Kept, Lines, Recording};
use crate::guard::Ward;

/// How long processes outside the group may wait for the death of the group.
const SWEEP_AFTER: Duration = Duration::from_millis(250);

/// How often a process outside the group that could not be killed is tried again.
const SWEEP_AGAIN: Duration = Duration::from_secs(1);

/// The answer goes out at most this long after the hard kill, whatever became of the processes.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What a process may take.
#[derive(Debug)]
pub(in crate::executor) struct Bounds {
    /// How long it may run, from the spawn.
    pub(in crate::executor) timeout: Duration,
    /// How long it may run in all, where each progress gives it `timeout` anew.
    pub(in crate::executor) extends_to: Option<Duration>,
    /// From the polite end to the hard one.
    pub(in crate::executor) grace: Duration,
    /// What becomes of its standard output.
    pub(in crate::executor) stdout: Recording,
    /// What becomes of its standard error.
    pub(in crate::executor) stderr: Recording,
}

/// How it went.
#[derive(Debug)]
pub(in crate::executor) struct Ended {
    /// How the process came to its end.
    pub(in crate::executor) end: End,
    /// From the spawn to the exit of the process.
    pub(in crate::executor) ran: Duration,
    /// How long it was allowed to run, by the last progress it told.
    pub(in crate::executor) allowed: Duration,
    /// What it printed.
    pub(in crate::executor) stdout: Captured,
    /// What it said beside.
    pub(in crate::executor) stderr: Captured,
    /// Where all of its standard output is, if it is too long to be kept.
    pub(in crate::executor) kept: Kept,
    /// The items that came, where its output is a stream of items.
    pub(in crate::executor) lines: Option<Lines>,
    /// What the script itself warned of.
    pub(in crate::executor) warnings: Vec<String>,
    /// What it left behind.
    pub(in crate::executor) leftovers: Leftovers,
    /// How many processes outside its group the guard killed after its end.
    pub(in crate::executor) swept: u32,
}

/// How a process came to its end.
#[derive(Debug)]
pub(in crate::executor) enum End {
    /// It never began.
    NotStarted(io::Error),
    /// On its own.
    Exited(Exit),
    /// The runner ended it, and this was its status, if it has one by now.
    Stopped(Why, Option<Exit>),
    /// The worker it had was not up to it.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no workers"))]
    Broken(Broken),
}

/// Why a worker gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), expect(dead_code, reason = "there are no workers"))]
pub(in crate::executor) enum Broken {
    /// It ended by itself, as if all were well.
    Unanswered,
    /// It closed the way to the runner and lived on.
    Closed,
    /// It said what is no answer.
    Nonsense(String),
    /// It was ended because another of its calls did not end.
    Dragged,
}

/// What a process left behind when it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::executor) enum Leftovers {
    /// Nothing that held its output.
    #[default]
    None,
    /// Processes of its group that held its output; they were killed.
    Killed,
    /// A process outside its group that still holds its output.
    Escaped,
    /// Processes that were killed and live on.
    Stuck,
}

/// Runs one process. `place` is dropped when no process of the call lives any more, in its group or outside it, and
/// before the answer is sent, unless the processes cannot be killed: then the answer does not wait for them.
pub(in crate::executor) async fn supervise<P: Send>(
    launch: Launch,
    bounds: Bounds,
    stops: Stops,
    entry: Entry,
    mut ward: Ward,
    place: P,
    answer: oneshot::Sender<Ended>,
) {
    let (mut ended, remains) = match Start::begin(launch, bounds, stops, &entry, &mut ward).await {
        Start::Running(run) => {
            let (mut tree, ended, answer_by) = run.until_ended().await;
            let gone = buried(&mut tree, &mut ward, answer_by).await;
            (ended, (!gone).then_some(Remains::Tree(tree)))
        }
        Start::Failed(ended) => (ended, None),
        Start::Hanging(spawning, ended) => (ended, Some(Remains::Spawning(spawning))),
    };
    let swept = ward.sweep().await;
    ended.swept = swept.killed;
    if remains.is_none() && swept.stuck.is_empty() {
        drop(entry);
        drop(place);
        answer.send(ended).ok();
        return;
    }
    report_stuck(&entry, &swept.stuck);
    ended.leftovers = Leftovers::Stuck;
    answer.send(ended).ok();
    if let Some(remains) = remains {
        remains.gone().await;
    }
    while !ward.sweep().await.stuck.is_empty() {
        sleep(SWEEP_AGAIN).await;
    }
    tracing::info!(line = ?entry.line(), "processes that could not be killed are gone");
    drop(entry);
    drop(place);
}

/// Waits until nobody of a group that was killed lives, at most until `answer_by`. Whether that is so.
pub(super) async fn buried(tree: &mut Tree, ward: &mut Ward, answer_by: Instant) -> bool {
    let soon = answer_by.min(Instant::now() + SWEEP_AFTER);
    if timeout_at(soon, tree.gone()).await.is_ok() {
        return true;
    }
    // Who left the group does not get to live as long as one who cannot be killed.
    ward.sweep().await;
    timeout_at(answer_by, tree.gone()).await.is_ok()
}

/// What the answer could not wait for.
enum Remains {
    Tree(Tree),
    Spawning(JoinHandle<io::Result<Tree>>),
}

impl Remains {
    async fn gone(self) {
        match self {
            Self::Tree(mut tree) => tree.gone().await,
            Self::Spawning(spawning) => {
                if let Ok(Ok(mut tree)) = spawning.await {
                    tree.kill();
                    tree.gone().await;
                }
            }
        }
    }
}

fn report_stuck(entry: &Entry, left_behind: &[u32]) {
    entry.stuck();
    if let Some(line) = entry.line() {
        tracing::error!(
            call = %line.call, tool = %line.tool, pid = line.pid, ?left_behind,
            "a process was killed and lives on; it keeps its running place"
        );
    }
}
