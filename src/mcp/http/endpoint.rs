//! The way of a request through the protocol's endpoint, one step inside the other.
//!
//! Plain functions and no layers of a router, each of which would copy all that is behind it for every request.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use super::auth::{self, Access};
use super::batches::{self, Batches};
use super::body::{self, Bodies};
use super::sessions::{self, Sessions};
use super::{hosts, keep_alive, owners, panics};
use crate::mcp::{Handler, client};

/// The endpoint of the protocol.
pub(super) struct Endpoint {
    access: Access,
    bodies: Bodies,
    sessions: Arc<Sessions>,
    batches: Batches,
    sdk: StreamableHttpService<Handler, Sessions>,
}

impl Endpoint {
    /// An endpoint whose requests `handler` answers.
    pub(super) fn new(
        handler: Handler,
        access: Access,
        bodies: Bodies,
        sessions: Arc<Sessions>,
        settings: StreamableHttpServerConfig,
    ) -> Self {
        Self {
            access,
            bodies,
            batches: Batches::new(Arc::clone(&sessions)),
            sdk: StreamableHttpService::new(
                move || Ok(handler.for_connection()),
                Arc::clone(&sessions),
                settings,
            ),
            sessions,
        }
    }

    /// Answers a request: who asks, and how much of it there is, comes before what it says.
    async fn answer(self: Arc<Self>, request: Request) -> Response {
        if let Some(refusal) = hosts::said_twice(&request) {
            return refusal;
        }
        auth::admitted(&self.access, request, |request| {
            panics::answered(body::mended(&self.bodies, request, |request| {
                sessions::within_the_bound(&self.sessions, request, |request| {
                    keep_alive::kept_alive(request, |request| Arc::clone(&self).spoken(request))
                })
            }))
        })
        .await
    }

    /// Answers a request whose body is there. Needs nothing but itself, so that it can outlive its begun response.
    async fn spoken(self: Arc<Self>, request: Request) -> Response {
        batches::taken_apart(&self.batches, request, |request| {
            owners::kept_to_their_clients(&self.sessions, request, |request| {
                client::read_for_its_client(request, |request| self.handled(request))
            })
        })
        .await
    }

    /// Hands a request to the SDK.
    async fn handled(&self, request: Request) -> Response {
        // Its future is large, and every step before this one would carry it.
        let handling = Box::pin(self.sdk.handle(request));
        handling.await.map(Body::new)
    }
}

/// Answers a request as a router hands it over.
pub(super) async fn answer(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response {
    endpoint.answer(request).await
}
