//! A bug of ours is answered.

use std::panic::AssertUnwindSafe;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use serde_json::Value;

use crate::mcp::malformed;

/// Answers a request whose handling panicked with 500, instead of closing its connection without a word.
pub(super) async fn answered(handling: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(handling)
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
    use super::*;

    #[tokio::test]
    async fn a_panic_is_answered() {
        let broken = async { panic!("as a bug would") };
        let response = answered(broken).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
