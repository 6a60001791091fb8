//! From rows to JSON, within bounds.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use indexmap::IndexMap;
use serde_json::Value;
use tokio::time::Instant;

use super::trouble::Trouble;
use crate::executor::output::{Recorded, Recording};
use crate::tool::{OutputFormat, OutputRules};

/// The most bytes of one row, where `output.max_bytes` is not more: a row is held in memory before it goes anywhere.
const LONGEST: usize = 16 << 20;

/// The rows of one statement as they come.
pub(super) struct Rows {
    out: Out,
    /// The most bytes of one row.
    longest: usize,
    /// The names of the columns as JSON, with the colon behind each.
    keys: Vec<Vec<u8>>,
    /// Rows given back at most.
    most: u32,
    count: u32,
    /// Whether there were more rows than are given back.
    is_more: bool,
    /// Whether there was no room for more.
    is_full: bool,
    /// What a statement without rows did.
    affected: Option<u64>,
    row: Vec<u8>,
    group: Vec<u8>,
}

enum Out {
    /// Where the answer goes, row by row.
    Streamed {
        recording: Box<Recording>,
        /// Bytes past which no row is added.
        limit: Option<usize>,
        written: usize,
        as_lines: bool,
    },
    /// Kept until all queries of the call have ended.
    Kept {
        /// What is left of the bytes all of them may take.
        budget: Arc<AtomicUsize>,
        column: Option<String>,
        index: Option<usize>,
        groups: IndexMap<String, Vec<u8>>,
    },
}

/// The rows of a query that are kept: by group, or all under an empty name.
pub(super) struct Kept {
    pub(super) groups: IndexMap<String, Vec<u8>>,
    pub(super) affected: Option<u64>,
    pub(super) warnings: Vec<String>,
}

impl Rows {
    /// Rows that go into the answer as they come.
    pub(super) fn streamed(
        recording: Recording,
        rules: &OutputRules,
        limit: Option<usize>,
        max_rows: NonZeroU32,
    ) -> Self {
        Self::new(
            Out::Streamed {
                recording: Box::new(recording),
                limit,
                written: 0,
                as_lines: rules.format == OutputFormat::Jsonl,
            },
            rules,
            max_rows,
        )
    }

    /// Rows that are kept, in groups by the values of a column where one is named.
    pub(super) fn kept(
        budget: Arc<AtomicUsize>,
        column: Option<String>,
        rules: &OutputRules,
        max_rows: NonZeroU32,
    ) -> Self {
        Self::new(
            Out::Kept {
                budget,
                column,
                index: None,
                groups: IndexMap::new(),
            },
            rules,
            max_rows,
        )
    }

    fn new(out: Out, rules: &OutputRules, max_rows: NonZeroU32) -> Self {
        Self {
            out,
            longest: rules.max_bytes.max(LONGEST),
            keys: Vec::new(),
            most: max_rows.get(),
            count: 0,
            is_more: false,
            is_full: false,
            affected: None,
            row: Vec::new(),
            group: Vec::new(),
        }
    }

    /// Begins with the names of the columns. Of two with one name the second becomes `name_2`.
    pub(super) fn begin<'a>(
        &mut self,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<(), Trouble> {
        let names = distinct(names);
        if let Out::Kept {
            column: Some(column),
            index,
            ..
        } = &mut self.out
        {
            *index = names.iter().position(|name| name == column);
            if index.is_none() && !names.is_empty() {
                return Err(Trouble::NoColumn(column.clone()));
            }
        }
        self.keys = names
            .into_iter()
            .map(|name| format!("{}:", Value::String(name)).into_bytes())
            .collect();
        Ok(())
    }

    /// Takes a row, whose cells `cell` writes as JSON where they are not longer than the bytes it is told there is room
    /// for. `false` when no more are wanted.
    pub(super) fn push(
        &mut self,
        mut cell: impl FnMut(usize, usize, &mut Vec<u8>) -> Result<(), Trouble>,
    ) -> Result<bool, Trouble> {
        if self.count >= self.most {
            self.is_more = true;
            return Ok(false);
        }
        if self.is_full {
            return Ok(false);
        }
        self.row.clear();
        self.group.clear();
        let grouped_by = match &self.out {
            Out::Kept { index, .. } => *index,
            Out::Streamed { .. } => None,
        };
        self.row.push(b'{');
        for (index, key) in self.keys.iter().enumerate() {
            if index > 0 {
                self.row.push(b',');
            }
            self.row.extend_from_slice(key);
            let from = self.row.len();
            let room = self.longest.saturating_sub(from);
            cell(index, room, &mut self.row).map_err(|trouble| match trouble {
                Trouble::TooLong { bytes, .. } => Trouble::TooLong {
                    bytes,
                    column: column(key),
                    longest: self.longest,
                },
                other => other,
            })?;
            if grouped_by == Some(index) {
                self.group.extend_from_slice(&self.row[from..]);
            }
        }
        self.row.push(b'}');
        self.is_full = !self.add();
        if !self.is_full {
            self.count += 1;
        }
        Ok(!self.is_full)
    }

