//! The threads a command runs on.

use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::terminal::Terminal;
use crate::guard;
use crate::shutdown::Signals;

/// How long process groups may take to be killed when nobody waits for their end.
const ENDING: Duration = Duration::from_millis(500);

/// How work on the threads ended.
enum End<T> {
    /// By itself.
    Done(T),
    /// The guard is gone.
    Unguarded,
    /// It was asked for twice.
    AtOnce,
}

/// Runs `work` to its end, or to the end of the guard.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = start()?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = work => Some(result),
            () = guard::lost() => None,
        }
    });
    match result {
        Some(result) => Ok(done(runtime, result)),
        None => Err(unguarded(runtime)),
    }
}

/// The same; Ctrl-C or SIGTERM calls `work` off through `cancel` and waits for what it makes of that. A second one ends
/// everything at once: `None`.
pub(super) fn until_interrupted<T>(
    work: impl Future<Output = T>,
    cancel: &CancellationToken,
    terminal: &Terminal,
) -> anyhow::Result<Option<T>> {
    let runtime = start()?;
    let end = runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let mut was_asked = false;
        tokio::pin!(work);
        loop {
            tokio::select! {
                result = &mut work => return anyhow::Ok(End::Done(result)),
                () = guard::lost() => return Ok(End::Unguarded),
                () = signals.next() => {}
            }
            if was_asked {
                return Ok(End::AtOnce);
            }
            was_asked = true;
            cancel.cancel();
            if terminal.is_interactive() {
                terminal.erase_status();
                terminal.error("stopping; press Ctrl-C again to end at once");
            }
        }
    })?;
    match end {
        End::Done(result) => Ok(Some(done(runtime, result))),
        End::Unguarded => Err(unguarded(runtime)),
        End::AtOnce => {
            runtime.shutdown_timeout(ENDING);
            terminal.erase_status();
            terminal.error("ended at once, without what was done");
            Ok(None)
        }
    }
}

fn start() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("could not start the threads of the runtime")
}

fn done<T>(runtime: Runtime, result: T) -> T {
    // A thread stuck in a read of standard input must not hold up the end.
    runtime.shutdown_background();
    result
}

fn unguarded(runtime: Runtime) -> anyhow::Error {
    // Dropped with their tasks, process groups are killed.
    runtime.shutdown_timeout(ENDING);
    anyhow::anyhow!("the guard was killed, so the runner ends with all its processes")
}
