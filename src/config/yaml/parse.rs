//! From text to tree.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{
    Event, Options, Parser, ScalarStyle, ScanError, Span as Place, Tag,
};

use super::{Key, Kind, Map, Node, Scalar, ScalarValue, Style};
use crate::diagnostic::{Diagnostic, Span};

/// How deep collections may nest.
const MAX_DEPTH: usize = 64;
/// How many values a file may have.
const MAX_NODES: usize = 1_000_000;
/// Up to so many keys, a map is looked through for a repeated one; a larger map keeps an index.
const FEW_KEYS: usize = 16;
/// What all uses of aliases together may add, counted by [`weight`].
const MAX_ALIAS_WEIGHT: usize = 8 << 20;

/// Parses `text`. What can be told is gathered in `problems`; `None` when the text is no single YAML
/// document, or an unreasonable one.
pub(crate) fn parse(text: &str, problems: &mut Vec<Diagnostic>) -> Option<Node> {
    let mut builder = Builder {
        text,
        problems,
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        alias_weight: 0,
        root: None,
    };
    match builder.run() {
        Ok(()) => builder.root,
        Err(problem) => {
            builder.problems.push(*problem);
            None
        }
    }
}

/// What is being built, from the outermost collection to the innermost.
struct Builder<'a> {
    text: &'a str,
    problems: &'a mut Vec<Diagnostic>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    alias_weight: usize,
    root: Option<Node>,
}

/// A collection whose end has not been reached.
struct Open {
    start: Span,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map(Entries),
}

/// A map on its way.
#[derive(Default)]
struct Entries {
    done: Map,
    /// Where the keys of `done` stand, once they are many.
    index: HashMap<String, Span>,
    merges: Vec<Node>,
    next: Next,
}

/// What the next value of a map is.
#[derive(Default)]
enum Next {
    /// A key.
    #[default]
    Key,
    /// The value of this key.
    Value(Key),
    /// The value of a key that is there already, to be dropped.
    Dropped,
    /// The value of `<<`.
    Merge,
}

/// One step of the work; the problem of a failed one ends it.
type Step<T = ()> = Result<T, Box<Diagnostic>>;

fn refuse<T>(problem: Diagnostic) -> Step<T> {
    Err(Box::new(problem))
}

