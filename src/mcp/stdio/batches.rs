//! Arrays of requests on their way: their answers are held until the last one is there, and go out as one array.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{ProtocolVersion, RequestId, ServerJsonRpcMessage, ServerResult};
use serde_json::Value;

use crate::mcp::array;

/// Arrays of one client that wait for answers at once; held answers take up memory.
const AT_ONCE: usize = 4;

/// The arrays of one client that are not answered yet. Clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Batches(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The revision that was agreed on.
    revision: Option<ProtocolVersion>,
    open: HashMap<u64, Open>,
    /// The array each request under way came in.
    of: HashMap<RequestId, u64>,
    opened: u64,
}

/// An array of which answers are missing.
#[derive(Debug)]
struct Open {
    answers: Vec<Value>,
    missing: usize,
}

/// What becomes of a message on its way out.
pub(super) enum Outgoing {
    /// It goes as it is.
    Alone,
    /// It waits for others.
    Held,
    /// It was the last one missing: all of them go.
    Together(Value),
}

impl Batches {
    /// Whether the client may send arrays.
    pub(super) fn are_served(&self) -> bool {
        array::may_be_sent_in(self.lock().revision.as_ref())
    }

    /// Whether there is room for one more.
    pub(super) fn has_room(&self) -> bool {
        self.lock().open.len() < AT_ONCE
    }

    /// Notes an array whose `requests` are under way, and what is answered already. Gives the answer when
    /// nothing is missing.
    pub(super) fn open(&self, requests: Vec<RequestId>, answers: Vec<Value>) -> Option<Value> {
        if requests.is_empty() {
            return (!answers.is_empty()).then_some(Value::Array(answers));
        }
        let mut state = self.lock();
        state.opened += 1;
        let number = state.opened;
        let missing = requests.len();
        state
            .of
            .extend(requests.into_iter().map(|request| (request, number)));
        state.open.insert(number, Open { answers, missing });
        None
    }

    /// Looks at what the server says.
    pub(super) fn outgoing(&self, message: &ServerJsonRpcMessage) -> Outgoing {
        let id = match message {
            ServerJsonRpcMessage::Response(response) => {
                if let ServerResult::InitializeResult(agreed) = &response.result {
                    self.lock().revision = Some(agreed.protocol_version.clone());
                }
                Some(&response.id)
            }
            ServerJsonRpcMessage::Error(error) => error.id.as_ref(),
            _ => None,
        };
        let mut state = self.lock();
        let Some(number) = id.and_then(|id| state.of.remove(id)) else {
            return Outgoing::Alone;
        };
        let answer = serde_json::to_value(message).ok();
        state
            .settled(number, answer)
            .map_or(Outgoing::Held, Outgoing::Together)
    }

    /// Waits no longer for a request that was called off, of which nothing is said any more. Gives what it held up.
    pub(super) fn called_off(&self, id: &RequestId) -> Option<Value> {
        let mut state = self.lock();
        let number = state.of.remove(id)?;
        state.settled(number, None)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// One less is missing; the answers, when none is.
    fn settled(&mut self, number: u64, answer: Option<Value>) -> Option<Value> {
        let open = self.open.get_mut(&number)?;
        open.answers.extend(answer);
        open.missing = open.missing.saturating_sub(1);
        if open.missing > 0 {
            return None;
        }
        let answers = self.open.remove(&number)?.answers;
        (!answers.is_empty()).then_some(Value::Array(answers))
    }
}
