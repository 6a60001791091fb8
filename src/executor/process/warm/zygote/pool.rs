//! Which zygotes there are: one for each kind that was called of late.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::birth::birth;
use super::conversation::{ForkError, Zygote};
use super::wire::Message;
use crate::executor::process::Launch;
use crate::executor::process::counters::Counters;
use crate::executor::process::platform::{Ends, Tree};
use crate::executor::process::warm::{BirthError, Kind, pause};
use crate::guard::MARK_VARIABLE;

/// The most kinds that are kept. Past it the one that was called longest ago goes.
const MOST: usize = 32;

/// How long the ends of all are waited for.
const END_WITHIN: Duration = Duration::from_secs(2);

/// How often a call turns to a new zygote when the one it had has just ended.
const ATTEMPTS: usize = 3;

/// All zygotes. Clones share them.
#[derive(Clone, Default)]
pub(in crate::executor) struct Zygotes(Arc<Shared>);

#[derive(Default)]
struct Shared {
    slots: Mutex<Slots>,
    living: TaskTracker,
    stop: CancellationToken,
}

#[derive(Default)]
struct Slots {
    kinds: HashMap<Arc<Kind>, Slot>,
    clock: u64,
}

struct Slot {
    state: State,
    /// The clock when it was called last.
    called: u64,
    failures: u32,
}

enum State {
    /// Changes when it is ready, or is not going to be.
    Starting(watch::Receiver<()>),
    Ready(Arc<Zygote>),
    Failed(BirthError, Instant),
}

/// How a launch comes by its process without a start.
pub(in crate::executor) struct Fork {
    /// Where the zygotes are.
    pub(in crate::executor) zygotes: Zygotes,
    /// What is to be forked.
    pub(in crate::executor) kind: Arc<Kind>,
    /// The tool's.
    pub(in crate::executor) counters: Arc<Counters>,
}

impl Fork {
    /// The process of `launch`, forked from a zygote; or spawned, where there can be none.
    pub(in crate::executor::process) async fn start(&self, launch: Launch) -> io::Result<Tree> {
        for _ in 0..ATTEMPTS {
            let zygote = match self.zygotes.of(&self.kind, &self.counters).await {
                Ok(zygote) => zygote,
                Err(BirthError::Unable(_)) => break,
                Err(error) => return Err(error.into()),
            };
            let number = zygote.next_number();
            let frame = self.frame(number, &launch)?;
            let (theirs, ends) = pipes(launch.stdin.is_some())?;
            match zygote.fork(number, frame, theirs).await {
                Ok(forked) => {
                    self.counters.called();
                    return Ok(Tree::forked(forked, ends));
                }
                Err(ForkError::NotBegun) => {}
                Err(ForkError::Refused(error)) => return Err(error),
            }
        }
        spawn_blocking(move || Tree::spawn(&launch))
            .await
            .map_err(io::Error::other)?
    }

    fn frame(&self, number: u64, launch: &Launch) -> io::Result<Vec<u8>> {
        let own = launch
            .arguments
            .get(self.kind.arguments.len()..)
            .unwrap_or_default();
        let marks = launch.environment.iter().rev();
        let mark = marks.into_iter().find(|(name, _)| name == MARK_VARIABLE);
        let mut message = Message::new("fork")
            .field(&number.to_string())?
            .field(mark.map_or(std::ffi::OsStr::new(""), |(_, mark)| mark))?
            .field(&launch.working_dir)?
            .field(&own.len().to_string())?;
        for argument in own {
            message = message.field(argument)?;
        }
        message.variables(launch.variables())?.framed()
    }
}

/// What a process reads and writes: its own ends, and the runner's.
fn pipes(reads: bool) -> io::Result<([OwnedFd; 3], Ends)> {
    let (stdin, feed) = if reads {
        let (reader, writer) = io::pipe()?;
        (OwnedFd::from(reader), Some(writer.into()))
    } else {
        (File::open("/dev/null")?.into(), None)
    };
    let (out_reader, out_writer) = io::pipe()?;
    let (err_reader, err_writer) = io::pipe()?;
    let ends = Ends {
        stdin: feed,
        stdout: out_reader.into(),
        stderr: err_reader.into(),
    };
    Ok(([stdin, out_writer.into(), err_writer.into()], ends))
}

impl Zygotes {
    /// A zygote of `kind`, started if need be.
    async fn of(
        &self,
        kind: &Arc<Kind>,
        counters: &Arc<Counters>,
    ) -> Result<Arc<Zygote>, BirthError> {
        loop {
            match self.look(kind, counters)? {
                Look::Wait(mut starting) => {
                    // It ends with an error when the start has ended.
                    starting.changed().await.ok();
                }
                Look::Ready(zygote) => {
                    let looked = Arc::clone(&zygote);
                    let changed = spawn_blocking(move || looked.has_changed()).await;
                    if !changed.unwrap_or(false) {
                        return Ok(zygote);
                    }
                    self.forget(kind, &zygote);
                }
            }
        }
    }