impl Builder<'_> {
    fn run(&mut self) -> Step {
        let mut options = Options::default();
        options.emit_unresolved_aliases = true;
        let mut parser = Parser::new_from_str_with_options(self.text, options);
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, place) =
                event.map_err(|error| Box::new(syntax_error(&error, self.text)))?;
            let span = self.span(place);
            match event {
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        return refuse(Diagnostic::error(span, "the file holds more than one YAML document")
                            .hint("a gantz.yaml is one document; remove the line `---` and what follows, or make it a file of its own"));
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let scalar = Self::scalar(text.into_owned(), style, tag.as_deref(), span)?;
                    self.add(
                        Node {
                            span,
                            kind: Kind::Scalar(scalar),
                        },
                        anchor,
                    )?;
                }
                Event::SequenceStart(_, anchor, tag) => {
                    Self::check_tag(tag.as_deref(), "seq", span)?;
                    self.enter(span, anchor, Content::List(Vec::new()))?;
                }
                Event::MappingStart(_, anchor, tag) => {
                    Self::check_tag(tag.as_deref(), "map", span)?;
                    self.enter(span, anchor, Content::Map(Entries::default()))?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.leave(span)?,
                Event::Alias(anchor) => self.alias(anchor, span)?,
                Event::UnresolvedAlias(name) => {
                    return refuse(
                        Diagnostic::error(
                            span,
                            format!("no anchor `&{name}` stands before this alias"),
                        )
                        .hint("a text that begins with `*` needs quotes"),
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The parser's place in bytes. Without byte offsets, which it gives for every text held in
    /// memory, the start of the file.
    fn span(&self, place: Place) -> Span {
        place.byte_range().map_or_else(Span::default, |range| {
            Span::new(range.start, range.end.min(self.text.len()))
        })
    }

    fn check_tag(tag: Option<&Tag>, expected: &str, span: Span) -> Step {
        match tag {
            Some(tag) if !tag.is_yaml_core_schema_tag(expected) => {
                refuse(unsupported_tag(tag, span))
            }
            _ => Ok(()),
        }
    }

    fn scalar(text: String, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Step<Scalar> {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::Single,
            ScalarStyle::DoubleQuoted => Style::Double,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        let value = match tag {
            None if style == Style::Plain => ScalarValue::of_plain(&text),
            None => ScalarValue::Text,
            Some(tag) if tag.is_yaml_core_schema_tag("str") => ScalarValue::Text,
            Some(tag) if tag.is_yaml_core_schema() => {
                let value = ScalarValue::of_plain(&text);
                if value == ScalarValue::Text {
                    return refuse(unsupported_tag(tag, span));
                }
                value
            }
            Some(tag) => return refuse(unsupported_tag(tag, span)),
        };
        Ok(Scalar { text, style, value })
    }

    fn enter(&mut self, start: Span, anchor: usize, content: Content) -> Step {
        if self.open.len() >= MAX_DEPTH {
            return refuse(Diagnostic::error(
                start,
                format!("lists and maps are nested more than {MAX_DEPTH} deep"),
            ));
        }
        if let Some(Content::Map(entries)) = self.open.last().map(|open| &open.content)
            && matches!(entries.next, Next::Key)
        {
            return refuse(complex_key(start));
        }
        self.open.push(Open {
            start,
            anchor,
            content,
        });
        Ok(())
    }

    fn leave(&mut self, end: Span) -> Step {
        let Some(Open {
            start,
            anchor,
            content,
        }) = self.open.pop()
        else {
            return Ok(());
        };
        let (kind, last) = match content {
            Content::List(items) => {
                let last = items.last().map(|item| item.span.end);
                (Kind::List(items), last)
            }
            Content::Map(mut entries) => {
                let last = entries.done.last().map(|(_, node)| node.span.end);
                for merge in entries.merges {
                    merge_into(&mut entries.done, merge)?;
                }
                (Kind::Map(entries.done), last)
            }
        };
        // A block collection's end event stands where the next thing begins, lines later.
        let end = if end.end > end.start {
            end.end
        } else {
            last.unwrap_or(start.end)
        };
        let span = Span::new(start.start, end.max(start.start));
        self.add(Node { span, kind }, anchor)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Step {
        let Some(node) = self.anchors.get(&anchor) else {
            return refuse(Diagnostic::error(
                span,
                "this alias stands inside the value it refers to",
            ));
        };
        self.alias_weight += weight(node);
        if self.alias_weight > MAX_ALIAS_WEIGHT {
            return refuse(
                Diagnostic::error(span, "the aliases of this file repeat too much")
                    .hint("write the values out, or use fewer aliases of aliases"),
            );
        }
        let node = node.clone();
        self.add(node, 0)
    }

    /// Puts a finished value where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Step {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return refuse(Diagnostic::error(
                node.span,
                format!("the file holds more than {MAX_NODES} values"),
            ));
        }
        if anchor != 0 {
            // An anchored value is kept a second time, so it weighs as an alias does.
            self.alias_weight += weight(&node);
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map(entries)) => entries.add(node, self.problems)?,
        }
        Ok(())
    }
}

impl Entries {
    fn add(&mut self, node: Node, problems: &mut Vec<Diagnostic>) -> Step {
        match std::mem::take(&mut self.next) {
            Next::Key => self.next = self.key(node, problems)?,
            Next::Value(key) => self.done.push((key, node)),
            Next::Merge => self.merges.push(node),
            Next::Dropped => {}
        }
        Ok(())
    }

    fn key(&mut self, node: Node, problems: &mut Vec<Diagnostic>) -> Step<Next> {
        let Kind::Scalar(scalar) = node.kind else {
            return refuse(complex_key(node.span));
        };
        if scalar.text == "<<" && scalar.style == Style::Plain {
            return Ok(Next::Merge);
        }
        if let Some(first) = self.first_set(&scalar.text) {
            problems.push(
                Diagnostic::error(node.span, format!("the key `{}` is set twice", scalar.text))
                    .label("again here")
                    .related(first, "first set here")
                    .hint("keep one of them"),
            );
            return Ok(Next::Dropped);
        }
        Ok(Next::Value(Key {
            text: scalar.text,
            span: node.span,
        }))
    }

