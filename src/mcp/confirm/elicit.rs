//! The question on an open session, and the wait for its answer (2025-06-18, "Elicitation").

use std::time::Duration;

use axum::http::request::Parts;
use rmcp::RoleServer;
use rmcp::model::{ClientResult, ElicitRequest, ServerRequest};
use rmcp::service::{PeerRequestOptions, RequestContext, RequestHandle, ServiceError};
use tokio::time::{sleep, timeout};

use super::answer::{self, Said};
use crate::mcp::http::SESSION_ID;
use crate::mcp::in_flight;
use crate::mcp::progress::Teller;
use crate::runner::Runner;
use crate::tool::Call;

/// How long a call waits for a person, where its caller grants no less.
pub(in crate::mcp) const PATIENCE: Duration = Duration::from_mins(5);

/// How long a client may take to hear that its question is over.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What came of a question.
#[derive(Debug)]
pub(super) enum Heard {
    /// The person's word.
    Said(Said),
    /// The client can ask nobody after all, or gave an answer that is none.
    NoAnswer,
    /// Nobody answered within this time.
    TooLate(Duration),
    /// The client called the call off, or left.
    CalledOff,
    /// The runner is stopping.
    Stopping,
}

/// Whether a request can be sent to the client of `context`: over HTTP that takes a session, whose client posts its
/// answer there. Without one the SDK would send the question and never see the answer.
pub(super) fn reaches_the_client(context: &RequestContext<RoleServer>) -> bool {
    context
        .extensions
        .get::<Parts>()
        .is_none_or(|parts| parts.headers.contains_key(SESSION_ID))
}

/// Asks, and waits for the answer. Meanwhile the client is told that the call is alive, where it wants that.
pub(super) async fn ask(
    message: String,
    call: &Call,
    teller: &mut Teller,
    context: &RequestContext<RoleServer>,
    runner: &Runner,
) -> Heard {
    let left = call.context.remaining(tokio::time::Instant::now());
    let patience = left.map_or(PATIENCE, |left| left.min(PATIENCE));
    let ended = in_flight::ended(context);
    let over = async {
        tokio::select! {
            () = sleep(patience) => Heard::TooLate(patience),
            () = context.ct.cancelled() => Heard::CalledOff,
            () = ended.cancelled() => Heard::CalledOff,
            () = runner.stopping() => Heard::Stopping,
        }
    };
    tokio::pin!(over);
    let question = ElicitRequest::new(answer::question(message));
    let options = PeerRequestOptions::no_options();
    let sending = context
        .peer
        .send_cancellable_request(ServerRequest::ElicitRequest(question), options);
    let mut asked = tokio::select! {
        asked = sending => match asked {
            Ok(asked) => asked,
            Err(error) => return unheard(&error),
        },
        over = &mut over => return over,
    };
    let telling = async {
        loop {
            let progress = teller.next().await;
            teller.tell(progress, context).await;
        }
    };
    let heard = tokio::select! {
        answer = &mut asked.rx => return match answer {
            Ok(Ok(ClientResult::ElicitResult(answer))) => Heard::Said(answer::said(&answer)),
            Ok(Ok(_)) => Heard::NoAnswer,
            Ok(Err(error)) => unheard(&error),
            Err(_) => Heard::CalledOff,
        },
        over = &mut over => over,
        () = telling => Heard::CalledOff,
    };
    take_back(asked).await;
    heard
}

/// Tells the client that nobody waits for the answer any more; the SDK forgets the question with that. Over HTTP it
/// tells so on the session's own stream, not on that of the call.
async fn take_back(asked: RequestHandle<RoleServer>) {
    let told = asked.cancel(Some("the call no longer waits for an answer".to_owned()));
    // A client that hears nothing any more is told nothing.
    drop(timeout(LAST_WORD, told).await);
}

fn unheard(error: &ServiceError) -> Heard {
    match error {
        ServiceError::McpError(_) | ServiceError::UnexpectedResponse => Heard::NoAnswer,
        _ => Heard::CalledOff,
    }
}
