//! A service on a free port of this machine that notes every request, and answers as its path asks it to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio::time::sleep;

/// `{"zipped": true}`, compressed.
const ZIPPED: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 170, 202, 44, 40, 72, 77, 81, 178, 82, 40, 41, 42,
    77, 173, 5, 0, 204, 165, 222, 13, 16, 0, 0, 0,
];

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query, byte for byte.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) peer: SocketAddr,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    running: AtomicUsize,
    peak: AtomicUsize,
}

/// The service; ends with the runtime.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let app = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared))
            .into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, shared }
    }

    /// All requests so far, which are forgotten.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.shared.seen.lock().unwrap())
    }

    /// The one request so far, which is forgotten.
    pub(crate) fn one(&self) -> Seen {
        let mut seen = self.take();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }

    /// Requests being answered now.
    pub(crate) fn running(&self) -> usize {
        self.shared.running.load(Ordering::SeqCst)
    }

    /// The most requests that were being answered at once.
    pub(crate) fn peak(&self) -> usize {
        self.shared.peak.load(Ordering::SeqCst)
    }

    /// Waits until nothing is being answered.
    pub(crate) async fn idle(&self) {
        while self.running() > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until something is being answered.
    pub(crate) async fn busy(&self) {
        while self.running() == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A request that is being answered, until it is dropped: also when the client hangs up.
struct Running(Arc<Shared>);

impl Running {
    fn new(shared: &Arc<Shared>) -> Self {
        let now = shared.running.fetch_add(1, Ordering::SeqCst) + 1;
        shared.peak.fetch_max(now, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let running = Running::new(&shared);
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().unwrap().to_string();
    let seen = Seen {
        method: parts.method.to_string(),
        target: target.clone(),
        headers: parts.headers,
        body: to_bytes(body, 64 << 20).await.unwrap(),
        peer,
    };
    let echo = format!("{:?}", seen.headers);
    shared.seen.lock().unwrap().push(seen);
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (kind, first) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    match kind {
        "status" => {
            let status = StatusCode::from_u16(first.parse().unwrap()).unwrap();
            (
                status,
                [(header::RETRY_AFTER, "7")],
                format!("said: {echo}"),
            )
                .into_response()
        }
        "to" => {
            let status = StatusCode::from_u16(first.parse().unwrap()).unwrap();
            let location = percent_decode_str(query)
                .decode_utf8()
                .unwrap()
                .into_owned();
            (status, [(header::LOCATION, location)]).into_response()
        }
        "circle" => (StatusCode::FOUND, [(header::LOCATION, "/circle")]).into_response(),
        "wait" => {
            sleep(Duration::from_millis(first.parse().unwrap())).await;
            "waited".into_response()
        }
        "big" => "x".repeat(first.parse().unwrap()).into_response(),
        "drip" => drip(running),
        "short" => {
            // Fewer bytes than it says, and then the connection is closed.
            let begin = stream::iter([
                Ok(Bytes::from_static(b"begin")),
                Err(std::io::Error::other("over")),
            ]);
            Body::from_stream(begin).into_response()
        }
        "zip" => ([(header::CONTENT_ENCODING, "gzip")], ZIPPED).into_response(),
        "json" => {
            let text =
                r#"{"data": {"items": [{"name": "first", "n": 9007199254740993}]}, "text": "t"}"#;
            ([(header::CONTENT_TYPE, "application/json")], text).into_response()
        }
        "bytes" => vec![b'a', 0xff, b'b'].into_response(),
        _ => "ok".into_response(),
    }
}

/// A word every few milliseconds, for ever.
fn drip(running: Running) -> Response {
    let words = stream::unfold(running, |running| async move {
        sleep(Duration::from_millis(5)).await;
        Some((
            Ok::<_, std::io::Error>(Bytes::from_static(b"drip ")),
            running,
        ))
    });
    Body::from_stream(words).into_response()
}
