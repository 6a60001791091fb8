//! Whether what came is what was expected.

use std::borrow::Cow;

use serde_json::Value;

use super::lines::{beginning, clipped, diff};
use super::members::{Extent, differences};
use super::verdict::Mismatch;
use crate::batch::Ended;
use crate::telemetry::Redactor;
use crate::tool::{Expectation, ExpectedError, Failure};

/// What a call gave, as a whole.
pub(super) struct Came<'a> {
    ended: &'a Ended,
    /// What it printed.
    text: Cow<'a, str>,
    /// Whether a part of that is missing.
    is_cut: bool,
    hidden: &'a Redactor,
}

impl<'a> Came<'a> {
    /// What `ended` gave; `stored` is the text where the answer holds a part of it only. Of a failure it is what was
    /// printed before. What is `hidden` is in no mismatch.
    pub(super) fn new(ended: &'a Ended, stored: Option<String>, hidden: &'a Redactor) -> Self {
        let (own, is_cut) = match &ended.result {
            Ok(output) => (output.text.as_str(), output.is_cut),
            Err(failure) => (data(failure, "stdout"), false),
        };
        Self {
            ended,
            is_cut: is_cut && stored.is_none(),
            text: stored.map_or(Cow::Borrowed(own), Cow::Owned),
            hidden,
        }
    }

    /// The text but for the line break at its end.
    fn trimmed(&self) -> &str {
        trimmed(&self.text)
    }

    fn shown(&self) -> String {
        self.hidden.text(self.trimmed())
    }

    /// The JSON it is, if it is JSON.
    fn json(&self) -> Result<Cow<'_, Value>, serde_json::Error> {
        match &self.ended.result {
            Ok(output) if output.structured.is_some() => Ok(Cow::Borrowed(
                output.structured.as_ref().unwrap_or(&Value::Null),
            )),
            _ => serde_json::from_str(self.trimmed()).map(Cow::Owned),
        }
    }

    fn mismatch(&self, key: &'static str, message: &str, details: Vec<String>) -> Mismatch {
        let mut message = self.hidden.text(message);
        if self.is_cut {
            message.push_str(
                " (a part of the output is left out: raise `output.max_bytes` or `inline_bytes`)",
            );
        }
        Mismatch {
            key,
            message,
            details,
        }
    }
}

/// Every way in which what came is not as expected; empty where it is.
pub(super) fn judge(expect: &Expectation, came: &Came<'_>) -> Vec<Mismatch> {
    let mut found: Vec<Mismatch> = failure(expect, came).into_iter().collect();
    // What is wrong with the output of a call that should not have failed is that it failed.
    if found.is_empty() {
        found.extend(contains(expect, came));
        found.extend(equals(expect, came));
        found.extend(matches(expect, came));
        found.extend(json(expect, came));
    }
    found
}

fn failure(expect: &Expectation, came: &Came<'_>) -> Option<Mismatch> {
    let failure = match (&came.ended.result, expect.wants_failure()) {
        (Ok(_), false) => return None,
        (Ok(_), true) => {
            let message = format!("the call should fail {}, and it succeeded", wanted(expect));
            return Some(came.mismatch("error", &message, beginning('+', &came.shown())));
        }
        (Err(failure), false) => {
            return Some(came.mismatch("error", "the call failed", described(failure, came)));
        }
        (Err(failure), true) => failure,
    };
    let holds = match expect.error.as_ref()? {
        ExpectedError::Any(_) => true,
        ExpectedError::Code(code) => failure.code == *code,
        ExpectedError::Status(status) => ["exit_code", "status"].into_iter().any(|key| {
            let found = failure.data.get(key).and_then(Value::as_i64);
            found == Some(*status)
        }),
        ExpectedError::Text(text) => {
            let places = [&failure.message, data(failure, "stderr"), &came.text];
            places.into_iter().any(|place| place.contains(text))
        }
    };
    (!holds).then(|| {
        let message = format!("the call should fail {}", wanted(expect));
        came.mismatch("error", &message, described(failure, came))
    })
}

fn wanted(expect: &Expectation) -> String {
    match &expect.error {
        Some(ExpectedError::Code(code)) => format!("with {}", code.code()),
        Some(ExpectedError::Status(status)) => format!("with exit status or HTTP status {status}"),
        Some(ExpectedError::Text(text)) => format!("with `{}`", clipped(text)),
        Some(ExpectedError::Any(_)) | None => "in some way".to_owned(),
    }
}

/// How a call failed, with the end of what it said.
fn described(failure: &Failure, came: &Came<'_>) -> Vec<String> {
    let message = came.hidden.text(&failure.message);
    let mut lines = vec![format!("+ {}: {}", failure.code.code(), clipped(&message))];
    for (stream, text) in [
        ("standard output", &*came.text),
        ("standard error", data(failure, "stderr")),
    ] {
        let text = came.hidden.text(text);
        if !text.trim().is_empty() {
            lines.push(format!("  {stream}:"));
            lines.extend(beginning('+', &text));
        }
    }
    lines
}

fn contains(expect: &Expectation, came: &Came<'_>) -> Option<Mismatch> {
    let text = expect.contains.as_ref()?;
    (!came.text.contains(text.as_str())).then(|| {
        let mut details = beginning('-', &came.hidden.text(text));
        details.extend(beginning('+', &came.shown()));
        came.mismatch("contains", "the output does not contain the text", details)
    })
}

fn equals(expect: &Expectation, came: &Came<'_>) -> Option<Mismatch> {
    let expected = expect.equals.as_ref()?;
    if let Value::String(text) = expected {
        let as_json = || came.json().is_ok_and(|got| *got == *expected);
        let is_same = trimmed(text) == came.trimmed() || as_json();
        return (!is_same).then(|| {
            let details = diff(&came.hidden.text(trimmed(text)), &came.shown());
            came.mismatch("equals", "the output is not the expected one", details)
        });
    }
    members("equals", expected, Extent::Whole, came)
}

fn json(expect: &Expectation, came: &Came<'_>) -> Option<Mismatch> {
    members("json", expect.json.as_ref()?, Extent::Part, came)
}

fn members(
    key: &'static str,
    expected: &Value,
    extent: Extent,
    came: &Came<'_>,
) -> Option<Mismatch> {
    let got = match came.json() {
        Ok(got) => got,
        Err(error) => {
            let message = format!("the output is not JSON: {error}");
            return Some(came.mismatch(key, &message, beginning('+', &came.shown())));
        }
    };
    let found = differences(expected, &got, extent);
    (!found.is_empty()).then(|| {
        let hidden = found.iter().map(|line| came.hidden.text(line)).collect();
        came.mismatch(key, "the JSON is not the expected one", hidden)
    })
}

fn matches(expect: &Expectation, came: &Came<'_>) -> Option<Mismatch> {
    let pattern = expect.matches.as_ref()?;
    (!pattern.is_match(&came.text)).then(|| {
        let mut details = beginning('-', pattern.as_str());
        details.extend(beginning('+', &came.shown()));
        came.mismatch("matches", "no part of the output matches", details)
    })
}

fn data<'a>(failure: &'a Failure, key: &str) -> &'a str {
    failure
        .data
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn trimmed(text: &str) -> &str {
    text.trim_end_matches(['\n', '\r'])
}
