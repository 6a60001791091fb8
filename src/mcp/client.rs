//! Who sends a request, where that was asked.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::response::Response;
use rmcp::RoleServer;
use rmcp::service::RequestContext;

use crate::tool::ToolAccess;

/// Who sends a request, as its token says. Where tokens are asked for, every request of the endpoint carries one
/// in its extensions; what a client says of itself decides nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    name: Arc<str>,
    tools: ToolAccess,
}

impl Client {
    /// A client of that name, and the tools it may use.
    pub fn new(name: impl Into<Arc<str>>, tools: ToolAccess) -> Self {
        Self {
            name: name.into(),
            tools,
        }
    }

    /// Its name, for limits, logs and what belongs to it.
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The tools it may use.
    pub const fn tools(&self) -> &ToolAccess {
        &self.tools
    }

    /// The client whose request is answered in `context`; `None` where nobody was asked for a token. A session is
    /// used by many requests, each with its own token, so this is asked of every one.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Option<&Self> {
        context.extensions.get::<Parts>()?.extensions.get()
    }
}

tokio::task_local! {
    /// The client whose request is being read.
    static READING_FOR: Client;
}

/// Lets [`may_be_told_of`] know whose request is read.
pub(super) async fn read_for_its_client<F: Future<Output = Response>>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    match request.extensions().get::<Client>().cloned() {
        Some(client) => READING_FOR.scope(client, next(request)).await,
        None => next(request).await,
    }
}

/// Whether the client whose request is being read may know that there is such a tool. Before a call is handled
/// the SDK compares its headers with the tool's schema, and asks for that without saying for whom: what it then
/// finds wrong would tell of tools that the client must not know.
pub(super) fn may_be_told_of(tool: &str) -> bool {
    READING_FOR
        .try_with(|client| client.tools.allows(tool))
        .unwrap_or(true)
}
