//! No call without the word of a person that its tool asks for.
//!
//! Who calls a tool is asked elsewhere, by whoever speaks to the caller; here it is held, whatever the way a call came.

use crate::metrics::Metrics;
use crate::tool::{Call, ConfirmFallback, Failure, FailureCode};

/// What came of asking a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The question went out.
    Asked,
    /// The person said yes.
    Accepted,
    /// The person said no, or put the question away.
    Declined,
    /// Nobody answered while the call could wait.
    Unanswered,
    /// Nobody could be asked, or the answer was not one to this question, and the call was refused.
    Refused,
    /// Nobody could be asked, and the file says that the call runs all the same.
    Allowed,
}

impl Word {
    /// The word that is counted.
    const fn label(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Unanswered => "unanswered",
            Self::Refused => "refused",
            Self::Allowed => "allowed",
        }
    }

    /// What is written down of a call that goes on; one that is refused has a line of its own at its end.
    pub(super) const fn step(self) -> Option<&'static str> {
        match self {
            Self::Asked => Some("ASKED"),
            Self::Accepted => Some("ACCEPTED"),
            Self::Declined | Self::Unanswered | Self::Refused | Self::Allowed => None,
        }
    }
}

/// Counts a word about `call`.
pub(super) fn count(metrics: &Metrics, call: &Call, word: Word) {
    let counters = metrics.operation(call.tool.name.as_str());
    counters.questions.add(word.label());
}

/// Whether `call` has the word it needs, or needs none.
///
/// # Errors
/// `CONFIRMATION_REQUIRED` when nobody was asked, unless the file allows that.
pub(super) fn held(call: &Call, metrics: &Metrics) -> Result<(), Failure> {
    let Some(confirmation) = call.confirmation() else {
        return Ok(());
    };
    if call.context.is_confirmed {
        return Ok(());
    }
    match confirmation.fallback {
        ConfirmFallback::Allow => {
            count(metrics, call, Word::Allowed);
            Ok(())
        }
        ConfirmFallback::Refuse => {
            count(metrics, call, Word::Refused);
            Err(nobody_was_asked(call))
        }
    }
}

fn nobody_was_asked(call: &Call) -> Failure {
    let tool = &call.tool.name;
    Failure::new(
        FailureCode::ConfirmationRequired,
        format!("`{tool}` runs only after a person has said yes, and nobody could be asked: nothing was run"),
    )
    .remediation(format!(
        "call `{tool}` by itself, not in a batch, from a client that can ask its person (MCP elicitation); \
         if this client cannot, tell the person what you wanted to do"
    ))
}
