//! What can be wrong with a template, and with a value on its way into one.

use std::ops::Range;

use crate::diagnostic::Severity;

/// A problem of a template, found when it is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// An error refuses the template.
    pub severity: Severity,
    /// The bytes of the template's own text it concerns.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem that refuses the template.
    pub fn error(range: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            range,
            message: message.into(),
            hint: None,
        }
    }

    /// A problem that deserves a look.
    pub fn warning(range: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(range, message)
        }
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether it refuses the template.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// A compiled template and what deserves a look in it; its problems are all warnings.
#[derive(Clone, Debug)]
pub struct Checked<T, P = Problem> {
    /// The template.
    pub template: T,
    /// The warnings.
    pub warnings: Vec<P>,
}

/// A value that cannot be delivered where the template needs it: an argument error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{parameter}`: {message}")]
pub struct ValueError {
    /// The parameter.
    pub parameter: String,
    /// Why not, and what would do.
    pub message: String,
}

impl ValueError {
    /// An argument error of `parameter`.
    pub fn new(parameter: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            parameter: parameter.into(),
            message: message.into(),
        }
    }
}
