//! One line for each call: in the log, and where it is kept, in the audit log.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::telemetry::{Lines, Redactor, timestamp};
use crate::tool::{
    Arguments, Call, CallContext, CallId, Failure, FailureCode, Outcome, Timing, ToolName,
};

/// The most of a call's arguments in a line of the log, in bytes.
const MOST_ARGUMENTS: usize = 4096;

/// The most of a client's name in a line, in characters: clients choose their own.
const LONGEST_CLIENT: usize = 128;

/// How calls are written down.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// Whether lines of the log have the arguments.
    pub log_arguments: bool,
    /// What is taken out of them.
    pub redactor: Redactor,
    /// Where each call is recorded.
    pub audit: Option<Lines>,
}

/// A call that is written down when it ends.
pub(super) struct Entry {
    journal: Arc<Journal>,
    call: CallId,
    tool: ToolName,
    client: String,
    arguments: Arguments,
    since: Instant,
    is_written: bool,
}

/// What is said of a call.
struct Line<'a> {
    call: &'a CallId,
    tool: &'a str,
    client: &'a str,
    arguments: &'a Map<String, Value>,
    /// What it is but a call that is over.
    step: Option<&'static str>,
    code: Option<FailureCode>,
    timing: Timing,
}

impl Entry {
    /// A call that begins.
    pub(super) fn of(journal: Arc<Journal>, call: &Call) -> Self {
        Self {
            journal,
            call: call.id.clone(),
            tool: call.tool.name.clone(),
            client: shortened(&call.context.client),
            arguments: call.arguments.clone(),
            since: Instant::now(),
            is_written: false,
        }
    }

    /// The span that everything about the call is said in.
    pub(super) fn span(&self) -> tracing::Span {
        tracing::info_span!(
            target: "runner",
            "call",
            call_id = self.call.as_str(),
            client = self.client.as_str(),
            tool = self.tool.as_str(),
        )
    }

    /// Writes down what the call came to.
    pub(super) fn close(mut self, outcome: &Outcome) {
        let failure = outcome.result.as_ref().err();
        self.write(failure.map(|failure| failure.code), outcome.timing);
    }

    fn write(&mut self, code: Option<FailureCode>, timing: Timing) {
        self.is_written = true;
        self.journal.write(&Line {
            call: &self.call,
            tool: self.tool.as_str(),
            client: &self.client,
            arguments: self.arguments.as_object(),
            step: None,
            code,
            timing,
        });
    }
}

impl Drop for Entry {
    /// Whoever drops a call without an answer has called it off.
    fn drop(&mut self) {
        if !self.is_written {
            let timing = Timing {
                ran: self.since.elapsed(),
                ..Timing::default()
            };
            self.write(Some(FailureCode::Cancelled), timing);
        }
    }
}

impl Journal {
    /// Writes down a call that was turned away before it became one.
    pub(super) fn refused(
        &self,
        tool: &str,
        context: &CallContext,
        arguments: &Map<String, Value>,
        failure: &Failure,
    ) {
        let tool: String = tool.chars().take(ToolName::MAX_LENGTH).collect();
        self.write(&Line {
            call: &CallId::random(),
            tool: &tool,
            client: &shortened(&context.client),
            arguments,
            step: None,
            code: Some(failure.code),
            timing: Timing::default(),
        });
    }

    /// Writes down a step of a call on its way to run.
    pub(super) fn step(&self, call: &Call, word: &'static str) {
        self.write(&Line {
            call: &call.id,
            tool: call.tool.name.as_str(),
            client: &shortened(&call.context.client),
            arguments: call.arguments.as_object(),
            step: Some(word),
            code: None,
            timing: Timing::default(),
        });
    }

    /// Whether more is written than a line without arguments.
    pub(super) const fn wants_arguments(&self) -> bool {
        self.log_arguments || self.audit.is_some()
    }

    fn write(&self, line: &Line<'_>) {
        self.log(line);
        if let Some(audit) = &self.audit {
            audit.write(line.record().into_bytes());
        }
    }

    fn log(&self, line: &Line<'_>) {
        let is_wanted =
            self.log_arguments && tracing::enabled!(target: "runner", tracing::Level::INFO);
        let arguments = is_wanted.then(|| self.arguments(line.arguments));
        let timing = &line.timing;
        tracing::info!(
            target: "runner",
            call_id = line.call.as_str(),
            client = line.client,
            tool = line.tool,
            outcome = line.outcome(),
            queued_ms = millis(timing.queued),
            ran_ms = millis(timing.ran),
            attempts = (timing.attempts > 1).then_some(timing.attempts),
            cached = timing.cached.then_some(true),
            arguments = arguments.as_deref(),
            "call"
        );
    }

    /// Arguments as they may be written: without secrets, and not too long.
    fn arguments(&self, arguments: &Map<String, Value>) -> String {
        let mut text = Value::Object(self.redactor.object(arguments)).to_string();
        if text.len() > MOST_ARGUMENTS {
            text.truncate(text.floor_char_boundary(MOST_ARGUMENTS));
            text.push_str("...");
        }
        text
    }
}

impl Line<'_> {
    fn outcome(&self) -> &'static str {
        self.step
            .unwrap_or_else(|| self.code.map_or("OK", FailureCode::code))
    }

    /// The line of the audit log.
    fn record(&self) -> String {
        let timing = &self.timing;
        let record = json!({
            "time": timestamp(SystemTime::now()),
            "call_id": self.call.as_str(),
            "client": self.client,
            "tool": self.tool,
            "arguments_sha256": digest(self.arguments),
            "outcome": self.outcome(),
            "queued_ms": millis(timing.queued),
            "ran_ms": millis(timing.ran),
            "attempts": timing.attempts,
            "cached": timing.cached,
        });
        format!("{record}\n")
    }
}

/// The SHA-256 of arguments, whatever the order of their members, in hexadecimal.
fn digest(arguments: &Map<String, Value>) -> String {
    let mut sorted = Value::Object(arguments.clone());
    sorted.sort_all_objects();
    let digest = Sha256::digest(sorted.to_string());
    let digits = |byte: &u8| {
        [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
    };
    digest.iter().flat_map(digits).collect()
}

fn shortened(client: &str) -> String {
    client.chars().take(LONGEST_CLIENT).collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_members_does_not_change_the_digest() {
        let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let one = digest(&object(r#"{"b":{"y":1,"x":[2,1]},"a":"é"}"#));
        let other = digest(&object(r#"{"a":"é","b":{"x":[2,1],"y":1}}"#));
        assert_eq!(one, other);
        assert_ne!(one, digest(&object(r#"{"a":"é","b":{"x":[1,2],"y":1}}"#)));
        assert_eq!(
            digest(&Map::new()),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
    }

    #[test]
    fn long_arguments_are_cut_at_a_character() {
        let journal = Journal::default();
        let long = json!({"text": "é".repeat(MOST_ARGUMENTS)});
        let text = journal.arguments(long.as_object().unwrap());
        assert!(text.len() <= MOST_ARGUMENTS + 3 && text.ends_with("é..."));
    }
}
