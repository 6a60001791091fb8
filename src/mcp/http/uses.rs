//! What each session is used for, and since when not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{Stream, StreamExt};
use rmcp::model::ProtocolVersion;
use rmcp::transport::common::server_side_http::SessionId;
use tokio::time::Instant;

use crate::mcp::in_flight::InFlight;

/// What each session is used for. Clones are one.
#[derive(Clone, Default)]
pub(super) struct Uses(Arc<Mutex<HashMap<SessionId, Use>>>);

/// What a session is used for now.
pub(super) struct Use {
    /// When it was used last.
    pub(super) last: Instant,
    /// Requests whose answers are awaited.
    pub(super) requests: usize,
    /// Streams on which the client listens for whatever comes.
    pub(super) streams: usize,
    /// The name of the client that opened it; `None` where no token was asked for.
    pub(super) client: Option<Arc<str>>,
    /// The revision that was agreed on; `None` before the handshake.
    pub(super) revision: Option<ProtocolVersion>,
    /// Its requests under way, by their ids.
    pub(super) in_flight: InFlight,
}

impl Uses {
    /// Enters a session that begins now.
    pub(super) fn begin(&self, id: SessionId) {
        let used = Use {
            last: Instant::now(),
            requests: 0,
            streams: 0,
            client: None,
            revision: None,
            in_flight: InFlight::default(),
        };
        self.lock().insert(id, used);
    }

    /// Every session there is.
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Use>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a use of the session now, and what `change` makes of it.
    pub(super) fn note(&self, id: &SessionId, change: impl FnOnce(&mut Use)) {
        if let Some(used) = self.lock().get_mut(id) {
            used.last = Instant::now();
            change(used);
        }
    }

    /// The session unused longest of those that `may` go, when that is at least `idle`.
    pub(super) fn most_idle(
        &self,
        idle: Duration,
        may: impl Fn(&Use) -> bool,
    ) -> Option<SessionId> {
        let uses = self.lock();
        let (id, _) = uses
            .iter()
            .filter(|(_, used)| may(used) && used.last.elapsed() >= idle)
            .min_by_key(|(_, used)| used.last)?;
        Some(id.clone())
    }
}

/// Marks a session as used while it lives.
pub(super) struct InUse {
    uses: Uses,
    id: SessionId,
    count: fn(&mut Use) -> &mut usize,
}

impl InUse {
    pub(super) fn new(uses: &Uses, id: &SessionId, count: fn(&mut Use) -> &mut usize) -> Self {
        uses.note(id, |used| *count(used) += 1);
        Self {
            uses: uses.clone(),
            id: id.clone(),
            count,
        }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.uses.note(&self.id, |used| *(self.count)(used) -= 1);
    }
}

/// The same stream; the session is in use until it is dropped.
pub(super) fn held<S: Stream>(stream: S, in_use: InUse) -> impl Stream<Item = S::Item> + use<S> {
    stream.inspect(move |_| {
        // Only moved in, to be dropped with the stream.
        let _ = &in_use;
    })
}
