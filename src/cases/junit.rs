//! The report that CI servers read: the XML of `JUnit`.
//!
//! There is no standard for it; this is the part that Jenkins, GitLab and GitHub's actions agree on: one `testsuite`
//! for each tool with a `testcase` for each case, `failure` and `skipped` inside.

use std::fmt::Write as _;
use std::time::Duration;

use super::{State, Tally, Verdict};

/// The report on `verdicts` about the tools of `file`.
pub fn junit(file: &str, verdicts: &[Verdict]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let total = counts(verdicts.iter());
    line(
        &mut xml,
        &format!("<testsuites name=\"{}\"{total}>", escaped(file)),
    );
    let mut tools: Vec<&str> = verdicts
        .iter()
        .map(|verdict| verdict.tool.as_str())
        .collect();
    tools.dedup();
    for tool in tools {
        let cases = || verdicts.iter().filter(|verdict| verdict.tool == tool);
        let head = format!(
            "  <testsuite name=\"{}\"{}>",
            escaped(tool),
            counts(cases())
        );
        line(&mut xml, &head);
        for verdict in cases() {
            case(&mut xml, file, verdict);
        }
        line(&mut xml, "  </testsuite>");
    }
    line(&mut xml, "</testsuites>");
    xml
}

fn case(xml: &mut String, file: &str, verdict: &Verdict) {
    let (name, tool) = (escaped(&verdict.name), escaped(&verdict.tool));
    let (file, at, time) = (escaped(file), verdict.line, seconds(verdict.ran));
    let head = format!(
        "    <testcase name=\"{name}\" classname=\"{tool}\" file=\"{file}\" line=\"{at}\" time=\"{time}\""
    );
    match &verdict.state {
        State::Passed => line(xml, &format!("{head}/>")),
        State::NotRun => line(
            xml,
            &format!("{head}><skipped message=\"not run\"/></testcase>"),
        ),
        State::Failed(mismatches) => {
            let messages: Vec<String> = mismatches
                .iter()
                .map(|mismatch| format!("{}: {}", mismatch.key, mismatch.message))
                .collect();
            let message = escaped(&messages.join("; "));
            let lines: Vec<String> = verdict.lines().collect();
            let text = escaped(&lines.join("\n"));
            line(
                xml,
                &format!("{head}><failure message=\"{message}\">{text}</failure></testcase>"),
            );
        }
    }
}

fn counts<'a>(verdicts: impl Iterator<Item = &'a Verdict> + Clone) -> String {
    let tally = Tally::of(verdicts.clone());
    let tests = tally.passed + tally.failed + tally.not_run;
    let time = seconds(verdicts.map(|verdict| verdict.ran).sum());
    format!(
        " tests=\"{tests}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{time}\"",
        tally.failed, tally.not_run
    )
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

fn line(xml: &mut String, text: &str) {
    writeln!(xml, "{text}").expect("writing to a string cannot fail");
}

/// A text as it may stand in an attribute in double quotes and between tags alike. A character that XML 1.0 cannot hold,
/// not even escaped, is spelled out: `\u{1b}`. Source: XML 1.0, productions 2 (Char) and 2.11 (line ends).
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // As they are, they would be read back as blanks in an attribute, or as one line end.
            '\n' => safe.push_str("&#10;"),
            '\r' => safe.push_str("&#13;"),
            '\t' => safe.push_str("&#9;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => safe.extend(c.escape_unicode()),
            _ => safe.push(c),
        }
    }
    safe
}
