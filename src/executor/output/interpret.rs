//! From bytes to an [`Output`], by a tool's rules.

use serde_json::{Value, json};

use super::json::{BrokenJson, parse};
use super::{Captured, Kept, Lines, excerpt, jsonl};
use crate::tool::{
    Failure, FailureCode, Lack, LackUnit, OnOverflow, Output, OutputFormat, OutputRules,
};

/// What was made of a script's output.
#[derive(Debug)]
pub(in crate::executor) struct Interpreted {
    /// The output, or why it is none.
    pub(in crate::executor) result: Result<Output, Failure>,
    /// What deserves a look.
    pub(in crate::executor) warnings: Vec<String>,
}

/// Reads what a script printed; `lines` are the items that were found in it as it came. Takes time in proportion to its length: not for the async threads
/// when that is large.
pub(in crate::executor) fn interpret(
    captured: &Captured,
    kept: &Kept,
    lines: Option<&Lines>,
    rules: &OutputRules,
) -> Interpreted {
    if rules.format == OutputFormat::Jsonl {
        return match lines {
            Some(lines) => jsonl::interpret(lines, captured, kept, rules),
            None => jsonl::interpret(&Lines::of(&captured.head), captured, kept, rules),
        };
    }
    let inline = rules.inline_bytes;
    let shown = excerpt(captured, inline - inline / 2, inline / 2);
    let total = captured.total;
    let mut warnings = Vec::new();
    if captured.missing() > 0 && must_be_whole(rules) && !rules.pages_from(kept) {
        warnings.extend(not_whole(kept));
        let failure = too_large(total, kept, rules).with("stdout", shown.text);
        let result = Err(failure.stored(kept.output().cloned()));
        return Interpreted { result, warnings };
    }
    // What is stored as a whole is not lost: the answer's handle says more than a warning would.
    if shown.left_out > 0 && !kept.is_whole() {
        let (limit, figure) = if captured.missing() > 0 {
            ("max_bytes", rules.max_bytes)
        } else {
            ("inline_bytes", inline)
        };
        warnings.push(format!(
            "printed {total} bytes, more than `output.{limit}` ({figure}): {} bytes in the middle are left out",
            shown.left_out
        ));
    }
    warnings.extend(not_whole(kept));
    let whole = (captured.missing() == 0).then(|| String::from_utf8_lossy(&captured.head));
    if shown.replaced || matches!(whole, Some(std::borrow::Cow::Owned(_))) {
        warnings.push("printed bytes that are not UTF-8; they are replaced".to_owned());
    }
    let structured = match &whole {
        Some(whole) => structured(whole, shown.left_out == 0, rules),
        None => Ok(None),
    };
    let result = match structured {
        Ok(structured) => Ok(Output {
            lack: (shown.left_out > 0 && wants_all(rules)).then_some(Lack {
                given: total - shown.left_out,
                total,
                unit: LackUnit::Bytes,
            }),
            is_cut: shown.left_out > 0,
            is_mcp_result: rules.format == OutputFormat::Mcp,
            structured,
            text: shown.text,
            stored: kept.output().cloned(),
            list: None,
        }),
        Err(failure) => Err(failure
            .with("stdout", shown.text)
            .stored(kept.output().cloned())),
    };
    Interpreted { result, warnings }
}

/// Whether a part that is left out is missed.
pub(super) fn wants_all(rules: &OutputRules) -> bool {
    rules.on_overflow == OnOverflow::Spill
}

/// Whether bytes that are kept are no UTF-8.
pub(super) fn replaced(captured: &Captured) -> bool {
    captured.missing() == 0 && std::str::from_utf8(&captured.head).is_err()
}

impl OutputRules {
    /// Whether a result that is too long for memory is of use all the same: pages are cut from its file.
    pub(super) fn pages_from(&self, kept: &Kept) -> bool {
        self.is_paged && self.on_overflow != OnOverflow::Error && kept.is_whole()
    }
}

/// Why not all can be read of an output that should be stored.
pub(in crate::executor) fn not_whole(kept: &Kept) -> Option<String> {
    let Kept::Stored(receipt) = kept else {
        return None;
    };
    let problem = receipt.problem.as_deref()?;
    Some(match &receipt.output {
        None => format!("the whole output could not be stored: {problem}"),
        Some(stored) if stored.is_whole() => {
            format!("the whole output was not on the disk yet when this was answered: {problem}")
        }
        Some(stored) => format!(
            "of the {} bytes printed, only the first {} are stored: {problem}",
            stored.total, stored.bytes
        ),
    })
}

/// Whether an output with a hole is no output: JSON cannot be cut, and a schema is a promise.
pub(in crate::executor) fn must_be_whole(rules: &OutputRules) -> bool {
    rules.on_overflow == OnOverflow::Error
        || rules.schema.is_some()
        || matches!(
            rules.format,
            OutputFormat::Json | OutputFormat::Jsonl | OutputFormat::Mcp
        )
}

