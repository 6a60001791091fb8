//! The result of a call, printed as whole as it can be had, and what is missing of it.

use std::fs::File;
use std::io::{self, Read};

use serde_json::Value;

use super::pages;
use super::terminal::Terminal;
use crate::store::Store;
use crate::tool::{Lack, LackUnit, Outcome, Output, OutputFormat, Owner, StoredOutput};

/// The longest stored output that `--format json` gives as one text, in bytes.
const MAX_STORED_TEXT: u64 = 64 * 1024 * 1024;

/// The file of an output that was too long for an answer, as far as it can be read.
pub(super) type StoredFile = io::Take<File>;

/// A part of a result that was not printed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missing {
    lack: Lack,
    /// Whether all of it is printed without `--format json`.
    is_kept: bool,
}

impl Missing {
    /// A part that nothing has any more.
    pub(super) const fn gone(lack: Lack) -> Self {
        Self {
            lack,
            is_kept: false,
        }
    }

    /// What the whole outcome as one JSON object lacks.
    pub(super) fn of_json(outcome: &Outcome, store: &Store) -> Option<Self> {
        let output = outcome.result.as_ref().ok()?;
        let lack = output.missing().filter(|_| !pages::is_page(output))?;
        let stored = output.stored.as_ref().filter(|stored| stored.is_whole());
        let is_kept = stored.is_some_and(|stored| opened(store, stored).is_some());
        let is_text = output.structured.is_none();
        let is_given = is_text && stored.is_some_and(|stored| stored.bytes <= MAX_STORED_TEXT);
        (!(is_kept && is_given)).then_some(Self { lack, is_kept })
    }

    /// Says how much was printed of how much, and what to do.
    pub(super) fn tell(&self, terminal: &Terminal) {
        let Lack { given, total, unit } = self.lack;
        let unit = unit.name();
        let (rest, hint) = if self.is_kept {
            (
                "the rest is too long for `--format json`",
                "without `--format json` all of it is printed",
            )
        } else {
            (
                "the rest is lost",
                "name a folder that can be written with `--state-dir`, or raise `output.inline_bytes` and `output.max_bytes`",
            )
        };
        terminal.error(&format!(
            "error: only {given} of {total} {unit} were printed, {rest}\n\nhint: {hint}"
        ));
    }
}

/// Prints a result of a tool with this `format`: from its file, or as far as memory has it.
pub(super) fn print(
    output: &Output,
    format: OutputFormat,
    store: &Store,
    terminal: &Terminal,
) -> Option<Missing> {
    let lack = output.missing();
    // A file that broke off may have less than memory has.
    let is_best = |stored: &&StoredOutput| {
        stored.is_whole() || lack.is_some() && stored.bytes > output.text.len() as u64
    };
    let stored = output.stored.as_ref().filter(is_best);
    if let Some(stored) = stored
        && let Some(file) = opened(store, stored)
    {
        terminal.copy(file);
        return (!stored.is_whole()).then_some(Missing::gone(Lack {
            given: stored.bytes,
            total: stored.total,
            unit: LackUnit::Bytes,
        }));
    }
    match &output.structured {
        Some(Value::String(text)) if output.is_cut => terminal.print(text),
        Some(Value::Array(items)) if output.is_cut && format == OutputFormat::Jsonl => {
            for item in items {
                terminal.line(&item.to_string());
            }
        }
        Some(value) if output.is_cut => terminal.line(&value.to_string()),
        _ => terminal.print(&output.text),
    }
    lack.filter(|_| !pages::is_page(output)).map(Missing::gone)
}

/// The file of an output that the answer could not hold.
pub(super) fn opened(store: &Store, stored: &StoredOutput) -> Option<StoredFile> {
    let opened = store.open(stored.id.as_str(), &Owner::Bearer);
    opened.ok().map(|(file, bytes)| file.take(bytes))
}

/// The whole output as text, unless it is longer than is good for one JSON value.
pub(super) fn stored_text(outcome: &Outcome, store: &Store) -> Option<String> {
    let stored = outcome
        .stored()
        .filter(|stored| stored.bytes <= MAX_STORED_TEXT && stored.is_whole())?;
    let mut bytes = Vec::new();
    opened(store, stored)?.read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
