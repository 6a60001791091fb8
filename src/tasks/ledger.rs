//! The face of the tasks: who may have how many, who may see which, and what is under way here.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use tokio::sync::broadcast;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::database::{Database, LedgerError};
use super::entry::Entry;
use super::instance::Instance;
use super::rows::{self, NewRow};
use super::shared::{Live, Shared};
use super::task::{Ending, Task, TaskId};
use super::upkeep;
use crate::store::{Store, private_folder};
use crate::tool::{CallId, Failure, FailureCode, OutputId, Owner, Tape, ToolName};

/// The folder of all tasks in the state directory.
const FOLDER: &str = "tasks";

/// Changes that a slow listener may be behind before it misses some.
const UNHEARD: usize = 256;

/// How long the last ends may take to be written down.
const CLOSING: Duration = Duration::from_secs(5);

/// What the tasks of a server may take up.
#[derive(Clone, Copy, Debug)]
pub struct TaskLimits {
    /// Tasks at once, ended ones included.
    pub tasks: u64,
    /// How long a task is kept after its end, and at most where its client asks for less.
    pub ttl: Duration,
    /// Bytes of all results and the outputs they point to.
    pub quota: u64,
    /// Bytes of one result.
    pub result: usize,
}

impl Default for TaskLimits {
    /// 1,000 tasks for an hour, in 1 GiB; 8 MiB for one result.
    fn default() -> Self {
        Self {
            tasks: 1000,
            ttl: Duration::from_hours(1),
            quota: 1 << 30,
            result: 8 << 20,
        }
    }
}

/// What time it is.
pub type Clock = fn() -> SystemTime;

/// Keeps the tasks of a server. Clones share everything; the default one keeps none.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Option<Arc<Shared>>);

/// What a task is made of.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// Whose it is.
    pub owner: Owner,
    /// The tool it calls.
    pub tool: ToolName,
    /// The call.
    pub call: CallId,
    /// How long its client wants it to be kept, which can only be less than the limit.
    pub ttl: Option<Duration>,
    /// How often it is worth asking.
    pub poll: Duration,
    /// What its call prints.
    pub tape: Tape,
}

/// Why a task is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// There is no such task, or it is somebody else's, or it has been kept long enough.
    #[error("no task of yours has this id, or it has expired")]
    Unknown,
    /// The tasks cannot be read or written now.
    #[error(transparent)]
    Broken(#[from] LedgerError),
}

impl Ledger {
    /// A ledger that keeps nothing.
    pub const fn none() -> Self {
        Self(None)
    }

    /// The tasks of the server `name`, beside what `store` keeps. Tasks that were under way when their runner died have
    /// failed when this returns. Needs a runtime of tokio around it.
    ///
    /// # Errors
    /// When there is no state directory, or its database cannot be used.
    pub async fn open(store: &Store, name: &str) -> Result<Self, LedgerError> {
        Self::open_with(store, name, TaskLimits::default(), SystemTime::now).await
    }