fn structured(text: &str, is_inline: bool, rules: &OutputRules) -> Result<Option<Value>, Failure> {
    let value = match rules.format {
        OutputFormat::Auto if rules.schema.is_none() => {
            // A large result nobody was promised stays text: a megabyte of JSON would undo the cut. Of a list,
            // pages are cut.
            let is_wanted = is_inline || rules.is_paged;
            return Ok(if is_wanted { container(text) } else { None });
        }
        OutputFormat::Text if rules.schema.is_none() => return Ok(None),
        OutputFormat::Text => Value::String(text.to_owned()),
        OutputFormat::Auto | OutputFormat::Json | OutputFormat::Jsonl => whole(text)?,
        OutputFormat::Mcp => mcp_result(whole(text)?)?,
    };
    check(&value, rules)?;
    Ok(Some(value))
}

/// The object or list a text is as a whole, if it is one.
fn container(text: &str) -> Option<Value> {
    let begins = text
        .trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with(['{', '[']);
    begins.then(|| parse(text).ok()).flatten()
}

fn whole(text: &str) -> Result<Value, Failure> {
    let advice = "the script must print one JSON value on standard output and anything else to standard error";
    if text.trim().is_empty() {
        let failure = Failure::new(
            FailureCode::OutputInvalid,
            "the output is empty where JSON was promised",
        );
        return Err(failure.remediation(advice));
    }
    parse(text).map_err(|broken| {
        invalid(format!("the output is not JSON: {broken}"), &broken).remediation(advice)
    })
}

fn invalid(message: String, broken: &BrokenJson) -> Failure {
    Failure::new(FailureCode::OutputInvalid, message)
        .with("line", broken.line)
        .with("column", broken.column)
}

