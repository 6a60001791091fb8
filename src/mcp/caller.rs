//! What a client says of itself and of its call, as far as it can be believed.

use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::Implementation;
use rmcp::service::RequestContext;
use serde_json::Value;
use tokio::time::Instant;

use super::Client;
use super::revision::Revision;
use crate::tool::{CallContext, ItemSink, Owner, ProgressSink, Tape, ToolAccess, TraceContext};

/// The longest client name that is handed on, in characters.
const MAX_NAME: usize = 128;

/// Who asks, and what they grant and hand on.
pub(super) fn call_context(context: &RequestContext<RoleServer>) -> CallContext {
    CallContext {
        client: client_name(context),
        tools: tool_access(context),
        owner: owner(context),
        progress: ProgressSink::default(),
        items: ItemSink::default(),
        budget: context
            .meta
            .get("timeout_ms")
            .and_then(Value::as_u64)
            .map(Duration::from_millis),
        received: Some(Instant::now()),
        is_confirmed: false,
        trace: TraceContext::new(
            context.meta.get_traceparent(),
            context.meta.get_tracestate(),
            context.meta.get_baggage(),
        ),
        started: None,
        gate: None,
        tape: Tape::default(),
        takes_all: false,
    }
}

/// Whose outputs the client's are. Without authentication nobody is anybody in particular: a handle opens its
/// output for whoever has it.
pub(super) fn owner(context: &RequestContext<RoleServer>) -> Owner {
    Client::of(context).map_or(Owner::Bearer, |client| {
        Owner::Client(Arc::clone(client.name()))
    })
}

/// Whether the client may be told the handles of all outputs of its own. Over HTTP clients that have not said who
/// they are would be told each other's.
pub(super) fn may_list(context: &RequestContext<RoleServer>) -> bool {
    let is_http = context
        .extensions
        .get::<axum::http::request::Parts>()
        .is_some();
    !is_http || owner(context) != Owner::Bearer
}

/// The name of the client's token; where none is asked for, the client's own word for itself.
fn client_name(context: &RequestContext<RoleServer>) -> String {
    match Client::of(context) {
        Some(client) => client.name().to_string(),
        // Without a session a request speaks for itself; the SDK would fall back to a name of its own.
        None if Revision::of(context.protocol_version()).is_stateless() => {
            named(context.meta.client_info())
        }
        None => named(context.client_info()),
    }
}

fn named(client: Option<Implementation>) -> String {
    client.map(|client| name(&client.name)).unwrap_or_default()
}

/// The tools the client may use. Any other is unknown to it, in the list, in calls and in hints: a refusal with
/// `insufficient_scope` (RFC 6750, section 3.1) would tell that the tool is there, and would send the client for
/// a wider token where none is issued.
pub(super) fn tool_access(context: &RequestContext<RoleServer>) -> ToolAccess {
    Client::of(context).map_or_else(ToolAccess::all, |client| client.tools().clone())
}

/// A client's name on one line and of bounded length: it goes into logs and into the environment of scripts.
fn name(given: &str) -> String {
    given
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_NAME)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_on_its_line() {
        assert_eq!(name("a\n\0b\u{1b}[2J é"), "ab[2J é");
        assert_eq!(name(&"é".repeat(1000)).chars().count(), MAX_NAME);
    }
}
