//! The runner's figures over HTTP, for those who may call it: `/metrics` for Prometheus, `/status` as JSON.
//!
//! With authentication on, they want a token as the protocol's endpoint does, and show the tools that it opens.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use tokio::task::spawn_blocking;

use super::hosts::refuse_other_names;
use super::{HttpOptions, auth};
use crate::mcp::Client;
use crate::metrics;
use crate::runner::Runner;
use crate::tool::ToolAccess;

/// The client of a request, where one was asked for.
type Asked = Option<Extension<Client>>;

/// The routes of the figures.
pub(super) fn routes(runner: &Arc<Runner>, options: &HttpOptions) -> Router {
    let routes = Router::new()
        .route("/metrics", get(exposition))
        .route("/status", get(status))
        .with_state(Arc::clone(runner));
    auth::protect(routes, &options.access).layer(from_fn_with_state(
        options.hosts.clone(),
        refuse_other_names,
    ))
}

async fn exposition(State(runner): State<Arc<Runner>>, client: Asked) -> Response {
    let access = access(client);
    // Thousands of tools make megabytes.
    match spawn_blocking(move || runner.exposition(&access)).await {
        Ok(text) => {
            let headers = [
                (CONTENT_TYPE, metrics::CONTENT_TYPE),
                (CACHE_CONTROL, "no-store"),
            ];
            (headers, text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn status(State(runner): State<Arc<Runner>>, client: Asked) -> Response {
    let access = access(client);
    match spawn_blocking(move || runner.status(&access)).await {
        Ok(status) => ([(CACHE_CONTROL, "no-store")], Json(status)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn access(client: Asked) -> ToolAccess {
    client.map_or_else(ToolAccess::all, |Extension(client)| client.tools().clone())
}
