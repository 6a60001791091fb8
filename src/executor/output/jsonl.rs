//! What the items of a stream come to: a list, or the items that came before it broke off.

use serde_json::Value;

use super::interpret::{Interpreted, check, not_whole, replaced, too_large, wants_all};
use super::items::{BrokenLine, Lines};
use super::{Captured, Kept, excerpt};
use crate::tool::{Failure, FailureCode, Lack, LackUnit, OnOverflow, Output, OutputRules};

/// Makes a list of the items of a stream that has ended by itself.
pub(super) fn interpret(
    lines: &Lines,
    captured: &Captured,
    kept: &Kept,
    rules: &OutputRules,
) -> Interpreted {
    let mut warnings: Vec<String> = not_whole(kept).into_iter().collect();
    let inline = rules.inline_bytes;
    let shown = excerpt(captured, inline - inline / 2, inline / 2);
    if shown.replaced || replaced(captured) {
        warnings.push("printed bytes that are not UTF-8; they are replaced".to_owned());
    }
    let output = |structured, is_cut| Output {
        text: shown.text.clone(),
        structured,
        is_mcp_result: false,
        stored: kept.output().cloned(),
        is_cut,
        list: None,
        lack: None,
    };
    let refused = |failure: Failure| {
        let failure = with_items(failure, lines, captured, rules);
        Err(failure.stored(kept.output().cloned()))
    };
    let is_too_long = captured.missing() > 0;
    let result = if let Some(broken) = lines.broken.as_ref().or(lines.unfinished.as_ref()) {
        refused(no_item(broken, rules))
    } else if is_too_long && rules.pages_from(kept) {
        Ok(output(None, true))
    } else if is_too_long && (rules.on_overflow == OnOverflow::Error || rules.schema.is_some()) {
        refused(too_large(captured.total, kept, rules))
    } else if is_too_long {
        let first = lines.within(inline);
        warnings.push(format!(
            "the result has the first {} of {} items: all of them are more than `output.max_bytes` ({})",
            first.len(),
            lines.found,
            rules.max_bytes
        ));
        let lack = wants_all(rules).then_some(Lack {
            given: first.len() as u64,
            total: lines.found,
            unit: LackUnit::Items,
        });
        Ok(Output {
            lack,
            ..output(Some(Value::Array(first)), true)
        })
    } else {
        let all = Value::Array(lines.within(usize::MAX));
        match check(&all, rules) {
            Ok(()) => Ok(output(Some(all), shown.left_out > 0)),
            Err(failure) => Err(failure
                .with("stdout", shown.text.clone())
                .stored(kept.output().cloned())),
        }
    };
    Interpreted { result, warnings }
}

/// Adds the items that came before a stream broke off: `items`, with `complete: false`, and how many there were where
/// the answer cannot hold them. What was printed stands beside them only where they do not say all of it.
pub(in crate::executor) fn with_items(
    mut failure: Failure,
    lines: &Lines,
    captured: &Captured,
    rules: &OutputRules,
) -> Failure {
    let inline = rules.inline_bytes;
    let items = lines.within(inline);
    let is_all = items.len() as u64 == lines.found;
    failure.data.shift_remove("stdout");
    if !lines.say_all(inline) {
        let shown = excerpt(captured, inline - inline / 2, inline / 2);
        failure = failure.with("stdout", shown.text);
    }
    if !is_all {
        failure = failure.with("item_count", lines.found);
    }
    failure.with("items", items).with("complete", false)
}

fn no_item(broken: &BrokenLine, rules: &OutputRules) -> Failure {
    match broken {
        BrokenLine::Json(broken) => Failure::new(
            FailureCode::OutputInvalid,
            format!("a line of the output is not JSON: {broken}"),
        )
        .remediation("every line on standard output must be one JSON value; print anything else to standard error")
        .with("line", broken.line)
        .with("column", broken.column),
        BrokenLine::TooLong { line } => Failure::new(
            FailureCode::OutputTooLarge,
            format!(
                "line {line} of the output has more than {} bytes, which is more than one item may have",
                rules.max_bytes
            ),
        )
        .remediation("print smaller items, or raise `output.max_bytes`")
        .with("line", *line),
    }
}

