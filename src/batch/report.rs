//! The answer to a batch: every call once, in the order of the request.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::handles::Handles;
use super::result::CallResult;

/// What the results in one answer may take, in bytes; past it they are cut.
pub const ANSWER_BYTES: usize = 1024 * 1024;

/// What the results of one batch may take in memory, in bytes; past it only their ends are kept.
pub const HELD_BYTES: usize = 64 * 1024 * 1024;

/// Failed calls that are listed apart; the rest is among the results.
const ERRORS: usize = 100;

/// What ended a batch before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The caller called it off.
    Cancelled,
    /// It took as long as it may.
    TimedOut,
}

/// Everything that came of a batch.
#[derive(Debug)]
pub struct Report {
    /// One for each call, in the order of the request.
    pub results: Vec<Arc<CallResult>>,
    /// Calls that could run at once.
    pub max_parallel: u32,
    /// What ended it before its time.
    pub cut: Option<Cut>,
    /// Calls that had come to their own end when it was cut; all of them, when it was not.
    pub processed: usize,
    /// From its start to its last call.
    pub took: Duration,
}

/// How many calls of a batch ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// With a result.
    pub succeeded: usize,
    /// Tried, and without a result.
    pub failed: usize,
    /// Never tried.
    pub skipped: usize,
}

impl Counts {
    /// Counts one more call.
    pub const fn add(&mut self, result: &CallResult) {
        if result.succeeded() {
            self.succeeded += 1;
        } else if result.skipped {
            self.skipped += 1;
        } else {
            self.failed += 1;
        }
    }
}

impl Counts {
    /// Each with its word.
    pub const fn by_word(&self) -> [(&'static str, usize); 3] {
        [
            ("succeeded", self.succeeded),
            ("failed", self.failed),
            ("skipped", self.skipped),
        ]
    }
}

impl Report {
    /// How many calls ended how.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for result in &self.results {
            counts.add(result);
        }
        counts
    }

    /// Whether every call has a result.
    pub fn succeeded(&self) -> bool {
        self.results.iter().all(|result| result.succeeded())
    }

    /// One sentence for people and models.
    pub fn summary(&self) -> String {
        let Counts {
            succeeded,
            failed,
            skipped,
        } = self.counts();
        let some = |count, word| match count {
            0 => String::new(),
            _ => format!(", {count} {word}"),
        };
        let end = match self.cut {
            None => "",
            Some(Cut::Cancelled) => "; the batch was cancelled",
            Some(Cut::TimedOut) => "; the batch ran out of time",
        };
        format!(
            "{succeeded} of {} succeeded{}{} in {:.1} s{end}",
            calls(self.results.len()),
            some(failed, "failed"),
            some(skipped, "not run"),
            self.took.as_secs_f64()
        )
    }

    /// The answer. What the tools said takes about `room` bytes at most; what is cut bears a note.
    pub fn to_json(&self, room: usize) -> Value {
        self.to_json_with(room, &Handles::default())
    }

    /// The same; what is cut says where it is kept.
    pub fn to_json_with(&self, room: usize, handles: &Handles) -> Value {
        let is_inline = self.inline(room);
        let results = self.results.iter().enumerate().map(|(place, result)| {
            if is_inline[place] {
                result.to_json()
            } else {
                handles.shown(place, result)
            }
        });
        let results: Vec<Value> = results.collect();
        let mut answer = self.head();
        answer["results"] = Value::Array(results);
        answer["errors"] = self.errors();
        handles.tell(&mut answer);
        answer
    }

    /// Which results an answer with `room` bytes for them holds: the small ones first, so that few are left out.
    pub(super) fn inline(&self, room: usize) -> Vec<bool> {
        let mut places: Vec<usize> = (0..self.results.len()).collect();
        places.sort_by_key(|place| self.results[*place].bytes());
        let mut left = room;
        let mut is_inline = vec![false; places.len()];
        for place in places {
            match left.checked_sub(self.results[place].bytes()) {
                Some(rest) => {
                    left = rest;
                    is_inline[place] = true;
                }
                None => break,
            }
        }
        is_inline
    }

    /// How it ended, in a word: `complete`, `cancelled` or `timeout`.
    pub const fn end(&self) -> &'static str {
        match self.cut {
            None => "complete",
            Some(Cut::Cancelled) => "cancelled",
            Some(Cut::TimedOut) => "timeout",
        }
    }

    /// The answer without the results, where those were delivered one by one.
    pub fn to_summary_json(&self) -> Value {
        self.head()
    }

    fn head(&self) -> Value {
        let counts = self.counts();
        let total = self.results.len();
        let mut head = json!({
            "summary": self.summary(),
            "counts": {
                "total": total, "succeeded": counts.succeeded, "failed": counts.failed,
                "skipped": counts.skipped, "max_parallel": self.max_parallel,
            },
        });
        if self.cut.is_some() {
            head["cancellation"] = json!({
                "was_cancelled": self.cut == Some(Cut::Cancelled), "processed": self.processed,
                "total_requested": total, "remaining": total - self.processed,
            });
        }
        head
    }

    fn errors(&self) -> Value {
        let failed = self.results.iter().filter_map(|result| {
            let failure = result
                .ended
                .result
                .as_ref()
                .err()
                .filter(|_| !result.skipped)?;
            Some(
                json!({"call_id": result.call_id, "tool_name": result.tool_name,
                        "code": failure.code.code(), "message": failure.message}),
            )
        });
        failed.take(ERRORS).collect()
    }
}

fn calls(count: usize) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} call{plural}")
}

/// The least of what the runner, the batch and nothing else allow.
pub(super) fn effective(runner: u32, batch: Option<NonZeroU32>) -> u32 {
    batch.map_or(runner, |batch| batch.get().min(runner))
}