    /// Where the key `text` stands already.
    fn first_set(&mut self, text: &str) -> Option<Span> {
        if self.done.len() <= FEW_KEYS {
            let known = self.done.iter().find(|(key, _)| key.text == text);
            return known.map(|(key, _)| key.span);
        }
        // No key is there twice, so what the index lacks stands at the end.
        let missing = &self.done[self.index.len()..];
        let missing = missing.iter().map(|(key, _)| (key.text.clone(), key.span));
        self.index.extend(missing);
        self.index.get(text).copied()
    }
}

fn complex_key(span: Span) -> Diagnostic {
    Diagnostic::error(span, "a key must be a single text, not a list or a map")
        .hint("a text that begins with `{` or `[` needs quotes, as in \"{{name}}\"")
}

/// Adds what the map does not say itself, from the value of `<<`.
fn merge_into(entries: &mut Map, merge: Node) -> Step {
    match merge.kind {
        Kind::Map(others) => {
            for (key, node) in others {
                if !entries.iter().any(|(own, _)| own.text == key.text) {
                    entries.push((key, node));
                }
            }
            Ok(())
        }
        Kind::List(items) => items.into_iter().try_for_each(|item| match item.kind {
            Kind::Map(_) => merge_into(entries, item),
            _ => refuse(not_a_map(item.span)),
        }),
        Kind::Scalar(_) => refuse(not_a_map(merge.span)),
    }
}

fn not_a_map(span: Span) -> Diagnostic {
    Diagnostic::error(span, "`<<` takes a map, or a list of maps")
}

/// What a copy of the value costs, roughly in bytes.
fn weight(node: &Node) -> usize {
    let content = match &node.kind {
        Kind::Scalar(scalar) => scalar.text.len(),
        Kind::List(items) => items.iter().map(weight).sum(),
        Kind::Map(entries) => entries
            .iter()
            .map(|(key, node)| key.text.len() + weight(node))
            .sum(),
    };
    content + size_of::<Node>()
}

fn unsupported_tag(tag: &Tag, span: Span) -> Diagnostic {
    Diagnostic::error(
        span,
        format!("the tag `{}` does not fit here", tag.original()),
    )
    .hint("a text that begins with `!` needs quotes")
}

/// The parser's complaint in its own words, with a hint for what people meet most.
fn syntax_error(error: &ScanError, text: &str) -> Diagnostic {
    use serde_saphyr::granit_parser::ErrorKind as Error;
    let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
    let width = text[at..]
        .chars()
        .next()
        .filter(|c| *c != '\n')
        .map_or(0, char::len_utf8);
    let problem = Diagnostic::error(
        Span::new(at, at + width),
        format!("this is not YAML: {}", error.info()),
    );
    let hint = match error.kind() {
        Error::TabNotAllowed
        | Error::TabInBlockIndentation
        | Error::TabAtBlockScalarStart
        | Error::TabInIndentation
        | Error::TabInPlainScalar => "indent with spaces, YAML allows no tabs there",
        Error::UnexpectedCharacter { .. } => "a text that begins with this character needs quotes",
        Error::MappingValueNotAllowed | Error::InvalidColonPlacement | Error::SimpleKeyExpected => {
            "check the indentation of this line and the one before; a text with `: ` in it needs quotes"
        }
        Error::ExpectedBlockMappingKey
        | Error::ExpectedBlockSequenceEntry
        | Error::InvalidIndentation
        | Error::BlockSequenceEntryNotAllowed => {
            "check the indentation: lines of one list or map begin in the same column"
        }
        Error::UnclosedQuotedScalar | Error::InvalidQuotedScalarIndent => {
            "a quote that was opened before is not closed"
        }
        Error::RecursionLimitExceeded => "lists and maps nest too deeply",
        _ => return problem,
    };
    problem.hint(hint)
}
