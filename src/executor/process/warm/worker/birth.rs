//! From a kind of interpreter to a worker that has loaded its script.

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::executor::process::Launch;
use crate::executor::process::platform::Tree;
use crate::executor::process::warm::{BirthError, Kind, Said, Stamp};
use crate::guard::{self, Ward};
use crate::tool::{CallId, Environment, PersistentWorker, spoken};

/// The part inside the interpreter.
const PROGRAM: &str = concat!(
    include_str!("inside/wire.py"),
    include_str!("inside/script.py"),
    include_str!("inside/calls.py")
);

/// What the interpreter is started with: reads the part inside, its length in eight bytes before it, and runs it. Nothing
/// of that comes from the working directory, which is where a text as this one looks for modules first.
const BOOT: &str = r#"import sys
f=sys.path[:1]==[""];del sys.path[:f]
import os
n=int(os.read(0,8) or b"0");p=b""
while len(p)<n:p+=os.read(0,n-len(p)) or os._exit(0)
exec(compile(p,"<worker>","exec"),{"__name__":"gantz_worker","__file__":"<worker>","FINDS_BESIDE":f})"#;

/// The longest first word of a worker, in bytes: a list of files, or a traceback.
const LONGEST_FIRST_WORD: usize = 1024 * 1024;

/// A worker that is ready.
pub(super) struct Newborn {
    pub(super) tree: Tree,
    pub(super) ward: Ward,
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
    /// What it printed until now.
    pub(super) said: Said,
    /// What it is made of.
    pub(super) stamps: Vec<Stamp>,
    /// Whether a part of that was written while it loaded.
    pub(super) is_outdated: bool,
    /// Whether its `main` is `async`.
    pub(super) is_async: bool,
}

/// What a worker says first.
#[derive(Deserialize)]
struct FirstWord {
    result: Option<Ready>,
    error: Option<Unable>,
}

#[derive(Deserialize)]
struct Ready {
    files: Vec<PathBuf>,
    is_async: bool,
}

#[derive(Deserialize)]
struct Unable {
    message: String,
    data: Traceback,
}

#[derive(Deserialize)]
struct Traceback {
    traceback: String,
}

/// Starts an interpreter of `kind` and waits until it has loaded its script. Dropped half-way, nothing of it lives.
///
/// What is written while it loads counts as changed, unless `settles` for what is there then.
pub(super) async fn birth(
    kind: &Kind,
    worker: &PersistentWorker,
    settles: bool,
) -> Result<Newborn, BirthError> {
    let mark = CallId::random();
    let mut ward = guard::watch(mark.as_str());
    let launch = launch(kind, &mark);
    let named = named(kind);
    let spawned = spawn_blocking(move || {
        let before = Before::now(named);
        Tree::spawn(&launch).map(|tree| (tree, before))
    });
    let (mut tree, before) = spawned.await.map_err(io::Error::other)??;
    ward.led_by(tree.id(), tree.outputs());
    let pipes = tree.attach()?;
    let missing = || io::Error::other("the process has no input pipe");
    let mut stdin = pipes.stdin.ok_or_else(missing)?;
    let (mut stdout, mut stderr, said) =
        (pipes.stdout, pipes.stderr, Said::with(&kind.environment));
    let first = timeout(worker.start_timeout, async {
        tokio::select! {
            first = ask(&mut stdin, &mut stdout, kind, worker) => first,
            never = overhear(&mut stderr, &said) => match never {},
        }
    });
    let first = first.await;
    let ready = match first {
        Ok(Ok(FirstWord {
            result: Some(ready),
            ..
        })) => Ok(ready),
        Ok(Ok(FirstWord {
            error: Some(unable),
            ..
        })) => {
            catch_up(&mut stderr, &said).await;
            Err((unable.message, unable.data.traceback))
        }
        Ok(_) => {
            catch_up(&mut stderr, &said).await;
            Err((
                format!("it ended early{}", said.last_words()),
                String::new(),
            ))
        }
        Err(_) => {
            let limit = spoken(worker.start_timeout);
            Err((format!("not ready within {limit}"), String::new()))
        }
    };
    match ready {
        Ok(ready) => {
            let look = spawn_blocking(move || before.stamps(ready.files, settles));
            let (stamps, is_outdated) = look.await.unwrap_or_default();
            Ok(Newborn {
                stamps,
                is_outdated,
                is_async: ready.is_async,
                tree,
                ward,
                stdin,
                stdout,
                stderr,
                said,
            })
        }
        Err((message, traceback)) => {
            tree.kill();
            tree.gone().await;
            ward.sweep().await;
            let mut printed = said.kept();
            printed.extend_from_slice(traceback.as_bytes());
            let message = said.hide(&message);
            Err(BirthError::NotLoaded { message, printed })
        }
    }
}

