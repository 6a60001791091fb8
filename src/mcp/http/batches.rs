//! Arrays of messages, taken apart and answered as one: each message goes the way it would have gone alone.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::body::{MAX_BYTES, overloaded};
use super::sessions::{SESSION_ID, Sessions};
use crate::mcp::{array, malformed};

/// Arrays answered at once, of all clients; held answers take up memory.
const AT_ONCE: usize = 16;

/// The largest answer to one message of an array, in bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// What the arrays of all clients share.
#[derive(Clone)]
pub(super) struct Batches {
    sessions: Arc<Sessions>,
    room: Arc<Semaphore>,
}

impl Batches {
    pub(super) fn new(sessions: Arc<Sessions>) -> Self {
        let room = Arc::new(Semaphore::new(AT_ONCE));
        Self { sessions, room }
    }

    /// Whether the request is of a session whose clients may send arrays, and comes from its own client.
    fn are_served(&self, parts: &Parts) -> bool {
        let session = parts.headers.get(SESSION_ID);
        let Some(session) = session.and_then(|session| session.to_str().ok()) else {
            return false;
        };
        self.sessions.may_use(session, parts.extensions.get())
            && array::may_be_sent_in(self.sessions.revision(session).as_ref())
    }
}

/// Answers an array of a client of 2025-03-26. Progress of its calls is not told: one answer is all it gets.
pub(super) async fn taken_apart<F: Future<Output = Response>>(
    batches: &Batches,
    request: Request,
    next: impl Fn(Request) -> F,
) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(SESSION_ID) {
        return next(request).await;
    }
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, MAX_BYTES).await.unwrap_or_default();
    if !array::is_array(&bytes) || !batches.are_served(&parts) {
        let request = Request::from_parts(parts, Body::from(bytes));
        return next(request).await;
    }
    let Ok(_place) = batches.room.try_acquire() else {
        return overloaded(
            "too many arrays of messages are under way; try again later",
            1,
        );
    };
    let messages = match array::split(&bytes) {
        Ok(messages) => messages,
        Err(refusal) => return (StatusCode::BAD_REQUEST, Json(refusal)).into_response(),
    };
    // A slow one holds up the array, not those behind it.
    let asked = messages
        .into_iter()
        .map(|message| answer(message, parts.clone(), &next));
    let answers: Vec<Value> = futures::stream::iter(asked)
        .buffered(array::MOST)
        .filter_map(std::future::ready)
        .collect()
        .await;
    if answers.is_empty() {
        return StatusCode::ACCEPTED.into_response();
    }
    Json(answers).into_response()
}

/// The answer to one message; `None` for one that wants none, and for a request that was called off.
async fn answer<F: Future<Output = Response>>(
    message: Value,
    mut parts: Parts,
    next: &impl Fn(Request) -> F,
) -> Option<Value> {
    if let Some(refusal) = array::refusal(&message) {
        return Some(refusal);
    }
    let text = message.to_string();
    parts.headers.remove(CONTENT_LENGTH);
    let response = next(Request::from_parts(parts, Body::from(text.clone()))).await;
    let status = response.status();
    if status == StatusCode::ACCEPTED {
        return None;
    }
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        // What the SDK says of a body that is no message.
        return Some(malformed::answer(text.as_bytes()));
    }
    let is_stream = is_event_stream(&response);
    let body = to_bytes(response.into_body(), MAX_ANSWER).await.ok()?;
    let told = if is_stream {
        last_word(&body)
    } else {
        serde_json::from_slice(&body).ok()
    };
    if told.is_some() || status.is_success() {
        return told;
    }
    let id = message.get("id")?;
    let text = String::from_utf8_lossy(&body);
    let text: String = text.chars().take(200).collect();
    Some(malformed::error(malformed::INVALID_REQUEST, &text, id))
}

fn is_event_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// The answer among the events of a stream: what has a result or an error, and no method.
fn last_word(events: &[u8]) -> Option<Value> {
    events
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.strip_prefix(b"data:"))
        .filter_map(|data| serde_json::from_slice::<Value>(data).ok())
        .find(|message| message.get("result").is_some() || message.get("error").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_found_among_the_events() {
        let events = "data:\nid: 0\nretry: 3000\n\ndata: {\"method\":\"notifications/progress\"}\n\ndata: {\"id\":1,\"result\":{}}\n\n";
        assert_eq!(
            last_word(events.as_bytes()),
            Some(serde_json::json!({"id": 1, "result": {}}))
        );
        assert_eq!(last_word(b": nothing\n\n"), None);
    }
}
