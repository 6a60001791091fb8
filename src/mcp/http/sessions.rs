//! Sessions of the older revisions, bounded in number and in idleness.
//!
//! The SDK ends a session that was silent for a time set when the session began, and counts a call that runs
//! without a word as silence. How long a call may run can change while it runs, so that bound is not used;
//! sessions are ended here, when nothing of them is open and nothing was heard of them for longer than any call
//! of any tool the server ever had can take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use futures::{Stream, StreamExt};
use rmcp::model::{ClientJsonRpcMessage, ProtocolVersion, ServerJsonRpcMessage, ServerResult};
use rmcp::transport::common::server_side_http::{ServerSseMessage, SessionId};
use rmcp::transport::streamable_http_server::SessionManager;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use tokio::sync::watch;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

use super::body::overloaded;
use super::uses::{InUse, Use, Uses, held};
use crate::mcp::{Client, confirm};
use crate::tool::Catalog;

/// The header that names a session (2025-11-25, "Session Management").
pub(in crate::mcp) const SESSION_ID: &str = "mcp-session-id";

/// Sessions at once. A session costs a task and some kilobytes, and stays until its client ends it or goes
/// silent; the current revision needs none.
const MAX_SESSIONS: usize = 1000;

/// A session unused this long makes room for a new one when all are taken; its client is told 404 and
/// begins anew, as the protocol asks of it.
const SPARE_AFTER: Duration = Duration::from_mins(1);

/// How long a finished request's events are kept for a client that asks for them again. Every answer of the
/// last so many seconds is in memory for it.
const REPLAY: Duration = Duration::from_secs(10);

/// How long a session may take to hear that it is over. One that is busy hears it when it is done.
const CLOSING: Duration = Duration::from_secs(1);

/// What a request counts for among those of its session; its body is counted where it is read.
const UNCOUNTED: usize = 0;

/// How often idle sessions are looked for.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// The SDK's sessions in memory, with a bound on their number, each kept to the client that opened it.
#[derive(Default)]
pub(super) struct Sessions {
    inner: LocalSessionManager,
    uses: Uses,
    /// Requests under way that may open one more.
    opening: AtomicUsize,
}

/// Room for one session, kept until the request that may open it is answered.
struct Opening<'a>(&'a Sessions);

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.opening.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Sessions {
    /// No sessions yet.
    pub(super) fn new() -> Self {
        let mut sessions = Self::default();
        sessions.inner.session_config.keep_alive = None;
        sessions.inner.session_config.completed_cache_ttl = REPLAY;
        sessions
    }

    /// Notes which client opened a session.
    pub(super) fn belongs_to(&self, id: &str, client: &Client) {
        if let Some(session) = self.uses.lock().get_mut(id) {
            session.client = Some(Arc::clone(client.name()));
        }
    }

    /// Whether `client` may use the session: it opened it. Where no token is asked for, a session that is not
    /// known is left to the SDK.
    pub(super) fn may_use(&self, id: &str, client: Option<&Client>) -> bool {
        let client = client.map(Client::name);
        match self.uses.lock().get(id) {
            Some(session) => session.client.as_ref() == client,
            None => client.is_none(),
        }
    }

    /// The revision that was agreed on with the client of a session.
    pub(super) fn revision(&self, id: &str) -> Option<ProtocolVersion> {
        self.uses.lock().get(id)?.revision.clone()
    }

    /// Makes room for one more, if need be by ending the session that was unused longest.
    async fn make_room(&self) -> Option<Opening<'_>> {
        if let Some(opening) = self.opening_below_the_bound() {
            return Some(opening);
        }
        let spare = self
            .uses
            .most_idle(SPARE_AFTER, |used| used.requests == 0)?;
        // Whoever removes it has its room; another request may have been quicker.
        self.uses.lock().remove(&spare)?;
        self.opening.fetch_add(1, Ordering::SeqCst);
        let opening = Opening(self);
        if timeout(CLOSING, self.inner.close_session(&spare))
            .await
            .is_err()
        {
            tracing::debug!("an unused session is slow to end");
        }
        Some(opening)
    }

    /// Counts one more request that may open a session, where that cannot pass the bound.
    fn opening_below_the_bound(&self) -> Option<Opening<'_>> {
        let uses = self.uses.lock();
        let taken = uses.len() + self.opening.load(Ordering::SeqCst);
        (taken < MAX_SESSIONS).then(|| {
            self.opening.fetch_add(1, Ordering::SeqCst);
            Opening(self)
        })
    }

    /// Ends the sessions of which nothing is open and nothing was heard for `idle`.
    async fn end_idle(&self, idle: Duration) {
        let is_closed = |used: &Use| used.requests == 0 && used.streams == 0;
        while let Some(id) = self.uses.most_idle(idle, is_closed) {
            tracing::debug!(session = %id, "an idle session ends");
            if let Err(error) = self.close_session(&id).await {
                tracing::debug!(%error, "an idle session did not end in order");
            }
        }
    }

    /// Ends idle sessions until `stop` is cancelled. `catalogs` tells how long a call can take.
    pub(super) async fn sweep(
        self: Arc<Self>,
        mut catalogs: watch::Receiver<Arc<Catalog>>,
        stop: CancellationToken,
    ) {
        let mut idle = longest_silence(&catalogs.borrow_and_update());
        let mut ticks = interval(SWEEP_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = catalogs.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    // Calls go on under the tools they came with, so what was allowed once counts for good.
                    idle = idle.max(longest_silence(&catalogs.borrow_and_update()));
                }
                _ = ticks.tick() => self.end_idle(idle).await,
            }
        }
    }
}

