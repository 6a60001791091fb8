//! A bug of ours is answered.

use std::panic::AssertUnwindSafe;

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use serde_json::Value;

use crate::mcp::malformed;

/// Answers a request whose handling panicked with 500, instead of closing its connection without a word.
pub(super) async fn answer(request: Request, next: Next) -> Response {
    AssertUnwindSafe(next.run(request))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| {
            let message = "a bug of the runner ended this request; the server goes on";
            let error = malformed::error(malformed::INTERNAL_ERROR, message, &Value::Null);
            (StatusCode::INTERNAL_SERVER_ERROR, Json(error)).into_response()
        })
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;

    use super::*;

    async fn broken() -> StatusCode {
        panic!("as a bug would");
    }

    #[tokio::test]
    async fn a_panic_is_answered() {
        let router = Router::new().route("/", get(broken)).layer(from_fn(answer));
        let request = Request::new(Body::empty());
        let response = TowerToHyperService::new(router)
            .call(request)
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
