//! The list of a tool that pages, on the command line: one page and how to get the rest, or all of it.

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::terminal::Terminal;
use crate::runner::Runner;
use crate::tool::{CallContext, Lack, LackUnit, Outcome, Output};

/// The page that a result is; `None` where no page was cut.
fn page(output: &Output) -> Option<(&Vec<Value>, &Value)> {
    let page = output.structured.as_ref()?;
    page.get("has_more")?.as_bool()?;
    Some((page.get("items")?.as_array()?, page))
}

/// What is said of a page that is not the last.
pub(super) fn hint(output: &Output) -> Option<String> {
    let (items, page) = page(output)?;
    let (total, has_more) = (&page["total"], page["has_more"] == true);
    (has_more && page["next_offset"].is_u64()).then(|| {
        format!(
            "the first {} of {total} items; `--all` prints all of them, one a line",
            items.len()
        )
    })
}

/// Makes a page fit for the command line: a line of its own, without the handle, which opens nothing any more when this
/// program has ended.
pub(super) fn finish(outcome: &mut Outcome) {
    let Ok(output) = &mut outcome.result else {
        return;
    };
    if page(output).is_none() {
        return;
    }
    if let Some(page) = output.structured.as_mut().and_then(Value::as_object_mut) {
        page.shift_remove("result_id");
        output.text = format!("{}\n", Value::Object(page.clone()));
    }
}

/// Whether a result is a page, which lacks nothing that was asked for.
pub(super) fn is_page(output: &Output) -> bool {
    page(output).is_some()
}

/// Prints every item on a line of its own, page after page of the one run that gave `outcome`; says how many. A page that
/// fails takes the place of the outcome; of a list that is printed to its end, the outcome says what it lacks.
pub(super) async fn print_all(
    runner: &Runner,
    outcome: Outcome,
    cancel: &CancellationToken,
    terminal: &Terminal,
) -> (Outcome, usize) {
    let (mut outcome, mut printed) = (outcome, 0);
    // What memory did not have when the list was stored, and what no page can hold.
    let first = outcome.result.as_ref().ok();
    let found = first.and_then(Output::missing).map(|lack| lack.total);
    let mut too_large = 0;
    loop {
        let Some((items, page)) = outcome.result.as_ref().ok().and_then(page) else {
            return (outcome, printed);
        };
        too_large += page
            .get("too_large")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        for item in items {
            terminal.line(&item.to_string());
        }
        printed += items.len();
        if terminal.lost().is_some() {
            return (outcome, printed);
        }
        let is_named = |name: &&str| page.get(*name).is_some();
        let largest = runner
            .catalog()
            .get(outcome.tool.as_str())
            .and_then(|tool| Some(tool.paging.as_ref()?.max_size));
        let mut next: Map<String, Value> = [("result_id", "result_id"), ("offset", "next_offset")]
            .iter()
            .filter(|(_, from)| is_named(from))
            .map(|(name, from)| ((*name).to_owned(), page[*from].clone()))
            .collect();
        if next.len() < 2 {
            let given = printed as u64;
            let total = found.unwrap_or(given + too_large as u64);
            if let Ok(output) = &mut outcome.result {
                output.lack = (given < total).then_some(Lack {
                    given,
                    total,
                    unit: LackUnit::Items,
                });
            }
            return (outcome, printed);
        }
        next.extend(largest.map(|largest| ("page_size".to_owned(), largest.into())));
        let context = CallContext {
            client: "runner call".to_owned(),
            ..CallContext::default()
        };
        let prepared = runner
            .prepare(outcome.tool.as_str(), next, context, cancel.clone())
            .await;
        let warnings = std::mem::take(&mut outcome.warnings);
        match prepared {
            Ok(call) => outcome = runner.call(call).await,
            Err(failure) => outcome.result = Err(failure),
        }
        outcome.warnings.splice(0..0, warnings);
    }
}
