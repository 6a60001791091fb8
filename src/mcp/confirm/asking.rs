//! Which way a client can be asked, and what its answer comes to.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    ElicitRequest, InputRequest, InputRequests, InputRequiredResult, InputResponses,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};

use super::answer::{self, Said};
use super::elicit::{self, Heard};
use super::places::Places;
use super::state::{States, Unsound, VALID};
use crate::mcp::progress::Teller;
use crate::mcp::revision::Revision;
use crate::runner::{Runner, Word};
use crate::tool::{Call, Failure, FailureCode, Outcome};

/// The name of the one question in a result, and of its answer in the next request.
const CONFIRM: &str = "confirm";

/// Asks the person behind a client.
#[derive(Clone, Debug)]
pub(in crate::mcp) struct Asking {
    states: Arc<States>,
    places: Places,
}

/// What a request brings beside the call: the answer to a question that was asked in a result.
#[derive(Debug)]
pub(in crate::mcp) struct Reply {
    /// `requestState`.
    pub(in crate::mcp) state: Option<String>,
    /// `inputResponses`.
    pub(in crate::mcp) responses: Option<InputResponses>,
}

/// What becomes of a call.
#[derive(Debug)]
pub(in crate::mcp) enum Settled {
    /// It is for the runner, which holds that a word is there.
    Run(Call),
    /// It is answered with the question.
    Question(InputRequiredResult),
    /// It is refused.
    Refused(Outcome),
}

impl Asking {
    /// Nobody is asked yet.
    pub(in crate::mcp) fn new() -> Self {
        Self {
            states: Arc::new(States::new()),
            places: Places::new(),
        }
    }

    /// The same for one more connection.
    pub(in crate::mcp) fn for_connection(&self) -> Self {
        Self {
            states: Arc::clone(&self.states),
            places: self.places.for_connection(),
        }
    }

    /// Sees to it that a call has the word it needs, as far as its client can be asked.
    ///
    /// # Errors
    /// When the request brings a state that is not of a question about this call (2026-07-28, "Multi Round-Trip
    /// Requests": such a state is rejected).
    pub(in crate::mcp) async fn settle(
        &self,
        call: Call,
        reply: Reply,
        teller: &mut Teller,
        context: &RequestContext<RoleServer>,
        revision: &Revision,
        runner: &Runner,
    ) -> Result<Settled, ErrorData> {
        let can_ask = context
            .client_capabilities()
            .and_then(|capabilities| capabilities.elicitation)
            .is_some_and(|capability| answer::shows_forms(&capability));
        if revision.is_stateless() {
            return self.round_trip(call, &reply, can_ask, runner);
        }
        if can_ask && revision.has_elicitation() && elicit::reaches_the_client(context) {
            return Ok(self.elicit(call, teller, context, runner).await);
        }
        Ok(Settled::Run(call))
    }

    /// Asks in a result, and reads the answer in the request that follows it.
    fn round_trip(
        &self,
        call: Call,
        reply: &Reply,
        can_ask: bool,
        runner: &Runner,
    ) -> Result<Settled, ErrorData> {
        let Some(state) = &reply.state else {
            return Ok(self.put(call, can_ask, runner));
        };
        let open = match self.states.open(state, &call) {
            Ok(open) => open,
            Err(Unsound::ToolChanged) => return Ok(self.put(call, can_ask, runner)),
            Err(unsound) => {
                let refusal = unsound_state(&call, unsound);
                let outcome = refused(&call, refusal.clone(), Word::Refused, runner);
                return match unsound {
                    Unsound::NotOurs | Unsound::OfAnotherCall => {
                        let message = refusal.message.clone();
                        Err(ErrorData::invalid_params(message, Some(refusal.envelope())))
                    }
                    _ => Ok(outcome),
                };
            }
        };
        let responses = reply.responses.as_ref();
        let Some(said) = responses
            .and_then(|responses| responses.get(CONFIRM))
            .and_then(answer::read)
        else {
            return Ok(self.put(call, can_ask, runner));
        };
        if !self.states.answer(&open) {
            let refusal = unsound_state(&call, Unsound::Answered);
            return Ok(refused(&call, refusal, Word::Refused, runner));
        }
        Ok(heard(call, said, runner))
    }

