//! The signed state of a question that is out.
//!
//! Between the question and its answer nothing is kept here: what was asked, of whom and until when stands in
//! `requestState`, which comes back from outside and is believed only as far as it is signed (2026-07-28, "Multi
//! Round-Trip Requests": a state that influences what a server does is verified). The key is made at the start and
//! leaves this process in no way, so a state from before a restart is nobody's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::model::RequestStateCodec;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::used::Used;
use crate::tool::{Call, Confirmation, Owner};

/// How long a question may wait for its answer.
pub(super) const VALID: Duration = Duration::from_mins(10);

/// The longest state that is looked at, in bytes; ours have a few hundred.
const LONGEST: usize = 2048;

/// Questions that are out, as far as they must be known.
#[derive(Debug)]
pub(super) struct States {
    /// `None` where the machine gave no random key.
    codec: Option<RequestStateCodec>,
    started: Instant,
    next: AtomicU64,
    used: Mutex<Used>,
}

/// What a state says. Whoever holds it can read it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Question {
    number: u64,
    /// When its time is over, in milliseconds since the start.
    until_ms: u64,
    /// The tool as it was then.
    edition: u64,
    /// The digest of the tool's name, the client and the arguments.
    call: [u8; 32],
}

/// A question that waits for its answer.
#[derive(Debug, PartialEq)]
pub(super) struct Open {
    number: u64,
    until: Instant,
}

/// Why a state is no good for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsound {
    /// Altered, or of another server, or from before a restart.
    NotOurs,
    /// Given out for another tool, other arguments or another client.
    OfAnotherCall,
    /// Its time is over.
    Expired,
    /// It has been answered.
    Answered,
    /// The tool is another one since.
    ToolChanged,
}

impl States {
    /// No question yet, under a new key.
    pub(super) fn new() -> Self {
        let mut key = [0; RequestStateCodec::MIN_KEY_LENGTH];
        let codec = getrandom::fill(&mut key)
            .ok()
            .and_then(|()| RequestStateCodec::try_new(key).ok());
        if codec.is_none() {
            tracing::error!("the machine gives no random numbers: no question can be asked");
        }
        Self {
            codec,
            started: Instant::now(),
            next: AtomicU64::new(0),
            used: Mutex::default(),
        }
    }

    /// The state of a question about `call` that is asked now; `None` where nothing can be signed.
    pub(super) fn seal(&self, call: &Call) -> Option<String> {
        let until = self.started.elapsed() + VALID;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let question = Question {
            number,
            until_ms: u64::try_from(until.as_millis()).ok()?,
            ..Question::about(call)
        };
        self.codec.as_ref()?.seal_json(&question).ok()
    }

    /// The question that `state` stands for, if it is about `call` and waits for its answer.
    pub(super) fn open(&self, state: &str, call: &Call) -> Result<Open, Unsound> {
        let codec = self.codec.as_ref().filter(|_| state.len() <= LONGEST);
        let question: Question = codec
            .and_then(|codec| codec.open_json(state).ok())
            .ok_or(Unsound::NotOurs)?;
        let asked = Question {
            number: question.number,
            until_ms: question.until_ms,
            edition: question.edition,
            ..Question::about(call)
        };
        if question != asked {
            return Err(Unsound::OfAnotherCall);
        }
        let until = self.started + Duration::from_millis(question.until_ms);
        if Instant::now() > until {
            return Err(Unsound::Expired);
        }
        if self.used().contains(question.number) {
            return Err(Unsound::Answered);
        }
        if question.edition != edition(call) {
            return Err(Unsound::ToolChanged);
        }
        let number = question.number;
        Ok(Open { number, until })
    }

    /// Takes the answer to a question. False when another request was quicker.
    pub(super) fn answer(&self, question: &Open) -> bool {
        self.used()
            .note(question.number, question.until, Instant::now())
    }