    fn look(&self, kind: &Arc<Kind>, counters: &Arc<Counters>) -> Result<Look, BirthError> {
        if self.0.stop.is_cancelled() {
            return Err(io::Error::other("the runner is stopping").into());
        }
        let mut slots = self.slots();
        slots.clock += 1;
        let now = slots.clock;
        let mut failures = 0;
        if let Some(slot) = slots.kinds.get_mut(kind) {
            slot.called = now;
            match &slot.state {
                State::Starting(starting) => return Ok(Look::Wait(starting.clone())),
                State::Ready(zygote) if zygote.is_alive() => {
                    return Ok(Look::Ready(Arc::clone(zygote)));
                }
                State::Failed(error, until) if Instant::now() < *until => {
                    return Err(error.clone());
                }
                State::Failed(..) => failures = slot.failures,
                State::Ready(_) => {}
            }
        }
        slots.make_room(kind);
        let (starts, starting) = watch::channel(());
        let slot = Slot {
            state: State::Starting(starting.clone()),
            called: now,
            failures,
        };
        slots.kinds.insert(Arc::clone(kind), slot);
        let (pool, kind, counters) = (self.clone(), Arc::clone(kind), Arc::clone(counters));
        self.0.living.spawn(async move {
            let life = pool.bear(&kind, &counters).await;
            drop((starts, pool));
            if let Some(life) = life {
                life.await;
            }
        });
        Ok(Look::Wait(starting))
    }

    /// Starts a zygote and puts it into its slot. Returns what has to run for as long as it lives.
    async fn bear(
        &self,
        kind: &Arc<Kind>,
        counters: &Arc<Counters>,
    ) -> Option<impl Future<Output = ()> + use<>> {
        let born = tokio::select! {
            born = birth(Arc::clone(kind)) => born,
            () = self.0.stop.cancelled() => Err(io::Error::other("the runner is stopping").into()),
        };
        let mut slots = self.slots();
        let slot = slots.kinds.get_mut(kind)?;
        match born {
            Ok(newborn) => {
                let (zygote, life) = Zygote::new(newborn, counters.started(), self.0.stop.clone());
                slot.state = State::Ready(Arc::new(zygote));
                slot.failures = 0;
                Some(life)
            }
            Err(error) => {
                let pause = pause::after(slot.failures);
                let program = kind.program.display();
                if matches!(error, BirthError::Unable(_)) {
                    tracing::warn!(%program, %error, "calls start an interpreter each: it cannot be kept warm");
                } else {
                    tracing::warn!(%program, %error, ?pause, "there is no warm interpreter");
                }
                slot.failures = slot.failures.saturating_add(1).min(16);
                slot.state = State::Failed(error, Instant::now() + pause);
                None
            }
        }
    }

    /// Lets go of a zygote. It ends when its last call has.
    fn forget(&self, kind: &Arc<Kind>, zygote: &Arc<Zygote>) {
        let mut slots = self.slots();
        let is_same = slots.kinds.get(kind).is_some_and(
            |slot| matches!(&slot.state, State::Ready(ready) if Arc::ptr_eq(ready, zygote)),
        );
        if is_same {
            slots.kinds.remove(kind);
        }
    }

    /// Ends all, after their calls have ended, and waits for it.
    pub(in crate::executor) async fn close(&self) {
        self.0.stop.cancel();
        self.slots().kinds.clear();
        self.0.living.close();
        if timeout(END_WITHIN, self.0.living.wait()).await.is_err() {
            tracing::warn!("a warm interpreter does not end");
        }
    }

    /// Every statement leaves the slots whole, so a panic elsewhere does not spoil them.
    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Look {
    Wait(watch::Receiver<()>),
    Ready(Arc<Zygote>),
}

impl Slots {
    /// Lets the kind go that was called longest ago, where there are too many.
    fn make_room(&mut self, newcomer: &Arc<Kind>) {
        while self.kinds.len() >= MOST && !self.kinds.contains_key(newcomer) {
            let settled = self
                .kinds
                .iter()
                .filter(|(_, slot)| !matches!(slot.state, State::Starting(_)));
            let oldest = settled.min_by_key(|(_, slot)| slot.called);
            let Some(kind) = oldest.map(|(kind, _)| Arc::clone(kind)) else {
                return;
            };
            self.kinds.remove(&kind);
        }
    }
}

impl std::fmt::Debug for Zygotes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Zygotes").finish_non_exhaustive()
    }
}
