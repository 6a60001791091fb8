//! Problems with a place in a file: what is wrong, where, and what to do about it.
//!
//! This room knows texts and byte ranges only. It never decides what is a mistake;
//! the passes of `config` do, and the templates of `tool`.

mod mask;
mod render;
mod report;
mod source;

pub use report::Diagnostics;
pub use source::{Position, Source, Span};

/// How much a problem weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file loads; something in it deserves a look.
    Warning,
    /// The file is refused.
    Error,
}

impl Severity {
    /// The word reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One problem of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the file can still be used.
    pub severity: Severity,
    /// What is wrong: lowercase, names in backticks, no full stop.
    pub message: String,
    /// The place it concerns; `None` when it concerns the file as a whole.
    pub span: Option<Span>,
    /// A word or two shown under the caret.
    pub label: Option<String>,
    /// A second place that explains the first ("first defined here").
    pub related: Option<(Span, String)>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether it came to light by running a program, so that a look at the file alone does not show it.
    pub is_of_machine: bool,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, Some(span), message.into())
    }

    /// A warning at `span`.
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, Some(span), message.into())
    }

    /// An error that concerns the whole file.
    pub fn whole_file(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, None, message.into())
    }

    /// A problem as heavy as `severity` says.
    pub fn with_severity(severity: Severity, span: Span, message: impl Into<String>) -> Self {
        Self::new(severity, Some(span), message.into())
    }

    fn new(severity: Severity, span: Option<Span>, message: String) -> Self {
        Self {
            severity,
            message,
            span,
            label: None,
            related: None,
            hint: None,
            is_of_machine: false,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says that it came to light by running a program.
    #[must_use]
    pub const fn of_machine(mut self) -> Self {
        self.is_of_machine = true;
        self
    }

    /// Adds the words under the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds a second place that explains the first.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related = Some((span, label.into()));
        self
    }
}