    /// Every step leaves it whole, so a panic elsewhere does not spoil it.
    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question {
    /// What a question about `call` is bound to.
    fn about(call: &Call) -> Self {
        let context = &call.context;
        let principal = match &context.owner {
            Owner::Client(name) => json!(["token", **name]),
            Owner::Bearer => json!(["anybody", context.client]),
        };
        let arguments = call.arguments.as_object();
        // What the runner takes for itself is as much a part of the call as what the tool sees.
        let time = call.arguments.timeout().map(|time| time.as_secs_f64());
        let page = call
            .page
            .as_ref()
            .map(|page| json!([page.offset, page.size]));
        let mut bound = json!([call.tool.name.as_str(), principal, arguments, time, page]);
        bound.sort_all_objects();
        Self {
            number: 0,
            until_ms: 0,
            edition: edition(call),
            call: Sha256::digest(bound.to_string()).into(),
        }
    }
}

fn edition(call: &Call) -> u64 {
    let confirmation = call.tool.confirmation.as_ref();
    confirmation.map_or(u64::MAX, Confirmation::edition)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use proptest::prelude::*;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::config::{LoadOptions, load_text};
    use crate::tool::{Arguments, CallContext, CallId, Tool};

    const FILE: &str = "tools:\n  - name: delete\n    description: d\n    confirm: Sure?\n    script: { command: echo }\n  - name: other\n    description: d\n    confirm: Sure?\n    script: { command: echo }\n";

    fn tool(name: &str) -> Arc<Tool> {
        let loaded = load_text(
            Path::new("f"),
            FILE,
            Path::new("/"),
            &LoadOptions::default(),
        );
        Arc::clone(loaded.unwrap().catalog.get(name).unwrap())
    }

    fn call_of(tool: &Arc<Tool>, arguments: &str, client: &str) -> Call {
        Call {
            id: CallId::random(),
            tool: Arc::clone(tool),
            arguments: Arguments::from_checked(serde_json::from_str(arguments).unwrap()),
            page: None,
            context: CallContext {
                client: client.to_owned(),
                ..CallContext::default()
            },
            cancel: CancellationToken::new(),
        }
    }

    #[tokio::test]
    async fn a_state_is_good_for_its_own_call_once() {
        let states = States::new();
        let tool = tool("delete");
        let call = call_of(&tool, r#"{"a":{"x":1,"y":2},"b":3}"#, "c");
        let state = states.seal(&call).unwrap();
        let same = call_of(&tool, r#"{"b":3,"a":{"y":2,"x":1}}"#, "c");
        let open = states.open(&state, &same).unwrap();
        let again = states.open(&state, &same).unwrap();
        assert!(states.answer(&open));
        assert!(!states.answer(&again), "two requests at once");
        assert_eq!(states.open(&state, &same), Err(Unsound::Answered));
    }

    #[tokio::test]
    async fn a_state_is_good_for_nothing_else() {
        let states = States::new();
        let tool = tool("delete");
        let call = call_of(&tool, r#"{"a":1}"#, "c");
        let state = states.seal(&call).unwrap();
        let opened = |call: &Call| states.open(&state, call).map(|_| ());
        assert_eq!(opened(&call), Ok(()));
        let others = [
            call_of(&tool, r#"{"a":2}"#, "c"),
            call_of(&tool, r#"{"a":1.0}"#, "c"),
            call_of(&tool, r#"{"a":1,"b":null}"#, "c"),
            call_of(&tool, r#"{"a":1}"#, "d"),
            call_of(&self::tool("other"), r#"{"a":1}"#, "c"),
        ];
        for other in others {
            assert_eq!(opened(&other), Err(Unsound::OfAnotherCall), "{other:?}");
        }
        let mut paged = call_of(&tool, r#"{"a":1}"#, "c");
        paged.page = Some(crate::tool::PageRequest {
            result_id: None,
            offset: 0,
            size: 5,
        });
        assert_eq!(opened(&paged), Err(Unsound::OfAnotherCall));
        let mut named = call_of(&tool, r#"{"a":1}"#, "c");
        named.context.owner = Owner::Client("c".into());
        assert_eq!(opened(&named), Err(Unsound::OfAnotherCall));
        // The same text, loaded again: whoever reloads without a change keeps the tool, so this is another one.
        let reloaded = call_of(&self::tool("delete"), r#"{"a":1}"#, "c");
        assert_eq!(opened(&reloaded), Err(Unsound::ToolChanged));
        let restarted = States::new();
        assert_eq!(restarted.open(&state, &call), Err(Unsound::NotOurs));
    }

    #[tokio::test(start_paused = true)]
    async fn a_state_has_its_time() {
        let states = States::new();
        let call = call_of(&tool("delete"), "{}", "c");
        tokio::time::advance(Duration::from_secs(1)).await;
        let state = states.seal(&call).unwrap();
        tokio::time::advance(VALID).await;
        assert!(states.open(&state, &call).is_ok());
        tokio::time::advance(Duration::from_millis(2)).await;
        assert_eq!(states.open(&state, &call), Err(Unsound::Expired));
    }

    proptest! {
        #[test]
        fn whatever_is_altered_is_refused(at in 0_usize..10_000, with in any::<char>(), is_added: bool) {
            let states = States::new();
            let call = call_of(&tool("delete"), "{}", "c");
            let state = states.seal(&call).unwrap();
            let mut altered: Vec<char> = state.chars().collect();
            let at = at % altered.len();
            if is_added {
                altered.insert(at, with);
            } else {
                altered[at] = with;
            }
            let altered: String = altered.into_iter().collect();
            prop_assume!(altered != state);
            prop_assert_eq!(states.open(&altered, &call), Err(Unsound::NotOurs));
        }
    }

    #[tokio::test]
    async fn each_bit_counts_and_nothing_too_long_is_read() {
        let states = States::new();
        let call = call_of(&tool("delete"), "{}", "c");
        let state = states.seal(&call).unwrap();
        for at in 0..state.len() {
            for bit in 0..7 {
                let mut bytes = state.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let altered = String::from_utf8(bytes).unwrap();
                assert_eq!(
                    states.open(&altered, &call),
                    Err(Unsound::NotOurs),
                    "{at}.{bit}"
                );
            }
        }
        assert!(state.len() < LONGEST);
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(states.open(&long, &call), Err(Unsound::NotOurs));
    }
}
