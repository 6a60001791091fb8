//! From a kind of interpreter to a zygote that is ready.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::hash::{Hash, Hasher};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream as Socket;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::stamp::Stamp;
use super::wire::{Message, Reply};
use crate::executor::output::Capture;
use crate::executor::process::Launch;
use crate::executor::process::platform::Tree;
use crate::guard::{self, MARK_VARIABLE, Ward};
use crate::tool::{CallId, Environment};

/// The part inside the interpreter.
const PROGRAM: &str = include_str!("zygote.py");

/// How long an interpreter may take to load what it should.
const START_WITHIN: Duration = Duration::from_mins(1);

/// What is kept of what a zygote prints, in bytes.
const SAID: usize = 4096;

/// What a zygote is made for. Calls of one kind share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::executor) struct Kind {
    /// The interpreter, an absolute path.
    pub(in crate::executor) program: PathBuf,
    /// Its arguments up to the script, which is the last; for `-m` or `-c` that with its value.
    pub(in crate::executor) arguments: Vec<OsString>,
    /// How many of them are options of the interpreter.
    pub(in crate::executor) options: usize,
    /// Where scripts run.
    pub(in crate::executor) working_dir: PathBuf,
    /// What an interpreter of any call is started with.
    pub(in crate::executor) environment: Environment,
    /// What is added to that.
    pub(in crate::executor) defaults: Vec<(&'static str, &'static str)>,
    /// The modules to import.
    pub(in crate::executor) preload: Vec<String>,
}

impl Hash for Kind {
    /// Kinds that differ in their environment alone are few.
    fn hash<H: Hasher>(&self, state: &mut H) {
        (
            &self.program,
            &self.arguments,
            &self.working_dir,
            &self.preload,
        )
            .hash(state);
    }
}

/// Why there is no zygote.
#[derive(Clone, Debug, thiserror::Error)]
pub(in crate::executor) enum BirthError {
    /// The interpreter cannot be one; calls can be spawned.
    #[error("{0}")]
    Unable(String),
    /// It could not load what it should.
    #[error("its warm interpreter failed: {0}")]
    Failed(String),
    /// It could not be started.
    #[error("{0}")]
    Start(Arc<io::Error>),
}

impl From<io::Error> for BirthError {
    fn from(error: io::Error) -> Self {
        Self::Start(Arc::new(error))
    }
}

impl From<BirthError> for io::Error {
    fn from(error: BirthError) -> Self {
        match error {
            BirthError::Start(error) => match error.raw_os_error() {
                Some(number) => Self::from_raw_os_error(number),
                None => Self::new(error.kind(), error.to_string()),
            },
            error => Self::other(error),
        }
    }
}

/// A zygote that is ready.
pub(super) struct Newborn {
    pub(super) tree: Tree,
    pub(super) stream: UnixStream,
    pub(super) stamps: Vec<Stamp>,
    pub(super) ward: Ward,
}

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

