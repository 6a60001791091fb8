//! The threads a command runs on.

use std::time::Duration;

use anyhow::Context;

use crate::guard;

/// How long process groups may take to be killed when the guard is gone.
const ENDING: Duration = Duration::from_millis(500);

/// Runs `work` to its end, or to the end of the guard.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("could not start the threads of the runtime")?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = work => Some(result),
            () = guard::lost() => None,
        }
    });
    let Some(result) = result else {
        // Dropped with their tasks, process groups are killed.
        runtime.shutdown_timeout(ENDING);
        anyhow::bail!("the guard was killed, so the runner ends with all its processes");
    };
    // A thread stuck in a read of standard input must not hold up the end.
    runtime.shutdown_background();
    Ok(result)
}
