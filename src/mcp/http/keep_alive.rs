//! Signs of life on a response that is long in coming.
//!
//! The SDK sends no byte of a stateless response before its first message, so proxies and clients give a
//! silent call up. A response that takes longer than [`PATIENCE`] is begun as an event stream with comments,
//! which every reader of such a stream skips, and the real one follows in it.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};
use tokio::time::timeout;

/// How long a response may take before its stream is begun.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a comment is sent until the response is there.
const EVERY: Duration = Duration::from_secs(15);

/// A comment of the event stream format: ignored by readers (WHATWG HTML, section 9.2.6).
const COMMENT: Bytes = Bytes::from_static(b": keep-alive\n\n");

const EVENT_STREAM: &str = "text/event-stream";

/// The largest answer that is wrapped into an event after the stream has begun, in bytes.
const MAX_WRAPPED: usize = 64 * 1024 * 1024;

/// Begins the response's stream when the response itself is late. A client that leaves drops the stream and
/// with it the request, which cancels the call.
pub(super) async fn kept_alive<F: Future<Output = Response> + Send + 'static>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let is_streamed = request.method() == Method::POST && accepts_events(request.headers());
    // Its future is large, and every request would carry it through all steps before this one.
    let mut pending = next(request).boxed();
    if !is_streamed {
        return pending.await;
    }
    match timeout(PATIENCE, &mut pending).await {
        Ok(response) => response,
        Err(_) => begun(pending),
    }
}

fn accepts_events(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains(EVENT_STREAM))
}

fn begun(pending: BoxFuture<'static, Response>) -> Response {
    let mut response = Response::new(Body::from_stream(stream(pending)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Where a stream that was begun early stands.
enum Stage {
    /// The first comment goes out at once, so that the client sees the headers.
    Start(BoxFuture<'static, Response>),
    Waiting(BoxFuture<'static, Response>),
    Forwarding(BodyDataStream),
    Done,
}

fn stream(pending: BoxFuture<'static, Response>) -> impl Stream<Item = Result<Bytes, Infallible>> {
    futures::stream::unfold(Stage::Start(pending), |stage| async move {
        let (chunk, stage) = advance(stage).await?;
        Some((Ok(chunk), stage))
    })
}

async fn advance(stage: Stage) -> Option<(Bytes, Stage)> {
    match stage {
        Stage::Start(pending) => Some((COMMENT, Stage::Waiting(pending))),
        Stage::Waiting(mut pending) => match timeout(EVERY, &mut pending).await {
            Err(_) => Some((COMMENT, Stage::Waiting(pending))),
            Ok(response) if is_event_stream(&response) => {
                forward(response.into_body().into_data_stream()).await
            }
            Ok(response) => Some((event(response).await, Stage::Done)),
        },
        Stage::Forwarding(body) => forward(body).await,
        Stage::Done => None,
    }
}

async fn forward(mut body: BodyDataStream) -> Option<(Bytes, Stage)> {
    let chunk = body.next().await?.ok()?;
    Some((chunk, Stage::Forwarding(body)))
}

fn is_event_stream(response: &Response) -> bool {
    response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with(EVENT_STREAM))
}

/// A plain JSON response as one event. JSON on the wire has no line breaks, so one `data` line holds it.
async fn event(response: Response) -> Bytes {
    match to_bytes(response.into_body(), MAX_WRAPPED).await {
        Ok(body) => [b"event: message\ndata: ", body.as_ref(), b"\n\n"]
            .concat()
            .into(),
        Err(error) => {
            tracing::error!(%error, "an answer could not be forwarded");
            Bytes::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn collected(response: Response) -> String {
        let bytes = to_bytes(response.into_body(), 1024).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    async fn late(content_type: &'static str, body: &'static str) -> Response {
        tokio::time::sleep(Duration::from_secs(40)).await;
        let mut response = Response::new(Body::from(body));
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }

    #[tokio::test(start_paused = true)]
    async fn comments_bridge_the_wait_and_json_becomes_an_event() {
        let response = begun(late("application/json", r#"{"id":1}"#).boxed());
        assert_eq!(response.headers()[CONTENT_TYPE], EVENT_STREAM);
        let comments = ": keep-alive\n\n".repeat(3);
        assert_eq!(
            collected(response).await,
            format!("{comments}event: message\ndata: {{\"id\":1}}\n\n")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_is_forwarded_as_it_is() {
        let response = begun(late(EVENT_STREAM, "data: x\n\n").boxed());
        assert!(
            collected(response)
                .await
                .ends_with("keep-alive\n\ndata: x\n\n")
        );
    }
}
