//! What all clones of a ledger share, and each step that is taken on it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use sqlx::SqliteConnection;
use tokio::sync::broadcast;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::database::{Database, LedgerError};
use super::file;
use super::instance::Instance;
use super::ledger::{Clock, TaskLimits, Unavailable};
use super::rows::{self, Found, KeptOutput, NewRow};
use super::task::{Ending, TaskId};
use super::upkeep;
use crate::store::Store;
use crate::tool::{OutputId, Owner, Tape, ToolName};

/// What all clones of a ledger share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    pub(super) limits: TaskLimits,
    pub(super) clock: Clock,
    pub(super) store: Store,
    pub(super) database: Database,
    pub(super) instance: Arc<Instance>,
    pub(super) live: Mutex<HashMap<TaskId, Live>>,
    pub(super) changes: broadcast::Sender<TaskId>,
    pub(super) working: TaskTracker,
    pub(super) closing: CancellationToken,
}

/// What is known of a task that is under way here.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) tape: Tape,
    pub(super) called_off: CancellationToken,
    pub(super) message: Option<(String, SystemTime)>,
    pub(super) has_news: bool,
}

impl Shared {
    pub(super) fn live(&self) -> MutexGuard<'_, HashMap<TaskId, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> SystemTime {
        (self.clock)()
    }

    pub(super) async fn durable(
        &self,
    ) -> Result<sqlx::pool::PoolConnection<sqlx::Sqlite>, LedgerError> {
        Ok(self.database.durable.acquire().await?)
    }

    /// Tells whoever listens.
    pub(super) fn changed(&self, id: &TaskId) {
        // Nobody has to.
        drop(self.changes.send(id.clone()));
    }

    /// Makes room where that is needed, and enters a task; `false` where all there are work.
    pub(super) async fn insert(&self, row: &NewRow<'_>) -> Result<bool, sqlx::Error> {
        let mut step = self.database.durable.begin_with("BEGIN IMMEDIATE").await?;
        let mut files = rows::expire(&mut step, self.now()).await?;
        while rows::size(&mut step).await?.0 >= self.limits.tasks {
            match rows::remove_oldest(&mut step, "").await? {
                Some(file) => files.extend(file),
                None => return Ok(false),
            }
        }
        rows::insert(&mut step, row).await?;
        step.commit().await?;
        self.remove_files(files);
        Ok(true)
    }

    pub(super) async fn find(&self, id: &str, reader: &Owner) -> Result<Found, Unavailable> {
        let id = TaskId::parse(id).ok_or(Unavailable::Unknown)?;
        let mut found = self.look(&id, reader).await?.ok_or(Unavailable::Unknown)?;
        if !found.task.status.is_final() && !self.is_alive(&found.instance).await {
            upkeep::settle(self).await?;
            found = self.look(&id, reader).await?.ok_or(Unavailable::Unknown)?;
        }
        let now = self.now();
        let task = &mut found.task;
        let age = now.duration_since(task.created).unwrap_or_default();
        if task.status.is_final() {
            if age >= task.ttl {
                return Err(Unavailable::Unknown);
            }
        } else {
            task.ttl += age;
            if let Some((message, at)) = self.live().get(&id).and_then(|live| live.message.clone())
            {
                (task.message, task.updated) = (Some(message), at);
            }
        }
        Ok(found)
    }

    async fn look(&self, id: &TaskId, reader: &Owner) -> Result<Option<Found>, LedgerError> {
        let mut from = self.durable().await?;
        Ok(rows::find(&mut from, id, reader).await?)
    }

    /// Whether the runner of that name lives. In doubt, yes.
    pub(super) async fn is_alive(&self, instance: &str) -> bool {
        if instance == self.instance.name() {
            return true;
        }
        let (ours, name) = (Arc::clone(&self.instance), instance.to_owned());
        let looking = spawn_blocking(move || ours.is_alive(&name));
        looking.await.unwrap_or(true)
    }

    /// Writes an end down, and makes room for it where that is needed.
    pub(super) async fn end(
        &self,
        id: &TaskId,
        ending: &Ending,
        message: Option<&str>,
        kept: Option<&KeptOutput>,
    ) -> Result<(), LedgerError> {
        let mut step = self.database.durable.begin_with("BEGIN IMMEDIATE").await?;
        rows::end(&mut step, id, ending, message, kept, self.now()).await?;
        let files = self.make_room(&mut step, id).await?;
        step.commit().await?;
        self.remove_files(files);
        self.changed(id);
        Ok(())
    }

    /// Removes ended tasks, oldest first, until what is kept is within its quota; never the one of that id.
    async fn make_room(
        &self,
        step: &mut SqliteConnection,
        id: &TaskId,
    ) -> Result<Vec<String>, sqlx::Error> {
        let mut files = Vec::new();
        while rows::size(step).await?.1 > self.limits.quota {
            match rows::remove_oldest(step, id.as_str()).await? {
                Some(file) => files.extend(file),
                None => break,
            }
        }
        Ok(files)
    }

    /// Keeps an output for as long as its task, where it is not too large for that.
    pub(super) async fn keep(&self, id: &OutputId) -> Option<KeptOutput> {
        let about = self.store.about(id)?;
        if about.bytes > self.limits.quota / 4 {
            return None;
        }
        let name = getrandom::u64().ok()?;
        let file = format!("{name:016x}.{}", file::suffix(about.list));
        let (store, known, to) = (self.store.clone(), id.clone(), self.folder.join(&file));
        let keeping = spawn_blocking(move || store.keep(&known, &to));
        match keeping.await {
            Ok(Ok(())) => Some(KeptOutput {
                id: id.to_string(),
                owner: rows::name(&about.owner).map(str::to_owned),
                file,
                bytes: about.bytes,
                tool: about.tool.to_string(),
            }),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the output of a task is kept no longer than this runner runs");
                None
            }
            Err(_) => None,
        }
    }

    /// Lets the outputs be read that ended tasks kept.
    pub(super) async fn adopt_outputs(&self) -> Result<(), LedgerError> {
        let mut from = self.durable().await?;
        let outputs = rows::outputs(&mut from).await?;
        let (store, folder) = (self.store.clone(), self.folder.clone());
        let adopting = spawn_blocking(move || {
            for kept in outputs {
                let owner = kept
                    .owner
                    .map_or(Owner::Bearer, |name| Owner::Client(name.into()));
                let known = OutputId::parse(&kept.id).zip(ToolName::parse(&kept.tool).ok());
                if let Some((id, tool)) = known {
                    let list = file::list(&kept.file);
                    store.adopt(&id, owner, tool, list, folder.join(kept.file));
                }
            }
        });
        adopting.await.map_err(|_| LedgerError::Closed)
    }

    pub(super) fn remove_files(&self, files: impl IntoIterator<Item = String>) {
        let paths: Vec<PathBuf> = files
            .into_iter()
            .map(|file| self.folder.join(file))
            .collect();
        if !paths.is_empty() {
            drop(spawn_blocking(move || {
                for path in paths {
                    drop(std::fs::remove_file(path));
                }
            }));
        }
    }
}
