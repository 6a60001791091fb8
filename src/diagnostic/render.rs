//! One problem as people read it: the message, the place with its line, a caret, and a hint.

use annotate_snippets::renderer::Renderer;
use annotate_snippets::{AnnotationKind, Group, Level, Snippet};

use super::{Diagnostic, Severity, Source, Span};

/// How many lines may lie between a problem and the place that explains it for both to be shown
/// in one piece of text.
const MAX_LINES_BETWEEN: usize = 200;

/// The text of one problem, which `others` more places share; ends with a newline.
pub(super) fn problem(problem: &Diagnostic, others: usize, source: &Source, color: bool) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let message = match others {
        0 => problem.message.clone(),
        1 => format!("{} (and in 1 more place)", problem.message),
        _ => format!("{} (and in {others} more places)", problem.message),
    };
    let mut group = Group::with_title(level.primary_title(printable(&message)));
    let path = printable(&source.path().to_string_lossy());
    for piece in pieces(problem, source) {
        group = group.element(piece.snippet(source, &path));
    }
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut text = renderer.render(&[group]);
    if problem.span.is_none() {
        text += &["\n --> ", &path].concat();
    }
    text.push('\n');
    if let Some(hint) = &problem.hint {
        let word = if color {
            "\u{1b}[1;36mhint\u{1b}[0m"
        } else {
            "hint"
        };
        text += &["\n", word, ": ", &printable(hint), "\n"].concat();
    }
    text
}

/// Control characters of a file must not reach the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// A run of lines with the places to mark in it.
struct Piece<'a> {
    marks: Vec<(AnnotationKind, Span, Option<&'a str>)>,
}

/// The problem's place and the one that explains it: together where they are near each other.
fn pieces<'a>(problem: &'a Diagnostic, source: &Source) -> Vec<Piece<'a>> {
    let Some(span) = problem.span else {
        return Vec::new();
    };
    let primary = (AnnotationKind::Primary, span, problem.label.as_deref());
    let Some((related, label)) = &problem.related else {
        return vec![Piece {
            marks: vec![primary],
        }];
    };
    let context = (AnnotationKind::Context, *related, Some(label.as_str()));
    let line = |span: Span| source.position(span.start).line;
    if line(span).abs_diff(line(*related)) <= MAX_LINES_BETWEEN {
        return vec![Piece {
            marks: vec![primary, context],
        }];
    }
    vec![
        Piece {
            marks: vec![primary],
        },
        Piece {
            marks: vec![context],
        },
    ]
}

impl<'a> Piece<'a> {
    /// Cuts the lines out of the file, so that a report on a long file costs what it shows.
    fn snippet(
        &self,
        source: &Source,
        path: &str,
    ) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let spans = self
            .marks
            .iter()
            .map(|(_, span, _)| first_line(*span, source));
        let start = spans.clone().map(|span| span.start).min().unwrap_or(0);
        let end = spans.clone().map(|span| span.end).max().unwrap_or(start);
        let lines = source.lines_around(Span::new(start, end));
        // A carriage return before a line break would show as a sign of its own.
        let text = source.text()[lines.range()].replace("\r\n", " \n");
        let marks = self
            .marks
            .iter()
            .zip(spans)
            .map(|((kind, _, label), span)| {
                let mark = kind.span(span.start - lines.start..span.end - lines.start);
                match label {
                    Some(label) => mark.label(printable(label)),
                    None => mark,
                }
            });
        Snippet::source(text)
            .line_start(source.position(lines.start).line)
            .path(path.to_owned())
            .annotations(marks)
    }
}

/// The part of a span on its first line: a caret under a whole block says nothing.
fn first_line(span: Span, source: &Source) -> Span {
    let text = source.text();
    let start = source.character_start(span.start);
    let end = source.character_start(span.end.max(span.start));
    let line_end = text[start..]
        .find(['\n', '\r'])
        .map_or(text.len(), |at| start + at);
    Span::new(start, end.clamp(start, line_end))
}
