//! A person's word before a call, as each revision of the protocol can ask for it.
//!
//! | file | owns |
//! |---|---|
//! | `asking` | which way a client can be asked, and what its answer comes to |
//! | `state` | the signed `requestState` of a question that is out (2026-07-28, "Multi Round-Trip Requests") |
//! | `used` | that a question is answered once |
//! | `elicit` | the question on an open session, and the wait for its answer (2025-06-18 and 2025-11-25, "Elicitation") |
//! | `places` | how many such waits there may be |
//! | `answer` | what an answer says |
//!
//! A call that waits for a word holds no place of the scheduler. That a call without the word does not run is held
//! by the runner, not here.

mod answer;
mod asking;
mod elicit;
mod places;
mod state;
mod used;

pub(super) use asking::{Asking, Reply, Settled};
pub(super) use elicit::PATIENCE;
