//! From a kind of interpreter to a zygote that is ready.

use std::ffi::OsString;
use std::io;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::hook_folder::HookFolder;
use super::infant::{Infant, Newborn, START_WITHIN};
use super::wire::{Message, Reply};
use crate::executor::process::warm::{BirthError, Kind, OUTDATED, Stamp};

/// Starts an interpreter of `kind` and waits until it is ready. Dropped half-way, nothing of it lives.
pub(super) async fn birth(kind: Arc<Kind>) -> Result<Newborn, BirthError> {
    let folder = spawn_blocking(HookFolder::create)
        .await
        .map_err(io::Error::other)?
        .map_err(|error| {
            BirthError::Unable(format!(
                "the folder for temporary files takes no file: {error}"
            ))
        })?;
    let folder = Arc::new(folder);
    probe(&kind, &folder).await?;
    start(&kind, &folder).await
}

/// Makes sure that the interpreter comes by the part inside it: one that does not would run the script.
async fn probe(kind: &Arc<Kind>, folder: &Arc<HookFolder>) -> Result<(), BirthError> {
    let mut arguments = kind.arguments[..kind.options].to_vec();
    arguments.extend(["-c".into(), "pass".into()]);
    let mut infant = Infant::start(kind, folder, arguments).await?;
    let reply = infant.asked(Message::new("probe")).await;
    infant.end().await;
    let why = match reply {
        Ok(Some(Reply::Probed {
            version,
            is_able: false,
            ..
        })) => {
            format!("Python {version} cannot be kept warm: CPython 3.9 or newer can")
        }
        Ok(Some(Reply::Probed {
            is_marked: false, ..
        })) => "the system does not let a process mark itself as one of its call".to_owned(),
        Ok(Some(Reply::Probed { .. })) => return Ok(()),
        _ => "the interpreter does not import `sitecustomize` by `PYTHONPATH`".to_owned(),
    };
    Err(BirthError::Unable(why))
}

/// What is written while it loads may be missing from what it loaded: then another is started.
async fn start(kind: &Arc<Kind>, folder: &Arc<HookFolder>) -> Result<Newborn, BirthError> {
    let mut outdated = 0;
    loop {
        let (infant, files) = load(kind, folder).await?;
        let (stamps, is_outdated) = infant.loaded(kind, files).await;
        if !is_outdated {
            return Ok(infant.grown(stamps));
        }
        if outdated == OUTDATED {
            let settled = spawn_blocking(|| stamps.into_iter().map(Stamp::again).collect());
            return Ok(infant.grown(settled.await.unwrap_or_default()));
        }
        outdated += 1;
        infant.end().await;
    }
}

/// One that has loaded what it should, and from which files.
async fn load(
    kind: &Arc<Kind>,
    folder: &Arc<HookFolder>,
) -> Result<(Infant, Vec<OsString>), BirthError> {
    let mut infant = Infant::start(kind, folder, kind.arguments.clone()).await?;
    let reply = match infant.task(kind, folder) {
        Ok(message) => infant.asked(message).await,
        Err(error) => Err(error),
    };
    let failed = match reply {
        Ok(Some(Reply::Ready { files })) => return Ok((infant, files)),
        Ok(Some(Reply::Failed(traceback))) => {
            let traceback = infant.hide(&traceback);
            tracing::warn!(%traceback, "a warm interpreter could not load its modules");
            let last = traceback.trim_end().lines().last().unwrap_or_default();
            last.to_owned()
        }
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            format!("not ready within {} s", START_WITHIN.as_secs())
        }
        _ => format!("it ended early{}", infant.last_words()),
    };
    infant.end().await;
    Err(BirthError::Failed(failed))
}