async fn start(kind: &Arc<Kind>, folder: &Arc<HookFolder>) -> Result<Newborn, BirthError> {
    let mut infant = Infant::start(kind, folder, kind.arguments.clone()).await?;
    let reply = match infant.task(kind, folder) {
        Ok(message) => infant.asked(message).await,
        Err(error) => Err(error),
    };
    let failed = match reply {
        Ok(Some(Reply::Ready { files })) => return Ok(infant.grown(kind, files).await),
        Ok(Some(Reply::Failed(traceback))) => {
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

/// Where the script's own modules are.
fn script_folder(kind: &Kind) -> PathBuf {
    match &kind.arguments[kind.options..] {
        [script] => {
            let path = kind.working_dir.join(script);
            let real = path.canonicalize().unwrap_or(path);
            real.parent().map(Path::to_owned).unwrap_or_default()
        }
        [option, _] if option == "-m" => kind.working_dir.clone(),
        _ => PathBuf::new(),
    }
}

/// Whether the end of a process that is no child of this one can be seen.
fn sees_exits() -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{PidfdFlags, getpid, pidfd_open};
        pidfd_open(getpid(), PidfdFlags::empty()).is_ok()
    }
    #[cfg(not(target_os = "linux"))]
    false
}

/// A process that was started and is not ready.
struct Infant {
    tree: Tree,
    stream: UnixStream,
    heard: Vec<u8>,
    said: Arc<Mutex<Capture>>,
    ward: Ward,
    mark: CallId,
}

impl Infant {
    async fn start(
        kind: &Arc<Kind>,
        folder: &Arc<HookFolder>,
        arguments: Vec<OsString>,
    ) -> Result<Self, BirthError> {
        // As long as the mark of a call, which takes its place in a fork.
        let mark = CallId::random();
        let mut ward = guard::watch(mark.as_str());
        let (ours, theirs) = Socket::pair()?;
        ours.set_nonblocking(true)?;
        let (kind, folder, own_mark) = (Arc::clone(kind), Arc::clone(folder), mark.clone());
        let spawned = spawn_blocking(move || {
            let launch = Launch {
                program: kind.program.clone(),
                arguments,
                working_dir: kind.working_dir.clone(),
                shared_environment: Environment::default(),
                environment: environment(&kind, &folder, &own_mark),
                stdin: None,
                fork: None,
            };
            let mut command = launch.command();
            command.stdin(Stdio::from(OwnedFd::from(theirs)));
            let tree = Tree::spawn_command(command);
            // The folder has to be there until the interpreter has read it, and it is held by the caller as well.
            drop(folder);
            tree
        });
        let mut tree = spawned.await.map_err(io::Error::other)??;
        ward.led_by(tree.id(), tree.outputs());
        let pipes = tree.attach()?;
        let said = Arc::new(Mutex::new(Capture::new(0, SAID)));
        tokio::spawn(listen(pipes.stdout, Arc::clone(&said)));
        tokio::spawn(listen(pipes.stderr, Arc::clone(&said)));
        Ok(Self {
            tree,
            stream: UnixStream::from_std(ours)?,
            heard: Vec::new(),
            said,
            ward,
            mark,
        })
    }

    /// What it is to load.
    fn task(&self, kind: &Kind, folder: &HookFolder) -> io::Result<Message> {
        let python_path = kind.environment.get("PYTHONPATH");
        let mut message = Message::new("serve")
            .field(if sees_exits() { "0" } else { "1" })?
            .field(if python_path.is_some() { "1" } else { "0" })?
            .field(python_path.unwrap_or_default())?
            .field(&script_folder(kind))?
            .field(&kind.preload.len().to_string())?;
        for module in &kind.preload {
            message = message.field(module)?;
        }
        let environment = environment(kind, folder, &self.mark);
        message.variables(environment.iter().map(|(name, value)| (&**name, &**value)))
    }

    /// What it says to a message; `None` when it has ended.
    async fn asked(&mut self, message: Message) -> io::Result<Option<Reply>> {
        let frame = message.framed()?;
        let answer = async {
            // One that has ended is noticed when it does not answer.
            self.stream.write_all(&frame).await.ok();
            self.reply().await
        };
        timeout(START_WITHIN, answer).await?
    }

    /// It is ready.
    async fn grown(self, kind: &Kind, files: Vec<OsString>) -> Newborn {
        let mut files: Vec<PathBuf> = files.into_iter().map(PathBuf::from).collect();
        files.push(kind.program.clone());
        let stamps = spawn_blocking(move || files.into_iter().map(Stamp::now).collect());
        Newborn {
            tree: self.tree,
            stream: self.stream,
            stamps: stamps.await.unwrap_or_default(),
            ward: self.ward,
        }
    }

    /// Ends it, and takes its status: nobody else would.
    async fn end(mut self) {
        self.tree.kill();
        self.tree.gone().await;
        self.ward.sweep().await;
    }

    /// The next message; `None` when the process has ended.
    async fn reply(&mut self) -> io::Result<Option<Reply>> {
        loop {
            if let Some((reply, length)) = Reply::take(&self.heard)? {
                self.heard.drain(..length);
                return Ok(Some(reply));
            }
            if self.stream.read_buf(&mut self.heard).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// What it printed last, for a message.
    fn last_words(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let text = said.so_far();
        let text = String::from_utf8_lossy(&text);
        match text.trim_end().lines().last() {
            Some(line) if !line.is_empty() => format!(": {line}"),
            _ => String::new(),
        }
    }
}

/// What modules print while they are loaded is nobody's answer.
async fn listen(mut pipe: impl AsyncRead + Unpin, said: Arc<Mutex<Capture>>) {
    let mut buffer = [0; 1024];
    while let Ok(length) = pipe.read(&mut buffer).await
        && length > 0
    {
        let text = String::from_utf8_lossy(&buffer[..length]);
        tracing::debug!(%text, "a warm interpreter prints");
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.push(&buffer[..length]);
    }
}

/// What all calls have in common, the way to the part inside, and a mark.
fn environment(kind: &Kind, folder: &HookFolder, mark: &CallId) -> Vec<(OsString, OsString)> {
    let mut path = folder.0.clone().into_os_string();
    if let Some(before) = kind
        .environment
        .get("PYTHONPATH")
        .filter(|path| !path.is_empty())
    {
        path.push(":");
        path.push(before);
    }
    let own = kind
        .environment
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let defaults = kind
        .defaults
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    own.chain(defaults)
        .chain([
            ("PYTHONPATH".into(), path),
            (MARK_VARIABLE.into(), mark.as_str().into()),
        ])
        .collect()
}

/// A folder with the part inside the interpreter, for as long as it takes to load that.
struct HookFolder(PathBuf);

impl HookFolder {
    fn create() -> io::Result<Self> {
        let name = format!("runner-python-{}{}", CallId::random(), CallId::random());
        let folder = Self(std::env::temp_dir().canonicalize()?.join(name));
        // Fails where somebody was here before.
        DirBuilder::new().mode(0o700).create(&folder.0)?;
        fs::write(folder.0.join("sitecustomize.py"), PROGRAM)?;
        Ok(folder)
    }
}

impl Drop for HookFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, "a folder stays in the folder for temporary files");
        }
    }
}
