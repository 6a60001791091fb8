//! All problems of a file together.

use serde_json::{Value, json};

use super::{Diagnostic, Severity, Source, Span, render};

/// All problems of a file: errors first, each kind in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// The most problems a report keeps; past it, one more says that there are others.
    pub const MAX: usize = 1000;

    /// Sorts `problems` and drops exact repetitions, which two uses of one YAML anchor give.
    pub fn new(mut problems: Vec<Diagnostic>) -> Self {
        problems.sort_by_key(|problem| (std::cmp::Reverse(problem.severity), problem.span));
        problems.dedup();
        if problems.len() > Self::MAX {
            let left_out = problems.len() - Self::MAX;
            let severity = problems[Self::MAX].severity;
            problems.truncate(Self::MAX);
            let mut more =
                Diagnostic::whole_file(format!("{left_out} more problems are not shown"));
            more.severity = severity;
            problems.push(more);
        }
        Self(problems)
    }

    /// Whether one of them refuses the file.
    pub fn has_errors(&self) -> bool {
        self.iter()
            .any(|problem| problem.severity == Severity::Error)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each problem, errors first.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// The same problems with every warning an error.
    #[must_use]
    pub fn strict(mut self) -> Self {
        for problem in &mut self.0 {
            problem.severity = Severity::Error;
        }
        Self::new(self.0)
    }

    /// How many of each kind: "2 errors, 1 warning"; `None` when there is no problem.
    pub fn summary(&self) -> Option<String> {
        let count = |severity, word| {
            let number = self.iter().filter(|p| p.severity == severity).count();
            match number {
                0 => None,
                1 => Some(format!("1 {word}")),
                _ => Some(format!("{number} {word}s")),
            }
        };
        let parts: Vec<String> = [
            count(Severity::Error, "error"),
            count(Severity::Warning, "warning"),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// The report for people: each problem with its lines and a caret, then the summary.
    /// Warnings that say the same of several places are shown once, with their number.
    /// Secrets that the lines spell out are hidden. Empty when there is no problem.
    pub fn render(&self, source: &Source, color: bool) -> String {
        let mut text = String::new();
        if self.is_empty() {
            return text;
        }
        let shown = source.masked();
        for (problem, others) in self.grouped() {
            text.push_str(&render::problem(problem, others, &shown, color));
            text.push('\n');
        }
        if let Some(summary) = self.summary() {
            text.push_str(&summary);
            text.push('\n');
        }
        text
    }

    /// The report for programs: a list in the same order, every place of its own.
    pub fn to_json(&self, source: &Source) -> Value {
        self.iter()
            .map(|problem| {
                let mut entry = json!({
                    "severity": problem.severity.name(),
                    "message": problem.message,
                    "file": source.path().to_string_lossy(),
                });
                if let Some(span) = problem.span {
                    place(&mut entry, span, source);
                }
                if let Some(hint) = &problem.hint {
                    entry["hint"] = hint.as_str().into();
                }
                if let Some((span, label)) = &problem.related {
                    let mut related = json!({ "message": label });
                    place(&mut related, *span, source);
                    entry["related"] = related;
                }
                entry
            })
            .collect()
    }

    /// Each problem to show, with how many further warnings say the same.
    fn grouped(&self) -> Vec<(&Diagnostic, usize)> {
        let mut groups: Vec<(&Diagnostic, usize)> = Vec::new();
        let mut seen: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
        for problem in self {
            let known = seen.get(problem.message.as_str()).copied();
            match known {
                Some(at) if problem.severity == Severity::Warning => groups[at].1 += 1,
                _ => {
                    seen.insert(problem.message.as_str(), groups.len());
                    groups.push((problem, 0));
                }
            }
        }
        groups
    }
}

/// Adds where `span` begins and ends, counted as editors do.
fn place(entry: &mut Value, span: Span, source: &Source) {
    let (start, end) = (source.position(span.start), source.position(span.end));
    entry["line"] = start.line.into();
    entry["column"] = start.column.into();
    entry["end_line"] = end.line.into();
    entry["end_column"] = end.column.into();
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Source {
        Source::new("x.yaml", "one: 1\ntwo: 2\nthree: é3\n")
    }

    #[test]
    fn errors_come_first_and_each_kind_in_the_files_order() {
        let report = Diagnostics::new(vec![
            Diagnostic::warning(Span::new(0, 3), "a"),
            Diagnostic::error(Span::new(14, 19), "c"),
            Diagnostic::error(Span::new(7, 10), "b"),
            Diagnostic::error(Span::new(7, 10), "b"),
        ]);
        let messages: Vec<&str> = report
            .iter()
            .map(|problem| problem.message.as_str())
            .collect();
        assert_eq!(messages, ["b", "c", "a"]);
        assert_eq!(report.summary().as_deref(), Some("2 errors, 1 warning"));
        assert!(report.has_errors());
        assert_eq!(report.strict().summary().as_deref(), Some("3 errors"));
        assert_eq!(Diagnostics::default().summary(), None);
    }

    #[test]
    fn a_report_stays_in_bounds() {
        let problem = |at| Diagnostic::warning(Span::new(at, at), format!("{at}"));
        let report = Diagnostics::new((0..2 * Diagnostics::MAX).map(problem).collect());
        assert_eq!(report.len(), Diagnostics::MAX + 1);
        assert!(!report.has_errors());
    }

    #[test]
    fn programs_get_every_place() {
        let report = Diagnostics::new(vec![
            Diagnostic::error(Span::new(21, 24), "wrong")
                .hint("mend it")
                .related(Span::new(0, 3), "because of this"),
        ]);
        assert_eq!(
            report.to_json(&source()),
            json!([{
                "severity": "error", "message": "wrong", "file": "x.yaml",
                "line": 3, "column": 8, "end_line": 3, "end_column": 10,
                "hint": "mend it",
                "related": {
                    "message": "because of this",
                    "line": 1, "column": 1, "end_line": 1, "end_column": 4,
                },
            }])
        );
    }

    #[test]
    fn warnings_that_say_the_same_are_shown_once() {
        let warning = |at| Diagnostic::warning(Span::new(at, at + 3), "odd").hint("look");
        let report = Diagnostics::new(vec![warning(0), warning(7)]);
        let text = report.render(&source(), false);
        assert_eq!(
            text,
            "warning: odd (and in 1 more place)\n --> x.yaml:1:1\n  |\n1 | one: 1\n  | ^^^\n\nhint: look\n\n2 warnings\n"
        );
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let report = Diagnostics::new(vec![
            Diagnostic::error(Span::new(21, 24), "wrong").hint("mend it"),
        ]);
        let coloured = report.render(&source(), true);
        let mut plain = String::new();
        let mut rest = coloured.as_str();
        while let Some(start) = rest.find('\u{1b}') {
            plain += &rest[..start];
            let end = rest[start..].find('m').expect("the end of an escape");
            rest = &rest[start + end + 1..];
        }
        plain += rest;
        assert_eq!(plain, report.render(&source(), false));
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let report = Diagnostics::new(vec![
            Diagnostic::whole_file("\u{1b}[31mred").hint("a\u{7}b"),
        ]);
        assert!(
            !report
                .render(&source(), false)
                .contains(['\u{1b}', '\u{7}'])
        );
    }
}