    /// Puts the question into the result.
    fn put(&self, call: Call, can_ask: bool, runner: &Runner) -> Settled {
        if !can_ask {
            return Settled::Run(call);
        }
        let message = match message(&call) {
            Ok(message) => message,
            Err(failure) => return Settled::Refused(runner.turned_away(&call, failure)),
        };
        let Some(state) = self.states.seal(&call) else {
            return Settled::Run(call);
        };
        let question = InputRequest::Elicitation(ElicitRequest::new(answer::question(message)));
        let questions = InputRequests::from([(CONFIRM.to_owned(), question)]);
        runner.heard(&call, Word::Asked);
        Settled::Question(InputRequiredResult::new(Some(questions), Some(state)))
    }

    /// Asks on the open session, and waits.
    async fn elicit(
        &self,
        call: Call,
        teller: &mut Teller,
        context: &RequestContext<RoleServer>,
        runner: &Runner,
    ) -> Settled {
        let room = message(&call).and_then(|message| Ok((message, self.places.take()?)));
        let (message, _place) = match room {
            Ok(room) => room,
            Err(failure) => return Settled::Refused(runner.turned_away(&call, failure)),
        };
        runner.heard(&call, Word::Asked);
        match elicit::ask(message, &call, teller, context, runner).await {
            Heard::Said(said) => heard(call, said, runner),
            Heard::NoAnswer => Settled::Run(call),
            Heard::TooLate(waited) => {
                let refusal = too_late(&call, waited);
                refused(&call, refusal, Word::Unanswered, runner)
            }
            Heard::CalledOff => {
                let why = Failure::new(FailureCode::Cancelled, "the client went away");
                refused(&call, why, Word::Unanswered, runner)
            }
            Heard::Stopping => {
                let why = Failure::new(FailureCode::ShuttingDown, "the runner is stopping");
                refused(&call, why, Word::Unanswered, runner)
            }
        }
    }
}

/// The question about a call.
fn message(call: &Call) -> Result<String, Failure> {
    let confirmation = call.tool.confirmation.as_ref();
    let question = confirmation.map(|confirmation| &confirmation.question);
    question
        .map_or_else(
            || Ok(String::new()),
            |question| question.render(&call.arguments),
        )
        .map_err(|error| Failure::new(FailureCode::InvalidArguments, error.to_string()))
}

fn heard(mut call: Call, said: Said, runner: &Runner) -> Settled {
    let tool = &call.tool.name;
    let what = match said {
        Said::Yes => {
            runner.heard(&call, Word::Accepted);
            call.context.is_confirmed = true;
            return Settled::Run(call);
        }
        Said::No => "the person was asked and said no",
        Said::Nothing => "the person was asked and put the question away without an answer",
    };
    let refusal = Failure::new(
        FailureCode::ConfirmationDeclined,
        format!("{what}: `{tool}` was not run"),
    )
    .remediation(format!(
        "do not call `{tool}` again for this unless the person asks you to; tell them what you wanted to do"
    ));
    refused(&call, refusal, Word::Declined, runner)
}

fn refused(call: &Call, failure: Failure, word: Word, runner: &Runner) -> Settled {
    runner.heard(call, word);
    Settled::Refused(runner.turned_away(call, failure))
}

fn too_late(call: &Call, waited: Duration) -> Failure {
    let tool = &call.tool.name;
    let seconds = (waited.as_secs_f64() * 10.0).ceil() / 10.0;
    Failure::new(
        FailureCode::ConfirmationRequired,
        format!("nobody answered the question within {seconds} s: `{tool}` was not run"),
    )
    .remediation(format!(
        "tell the person what you wait for, and call `{tool}` again when they are there"
    ))
}

fn unsound_state(call: &Call, unsound: Unsound) -> Failure {
    let tool = &call.tool.name;
    let what = match unsound {
        Unsound::NotOurs => {
            "`requestState` was altered, or is from another server or from before this one was started".to_owned()
        }
        Unsound::OfAnotherCall => {
            "`requestState` is that of a question about another call: of another tool or client, or with other arguments"
                .to_owned()
        }
        Unsound::Expired => format!("the answer came later than {} minutes after the question", VALID.as_secs() / 60),
        Unsound::Answered => "this question has been answered, and an answer counts once".to_owned(),
        Unsound::ToolChanged => "the tool was changed after the question".to_owned(),
    };
    Failure::new(
        FailureCode::ConfirmationRequired,
        format!("{what}: `{tool}` was not run"),
    )
    .remediation(format!(
        "call `{tool}` again without `requestState`, and the person is asked anew"
    ))
}
