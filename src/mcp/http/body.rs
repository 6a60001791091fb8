//! Bodies that cannot be read, refused in the protocol's own words.
//!
//! The SDK answers a body that is no JSON-RPC message with status 415 and a line of text, and a client that
//! accepts anything with 406. JSON-RPC 2.0 has codes for the first, HTTP a meaning for the second.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::mcp::{malformed, tasks};

/// The largest request body, in bytes.
pub(super) const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Bodies up to this length are taken as they come: the bounds on connections and on waiting calls bound them.
const SMALL: usize = 64 * 1024;

/// Bytes that bodies past [`SMALL`] may take up together, from their arrival to the end of their calls.
const MAX_LARGE: usize = 64 * 1024 * 1024;

/// What is still taken from a client whose body is refused, in bytes, and for how long: one that is still
/// sending when its connection closes never sees the answer.
const MAX_DISCARDED: usize = 64 * 1024 * 1024;
const DISCARDING: Duration = Duration::from_secs(2);

/// The longest refusal that is handed on as the SDK words it, in bytes.
const LONGEST_REFUSAL: u64 = 2048;

/// What the bodies of all requests share.
#[derive(Clone, Debug)]
pub(super) struct Bodies {
    /// How long a client may take to send a body.
    patience: Duration,
    /// Bytes that large bodies may still take up.
    room: Arc<Semaphore>,
}

/// A whole body, and what it takes up.
struct Whole {
    bytes: Bytes,
    taken: Vec<OwnedSemaphorePermit>,
}

/// Why a body was not read to its end.
enum Unread {
    TooLarge,
    BrokenOff,
    NoRoom,
}

impl Bodies {
    /// Bodies that take at most `patience` to arrive.
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            room: Arc::new(Semaphore::new(MAX_LARGE)),
        }
    }

    async fn read(&self, chunks: &mut BodyDataStream) -> Result<Whole, Unread> {
        let mut bytes = Vec::new();
        let mut taken = Vec::new();
        let mut room = SMALL;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Unread::BrokenOff)?;
            let length = bytes.len() + chunk.len();
            if length > MAX_BYTES {
                return Err(Unread::TooLarge);
            }
            while length > room {
                taken.push(self.take(SMALL)?);
                room += SMALL;
            }
            bytes.extend_from_slice(&chunk);
        }
        let bytes = Bytes::from(bytes);
        Ok(Whole { bytes, taken })
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Unread> {
        let count = u32::try_from(bytes).unwrap_or(u32::MAX);
        Arc::clone(&self.room)
            .try_acquire_many_owned(count)
            .map_err(|_| Unread::NoRoom)
    }
}

/// Reads the body under a bound of size and time, and translates what the SDK says of one it cannot use.
pub(super) async fn mended<F: Future<Output = Response>>(
    bodies: &Bodies,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    if request.method() != Method::POST {
        return next(request).await;
    }
    accept_what_anything_includes(request.headers_mut());
    let is_json = has_json_type(request.headers());
    let (mut parts, body) = request.into_parts();
    let mut chunks = body.into_data_stream();
    if declared_length(&parts.headers).is_some_and(|length| length > MAX_BYTES as u64) {
        // A client that asks first sends nothing now.
        if !parts.headers.contains_key(EXPECT) {
            discard(&mut chunks).await;
        }
        return unread(&Unread::TooLarge);
    }
    let whole = match timeout(bodies.patience, bodies.read(&mut chunks)).await {
        Ok(Ok(whole)) => whole,
        Ok(Err(reason)) => {
            discard(&mut chunks).await;
            return unread(&reason);
        }
        Err(_) => return too_slow(bodies.patience),
    };
    // The SDK hands the extensions to the call, which ends when it ends, wherever its answer goes.
    parts.extensions.insert(Arc::new(whole.taken));
    let bytes = match tasks::marked(&whole.bytes) {
        Cow::Borrowed(_) => whole.bytes,
        Cow::Owned(marked) => {
            parts.headers.insert(CONTENT_LENGTH, marked.len().into());
            marked.into()
        }
    };
    let response = next(Request::from_parts(parts, Body::from(bytes.clone()))).await;
    if is_json && response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        return (StatusCode::BAD_REQUEST, Json(malformed::answer(&bytes))).into_response();
    }
    if response.status().is_client_error() {
        return shortened(response).await;
    }
    response
}

/// A refusal without the caller's own megabytes: the SDK repeats what it refuses.
async fn shortened(response: Response) -> Response {
    if response.body().size_hint().lower() <= LONGEST_REFUSAL {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let read = to_bytes(body, 2 * MAX_BYTES).await.unwrap_or_default();
    let answer: Value = serde_json::from_slice(&read).unwrap_or_default();
    let told = |pointer: &str| answer.pointer(pointer).unwrap_or(&Value::Null);
    let message = told("/error/message").as_str().unwrap_or("refused");
    let message: String = message.chars().take(200).collect();
    let code = told("/error/code")
        .as_i64()
        .and_then(|code| i32::try_from(code).ok())
        .unwrap_or(malformed::INVALID_REQUEST);
    let answer = malformed::error(code, &format!("{message}…"), told("/id"));
    parts.headers.remove(CONTENT_LENGTH);
    (parts, Json(answer)).into_response()
}

/// Reads on for a moment and keeps nothing.
async fn discard(chunks: &mut BodyDataStream) {
    let discarding = async {
        let mut discarded = 0;
        while let Some(Ok(chunk)) = chunks.next().await {
            discarded += chunk.len();
            if discarded > MAX_DISCARDED {
                return;
            }
        }
    };
    // A client that is not done by then has had its time.
    drop(timeout(DISCARDING, discarding).await);
}

/// The length a client announces, so that one that is too large is refused before it is sent.
fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// `*/*` includes both types the protocol answers with.
fn accept_what_anything_includes(headers: &mut HeaderMap) {
    let anything = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| {
            range
                .split(';')
                .next()
                .is_some_and(|range| range.trim() == "*/*")
        });
    if anything || !headers.contains_key(ACCEPT) {
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
    }
}

fn has_json_type(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// The answer to a body that was not taken. The connection is closed after it.
fn unread(reason: &Unread) -> Response {
    let mut response = match reason {
        Unread::TooLarge => {
            let message = format!("the body is larger than {MAX_BYTES} bytes");
            refused(StatusCode::PAYLOAD_TOO_LARGE, &message)
        }
        Unread::BrokenOff => refused(StatusCode::BAD_REQUEST, "the body broke off"),
        Unread::NoRoom => overloaded("too many large requests are under way; try again later", 1),
    };
    close_after(&mut response);
    response
}

fn too_slow(patience: Duration) -> Response {
    let message = format!("the body did not arrive within {} s", patience.as_secs());
    let mut response = refused(StatusCode::REQUEST_TIMEOUT, &message);
    close_after(&mut response);
    response
}

fn close_after(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}

/// A refusal of a request that was not read to its end, so that its id is not known.
pub(super) fn refused(status: StatusCode, message: &str) -> Response {
    let error = malformed::error(malformed::INVALID_REQUEST, message, &Value::Null);
    (status, Json(error)).into_response()
}

/// A refusal of a request there is no room for now, and when it is worth asking again.
pub(super) fn overloaded(message: &str, retry_after_seconds: u64) -> Response {
    let error = malformed::error(malformed::OVERLOADED, message, &Value::Null);
    let mut response = (StatusCode::SERVICE_UNAVAILABLE, Json(error)).into_response();
    let wait = HeaderValue::from(retry_after_seconds);
    response.headers_mut().insert(RETRY_AFTER, wait);
    response
}
