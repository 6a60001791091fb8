//! From a broken connection to a failure. No message holds a URL or a header.

use std::error::Error;
use std::time::Duration;

use super::answer::hide;
use super::exchange::{Received, Trouble};
use crate::executor::given_up::GivenUp;
use crate::executor::output::{Captured, excerpt, with_items};
use crate::executor::script::Time;
use crate::executor::verdict::millis;
use crate::tool::{Call, Failure, FailureCode, Http, Secrets, spoken};

/// Why there is no answer.
pub(super) fn failure(call: &Call, http: &Http, trouble: &Trouble) -> Failure {
    let tool = &call.tool.name;
    let error = match trouble {
        Trouble::Connection(error) => error,
        Trouble::Circles => {
            return Failure::new(
                FailureCode::HttpError,
                format!("`{tool}` was redirected more than 10 times"),
            )
            .remediation("the service sends requests in circles: look at its URL in the file");
        }
    };
    if let Some(within) = call.tool.limits.connect
        && error.is_connect()
        && error.is_timeout()
    {
        return Failure::new(
            FailureCode::HttpError,
            format!("`{tool}` could not connect to its service within {}", spoken(within)),
        )
        .remediation("the service may be down or busy: try again later, or raise `connect` in the tool's class of `timeouts`")
        .with("connect_timeout_ms", millis(within));
    }
    let reason = http.secrets.hide(&reason(error));
    let (what, remediation) = if error.is_builder() {
        ("could not make its request", "look at `http` in the file")
    } else if reason.contains("certificate") {
        (
            "could not trust its service",
            "a private authority's certificate can be named by `SSL_CERT_FILE` where the runner is started",
        )
    } else if error.is_connect() {
        (
            "could not connect to its service",
            "the service may be down, or the URL or the proxy variables wrong: try again later",
        )
    } else {
        (
            "got no whole answer from its service",
            "the connection broke off; where calling twice does no harm, call again",
        )
    };
    Failure::new(FailureCode::HttpError, format!("`{tool}` {what}: {reason}"))
        .remediation(remediation)
}

/// The innermost reason, which is the system's or the protocol's own word and knows no URL.
fn reason(error: &reqwest::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if std::ptr::addr_eq(innermost, error) {
        return "the request failed".to_owned();
    }
    let reason = innermost.to_string();
    // Some reasons end with the address of a manual, which says nothing to a caller.
    let address = reason.find(": https://").unwrap_or(reason.len());
    reason[..address].to_owned()
}

/// The beginning and the end of a body for a message. Secrets are taken out first, so that none is cut in two.
pub(super) fn shown(body: &Captured, secrets: &Secrets, head: usize, tail: usize) -> String {
    let hidden = |bytes: &[u8]| secrets.hide(&String::from_utf8_lossy(bytes)).into_bytes();
    let (first, last) = (hidden(&body.head), hidden(&body.tail));
    let body = Captured {
        total: body.missing() + (first.len() + last.len()) as u64,
        head: first,
        tail: last,
    };
    excerpt(&body, head, tail).text
}

/// What is said of a request that was given up, with what had come of its answer.
pub(super) async fn given_up(
    call: &Call,
    http: &Http,
    time: &Time,
    why: GivenUp,
    received: Received,
    ran: Duration,
) -> Failure {
    let failure = why.failure(call, time, "was given up", ran);
    let (head, recorded) = received.finish().await;
    let Some(head) = head else {
        return failure;
    };
    let inline = call.tool.output.inline_bytes;
    let shown = shown(
        &recorded.captured,
        &http.secrets,
        inline - inline / 2,
        inline / 2,
    );
    let failure = failure
        .with("status", head.status.as_u16())
        .with("body", shown)
        .stored(recorded.kept.output().cloned());
    let Some(lines) = &recorded.lines else {
        return failure;
    };
    let mut failure = with_items(failure, lines, &recorded.captured, &call.tool.output);
    // The body says the same, and has no secrets.
    failure.data.shift_remove("stdout");
    if let Some(items) = failure.data.get_mut("items") {
        hide(items, &http.secrets);
    }
    failure
}