/// A value with the shape of MCP's `CallToolResult`: `content` is a list of blocks, each with its `type`. Or that of an
/// error of JSON-RPC, `{"error": {"code", "message", "data"}}`, which stands in the place of a result.
fn mcp_result(value: Value) -> Result<Value, Failure> {
    if is_protocol_error(&value) {
        return Ok(value);
    }
    let wrong = |message: String| {
        Failure::new(
            FailureCode::OutputInvalid,
            format!("the output is no MCP tool result: {message}"),
        )
        .remediation(r#"print an object such as {"content": [{"type": "text", "text": "..."}]}"#)
    };
    let Some(blocks) = value.get("content").and_then(Value::as_array) else {
        return Err(wrong("it has no list `content`".to_owned()));
    };
    let is_block = |block: &Value| block.get("type").is_some_and(Value::is_string);
    if let Some(index) = blocks.iter().position(|block| !is_block(block)) {
        return Err(wrong(format!("`/content/{index}` has no text `type`")));
    }
    if value.get("isError").is_some_and(|flag| !flag.is_boolean()) {
        return Err(wrong("`/isError` is neither true nor false".to_owned()));
    }
    Ok(value)
}

/// Whether a value is an error of JSON-RPC in the place of a result.
fn is_protocol_error(value: &Value) -> bool {
    let Some(error) = value
        .get("error")
        .filter(|_| value.get("content").is_none())
    else {
        return false;
    };
    let code = error.get("code").and_then(Value::as_i64);
    code.is_some_and(|code| i32::try_from(code).is_ok())
        && error.get("message").is_some_and(Value::is_string)
}

/// Holds a result against the tool's schema. Of an MCP result, that is its `structuredContent`.
pub(super) fn check(value: &Value, rules: &OutputRules) -> Result<(), Failure> {
    let Some(schema) = &rules.schema else {
        return Ok(());
    };
    let violations = if rules.format == OutputFormat::Mcp {
        if value.get("isError") == Some(&Value::Bool(true)) || is_protocol_error(value) {
            return Ok(());
        }
        schema.violations(value.get("structuredContent").unwrap_or(&Value::Null))
    } else {
        schema.violations(value)
    };
    if violations.is_empty() {
        return Ok(());
    }
    let summary: Vec<String> = violations
        .iter()
        .map(|violation| match violation.pointer.as_str() {
            "" => violation.message.clone(),
            pointer => format!("{pointer}: {}", violation.message),
        })
        .collect();
    let listed: Vec<Value> = violations
        .iter()
        .map(|violation| json!({"pointer": violation.pointer, "message": violation.message}))
        .collect();
    Err(Failure::new(
        FailureCode::OutputInvalid,
        format!(
            "the output breaks the tool's schema: {}",
            summary.join("; ")
        ),
    )
    .remediation("mend the script, or `output.schema`, so that they agree")
    .with("violations", listed))
}

pub(super) fn too_large(total: u64, kept: &Kept, rules: &OutputRules) -> Failure {
    let advice = match kept.output() {
        Some(_) => {
            "read what is stored of it in parts, ask for less in one call, or raise `output.max_bytes`"
        }
        None => {
            "ask for less in one call, such as fewer items or a narrower query, or raise `output.max_bytes`"
        }
    };
    Failure::new(
        FailureCode::OutputTooLarge,
        format!(
            "printed {total} bytes, more than the {} allowed",
            rules.max_bytes
        ),
    )
    .remediation(advice)
    .with("bytes", total)
    .with("max_bytes", rules.max_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::output::Capture;
    use crate::tool::Schema;

    fn rules(format: OutputFormat) -> OutputRules {
        OutputRules {
            format,
            schema: None,
            max_bytes: 1024,
            inline_bytes: 128,
            on_overflow: OnOverflow::Truncate,
            is_paged: false,
        }
    }

    fn read(text: &[u8], rules: &OutputRules) -> Interpreted {
        let mut capture = Capture::halves(rules.max_bytes);
        capture.push(text);
        interpret(&capture.finish(), &Kept::Nowhere, None, rules)
    }

    fn failure(text: &str, rules: &OutputRules) -> Failure {
        read(text.as_bytes(), rules).result.unwrap_err()
    }

    #[test]
    fn auto_takes_whole_objects_and_lists_and_nothing_else() {
        let rules = rules(OutputFormat::Auto);
        for (text, is_structured) in [
            ("{\"a\": 1}\n", true),
            (" [1, 2]", true),
            ("42", false),
            ("\"text\"", false),
            ("{\"a\": 1} and more", false),
            ("[INFO] started", false),
            ("", false),
        ] {
            let read = read(text.as_bytes(), &rules);
            let output = read.result.unwrap();
            assert_eq!(output.structured.is_some(), is_structured, "{text}");
            assert_eq!(output.text, text, "the script's own words");
            assert!(read.warnings.is_empty());
        }
    }

    #[test]
    fn a_promise_of_json_is_held_to_line_and_column() {
        let rules = rules(OutputFormat::Json);
        let broken = failure("{\"a\": 1,\n \"b\": nope}", &rules);
        assert_eq!(broken.code, FailureCode::OutputInvalid);
        assert_eq!(
            (&broken.data["line"], &broken.data["column"]),
            (&json!(2), &json!(8))
        );
        assert!(broken.message.contains("\"b\": nope"));
        assert!(failure(" \n", &rules).message.contains("empty"));
        assert_eq!(
            read(b"42", &rules).result.unwrap().structured,
            Some(json!(42))
        );
    }

    #[test]
    fn an_mcp_result_has_content_blocks() {
        let rules = rules(OutputFormat::Mcp);
        let good = read(br#"{"content": [{"type": "text", "text": "hi"}]}"#, &rules);
        assert!(good.result.unwrap().is_mcp_result);
        let error = read(br#"{"error": {"code": -32000, "message": "no"}}"#, &rules);
        assert!(error.result.unwrap().is_mcp_result);
        for bad in [
            "[]",
            "{}",
            r#"{"content": 1}"#,
            r#"{"content": [{}]}"#,
            r#"{"content": [], "isError": 1}"#,
        ] {
            assert_eq!(
                failure(bad, &rules).code,
                FailureCode::OutputInvalid,
                "{bad}"
            );
        }
    }

    #[test]
    fn a_schema_is_held_with_pointers() {
        let mut rules = rules(OutputFormat::Auto);
        let schema = json!({"properties": {"n": {"type": "integer"}}, "type": "object"});
        rules.schema = Some(Schema::new(schema));
        assert!(read(b"{\"n\": 1}", &rules).result.is_ok());
        let broken = failure("{\"n\": \"one\"}", &rules);
        assert_eq!(broken.data["violations"][0]["pointer"], "/n");
        assert_eq!(failure("plain", &rules).code, FailureCode::OutputInvalid);
    }

    #[test]
    fn overflow_is_cut_or_refused() {
        let long = vec![b'x'; 5000];
        let mut rules = rules(OutputFormat::Text);
        let cut = read(&long, &rules);
        assert!(
            cut.result
                .unwrap()
                .text
                .contains("[... 4872 bytes left out ...]")
        );
        assert!(cut.warnings[0].contains("max_bytes"));
        rules.on_overflow = OnOverflow::Error;
        assert_eq!(
            read(&long, &rules).result.unwrap_err().code,
            FailureCode::OutputTooLarge
        );
        let mut rules = OutputRules {
            format: OutputFormat::Json,
            ..rules
        };
        rules.on_overflow = OnOverflow::Spill;
        let refused = read(&long, &rules).result.unwrap_err();
        assert_eq!(refused.code, FailureCode::OutputTooLarge);
        assert_eq!(refused.data["bytes"], 5000);
    }

    #[test]
    fn what_is_kept_and_not_sent_is_said() {
        let read = read(&[b'x'; 1000], &rules(OutputFormat::Text));
        assert!(
            read.result
                .unwrap()
                .text
                .contains("[... 872 bytes left out ...]")
        );
        assert!(read.warnings[0].contains("inline_bytes"));
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_said_so() {
        let read = read(b"{\"a\": \"\xff\"}", &rules(OutputFormat::Auto));
        assert_eq!(
            read.result.unwrap().structured,
            Some(json!({"a": "\u{fffd}"}))
        );
        assert!(read.warnings[0].contains("UTF-8"));
    }
}