/// How long a session may be silent: longer than any call of any tool can take.
fn longest_silence(catalog: &Catalog) -> Duration {
    const SHORTEST: Duration = Duration::from_mins(5);
    const MARGIN: Duration = Duration::from_mins(1);
    let longest = catalog
        .tools()
        .map(|tool| {
            let limits = &tool.limits;
            let word = tool.confirmation.as_ref().map(|_| confirm::PATIENCE);
            let run = limits.queue_timeout + limits.longest_run() + limits.kill_grace;
            run + word.unwrap_or_default()
        })
        .max()
        .unwrap_or_default();
    SHORTEST.max(longest + MARGIN)
}

type SdkResult<T> = Result<T, <LocalSessionManager as SessionManager>::Error>;

impl SessionManager for Sessions {
    type Error = <LocalSessionManager as SessionManager>::Error;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> SdkResult<(SessionId, Self::Transport)> {
        let (id, transport) = self.inner.create_session().await?;
        self.uses.begin(id.clone());
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> SdkResult<ServerJsonRpcMessage> {
        let answer = self.inner.initialize_session(id, message).await?;
        if let ServerJsonRpcMessage::Response(response) = &answer
            && let ServerResult::InitializeResult(agreed) = &response.result
        {
            let revision = Some(agreed.protocol_version.clone());
            self.uses.note(id, |used| used.revision = revision);
        }
        Ok(answer)
    }

    async fn has_session(&self, id: &SessionId) -> SdkResult<bool> {
        self.uses.note(id, |_| ());
        self.inner.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> SdkResult<()> {
        if let Some(used) = self.uses.lock().remove(id) {
            used.in_flight.end();
        }
        self.inner.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        mut message: ClientJsonRpcMessage,
    ) -> SdkResult<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static> {
        let in_use = InUse::new(&self.uses, id, |used| &mut used.requests);
        let in_flight = self.uses.lock().get(id).map(|used| used.in_flight.clone());
        if let ClientJsonRpcMessage::Request(request) = &mut message
            && let Some(in_flight) = in_flight
            && let Err(refused) = in_flight.enter(request, UNCOUNTED)
        {
            let answer = ServerJsonRpcMessage::error(refused, Some(request.id.clone()));
            let told = ServerSseMessage::from_message(answer);
            return Ok(futures::stream::iter([told]).left_stream());
        }
        let stream = self.inner.create_stream(id, message).await?;
        Ok(held(stream, in_use).right_stream())
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> SdkResult<()> {
        self.inner.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> SdkResult<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static> {
        let in_use = InUse::new(&self.uses, id, |used| &mut used.streams);
        let stream = self.inner.create_standalone_stream(id).await?;
        Ok(held(stream, in_use))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> SdkResult<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static> {
        let in_use = InUse::new(&self.uses, id, |used| &mut used.streams);
        let stream = self.inner.resume(id, last_event_id).await?;
        Ok(held(stream, in_use))
    }
}

/// Refuses a request that would open a session when all are taken and none can be spared.
pub(super) async fn within_the_bound<F: Future<Output = Response>>(
    sessions: &Sessions,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    if !opens_a_session(&request) {
        return next(request).await;
    }
    let Some(_opening) = sessions.make_room().await else {
        let message = format!("all {MAX_SESSIONS} sessions are in use; try again later");
        return overloaded(&message, SPARE_AFTER.as_secs());
    };
    next(request).await
}

/// A request without a session id that is not of a revision without sessions.
fn opens_a_session(request: &Request) -> bool {
    let headers = request.headers();
    let stateless = headers
        .get("mcp-protocol-version")
        .and_then(|version| version.to_str().ok())
        .is_some_and(|version| version >= ProtocolVersion::V_2026_07_28.as_str());
    request.method() == Method::POST && !stateless && !headers.contains_key(SESSION_ID)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use futures::stream::pending;

    use super::*;
    use crate::config::{LoadOptions, load_text};

    fn catalog(timeout: &str) -> Arc<Catalog> {
        let text = format!(
            "tools: [{{name: t, description: d, timeout: {timeout}, script: {{command: echo}}}}]"
        );
        let loaded = load_text(
            Path::new("gantz.yaml"),
            text,
            Path::new("/"),
            &LoadOptions::default(),
        );
        Arc::new(loaded.unwrap().catalog)
    }

    /// Sessions that are swept, and the way to change the catalog.
    fn swept(timeout: &str) -> (Arc<Sessions>, watch::Sender<Arc<Catalog>>) {
        let sessions = Arc::new(Sessions::new());
        let (catalogs, seen) = watch::channel(catalog(timeout));
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&sessions).sweep(seen, stop));
        (sessions, catalogs)
    }

    async fn minutes(count: u64) {
        tokio::time::sleep(Duration::from_mins(count)).await;
    }

    async fn lives(sessions: &Sessions, id: &SessionId) -> bool {
        sessions.inner.has_session(id).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_session_ends() {
        let (sessions, _catalogs) = swept("30s");
        let (id, _transport) = sessions.create_session().await.unwrap();
        minutes(4).await;
        assert!(lives(&sessions, &id).await);
        minutes(3).await;
        assert!(!lives(&sessions, &id).await);
        assert!(sessions.uses.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_lives_while_something_of_it_is_open() {
        let (sessions, _catalogs) = swept("30s");
        let (id, _transport) = sessions.create_session().await.unwrap();
        let count: fn(&mut Use) -> &mut usize = |used| &mut used.requests;
        let stream = held(pending::<()>(), InUse::new(&sessions.uses, &id, count));
        minutes(60).await;
        assert!(lives(&sessions, &id).await);
        drop(stream);
        minutes(4).await;
        assert!(lives(&sessions, &id).await, "the end of a use is a use");
        minutes(3).await;
        assert!(!lives(&sessions, &id).await);
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_call_there_ever_was_counts() {
        let (sessions, catalogs) = swept("30s");
        let (id, _transport) = sessions.create_session().await.unwrap();
        for timeout in ["20m", "30s"] {
            catalogs.send_replace(catalog(timeout));
            minutes(1).await;
        }
        minutes(18).await;
        assert!(lives(&sessions, &id).await);
        minutes(5).await;
        assert!(!lives(&sessions, &id).await);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_unused_gives_way_and_requests_at_once_do_not_pass_the_bound() {
        let sessions = Sessions::new();
        let mut open = Vec::new();
        for _ in 0..MAX_SESSIONS - 1 {
            open.push(sessions.create_session().await.unwrap());
        }
        // Two at once, and room for one.
        let opening = sessions.make_room().await;
        assert!(opening.is_some() && sessions.make_room().await.is_none());
        drop(opening);
        open.push(sessions.create_session().await.unwrap());
        assert!(sessions.make_room().await.is_none());

        tokio::time::advance(SPARE_AFTER).await;
        assert!(sessions.has_session(&open[0].0).await.unwrap());
        assert!(sessions.make_room().await.is_some());
        assert!(lives(&sessions, &open[0].0).await, "it was used");
        let mut left = 0;
        for (id, _) in &open {
            left += usize::from(lives(&sessions, id).await);
        }
        assert_eq!(left, MAX_SESSIONS - 1);
    }
}
