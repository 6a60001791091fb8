//! The answer of several queries: an object of lists, or of groups of them.

use indexmap::IndexMap;
use serde_json::Value;
use tokio::time::Instant;

use super::job::Job;
use super::rows::{Kept, Rows};
use super::{Done, STORED_WITHIN};
use crate::executor::output::Recording;

/// Puts the rows of all queries together.
pub(super) async fn answer(jobs: &[Job], all: Vec<Rows>, mut recording: Recording) -> Done {
    let mut warnings = Vec::new();
    let mut kept = Vec::with_capacity(all.len());
    for (job, rows) in jobs.iter().zip(all) {
        let name = job.name.clone().unwrap_or_default();
        let mut rows = rows.into_kept(Some(&name));
        warnings.append(&mut rows.warnings);
        kept.push((name, rows));
    }
    let text = if jobs.iter().all(|job| job.group_by.is_some()) {
        grouped(&kept)
    } else {
        let parts = kept
            .iter()
            .map(|(name, rows)| (name.as_str(), value(rows, rows.groups.get(""))));
        object(parts)
    };
    drop(kept);
    recording.push(&text);
    recording.flush().await;
    Done {
        recorded: recording.finish(Instant::now() + STORED_WITHIN).await,
        warnings,
    }
}

/// `{ID: {QUERY: [...], ...}, ...}`, the ids in the order in which the queries give them.
fn grouped(kept: &[(String, Kept)]) -> Vec<u8> {
    let mut ids: IndexMap<&str, ()> = IndexMap::new();
    for (_, rows) in kept {
        ids.extend(rows.groups.keys().map(|id| (id.as_str(), ())));
    }
    let groups = ids.keys().map(|id| {
        let parts = kept
            .iter()
            .map(|(name, rows)| (name.as_str(), value(rows, rows.groups.get(*id))));
        (*id, object(parts))
    });
    object(groups)
}

/// The rows of a query as a list, or what it did.
fn value(kept: &Kept, rows: Option<&Vec<u8>>) -> Vec<u8> {
    if let Some(affected) = kept.affected {
        return format!("{{\"rows_affected\":{affected}}}").into_bytes();
    }
    match rows {
        None => b"[]".to_vec(),
        Some(rows) => [b"[\n", rows.as_slice(), b"\n]"].concat(),
    }
}

fn object<'a>(parts: impl Iterator<Item = (&'a str, Vec<u8>)>) -> Vec<u8> {
    let mut text = b"{".to_vec();
    for (index, (name, value)) in parts.enumerate() {
        if index > 0 {
            text.push(b',');
        }
        text.extend_from_slice(Value::from(name).to_string().as_bytes());
        text.push(b':');
        text.extend_from_slice(&value);
    }
    text.push(b'}');
    text
}
