//! What is done from time to time, and at the start: what was printed is noted, what has expired is removed, and what
//! was under way when its runner died is settled.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::database::LedgerError;
use super::rows::{self, Found};
use super::shared::Shared;
use super::task::{Ending, Fault};
use crate::tool::{Failure, FailureCode, Printed};

/// How often what was printed is noted: what a runner that is killed takes with it.
const NOTE: Duration = Duration::from_millis(500);

/// Notes between two looks at what has expired, and at the runners that died: a minute.
const NOTES_PER_LOOK: u32 = 120;

/// JSON-RPC's code for an error inside the server.
const INTERNAL_ERROR: i32 = -32603;

/// Does what is to be done for as long as the ledger is there.
pub(super) async fn keep_up(shared: Weak<Shared>) {
    let mut notes = 0;
    loop {
        sleep(NOTE).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        if shared.database.durable.is_closed() {
            return;
        }
        notes += 1;
        let is_look = notes % NOTES_PER_LOOK == 0;
        let done = async {
            note(&shared).await?;
            obey(&shared).await?;
            if is_look {
                expire(&shared).await?;
                settle(&shared).await?;
            }
            Ok::<(), LedgerError>(())
        };
        if let Err(error) = done.await {
            tracing::warn!(%error, "the tasks could not be kept up with");
        }
    }
}

/// Notes what the tasks here have printed and told since the last time.
async fn note(shared: &Shared) -> Result<(), LedgerError> {
    let news: Vec<_> = {
        let mut live = shared.live();
        live.iter_mut()
            .filter_map(|(id, live)| {
                let message = std::mem::take(&mut live.has_news)
                    .then(|| live.message.clone())
                    .flatten();
                let printed = live.tape.news();
                (message.is_some() || printed.is_some()).then(|| (id.clone(), message, printed))
            })
            .collect()
    };
    if news.is_empty() {
        return Ok(());
    }
    let mut step = shared
        .database
        .passing
        .begin_with("BEGIN IMMEDIATE")
        .await?;
    for (id, message, printed) in &news {
        rows::note(&mut step, id, message.as_ref(), printed.as_ref()).await?;
    }
    step.commit().await?;
    Ok(())
}

/// Calls off the tasks here that were called off through another runner.
async fn obey(shared: &Shared) -> Result<(), LedgerError> {
    if shared.live().is_empty() {
        return Ok(());
    }
    let mut from = shared.durable().await?;
    let called_off = rows::called_off(&mut from, shared.instance.name()).await?;
    let live = shared.live();
    for id in called_off {
        if let Some(live) = live.get(&id) {
            live.called_off.cancel();
        }
    }
    Ok(())
}

/// Removes the ended tasks that have been kept long enough.
pub(super) async fn expire(shared: &Shared) -> Result<(), LedgerError> {
    let mut to = shared.durable().await?;
    let files = rows::expire(&mut to, shared.now()).await?;
    shared.remove_files(files);
    Ok(())
}

/// Ends the tasks whose runners live no more.
pub(super) async fn settle(shared: &Shared) -> Result<(), LedgerError> {
    let mut from = shared.durable().await?;
    for instance in rows::instances(&mut from).await? {
        if shared.is_alive(&instance).await {
            continue;
        }
        for found in rows::working(&mut from, &instance).await? {
            let ending = Ending::Failed(orphaned(&found));
            let message = "the runner died while the task was under way";
            shared
                .end(&found.task.id, &ending, Some(message), None)
                .await?;
        }
    }
    Ok(())
}

/// What is left of a task whose runner died.
fn orphaned(found: &Found) -> Fault {
    let Printed {
        stdout,
        stdout_total,
        stderr,
    } = &found.printed;
    let tool = &found.task.tool;
    let message =
        format!("the runner died while `{tool}` was under way, and its processes with it");
    let failure = Failure::new(FailureCode::Cancelled, message.as_str())
        .remediation("look at what it had printed until then, and call again")
        .with("call_id", found.call.as_str())
        .with("stdout", String::from_utf8_lossy(stdout))
        .with("stdout_bytes", *stdout_total)
        .with("stderr", String::from_utf8_lossy(stderr));
    Fault {
        code: INTERNAL_ERROR,
        message,
        data: Some(failure.envelope()),
    }
}

/// Removes what runners that live no more left beside the database.
pub(super) async fn tidy(shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    let tidying = spawn_blocking(move || shared.instance.tidy());
    if let Ok(Err(error)) = tidying.await {
        tracing::debug!(%error, "files of runners that died could not be removed");
    }
}
