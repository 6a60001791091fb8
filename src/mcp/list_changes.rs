//! Tells clients that the list of tools is not the one they saw.
//!
//! Clients of the sessions' era are told on their connection, by right of having said hello; those of the
//! current revision on the subscriptions they asked for (2026-07-28, "Subscriptions"). Both are told only when
//! what `tools/list` shows is different, and changes that come faster than a client reads become one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rmcp::model::ProtocolVersion;
use rmcp::service::{Peer, SubscriptionContext};
use rmcp::{ErrorData, RoleServer};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::task::{AbortHandle, spawn_blocking};

use super::convert;
use super::revision::Revision;
use crate::runner::Runner;
use crate::tool::Catalog;

/// Connections of the sessions' era that are told; more than there can be sessions.
const MAX_CLIENTS: usize = 1024;

/// Subscriptions at once. Each costs a connection and a task.
const MAX_SUBSCRIPTIONS: usize = 1024;

/// Who is told of another list. Clones are one.
#[derive(Clone)]
pub(super) struct ListChanges(Arc<Shared>);

struct Shared {
    /// Counts the lists there were.
    lists: watch::Sender<u64>,
    clients: Mutex<Vec<Client>>,
    subscriptions: Semaphore,
}

/// A client of the sessions' era. One that is slow to read holds up its own task only.
struct Client {
    peer: Peer<RoleServer>,
    telling: AbortHandle,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.telling.abort();
    }
}

impl ListChanges {
    /// Follows the lists of `runner` for as long as it lives. Needs a runtime of tokio around it.
    pub(super) fn of(runner: &Runner) -> Self {
        let shared = Arc::new(Shared {
            lists: watch::Sender::new(0),
            clients: Mutex::default(),
            subscriptions: Semaphore::new(MAX_SUBSCRIPTIONS),
        });
        let changes = runner.changes();
        tokio::spawn(follow(changes, Arc::downgrade(&shared)));
        Self(shared)
    }

    /// From now on tells this client, which has made the handshake of the sessions' era.
    pub(super) fn add(&self, peer: Peer<RoleServer>) {
        let lists = self.0.lists.subscribe();
        let mut clients = self.0.clients();
        clients.retain(|client| !client.peer.is_transport_closed());
        if clients.len() < MAX_CLIENTS {
            let telling = tokio::spawn(tell(peer.clone(), lists)).abort_handle();
            clients.push(Client { peer, telling });
        } else {
            tracing::warn!("a client will not be told of changed tools: {MAX_CLIENTS} others are");
        }
    }

    /// Counts the lists there were.
    pub(super) fn lists(&self) -> watch::Receiver<u64> {
        self.0.lists.subscribe()
    }

    /// A place among the subscribers.
    ///
    /// # Errors
    /// When there are too many of them.
    pub(super) fn place(&self) -> Result<SemaphorePermit<'_>, ErrorData> {
        self.0.subscriptions.try_acquire().map_err(|_| {
            let message =
                format!("all {MAX_SUBSCRIPTIONS} subscriptions are in use; try again later");
            ErrorData::internal_error(message, None)
        })
    }

    /// Tells a subscriber what it asked for, until it leaves or the server stops.
    ///
    /// # Errors
    /// When there are too many of them.
    pub(super) async fn listen(
        &self,
        subscription: &SubscriptionContext,
        runner: &Runner,
    ) -> Result<(), ErrorData> {
        let mut lists = self.lists();
        let _place = self.place()?;
        let wants_tools = subscription.accepted().tools_list_changed == Some(true);
        loop {
            tokio::select! {
                () = subscription.cancelled() => return Ok(()),
                () = runner.stopping() => return Ok(()),
                changed = lists.changed(), if wants_tools => {
                    let told = changed.is_ok()
                        && subscription.sink().notify_tool_list_changed().await.is_ok();
                    if !told {
                        return Ok(());
                    }
                }
            }
        }
    }
}

impl Shared {
    fn clients(&self) -> MutexGuard<'_, Vec<Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells one client until it is gone.
async fn tell(peer: Peer<RoleServer>, mut lists: watch::Receiver<u64>) {
    while lists.changed().await.is_ok() {
        if let Err(error) = peer.notify_tool_list_changed().await {
            tracing::debug!(%error, "a client could not be told of changed tools");
            return;
        }
    }
}

/// Tells of each other list until the runner or whoever is told is gone.
async fn follow(mut changes: watch::Receiver<Arc<Catalog>>, shared: Weak<Shared>) {
    let mut told = Arc::clone(&changes.borrow_and_update());
    while changes.changed().await.is_ok() {
        let latest = Arc::clone(&changes.borrow_and_update());
        let (before, after) = (Arc::clone(&told), Arc::clone(&latest));
        // A list of thousands of tools is not compared in passing.
        let is_same = spawn_blocking(move || shows_the_same(&before, &after)).await;
        told = latest;
        if is_same.unwrap_or(false) {
            continue;
        }
        let Some(shared) = shared.upgrade() else {
            return;
        };
        shared.lists.send_modify(|count| *count += 1);
    }
}

/// Whether `tools/list` shows the same for both, as the current revision sees it: the older ones see less.
fn shows_the_same(before: &Catalog, after: &Catalog) -> bool {
    let latest = Revision::of(Some(ProtocolVersion::LATEST));
    let list = |catalog: &Catalog| {
        let describe_limits = catalog.describe_limits;
        let tools: Vec<_> = catalog.tools().cloned().collect();
        let latest = latest.clone();
        tools
            .into_iter()
            .map(move |tool| convert::tool(&tool, describe_limits, &latest))
    };
    before.builtin_tools == after.builtin_tools && list(before).eq(list(after))
}