fn launch(kind: &Kind, mark: &CallId) -> Launch {
    let (options, script) = kind.arguments.split_at(kind.options);
    let boot = ["-c".into(), BOOT.into()];
    Launch {
        program: kind.program.clone(),
        arguments: [options, &boot, script].concat(),
        working_dir: kind.working_dir.clone(),
        shared_environment: Environment::default(),
        environment: kind.environment(mark),
        stdin: Some(Vec::new()),
        fork: None,
    }
}

/// Hands over the part inside and what it is to load, and waits for its first word.
async fn ask(
    stdin: &mut ChildStdin,
    stdout: &mut ChildStdout,
    kind: &Kind,
    worker: &PersistentWorker,
) -> io::Result<FirstWord> {
    let arguments: Vec<_> = kind.arguments[kind.options..]
        .iter()
        .map(|argument| argument.to_string_lossy())
        .collect();
    let start = json!({
        "jsonrpc": "2.0", "id": 0, "method": "start", "params": {
            "arguments": arguments, "preload": kind.preload, "multiplex": worker.multiplex.get() > 1,
        }
    });
    let text = format!("{:08}{PROGRAM}{start}\n", PROGRAM.len());
    // One that has ended is noticed when it does not answer.
    stdin.write_all(text.as_bytes()).await.ok();
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let is_too_long = line.len() > LONGEST_FIRST_WORD;
        if is_too_long || stdout.read_buf(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(serde_json::from_slice(&line)?)
}

enum Never {}

/// Hears what is printed meanwhile.
async fn overhear(pipe: &mut (impl AsyncRead + Unpin), said: &Said) -> Never {
    while read_some(pipe, said).await {}
    std::future::pending().await
}

/// Hears the rest of what was printed, for as long as it comes at once.
async fn catch_up(pipe: &mut (impl AsyncRead + Unpin), said: &Said) {
    let rest = async { while read_some(pipe, said).await {} };
    timeout(std::time::Duration::from_millis(250), rest)
        .await
        .ok();
}

async fn read_some(pipe: &mut (impl AsyncRead + Unpin), said: &Said) -> bool {
    let mut buffer = [0; 1024];
    match pipe.read(&mut buffer).await {
        Ok(length) if length > 0 => {
            said.push(&buffer[..length]);
            true
        }
        _ => false,
    }
}

/// What is looked at before the start.
struct Before {
    began: SystemTime,
    stamps: Vec<Stamp>,
}

impl Before {
    fn now(named: Vec<PathBuf>) -> Self {
        Self {
            began: SystemTime::now(),
            stamps: named.into_iter().map(Stamp::now).collect(),
        }
    }

    /// What a worker is made of that has loaded `files` by now, and whether a part of it is another already.
    fn stamps(self, files: Vec<PathBuf>, settles: bool) -> (Vec<Stamp>, bool) {
        let Self { began, mut stamps } = self;
        let loaded = files.into_iter().map(|file| Stamp::loaded(file, began));
        stamps.extend(loaded);
        let is_outdated = stamps.iter().any(Stamp::has_changed);
        if settles {
            stamps = stamps.into_iter().map(Stamp::again).collect();
        }
        (stamps, is_outdated)
    }
}

/// The files that are known before they are loaded.
fn named(kind: &Kind) -> Vec<PathBuf> {
    let script = kind.arguments[kind.options..].first();
    let script = script.filter(|script| *script != "-m");
    let script = script.map(|script| kind.working_dir.join(script));
    script.into_iter().chain([kind.program.clone()]).collect()
}
