//! A call that needs a person's word.

use std::sync::atomic::{AtomicU64, Ordering};

use super::template::QuestionTemplate;

/// What a person is asked before each call of a tool, and what holds where nobody can be asked.
#[derive(Debug)]
pub struct Confirmation {
    /// The question.
    pub question: QuestionTemplate,
    /// What becomes of a call whose caller cannot ask.
    pub fallback: ConfirmFallback,
    /// Names this definition of the tool among all that were ever loaded in this process.
    edition: u64,
}

/// What becomes of a call where nobody can be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConfirmFallback {
    /// It is refused.
    #[default]
    Refuse,
    /// It runs.
    Allow,
}

impl Confirmation {
    /// A question of its own edition.
    pub fn new(question: QuestionTemplate, fallback: ConfirmFallback) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            question,
            fallback,
            edition: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The number of this definition: a reload that changes anything about the tool makes another one, so that a
    /// word given for the tool as it was is not taken for the tool as it is.
    pub const fn edition(&self) -> u64 {
        self.edition
    }

    /// Whether both ask the same.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.question.written() == other.question.written() && self.fallback == other.fallback
    }
}
