//! Streamable HTTP: one endpoint for stateless and for session clients, and a health check.
//!
//! The SDK speaks the protocol. This room asks who calls, bounds what the SDK leaves open (connections, bodies,
//! sessions, origins), keeps silent calls alive and puts its plain refusals into the protocol's own words.

pub mod auth;
mod batches;
mod body;
mod endpoint;
mod figures;
mod hosts;
mod keep_alive;
mod listener;
mod owners;
mod panics;
mod sessions;
mod uses;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::auth::Access;
use self::body::Bodies;
use self::endpoint::Endpoint;
pub use self::listener::ConnectionBounds;
use self::sessions::Sessions;
use super::Handler;
use crate::runner::Runner;

pub use self::hosts::Hosts;
pub(super) use self::sessions::SESSION_ID;

/// The path of the protocol's endpoint.
pub const ENDPOINT: &str = "/mcp";

/// How long answers may take to go out once the server has stopped.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Origins of pages on this machine. Browsers name the origin of every such request; other clients name none.
const LOCAL_ORIGINS: [&str; 6] = [
    "http://localhost:*",
    "http://127.0.0.1:*",
    "http://[::1]:*",
    "https://localhost:*",
    "https://127.0.0.1:*",
    "https://[::1]:*",
];

/// What can be set about the HTTP server.
#[derive(Clone, Debug, Default)]
pub struct HttpOptions {
    /// Origins of web pages that may call beside those of this machine: `https://app.example.com:443`.
    pub allowed_origins: Vec<String>,
    /// The names under which the server may be called.
    pub hosts: Hosts,
    /// Who may call. The handle is shared: a change of it holds from the next request on.
    pub access: Access,
    /// What clients may take up before they have said a word of the protocol.
    pub connections: ConnectionBounds,
}

/// Serves until `stop` is cancelled, then finishes the requests under way. Dropping the future closes every
/// connection.
///
/// # Errors
/// None today; a listener that fails for a moment is asked again.
pub async fn serve(
    listener: TcpListener,
    runner: Arc<Runner>,
    options: &HttpOptions,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let router = router(runner, options, &stop);
    listener::serve(listener, router, &options.connections, &stop).await;
    Ok(())
}

/// The routes, for a server of one's own. Needs a runtime of tokio around it.
pub fn router(runner: Arc<Runner>, options: &HttpOptions, stop: &CancellationToken) -> Router {
    let sessions = Arc::new(Sessions::new());
    tokio::spawn(Arc::clone(&sessions).sweep(runner.changes(), stop.clone()));
    let endpoint = Endpoint::new(
        Handler::new(Arc::clone(&runner)),
        options.access.clone(),
        Bodies::new(options.connections.body_timeout),
        sessions,
        settings(options, &last_words(stop)),
    );
    let answering = any(endpoint::answer).with_state(Arc::new(endpoint));
    Router::new()
        .route(ENDPOINT, answering.clone())
        .route(&format!("{ENDPOINT}/"), answering)
        .merge(auth::metadata(&runner, &options.access))
        .merge(figures::routes(&runner, options))
        .route("/healthz", get(health).with_state(runner))
}

/// Serves the figures alone, for a runner whose calls come another way, until `stop` is cancelled.
pub async fn serve_figures(
    listener: TcpListener,
    runner: Arc<Runner>,
    options: &HttpOptions,
    stop: CancellationToken,
) {
    let router = figures::routes(&runner, options)
        .route("/healthz", get(health).with_state(Arc::clone(&runner)));
    listener::serve(listener, router, &options.connections, &stop).await;
}

/// A token that is cancelled a moment after `stop`: it cuts open streams off, and what ended because the server
/// stops still has its answer to send.
fn last_words(stop: &CancellationToken) -> CancellationToken {
    let cut_off = CancellationToken::new();
    let (stop, cutting) = (stop.clone(), cut_off.clone());
    tokio::spawn(async move {
        stop.cancelled().await;
        sleep(LAST_WORDS).await;
        cutting.cancel();
    });
    cut_off
}

fn settings(options: &HttpOptions, cut_off: &CancellationToken) -> StreamableHttpServerConfig {
    let origins = LOCAL_ORIGINS.iter().map(|origin| (*origin).to_owned());
    StreamableHttpServerConfig::default()
        .with_json_response(true)
        .with_max_request_body_bytes(body::MAX_BYTES)
        .with_allowed_origins(origins.chain(options.allowed_origins.iter().cloned()))
        .enforce_origin_validation()
        .with_allowed_hosts(options.hosts.allowed())
        .with_cancellation_token(cut_off.clone())
}

/// Whether the server takes calls, for load balancers and supervisors. Needs no token, tells no names.
async fn health(State(runner): State<Arc<Runner>>) -> Response {
    let (status, word) = if runner.is_stopping() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else {
        (StatusCode::OK, "ok")
    };
    let body = json!({"status": word, "tools": runner.catalog().tools().len()});
    (status, axum::Json(body)).into_response()
}

/// The URL of the endpoint at `address`.
pub fn endpoint_url(address: SocketAddr) -> String {
    format!("http://{address}{ENDPOINT}")
}
