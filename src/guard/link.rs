//! The runner's side: announcing calls, and asking for the end of what they left behind.
//!
//! On the usual way nobody is asked. A call is written into shared memory, and at its end the guard's list of
//! children shows the runner alone: two small writes and one read.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::process::{Pid, getpid};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::children::Children;
use super::clock::ticks_since_boot;
use super::message::{REPLY, Reply, Request};
use super::table::{Entry, Mark, Table};
use super::{GuardError, Swept};

/// The guard answers after half a second at the latest; on a machine this busy, nothing is certain.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The memory of the thread that listens, in bytes; it does nothing but receive.
const LISTENER_STACK: usize = 64 * 1024;

/// The guard of this process, once it has one.
static LINK: OnceLock<Link> = OnceLock::new();

struct Link {
    socket: Arc<OwnedFd>,
    table: Table,
    children: Children,
    runner: Pid,
    next_key: AtomicU64,
    places: Mutex<Places>,
    waiting: Arc<Waiting>,
    lost: CancellationToken,
}

/// Which places of the table are taken. It grows with the calls that run at once.
#[derive(Default)]
struct Places {
    free: Vec<usize>,
    taken: usize,
}

/// Who waits for which reply; at most one for each call.
#[derive(Default)]
struct Waiting(Mutex<HashMap<u64, oneshot::Sender<Swept>>>);

/// Makes this process the runner behind `socket`.
pub(super) fn establish(
    socket: OwnedFd,
    table: Table,
    children: Children,
) -> Result<(), GuardError> {
    let link = Link {
        socket: Arc::new(socket),
        table,
        children,
        runner: getpid(),
        next_key: AtomicU64::new(1),
        places: Mutex::default(),
        waiting: Arc::default(),
        lost: CancellationToken::new(),
    };
    let (socket, waiting, lost) = (
        Arc::clone(&link.socket),
        Arc::clone(&link.waiting),
        link.lost.clone(),
    );
    // A thread of its own and not a task: that the guard is gone must be heard before any runtime exists, and
    // when the runtime is busy.
    thread::Builder::new()
        .name("guard-link".to_owned())
        .stack_size(LISTENER_STACK)
        .spawn(move || {
            listen(&socket, &waiting);
            lost.cancel();
            waiting.clear();
        })
        .map_err(super::split::failed("start a thread"))?;
    let second = LINK.set(link).is_err();
    second.then_some(()).map_or(Ok(()), |()| {
        let twice = io::Error::from(io::ErrorKind::AlreadyExists);
        Err(GuardError::System("make a second guard", twice))
    })
}

/// Hands replies to those who wait, until the guard is gone.
fn listen(socket: &OwnedFd, waiting: &Waiting) {
    loop {
        let mut packet = [0; REPLY];
        match recv(socket, &mut packet, RecvFlags::empty()) {
            Ok((0, _)) => return,
            Ok((length, _)) => {
                let Some(reply) = Reply::from_bytes(&packet[..length]) else {
                    continue;
                };
                if let Some(waiter) = waiting.take(reply.key) {
                    let swept = Swept {
                        killed: reply.killed,
                        stuck: reply.stuck,
                    };
                    // Who no longer waits does not want to know.
                    waiter.send(swept).ok();
                }
            }
            Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Waits until the guard is gone, which means the end of this process too: what leaves its process group from now
/// on is found by nobody. Never ends where there is no guard.
pub async fn lost() {
    match LINK.get() {
        Some(link) => link.lost.cancelled().await,
        None => std::future::pending().await,
    }
}

/// Announces a call whose processes carry `mark` in [`MARK_VARIABLE`](super::MARK_VARIABLE). To be called before the
/// first of them starts: the guard kills processes of calls it does not know.
pub fn watch(mark: &str) -> Ward {
    Ward(LINK.get().map(|link| {
        let entry = Entry {
            mark: Mark::new(mark.as_bytes()),
            leader: 0,
            outputs: [0; 2],
            since: ticks_since_boot(),
        };
        let place = link.places().take();
        link.write(place, Some(entry));
        Watched {
            link,
            entry,
            place: Some(place),
        }
    }))
}

/// A call that the guard knows, or nothing when there is no guard. Dropped unswept, it lets the guard sweep without
/// waiting for it.
#[derive(Debug)]
pub struct Ward(Option<Watched>);

struct Watched {
    link: &'static Link,
    entry: Entry,
    /// In the table, while the call runs.
    place: Option<usize>,
}

impl Ward {
    /// Tells the leader of the call's process group, and the inode numbers of the pipes for its output.
    pub fn led_by(&mut self, leader: u32, outputs: [u64; 2]) {
        if let Some(watched) = &mut self.0 {
            watched.entry.leader = leader;
            watched.entry.outputs = outputs;
            if let Some(place) = watched.place {
                watched.link.write(place, Some(watched.entry));
            }
        }
    }

    /// Ends the call: kills what it left behind outside its process group, which has to be dead by now, until none is
    /// left, for at most half a second. Can be called again as long as somebody is stuck. When the
    /// guard is gone the answer is that nothing was found.
    pub async fn sweep(&mut self) -> Swept {
        let Some(watched) = &mut self.0 else {
            return Swept::default();
        };
        watched.leave();
        if watched.is_alone() {
            return Swept::default();
        }
        let (key, answer) = watched.link.waiting.enter(watched.link);
        let request = watched.request(key);
        let asked = async {
            while watched.link.send(request) == Err(Errno::AGAIN) {
                sleep(Duration::from_millis(1)).await;
            }
            answer.await.unwrap_or_default()
        };
        timeout(PATIENCE, asked).await.unwrap_or_else(|_| {
            watched.link.waiting.take(key);
            tracing::error!("the guard did not answer in time; it goes on ending what is left");
            Swept::default()
        })
    }
}

impl Watched {
    fn leave(&mut self) {
        if let Some(place) = self.place.take() {
            self.link.write(place, None);
            self.link.places().free.push(place);
        }
    }

    /// Whether nobody was adopted: then nothing of this call is left, nor of any other.
    fn is_alone(&self) -> bool {
        self.link.children.is_only(self.link.runner) == Some(true)
    }

    const fn request(&self, key: u64) -> Request {
        Request {
            key,
            since: self.entry.since,
            mark: self.entry.mark,
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.place.is_some() {
            self.leave();
            if !self.is_alone() {
                // When the socket is full the guard is sweeping already, and sees this call's processes too.
                self.link.send(self.request(0)).ok();
            }
        }
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched")
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}

impl Link {
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, place: usize, entry: Option<Entry>) {
        if let Err(error) = self.table.write(place, entry) {
            tracing::error!(%error, "the guard cannot be told of a call");
        }
    }

    fn send(&self, request: Request) -> Result<(), Errno> {
        send(
            &*self.socket,
            &request.to_bytes(),
            SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
        )
        .map(drop)
    }
}

impl Places {
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.taken += 1;
            self.taken - 1
        })
    }
}

impl Waiting {
    fn enter(&self, link: &Link) -> (u64, oneshot::Receiver<Swept>) {
        let key = link.next_key.fetch_add(1, Ordering::Relaxed);
        let (waiter, answer) = oneshot::channel();
        self.lock().insert(key, waiter);
        (key, answer)
    }

    fn take(&self, key: u64) -> Option<oneshot::Sender<Swept>> {
        self.lock().remove(&key)
    }

    fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Swept>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
