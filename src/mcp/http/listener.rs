//! Connections: how many, how patient, and how they end.
//!
//! Bounds everything that a client can hold without saying a word of the protocol: connections, headers that
//! never end, answers that are never read. Speaks HTTP/1.1 only: on one machine HTTP/2 buys nothing, and its
//! streams would be connections that nobody counts.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// The largest header section, in bytes; what is larger is answered with 431.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// The most headers of a request; more are answered with 431.
const MAX_HEADERS: usize = 100;

/// Connections past the bound that are told so at once; the rest of a flood is just closed.
const MAX_TURNED_AWAY: usize = 64;

/// How long a connection that is turned away may take to read why.
const TURNING_AWAY: Duration = Duration::from_secs(1);

/// The pause after the system has refused to accept, which it does when descriptors run out.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// What a connection past the bound is told.
const TURNED_AWAY: &str = concat!(
    "HTTP/1.1 503 Service Unavailable\r\n",
    "content-type: application/json\r\n",
    "retry-after: 1\r\n",
    "connection: close\r\n\r\n",
    r#"{"jsonrpc":"2.0","id":null,"error":{"code":-31000,"message":"all connections are in use; try again later"}}"#,
);

/// What clients may take up before they have said a word of the protocol.
#[derive(Clone, Debug)]
pub struct ConnectionBounds {
    /// Open connections at once, 1,024 unless said otherwise, and never more than half of the descriptors the
    /// process may open: scripts need the others. What comes on top is answered with 503.
    pub connections: usize,
    /// How long a connection may take to send the headers of a request, and stay idle between two, 30 s
    /// unless said otherwise. Then it is closed.
    pub header_timeout: Duration,
    /// How long the body of a request may take, 30 s unless said otherwise. Then it is answered with 408.
    pub body_timeout: Duration,
    /// How long an answer may wait for a client that reads nothing of it, or does not exist any more, 30 s
    /// unless said otherwise. Then the connection is closed. Linux only.
    pub unread_timeout: Duration,
}

impl Default for ConnectionBounds {
    fn default() -> Self {
        Self {
            connections: 1024,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            unread_timeout: Duration::from_secs(30),
        }
    }
}

/// Serves the routes until `stop` is cancelled, then finishes the requests under way. Dropping the future closes
/// every connection.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: &ConnectionBounds,
    stop: &CancellationToken,
) {
    let places = Arc::new(Semaphore::new(affordable(bounds.connections)));
    let turning_away = Arc::new(Semaphore::new(MAX_TURNED_AWAY));
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    pause(&error).await;
                    continue;
                }
            },
            // Finished connections leave at once, so that the set holds the open ones only.
            Some(_) = connections.join_next() => continue,
            () = stop.cancelled() => break,
        };
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            let connection = connection(stream, router.clone(), bounds.clone(), stop.clone());
            connections.spawn(async move {
                connection.await;
                drop(place);
            });
        } else if let Ok(place) = Arc::clone(&turning_away).try_acquire_owned() {
            connections.spawn(async move {
                // A client that does not want to know why is no error.
                drop(timeout(TURNING_AWAY, turn_away(stream)).await);
                drop(place);
            });
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection to its end.
async fn connection(
    stream: TcpStream,
    router: Router,
    bounds: ConnectionBounds,
    stop: CancellationToken,
) {
    if let Err(error) = prepare(&stream, &bounds) {
        tracing::debug!(%error, "could not set the options of a connection");
    }
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_timeout)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Sets what a connection needs beyond the system's defaults.
fn prepare(stream: &TcpStream, bounds: &ConnectionBounds) -> io::Result<()> {
    // Nagle's algorithm holds the small writes of an event stream back until the peer acknowledges, some
    // 40 ms; an answer is never worth waiting for company.
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    {
        use rustix::net::sockopt;
        let unread = u32::try_from(bounds.unread_timeout.as_millis()).unwrap_or(u32::MAX);
        sockopt::set_tcp_user_timeout(stream, unread)?;
        // A peer that vanished without a word while nothing is being sent to it.
        sockopt::set_tcp_keepidle(stream, bounds.unread_timeout)?;
        sockopt::set_socket_keepalive(stream, true)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = bounds;
    Ok(())
}

/// Says that there is no room. What the client has sent is read and thrown away: closing a socket with
/// unread bytes resets it, and the client might never see the answer.
async fn turn_away(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(TURNED_AWAY.as_bytes()).await?;
    stream.shutdown().await?;
    let mut unread = [0; 1024];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

/// As many connections as leave half of the descriptors to everything else.
fn affordable(wanted: usize) -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let half = usize::try_from(descriptors / 2).unwrap_or(usize::MAX);
        wanted.min(half.max(1))
    }
    #[cfg(not(unix))]
    wanted
}

/// Waits a moment after an error that is the system's; one that is a client's needs no wait.
async fn pause(error: &io::Error) {
    let is_clients = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    );
    if !is_clients {
        tracing::error!(%error, "could not accept a connection");
        sleep(AFTER_FAILURE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_those_turned_away_is_an_answer() {
        let (_, body) = TURNED_AWAY.split_once("\r\n\r\n").unwrap();
        let answer: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(answer["error"]["code"], crate::mcp::malformed::OVERLOADED);
    }
}
