//! The start of a process, which can take long and must not hold anybody up.

use std::io;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Launch;
use super::platform::Tree;
use super::roll::Entry;
use super::run::Run;
use super::stops::{Stops, Why};
use super::supervisor::{ANSWER_WITHIN, Bounds, End, Ended, Leftovers};
use crate::executor::output::{Captured, Kept};
use crate::guard::Ward;

/// How a start went.
pub(super) enum Start {
    Running(Box<Run>),
    Failed(Ended),
    /// The program could not even be entered in time, as on a file server that does not answer.
    Hanging(JoinHandle<io::Result<Tree>>, Ended),
}

impl Start {
    /// Starts the process on a thread that may block: the system call returns only once the program
    /// has been entered, which a slow disk or a busy machine can hold up for long.
    pub(super) async fn begin(
        mut launch: Launch,
        bounds: Bounds,
        mut stops: Stops,
        entry: &Entry,
        ward: &mut Ward,
    ) -> Self {
        let input = launch.stdin.take();
        launch.stdin = input.as_ref().map(|_| Vec::new());
        let started = Instant::now();
        let allowed = bounds.timeout;
        let deadline = started + allowed;
        let mut spawning = spawning(launch);
        let mut why = None;
        let joined = tokio::select! {
            biased;
            joined = &mut spawning => Some(joined),
            reason = stops.next() => { why = Some(reason); None }
            () = sleep_until(deadline) => { why = Some(Why::Timeout); None }
        };
        let joined = match joined {
            Some(joined) => Ok(joined),
            None => timeout_at(Instant::now() + ANSWER_WITHIN, &mut spawning).await,
        };
        let failed = |end| Ended {
            end,
            ran: started.elapsed(),
            stdout: Captured::default(),
            stderr: Captured::default(),
            allowed,
            kept: Kept::Nowhere,
            lines: None,
            warnings: Vec::new(),
            leftovers: Leftovers::None,
            swept: 0,
        };
        let tree = match joined {
            Ok(Ok(Ok(tree))) => tree,
            Ok(Ok(Err(_))) if let Some(why) = why => {
                return Self::Failed(failed(End::Stopped(why, None)));
            }
            Ok(Ok(Err(error))) => return Self::Failed(failed(End::NotStarted(error))),
            Ok(Err(panicked)) => {
                return Self::Failed(failed(End::NotStarted(io::Error::other(panicked))));
            }
            Err(_) => {
                let end = End::Stopped(why.unwrap_or(Why::Timeout), None);
                return Self::Hanging(spawning, failed(end));
            }
        };
        entry.started(tree.id());
        ward.led_by(tree.id(), tree.outputs());
        match Run::new(tree, input, bounds, stops, started) {
            Ok(mut run) => {
                if let Some(why) = why {
                    run.stop(why);
                }
                Self::Running(Box::new(run))
            }
            Err((mut tree, error)) => {
                tree.kill();
                tree.gone().await;
                Self::Failed(failed(End::NotStarted(error)))
            }
        }
    }
}

/// The process on its way: forked where there is a warm interpreter for it, else started.
fn spawning(launch: Launch) -> JoinHandle<io::Result<Tree>> {
    #[cfg(unix)]
    let launch = {
        let mut launch = launch;
        if let Some(fork) = launch.fork.take() {
            return tokio::spawn(async move { fork.start(launch).await });
        }
        launch
    };
    spawn_blocking(move || Tree::spawn(&launch))
}
