//! What the endpoint says of itself to a client that was turned away (RFC 9728).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use super::Access;
use crate::mcp::http::ENDPOINT;
use crate::runner::Runner;

/// Where clients look for metadata (RFC 9728, section 3), followed by the path of the resource.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The metadata, at the place that belongs to the endpoint and at the one for a whole host, which clients try
/// next. Not there while no token is asked for. Itself it needs none.
pub(in crate::mcp::http) fn metadata(runner: &Arc<Runner>, access: &Access) -> Router {
    let state = (Arc::clone(runner), access.clone());
    Router::new()
        .route(WELL_KNOWN, get(document))
        .route(&format!("{WELL_KNOWN}{ENDPOINT}"), get(document))
        .with_state(state)
}

/// `authorization_servers` is left out, as RFC 9728, section 2, allows: whoever runs this server hands its tokens
/// out by configuration, so there is no place a client could be sent to for one.
async fn document(
    State((runner, access)): State<(Arc<Runner>, Access)>,
    request: Request,
) -> Response {
    if access.is_open() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Some(host) = host(&request) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    axum::Json(json!({
        "resource": format!("http://{host}{ENDPOINT}"),
        "bearer_methods_supported": ["header"],
        "resource_name": runner.catalog().name,
    }))
    .into_response()
}

/// Where the metadata is, as the sender of `request` reaches it.
pub(super) fn metadata_url(request: &Request) -> Option<String> {
    let host = host(request)?;
    Some(format!("http://{host}{WELL_KNOWN}{ENDPOINT}"))
}

/// The host the sender named. It is only ever told to who sent it, and only when it is a plain name or address:
/// it stands in a header within quotation marks.
fn host(request: &Request) -> Option<Authority> {
    let named = match request.headers().get(HOST) {
        Some(host) => host.to_str().ok()?.parse().ok()?,
        // HTTP/2 has no such header.
        None => request.uri().authority()?.clone(),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    Some(named).filter(|host| host.as_str().chars().all(is_plain))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn only_a_plain_host_is_repeated() {
        let url = |host: &str| {
            let request = Request::builder().header(HOST, host);
            metadata_url(&request.body(Body::empty()).unwrap())
        };
        for host in [
            "localhost",
            "127.0.0.1:3000",
            "[::1]:3000",
            "my_tools.example.com",
        ] {
            let expected = format!("http://{host}/.well-known/oauth-protected-resource/mcp");
            assert_eq!(url(host), Some(expected));
        }
        for strange in ["", "user@host", "a\"b", "a,b", "a b", "a/b", "h;x=1"] {
            assert_eq!(url(strange), None, "{strange}");
        }
    }

    #[test]
    fn without_the_header_the_target_names_the_host() {
        let request = Request::builder().uri("http://tools.example/mcp");
        let request = request.body(Body::empty()).unwrap();
        assert_eq!(
            metadata_url(&request).unwrap(),
            "http://tools.example/.well-known/oauth-protected-resource/mcp"
        );
    }
}