impl Lines {
    /// Whether the items that `inline` bytes hold are all that was printed.
    pub(in crate::executor) fn say_all(&self, inline: usize) -> bool {
        let is_whole = self.broken.is_none() && self.unfinished.is_none();
        is_whole && self.within(inline).len() as u64 == self.found
    }

    /// The first items, of at most `bytes` together.
    fn within(&self, bytes: usize) -> Vec<Value> {
        let mut left = bytes;
        let fits = |item: &&super::items::Item| match left.checked_sub(item.length) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        };
        let first = self.items.iter().take_while(fits);
        first.map(|item| item.value.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::output::Capture;
    use crate::tool::{OutputFormat, Schema};
    use serde_json::json;

    fn rules() -> OutputRules {
        OutputRules {
            format: OutputFormat::Jsonl,
            schema: None,
            max_bytes: 1024,
            inline_bytes: 128,
            on_overflow: OnOverflow::Truncate,
            is_paged: false,
        }
    }

    fn read(text: &str, rules: &OutputRules) -> Interpreted {
        let mut capture = Capture::halves(rules.max_bytes);
        capture.push(text.as_bytes());
        interpret(
            &Lines::of(text.as_bytes()),
            &capture.finish(),
            &Kept::Nowhere,
            rules,
        )
    }

    #[test]
    fn items_become_a_list() {
        let read = read("1\n\n{\"a\":2}\n", &rules());
        let output = read.result.unwrap();
        assert_eq!(output.structured, Some(json!([1, {"a": 2}])));
        assert_eq!(output.text, "1\n\n{\"a\":2}\n", "the script's own words");
        assert_eq!(read.warnings, Vec::<String>::new());
    }

    #[test]
    fn a_bad_line_fails_and_keeps_the_items_before_it() {
        let failure = read("1\n2\n{\"a\": nope}\n4\n", &rules())
            .result
            .unwrap_err();
        assert_eq!(
            failure.message,
            "a line of the output is not JSON: line 3, column 8: expected ident, at `{\"a\": nope}`"
        );
        assert_eq!(failure.data["items"], json!([1, 2]));
        assert_eq!(
            (&failure.data["line"], &failure.data["column"]),
            (&json!(3), &json!(8))
        );
        assert_eq!(failure.data["complete"], false);
        assert!(failure.data["stdout"].as_str().unwrap().contains("nope"));
        let cut = read("1\n{\"a\":", &rules()).result.unwrap_err();
        assert_eq!(
            (&cut.data["items"], &cut.data["line"]),
            (&json!([1]), &json!(2))
        );
    }

    #[test]
    fn more_items_than_are_kept_are_given_in_part_or_refused() {
        let long = "{\"n\":1}\n".repeat(200);
        let read_all = read(&long, &rules());
        let output = read_all.result.unwrap();
        assert_eq!(output.structured.unwrap().as_array().unwrap().len(), 18);
        assert!(output.is_cut);
        assert_eq!(
            read_all.warnings,
            [
                "the result has the first 18 of 200 items: all of them are more than `output.max_bytes` (1024)"
            ]
        );
        let strict = OutputRules {
            schema: Some(Schema::new(json!({"type": "array"}))),
            ..rules()
        };
        let refused = read(&long, &strict).result.unwrap_err();
        assert_eq!(refused.code, FailureCode::OutputTooLarge);
        assert_eq!(refused.data["items"].as_array().unwrap().len(), 18);
        assert_eq!(refused.data["item_count"], 200);
    }

    #[test]
    fn the_list_is_held_against_the_schema() {
        let strict = OutputRules {
            schema: Some(Schema::new(json!({"items": {"type": "integer"}}))),
            ..rules()
        };
        assert!(read("1\n2\n", &strict).result.is_ok());
        let refused = read("1\n\"two\"\n", &strict).result.unwrap_err();
        assert_eq!(refused.data["violations"][0]["pointer"], "/1");
    }

    #[test]
    fn one_item_too_long_says_which() {
        let mut stream = super::super::items::Items::new(10);
        stream.push(b"1\n\"0123456789\"\n");
        stream.end();
        let failure = no_item(&stream.into_lines().broken.unwrap(), &rules());
        assert_eq!(failure.code, FailureCode::OutputTooLarge);
        assert!(
            failure
                .message
                .starts_with("line 2 of the output has more than")
        );
    }
}
