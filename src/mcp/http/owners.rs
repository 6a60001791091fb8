//! Sessions kept to the clients that opened them.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::sessions::{SESSION_ID, Sessions};
use crate::mcp::Client;

/// Keeps each session to the client that opened it. To any other client it is a session that does not exist:
/// an id that was seen by somebody else must not be enough to use it.
pub(super) async fn kept_to_their_clients<F: Future<Output = Response>>(
    sessions: &Sessions,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let client = request.extensions().get::<Client>().cloned();
    if let Some(id) = request.headers().get(SESSION_ID) {
        let id = id.to_str().unwrap_or_default();
        if !sessions.may_use(id, client.as_ref()) {
            return (StatusCode::NOT_FOUND, "Not Found: Session not found").into_response();
        }
        return next(request).await;
    }
    let response = next(request).await;
    let opened = response.headers().get(SESSION_ID);
    if let (Some(client), Some(Ok(id))) = (&client, opened.map(HeaderValue::to_str)) {
        sessions.belongs_to(id, client);
    }
    response
}
