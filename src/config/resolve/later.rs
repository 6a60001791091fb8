//! Settings whose behaviour comes with a later version: checked, and said to have no effect yet.

use crate::config::decode::{Given, Problems};
use crate::config::document::Document;
use crate::diagnostic::{Diagnostic, Span};

/// Says that a key is understood and does nothing yet.
fn no_effect<T>(given: Option<&Given<T>>, name: &str, instead: &str, problems: &mut Problems) {
    if let Some(given) = given {
        problems.push(warning(given.key, name, instead));
    }
}

fn warning(span: Span, name: &str, instead: &str) -> Diagnostic {
    Diagnostic::warning(span, format!("`{name}` has no effect yet")).hint(instead)
}

/// The settings at the top of the file.
pub(super) fn document(document: &Document, problems: &mut Problems) {
    for class in document
        .timeouts
        .iter()
        .flat_map(|classes| classes.0.values())
    {
        no_effect(
            class.connect.as_ref(),
            "connect",
            "`total` bounds the whole call",
            problems,
        );
    }
}
