//! The face of the store.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::folder::{self, Folder};
use super::index::{Index, StoreLimits};
use super::items::{ItemIndex, ItemPage, ItemsError, ItemsWanted};
use super::page::{Page, ReadError, opened, read_page};
use super::scan::ListShape;
use super::search::{Pattern, find_lines};
use super::writer::{Message, Sink, UNDER_WAY, remove_files, write};
use crate::tool::{OutputId, Owner, ToolName};

/// How often outputs are looked at that may have been kept long enough.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// Keeps outputs in files. Clones share everything; when the last one is gone, or at [`Store::close`], the files
/// are removed.
#[derive(Clone, Debug)]
pub struct Store {
    disk: Arc<Disk>,
    writer: Arc<Mutex<Option<mpsc::Sender<Message>>>>,
}

/// An output in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its id.
    pub id: OutputId,
    /// The tool that printed it.
    pub tool: ToolName,
    /// How much of it can be read.
    pub bytes: u64,
}

/// What is known of an output.
#[derive(Clone, Debug)]
pub struct About {
    /// Whose it is.
    pub owner: Owner,
    /// The tool that printed it.
    pub tool: ToolName,
    /// How much of it can be read.
    pub bytes: u64,
    /// How the list it is is written; `None` where its items were never looked for.
    pub list: Option<ListShape>,
}

/// What those who read share with the thread that writes.
#[derive(Debug)]
pub(super) struct Disk {
    root: Option<PathBuf>,
    folder: Mutex<Place>,
    index: Mutex<Index>,
}

/// Where files are made.
#[derive(Debug)]
enum Place {
    /// Nowhere yet.
    Unused,
    Open(Folder),
    /// Nowhere any more.
    Closed,
}

impl Default for Store {
    /// A store that keeps nothing.
    fn default() -> Self {
        Self::new(None, StoreLimits::default())
    }
}

impl Store {
    /// A store under the state directory `root`, which keeps nothing when there is none. Touches no disk before
    /// there is something to keep.
    pub fn new(root: Option<PathBuf>, limits: StoreLimits) -> Self {
        Self {
            disk: Arc::new(Disk {
                root,
                folder: Mutex::new(Place::Unused),
                index: Mutex::new(Index::new(limits)),
            }),
            writer: Arc::default(),
        }
    }

    /// Removes what instances that run no more have left in the state directory. Blocks.
    pub fn clean(&self) {
        if let Some(root) = &self.disk.root {
            folder::clean(root);
        }
    }

    /// Begins to keep an output of `tool`, for `owner` to read. `None` with the reason where that cannot be;
    /// what only the disk knows, the receipt tells. Needs a runtime of tokio around it.
    ///
    /// # Errors
    /// Why nothing can be kept.
    pub fn begin(&self, owner: Owner, tool: ToolName) -> Result<Sink, String> {
        if self.disk.root.is_none() {
            return Err(
                "there is no state directory: set `--state-dir`, `XDG_STATE_HOME` or `HOME`"
                    .to_owned(),
            );
        }
        let id = OutputId::random().ok_or("the machine has no random numbers for its handle")?;
        Ok(Sink::new(id, owner, tool, self.writer()?))
    }

