//! Results that an answer has no room for, kept where they can be read.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::report::Report;
use super::result::CallResult;
use crate::store::{Sink, Store};
use crate::tool::{BuiltinTool, Owner, StoredOutput, ToolName};

/// Handles in one answer; with more results than that to keep, all of them go into one output, a line each.
const HANDLES: usize = 100;

/// Bytes that are handed to the disk at once.
const PIECE: usize = 64 * 1024;

/// How long an answer waits for the disk.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the results are that an answer has no room for.
#[derive(Debug, Default)]
pub struct Handles {
    /// By the place of the result in the request.
    each: HashMap<usize, StoredOutput>,
    /// All of them, as JSON lines.
    together: Option<StoredOutput>,
    /// Why some are not kept.
    problem: Option<String>,
}

impl Handles {
    /// Keeps in `store`, for `owner`, those results of `report` that an answer with `room` bytes leaves out.
    pub async fn keep(report: &Report, room: usize, store: &Store, owner: &Owner) -> Self {
        let is_inline = report.inline(room);
        let left_out: Vec<usize> = (0..report.results.len())
            .filter(|at| !is_inline[*at])
            .collect();
        let mut handles = Self::default();
        let by = Instant::now() + PATIENCE;
        if left_out.len() > HANDLES {
            let kept = keep_together(report, &left_out, store, owner, by).await;
            handles.together = handles.noted(kept);
            return handles;
        }
        for at in left_out {
            let result = &report.results[at];
            // What was too long for any answer has its handle already.
            if result.stored().is_some_and(StoredOutput::is_whole) {
                continue;
            }
            let kept = keep_one(result, store, owner, by).await;
            if let Some(output) = handles.noted(kept) {
                handles.each.insert(at, output);
            }
        }
        handles
    }

    fn noted(&mut self, kept: Result<StoredOutput, String>) -> Option<StoredOutput> {
        kept.map_err(|problem| self.problem = Some(problem)).ok()
    }

    /// The result in `place` as an answer shows it that has no room for it.
    pub(super) fn shown(&self, place: usize, result: &CallResult) -> Value {
        let bytes = result.bytes();
        let mut object = result.emptied().to_json();
        let way = if let Some(output) = self.each.get(&place) {
            object["output"] = output.to_json();
            format!(
                "{bytes} bytes are kept as `output`: read them with `read_output` and its `id`, or as a resource"
            )
        } else if result.stored().is_some() {
            format!("{bytes} bytes are left out: `output` has all of them")
        } else if self.together.is_some() {
            format!(
                "{bytes} bytes are in the `output` of the whole batch, in the line with this `call_id`"
            )
        } else {
            format!(
                "{bytes} bytes are left out: the answer has no room for them; call it alone, or in a smaller batch"
            )
        };
        object["cut"] = way.into();
        object
    }

    /// What an answer says of them as a whole.
    pub(super) fn tell(&self, answer: &mut Value) {
        if let Some(output) = &self.together {
            answer["output"] = output.to_json();
        }
        if let Some(problem) = &self.problem {
            answer["warnings"] = json!([format!("some results could not be kept: {problem}")]);
        }
    }
}

/// All that the tool said: its output, or the error with what it had printed.
fn text(result: &CallResult) -> String {
    match &result.ended.result {
        Ok(output) => output.text.clone(),
        Err(failure) => failure.envelope().to_string(),
    }
}

async fn keep_one(
    result: &CallResult,
    store: &Store,
    owner: &Owner,
    by: Instant,
) -> Result<StoredOutput, String> {
    let mut sink = begin(store, owner, &result.tool_name)?;
    push(&mut sink, &text(result)).await;
    finish(sink, by).await
}

/// Keeps some results as one output, a line of JSON each.
async fn keep_together(
    report: &Report,
    places: &[usize],
    store: &Store,
    owner: &Owner,
    by: Instant,
) -> Result<StoredOutput, String> {
    let mut sink = begin(store, owner, BuiltinTool::Batch.name())?;
    for place in places {
        let line = format!("{}\n", report.results[*place].to_json());
        push(&mut sink, &line).await;
    }
    finish(sink, by).await
}

fn begin(store: &Store, owner: &Owner, tool: &str) -> Result<Sink, String> {
    let tool = ToolName::parse(tool).map_err(|error| error.to_string())?;
    store.begin(owner.clone(), tool)
}

async fn push(sink: &mut Sink, text: &str) {
    for piece in text.as_bytes().chunks(PIECE) {
        sink.push(piece.to_vec());
        sink.flush().await;
    }
}

async fn finish(sink: Sink, by: Instant) -> Result<StoredOutput, String> {
    let receipt = sink.finish(by).await;
    let problem = receipt.problem;
    receipt
        .output
        .ok_or_else(|| problem.unwrap_or_else(|| "nothing of it was written".to_owned()))
}