    /// Adds the row; `false` where there is no room for it.
    fn add(&mut self) -> bool {
        let length = self.row.len() + 2;
        match &mut self.out {
            Out::Streamed {
                recording,
                limit,
                written,
                as_lines,
            } => {
                if self.count > 0 && limit.is_some_and(|limit| *written + length + 2 > limit) {
                    return false;
                }
                let before: &[u8] = match (self.count, &as_lines) {
                    (_, true) => b"",
                    (0, false) => b"[\n",
                    (_, false) => b",\n",
                };
                recording.push(before);
                if *as_lines {
                    self.row.push(b'\n');
                }
                recording.push(&self.row);
                *written += length;
                true
            }
            Out::Kept { budget, groups, .. } => {
                let taken = budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(length + self.group.len())
                });
                if taken.is_err() {
                    return false;
                }
                let rows = groups.entry(group_name(&self.group)).or_default();
                if !rows.is_empty() {
                    rows.extend_from_slice(b",\n");
                }
                rows.extend_from_slice(&self.row);
                true
            }
        }
    }

    /// Whether the disk is behind.
    pub(super) fn is_backed_up(&self) -> bool {
        matches!(&self.out, Out::Streamed { recording, .. } if recording.is_backed_up())
    }

    /// Waits until the disk has caught up.
    pub(super) async fn flush(&mut self) {
        if let Out::Streamed { recording, .. } = &mut self.out {
            recording.flush().await;
        }
    }

    /// Whether there was no room for a row.
    pub(super) const fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether anything of the answer is there already.
    pub(super) const fn has_begun(&self) -> bool {
        self.count > 0
    }

    /// A statement that gives no rows did this to so many.
    pub(super) const fn affected(&mut self, rows: u64) {
        self.affected = Some(rows);
    }

    /// What deserves a look, with the query's name among several.
    pub(super) fn warnings(&self, name: Option<&str>) -> Vec<String> {
        let of = name.map(|name| format!(" of `{name}`")).unwrap_or_default();
        let count = self.count;
        let mut warnings = Vec::new();
        if self.is_more {
            warnings.push(format!(
                "gave the first {count} rows{of}, and there are more: `sql.max_rows` is {}; ask for less, or page on where the tool has a parameter for it",
                self.most
            ));
        }
        if self.is_full {
            warnings.push(format!(
                "gave the first {count} rows{of}, and there are more: no more fit in `output.max_bytes`"
            ));
        }
        warnings
    }

    /// Ends the answer. Does not wait for the disk past `by`.
    pub(super) async fn finish(self, by: Instant) -> Recorded {
        let (affected, count) = (self.affected, self.count);
        let Out::Streamed {
            mut recording,
            as_lines,
            ..
        } = self.out
        else {
            return Recorded::default();
        };
        match (affected, count, as_lines) {
            (Some(rows), ..) => recording.push(format!("{{\"rows_affected\":{rows}}}").as_bytes()),
            (None, _, true) => {}
            (None, 0, false) => recording.push(b"[]"),
            (None, _, false) => recording.push(b"\n]"),
        }
        recording.finish(by).await
    }

    /// What was kept.
    pub(super) fn into_kept(self, name: Option<&str>) -> Kept {
        let warnings = self.warnings(name);
        let groups = match self.out {
            Out::Kept { groups, .. } => groups,
            Out::Streamed { .. } => IndexMap::new(),
        };
        Kept {
            groups,
            affected: self.affected,
            warnings,
        }
    }
}

/// Whether a value of so many bytes is short enough, asked before it is copied.
pub(super) fn fits(bytes: usize, room: usize) -> Result<(), Trouble> {
    if bytes <= room {
        return Ok(());
    }
    Err(Trouble::TooLong {
        bytes,
        column: String::new(),
        longest: room,
    })
}

/// The name of the column with that key.
fn column(key: &[u8]) -> String {
    let name = key.strip_suffix(b":").unwrap_or(key);
    serde_json::from_slice(name).unwrap_or_default()
}

/// The name of a group: a text's own text, and anything else as JSON.
fn group_name(cell: &[u8]) -> String {
    match serde_json::from_slice(cell) {
        Ok(Value::String(text)) => text,
        _ => String::from_utf8_lossy(cell).into_owned(),
    }
}

/// Names that differ: `name`, `name_2`, `name_3`.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let given: Vec<&str> = names.collect();
    let mut distinct: Vec<String> = Vec::with_capacity(given.len());
    for (index, name) in given.iter().enumerate() {
        let mut candidate = (*name).to_owned();
        let mut number = 2;
        while distinct.contains(&candidate)
            || (number > 2 && given[index + 1..].contains(&candidate.as_str()))
        {
            candidate = format!("{name}_{number}");
            number += 1;
        }
        distinct.push(candidate);
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_column_is_lost() {
        let names = ["id", "id", "id_2", "id"];
        let found = distinct(names.into_iter());
        assert_eq!(found[0], "id");
        let mut sorted = found.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), 4, "{found:?}");
        assert!(found.contains(&"id_2".to_owned()));
    }
}
