//! What came of one call of a batch.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::caller::Ended;
use crate::tool::{Failure, FailureCode, Output, StoredOutput};

/// What came of one call of a batch.
#[derive(Clone, Debug)]
pub struct CallResult {
    /// The call's id in the batch.
    pub call_id: String,
    /// Its tool, as the batch names it.
    pub tool_name: String,
    /// How it ended.
    pub ended: Ended,
    /// Whether it was never tried: something it waits for failed, or the batch ended first.
    pub skipped: bool,
    /// Bytes of what the tool said that are no longer here, because the results before it took all the room.
    pub left_out: usize,
}

impl CallResult {
    /// Whether it has a result.
    pub const fn succeeded(&self) -> bool {
        self.ended.result.is_ok()
    }

    /// What came of a call, whole.
    pub(super) const fn of(
        call_id: String,
        tool_name: String,
        ended: Ended,
        skipped: bool,
    ) -> Self {
        Self {
            call_id,
            tool_name,
            ended,
            skipped,
            left_out: 0,
        }
    }

    /// The same without what the tool said.
    pub(super) fn emptied(&self) -> Self {
        let result = match &self.ended.result {
            Ok(output) => Ok(Output {
                stored: output.stored.clone(),
                ..Output::default()
            }),
            Err(failure) => {
                let mut short = Failure::new(failure.code, failure.message.as_str());
                short.remediation.clone_from(&failure.remediation);
                short.retry_after = failure.retry_after;
                short.stored.clone_from(&failure.stored);
                Err(short)
            }
        };
        Self {
            call_id: self.call_id.clone(),
            tool_name: self.tool_name.clone(),
            ended: Ended {
                result,
                timing: self.ended.timing,
                warnings: self.ended.warnings.clone(),
            },
            skipped: self.skipped,
            left_out: self.bytes(),
        }
    }

    /// `{call_id, tool_name, success, result | error, timing, warnings}`.
    pub fn to_json(&self) -> Value {
        let mut object = self.head();
        match &self.ended.result {
            Ok(_) if self.left_out > 0 => {
                object.insert("result".into(), Value::Null);
            }
            Ok(output) => {
                object.insert("result".into(), shown(output));
            }
            Err(failure) => object.extend(error(failure)),
        }
        if let Some(stored) = self.stored() {
            object.insert("output".into(), stored.to_json());
        }
        if self.left_out > 0 {
            let note = format!(
                "{} bytes are left out: results before it took the room",
                self.left_out
            );
            object.insert("cut".into(), note.into());
        }
        self.tail(object)
    }

    /// Where all that the tool printed is kept, where it was too long for any answer.
    pub(super) fn stored(&self) -> Option<&StoredOutput> {
        match &self.ended.result {
            Ok(output) => output.stored.as_ref(),
            Err(failure) => failure.stored.as_ref(),
        }
    }

    fn head(&self) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("call_id".into(), self.call_id.as_str().into());
        object.insert("tool_name".into(), self.tool_name.as_str().into());
        object.insert("success".into(), self.succeeded().into());
        object
    }

    fn tail(&self, mut object: Map<String, Value>) -> Value {
        if !self.skipped {
            object.insert("timing".into(), self.ended.timing.to_json());
        }
        if !self.ended.warnings.is_empty() {
            object.insert("warnings".into(), json!(self.ended.warnings));
        }
        Value::Object(object)
    }

    /// About how many bytes what the tool said takes in an answer.
    pub(super) fn bytes(&self) -> usize {
        match &self.ended.result {
            Ok(output) => output.text.len(),
            Err(failure) => {
                let texts = failure.data.values().filter_map(Value::as_str);
                texts.map(str::len).sum()
            }
        }
    }
}

fn error(failure: &Failure) -> Map<String, Value> {
    match failure.envelope() {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// A result as callers see it: the JSON it is, or its text.
fn shown(output: &Output) -> Value {
    output
        .structured
        .clone()
        .unwrap_or_else(|| Value::String(output.text.clone()))
}

/// A result as references see it: the JSON it is, or its text without the line break at its end, as
/// `$(...)` gives it in a shell.
pub(super) fn referred(output: &Output) -> Cow<'_, Value> {
    if let Some(value) = &output.structured {
        Cow::Borrowed(value)
    } else {
        Cow::Owned(output.text.trim_end_matches(['\n', '\r']).into())
    }
}

/// `dependency` gave no result; `root` is the failed call that began it.
pub(super) fn dependency_failed(dependency: &str, root: &str) -> Failure {
    let because = if dependency == root {
        String::new()
    } else {
        format!(", because `{root}` failed")
    };
    Failure::new(
        FailureCode::DependencyFailed,
        format!("not run: it needs `{dependency}`, which gave no result{because}"),
    )
    .remediation(format!(
        "see why `{root}` failed, mend it, and send it again with what depends on it"
    ))
    .with("dependency", dependency)
    .with("failed", root)
}
