//! A general parser, asked whether it sees the same quoting around each placeholder.
//!
//! It is never asked whether a place is allowed, and where it finds no sense in the script it has
//! no opinion. Where both have one and they differ, one of them is wrong, and the template is
//! refused.

use std::cell::RefCell;

use tree_sitter::{Node, Parser};

use super::super::Problem;
use super::super::placeholder::Placeholder;
use super::syntax::Quoting;

thread_local! {
    /// Making a parser costs half as much as its work on a short script, and a file can have thousands of them.
    /// `None` where the library does not know the grammar.
    static PARSER: RefCell<Option<Parser>> = RefCell::new(parser());
}

fn parser() -> Option<Parser> {
    let mut parser = Parser::new();
    let known = parser.set_language(&tree_sitter_bash::LANGUAGE.into());
    known.is_ok().then_some(parser)
}

/// What the other parser sees around a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Bare,
    Single,
    Ansi,
    Double,
    Document,
    Comment,
    Arithmetic,
}

/// The first placeholder on which the two disagree.
pub(super) fn ask(
    text: &str,
    placeholders: &[Placeholder],
    slots: &[Option<Quoting>],
) -> Result<(), Problem> {
    let mut bytes = text.as_bytes().to_vec();
    for placeholder in placeholders {
        bytes[placeholder.range.clone()].fill(b'Z');
    }
    let parsed = PARSER.with_borrow_mut(|parser| parser.as_mut()?.parse(&bytes, None));
    let Some(tree) = parsed.filter(|tree| !tree.root_node().has_error()) else {
        return Ok(());
    };
    for (placeholder, slot) in placeholders.iter().zip(slots) {
        let range = placeholder.range.clone();
        let node = tree
            .root_node()
            .descendant_for_byte_range(range.start, range.end);
        let (Some(slot), Some(node)) = (slot, node) else {
            continue;
        };
        if !agree(*slot, node, &bytes, range.start) {
            return Err(Problem::error(
                range,
                "it is not clear how a shell reads the quotes around this place",
            )
            .hint("write the value as a word of its own in double quotes"));
        }
    }
    Ok(())
}

fn agree(slot: Quoting, node: Node<'_>, bytes: &[u8], at: usize) -> bool {
    let (seen, in_operand) = seen(node);
    match slot {
        // It knows less of these than the grammar here does.
        Quoting::Arithmetic | Quoting::Pattern => true,
        Quoting::Bare => {
            seen == Seen::Bare
                || seen == Seen::Arithmetic
                || (seen == Seen::Comment && after_continuation(bytes, at))
        }
        // It takes a quote inside `"${v:-'...'}"` for a quote, which it is not.
        Quoting::Double => matches!(seen, Seen::Double | Seen::Document) || in_operand,
        Quoting::Single => seen == Seen::Single,
        Quoting::Ansi => seen == Seen::Ansi,
        Quoting::QuotedDocument => seen == Seen::Document,
        Quoting::Comment => seen == Seen::Comment,
    }
}

/// The quoting around a node, and whether an operand of `${...}` lies between.
fn seen(node: Node<'_>) -> (Seen, bool) {
    let mut in_operand = false;
    let mut current = Some(node);
    while let Some(node) = current {
        match node.kind() {
            "raw_string" => {
                return (
                    Seen::Single,
                    node.parent().is_some_and(|up| up.kind() == "expansion"),
                );
            }
            "ansi_c_string" => return (Seen::Ansi, in_operand),
            "string" | "translated_string" => return (Seen::Double, in_operand),
            "heredoc_body" => return (Seen::Document, in_operand),
            "comment" => return (Seen::Comment, in_operand),
            "arithmetic_expansion" => return (Seen::Arithmetic, in_operand),
            "command_substitution" | "process_substitution" | "subshell" | "program" => {
                return (Seen::Bare, in_operand);
            }
            "expansion" => in_operand = true,
            _ => {}
        }
        current = node.parent();
    }
    (Seen::Bare, in_operand)
}

/// Whether the line goes on from the one before, so that a `#` in it can be part of a word.
fn after_continuation(bytes: &[u8], at: usize) -> bool {
    let line = bytes[..at].iter().rposition(|byte| *byte == b'\n');
    line.is_some_and(|end| end > 0 && bytes[end - 1] == b'\\')
}
