//! Templates: their problems brought to their places in the file.

use super::Context;
use crate::config::decode::Problems;
use crate::config::yaml::Node;
use crate::diagnostic::{Diagnostic, Severity};
use crate::tool::template::{Checked, Problem};

/// The template that was compiled from the scalar `node`, its problems reported; `None` when one of
/// them refuses it.
pub(super) fn checked<T>(
    context: &Context<'_>,
    node: &Node,
    compiled: Result<Checked<T>, Vec<Problem>>,
    problems: &mut Problems,
) -> Option<T> {
    match compiled {
        Ok(checked) => {
            problems.extend(
                checked
                    .warnings
                    .into_iter()
                    .map(|warning| placed(context, node, warning)),
            );
            Some(checked.template)
        }
        Err(found) => {
            problems.extend(
                found
                    .into_iter()
                    .map(|problem| placed(context, node, problem)),
            );
            None
        }
    }
}

/// A problem and the element it concerns.
type InList = (usize, Problem);

/// The same for a list of scalars, whose problems say which of them they concern.
pub(super) fn checked_list<T>(
    context: &Context<'_>,
    nodes: &[&Node],
    compiled: Result<Checked<T, InList>, Vec<InList>>,
    problems: &mut Problems,
) -> Option<T> {
    let mut report = |found: Vec<InList>| {
        for (index, problem) in found {
            if let Some(node) = nodes.get(index) {
                problems.push(placed(context, node, problem));
            }
        }
    };
    match compiled {
        Ok(checked) => {
            report(checked.warnings);
            Some(checked.template)
        }
        Err(found) => {
            report(found);
            None
        }
    }
}

fn placed(context: &Context<'_>, node: &Node, problem: Problem) -> Diagnostic {
    let Problem {
        severity,
        range,
        message,
        hint,
    } = problem;
    let diagnostic = Diagnostic::with_severity(severity, context.place(node, range), message);
    match hint {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}

/// Keeps the errors of a template that is checked but not used.
pub(super) fn errors_only<T>(
    context: &Context<'_>,
    node: &Node,
    compiled: Result<Checked<T>, Vec<Problem>>,
    problems: &mut Problems,
) {
    if let Err(found) = compiled {
        let errors = found
            .into_iter()
            .filter(|problem| problem.severity == Severity::Error);
        problems.extend(errors.map(|problem| placed(context, node, problem)));
    }
}