    /// The way to the writing thread, which is started by the first who asks.
    fn writer(&self) -> Result<mpsc::Sender<Message>, String> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*writer {
            return Ok(sender.clone());
        }
        let (sender, messages) = mpsc::channel(UNDER_WAY);
        let disk = Arc::clone(&self.disk);
        std::thread::Builder::new()
            .name("output-writer".to_owned())
            .spawn(move || write(&disk, messages))
            .map_err(|error| format!("no thread could be started to write it: {error}"))?;
        tokio::spawn(expire(Arc::downgrade(&self.disk)));
        *writer = Some(sender.clone());
        Ok(sender)
    }

    /// A part of an output: at most `limit` bytes from `offset` on. Blocks.
    ///
    /// # Errors
    /// When `reader` has no such output, `offset` is past its end, or the disk fails.
    pub fn page(
        &self,
        id: &str,
        reader: &Owner,
        offset: u64,
        limit: usize,
    ) -> Result<Page, ReadError> {
        let (path, bytes, is_complete) = self.find(id, reader)?;
        read_page(&path, bytes, is_complete, offset, limit)
    }

    /// The lines of an output that match, from `offset` on, in at most `limit` bytes. Blocks.
    ///
    /// # Errors
    /// As [`Store::page`].
    pub fn search(
        &self,
        id: &str,
        reader: &Owner,
        offset: u64,
        limit: usize,
        pattern: &Pattern,
    ) -> Result<Page, ReadError> {
        let (path, bytes, is_complete) = self.find(id, reader)?;
        find_lines(&path, bytes, is_complete, offset, limit, pattern)
    }

    /// Finds where the items of an output are, in one pass over it, and remembers that; says how many there are. An
    /// item of more than `longest` bytes is never given, and not held against JSON. Blocks.
    ///
    /// # Errors
    /// When `reader` has no such output, it is no list, or the disk fails.
    pub fn find_items(
        &self,
        id: &str,
        reader: &Owner,
        shape: ListShape,
        longest: usize,
    ) -> Result<u64, ItemsError> {
        let known = OutputId::parse(id).ok_or(ReadError::Unknown)?;
        let entry = self.disk.index().get(&known, reader).cloned();
        let entry = entry.ok_or(ReadError::Unknown)?;
        if let Some(items) = &entry.items {
            return Ok(items.total());
        }
        let items = ItemIndex::of(&entry.path, entry.bytes, shape, longest)?;
        let total = items.total();
        self.disk.index().has_items(&known, items);
        Ok(total)
    }

    /// Some items of an output of `tool` in which [`Store::find_items`] has found them, or that was adopted as a list.
    /// Blocks.
    ///
    /// # Errors
    /// When `reader` has no such output, there is no such item, or the disk fails.
    pub fn items(
        &self,
        id: &str,
        reader: &Owner,
        tool: &ToolName,
        wanted: ItemsWanted,
    ) -> Result<ItemPage, ItemsError> {
        let known = OutputId::parse(id).ok_or(ReadError::Unknown)?;
        let entry = self.disk.index().get(&known, reader).cloned();
        let entry = entry
            .filter(|entry| entry.tool == *tool)
            .ok_or(ReadError::Unknown)?;
        let items = match (&entry.items, entry.list) {
            (Some(items), _) => Arc::clone(items),
            (None, Some(shape)) => {
                let items = ItemIndex::of(&entry.path, entry.bytes, shape, wanted.bytes)?;
                self.disk.index().has_items(&known, items)
            }
            (None, None) => return Err(ReadError::Unknown.into()),
        };
        items.page(&entry.path, entry.bytes, wanted)
    }

    /// The file of an output, and how much of it can be read. Blocks.
    ///
    /// # Errors
    /// As [`Store::page`].
    pub fn open(&self, id: &str, reader: &Owner) -> Result<(File, u64), ReadError> {
        let (path, bytes, _) = self.find(id, reader)?;
        Ok((opened(&path)?, bytes))
    }

    fn find(&self, id: &str, reader: &Owner) -> Result<(PathBuf, u64, bool), ReadError> {
        let id = OutputId::parse(id).ok_or(ReadError::Unknown)?;
        let index = self.disk.index();
        let entry = index.get(&id, reader).ok_or(ReadError::Unknown)?;
        Ok((entry.path.clone(), entry.bytes, entry.ended.is_some()))
    }

    /// What is known of an output.
    pub fn about(&self, id: &OutputId) -> Option<About> {
        let index = self.disk.index();
        let entry = index.entry(id)?;
        Some(About {
            owner: entry.owner.clone(),
            tool: entry.tool.clone(),
            bytes: entry.bytes,
            list: entry.list,
        })
    }

    /// Keeps what an output has until now at `to` as well, in the same state directory. Blocks.
    ///
    /// # Errors
    /// When there is no such output, or the disk fails.
    pub fn keep(&self, id: &OutputId, to: &Path) -> io::Result<()> {
        let path = {
            let index = self.disk.index();
            let entry = index.entry(id).ok_or(io::ErrorKind::NotFound)?;
            entry.path.clone()
        };
        // One file under two names takes no room, and goes with the last of them.
        std::fs::hard_link(&path, to).or_else(|_| std::fs::copy(&path, to).map(drop))
    }

    /// Lets an output be read that was kept at `path`, and counts it as one of this store's. Pages are cut of a `list`.
    pub fn adopt(
        &self,
        id: &OutputId,
        owner: Owner,
        tool: ToolName,
        list: Option<ListShape>,
        path: PathBuf,
    ) {
        let Ok(bytes) = std::fs::metadata(&path).map(|metadata| metadata.len()) else {
            return;
        };
        let entry = super::index::Entry {
            owner,
            tool,
            path,
            bytes: 0,
            ended: None,
            items: None,
            list,
        };
        let mut removed = Vec::new();
        let mut index = self.disk.index();
        if index.enter(id.clone(), entry, &mut removed) {
            let granted = index.grant(id, bytes, &mut removed);
            index.written(id, granted);
            index.end(id, Instant::now());
        }
        drop(index);
        remove_files(removed);
    }

    /// The outputs of `owner`, oldest first.
    pub fn list(&self, owner: &Owner) -> Vec<Listed> {
        let listed = |(id, entry): (&OutputId, &super::index::Entry)| Listed {
            id: id.clone(),
            tool: entry.tool.clone(),
            bytes: entry.bytes,
        };
        self.disk.index().of(owner).map(listed).collect()
    }

    /// The state directory, for messages.
    pub fn root(&self) -> Option<&Path> {
        self.disk.root.as_deref()
    }

    /// How long an output is kept.
    pub fn expiry(&self) -> Duration {
        self.disk.index().limits().expiry
    }

    /// Removes every output and keeps none from now on. Blocks.
    pub fn close(&self) {
        let mut folder = self.disk.folder();
        *folder = Place::Closed;
    }
}

impl Disk {
    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folder(&self) -> MutexGuard<'_, Place> {
        self.folder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new file in this instance's folder, which is made by the first who asks.
    pub(super) fn new_file(&self) -> Result<(PathBuf, File), String> {
        let mut place = self.folder();
        let root = self.root.as_deref().unwrap_or(Path::new(""));
        let failed = |error| format!("nothing can be written in `{}`: {error}", root.display());
        if matches!(*place, Place::Unused) {
            *place = Place::Open(Folder::create(root).map_err(failed)?);
        }
        match &mut *place {
            Place::Open(folder) => folder.new_file().map_err(failed),
            Place::Unused | Place::Closed => Err("the runner is stopping".to_owned()),
        }
    }
}

/// Removes what has been kept long enough, for as long as the store is there.
async fn expire(disk: Weak<Disk>) {
    loop {
        sleep(LOOK_AGAIN).await;
        let Some(disk) = disk.upgrade() else { return };
        let removing = spawn_blocking(move || {
            let expired = disk.index().expire();
            remove_files(expired);
        });
        drop(removing.await);
    }
}