    /// The same with other limits and another clock.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub async fn open_with(
        store: &Store,
        name: &str,
        limits: TaskLimits,
        clock: Clock,
    ) -> Result<Self, LedgerError> {
        let root = store.root().ok_or(LedgerError::Nowhere)?;
        let folder = folder_of(root, name);
        let place = folder.clone();
        let begun = spawn_blocking(move || {
            private_folder(true).create(&place)?;
            Instance::begin(&place)
        });
        let instance = begun
            .await
            .map_err(|_| LedgerError::Closed)?
            .map_err(|error| LedgerError::Folder(folder.clone(), error))?;
        let shared = Arc::new(Shared {
            database: Database::open(&folder).await?,
            folder,
            limits,
            clock,
            store: store.clone(),
            instance: Arc::new(instance),
            live: Mutex::default(),
            changes: broadcast::Sender::new(UNHEARD),
            working: TaskTracker::new(),
            closing: CancellationToken::new(),
        });
        upkeep::settle(&shared).await?;
        upkeep::tidy(&shared).await;
        shared.adopt_outputs().await?;
        tokio::spawn(upkeep::keep_up(Arc::downgrade(&shared)));
        Ok(Self(Some(shared)))
    }

    /// Whether the server `name` has had tasks beside what `store` keeps. Looks at the disk.
    pub fn has_been_opened(store: &Store, name: &str) -> bool {
        store
            .root()
            .is_some_and(|root| folder_of(root, name).exists())
    }

    /// Whether tasks can be kept.
    pub const fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Writes a task down, and waits until it is safe.
    ///
    /// # Errors
    /// `QUEUE_FULL` when there are too many that work; `INTERNAL` when the database fails.
    pub async fn create(&self, new: NewTask) -> Result<Entry, Failure> {
        let shared = self.shared().map_err(broken)?;
        let id = TaskId::random().ok_or_else(|| {
            Failure::new(
                FailureCode::Internal,
                "the machine has no random numbers for a task's id",
            )
        })?;
        let now = (shared.clock)();
        let task = Task {
            id,
            tool: new.tool.to_string(),
            status: super::Status::Working,
            message: None,
            created: now,
            updated: now,
            ttl: new.ttl.unwrap_or(shared.limits.ttl).min(shared.limits.ttl),
            poll: new.poll,
            payload: None,
        };
        let row = NewRow {
            task: &task,
            owner: &new.owner,
            call: new.call.as_str(),
            instance: shared.instance.name(),
        };
        let is_entered = shared
            .insert(&row)
            .await
            .map_err(|error| broken(error.into()))?;
        if !is_entered {
            return Err(full(shared.limits.tasks));
        }
        let called_off = CancellationToken::new();
        let live = Live {
            tape: new.tape,
            called_off: called_off.clone(),
            message: None,
            has_news: false,
        };
        shared.live().insert(task.id.clone(), live);
        Ok(Entry::new(self.clone(), task, called_off))
    }

    /// A task as it is now, for its owner.
    ///
    /// # Errors
    /// When `reader` has no such task, or the database fails.
    pub async fn get(&self, id: &str, reader: &Owner) -> Result<Task, Unavailable> {
        let shared = self.shared()?;
        Ok(shared.find(id, reader).await?.task)
    }

    /// Calls a task off, for its owner. One that has ended stays as it is.
    ///
    /// # Errors
    /// As [`Ledger::get`].
    pub async fn cancel(&self, id: &str, owner: &Owner) -> Result<(), Unavailable> {
        let shared = self.shared()?;
        let found = shared.find(id, owner).await?;
        if found.task.status.is_final() {
            return Ok(());
        }
        if let Some(live) = shared.live().get(&found.task.id) {
            live.called_off.cancel();
            return Ok(());
        }
        // Another runner has it, and looks from time to time.
        let mut to = shared.durable().await?;
        rows::ask_to_cancel(&mut to, &found.task.id)
            .await
            .map_err(LedgerError::from)?;
        Ok(())
    }

    /// Tells which tasks of this runner changed.
    pub fn changes(&self) -> Option<broadcast::Receiver<TaskId>> {
        Some(self.0.as_ref()?.changes.subscribe())
    }

    /// Runs what leads to the end of a task. It is waited for when the runner stops.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(shared) = &self.0 {
            shared.working.spawn(work);
        }
    }

    /// Removes the ended tasks that have been kept long enough.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expire(&self) -> Result<(), LedgerError> {
        upkeep::expire(self.shared()?).await
    }

    /// Waits until the ends of all tasks here are written down, but not for ever, and lets go of the database.
    pub async fn close(&self) {
        let Some(shared) = &self.0 else { return };
        shared.working.close();
        if timeout(CLOSING, shared.working.wait()).await.is_err() {
            tracing::error!(
                "the ends of some tasks are not written down; the next start settles them"
            );
        }
        shared.closing.cancel();
        drop(timeout(CLOSING, shared.database.close()).await);
    }

    /// The most bytes one result may have.
    pub fn longest_result(&self) -> usize {
        self.0.as_ref().map_or(0, |shared| shared.limits.result)
    }

    pub(super) async fn closing(&self) {
        match &self.0 {
            Some(shared) => shared.closing.cancelled().await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn tell(&self, id: &TaskId, message: String) {
        let Some(shared) = &self.0 else { return };
        if let Some(live) = shared.live().get_mut(id) {
            live.message = Some((message, (shared.clock)()));
            live.has_news = true;
        }
        shared.changed(id);
    }

    pub(super) async fn end(
        &self,
        id: &TaskId,
        ending: &Ending,
        message: Option<&str>,
        output: Option<&OutputId>,
    ) -> Result<(), LedgerError> {
        let shared = self.shared()?;
        let kept = match output {
            Some(output) => shared.keep(output).await,
            None => None,
        };
        let ended = shared.end(id, ending, message, kept.as_ref()).await;
        if ended.is_err() {
            shared.remove_files(kept.map(|kept| kept.file));
        }
        ended
    }

    pub(super) fn forget(&self, id: &TaskId) {
        if let Some(shared) = &self.0 {
            shared.live().remove(id);
        }
    }

    fn shared(&self) -> Result<&Arc<Shared>, LedgerError> {
        self.0.as_ref().ok_or(LedgerError::Nowhere)
    }
}

/// The folder of the tasks of a server, whose name may be a path.
fn folder_of(root: &Path, name: &str) -> PathBuf {
    let digest = Sha256::digest(name);
    let first: [u8; 8] = std::array::from_fn(|index| digest[index]);
    let digits = format!("{:016x}", u64::from_be_bytes(first));
    root.join(FOLDER).join(digits)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn broken(error: LedgerError) -> Failure {
    Failure::new(
        FailureCode::Internal,
        format!("the call was not started, since its task cannot be written down: {error}"),
    )
    .remediation("see to the disk of the state directory, or call again without asking for tasks")
}

fn full(tasks: u64) -> Failure {
    Failure::new(
        FailureCode::QueueFull,
        format!("all {tasks} tasks of this server are under way, and it keeps no more"),
    )
    .remediation("cancel some, wait until one ends, or call again without asking for tasks")
    .retry_after(Duration::from_secs(1))
    .with("tasks", tasks)
}
