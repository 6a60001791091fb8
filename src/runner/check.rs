//! Arguments are checked where they hold nobody up.

use std::num::NonZeroUsize;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::tool::{Arguments, Failure, FailureCode, Tool};

/// Arguments larger than this, in bytes of text, are checked on the pool for CPU-bound work, so that a huge
/// value does not hold up the calls that share a thread with it.
const CHECK_ELSEWHERE: usize = 64 * 1024;

/// Checks arguments, on as many threads of its own as the file allows.
pub(super) struct Checker {
    /// Threads for CPU-bound work of our own, `concurrency.thread_pool_size` of them.
    cpu_bound: Arc<Semaphore>,
}

impl Checker {
    /// A checker with so many threads.
    pub(super) fn new(threads: NonZeroUsize) -> Self {
        Self {
            cpu_bound: Arc::new(Semaphore::new(threads.get())),
        }
    }

    /// The threads, for other work that is bound by the CPU.
    pub(super) fn threads(&self) -> Arc<Semaphore> {
        Arc::clone(&self.cpu_bound)
    }

    /// The arguments of a call of `tool`.
    pub(super) async fn checked(
        &self,
        tool: Arc<Tool>,
        given: Map<String, Value>,
    ) -> Result<Arguments, Failure> {
        if !is_large(&given) {
            return Arguments::parse(&tool, given);
        }
        let failed = || Failure::new(FailureCode::Internal, "checking the arguments failed");
        let thread = Arc::clone(&self.cpu_bound)
            .acquire_owned()
            .await
            .map_err(|_| failed())?;
        let checking = tokio::task::spawn_blocking(move || {
            let _thread = thread;
            Arguments::parse(&tool, given)
        });
        checking.await.unwrap_or_else(|_| Err(failed()))
    }
}

/// Whether the values have more text than can be checked in passing. Stops counting when it knows.
fn is_large(given: &Map<String, Value>) -> bool {
    fn counted(value: &Value, left: &mut usize) -> bool {
        let own = match value {
            Value::String(text) => text.len(),
            _ => 8,
        };
        match left.checked_sub(own) {
            Some(rest) => *left = rest,
            None => return false,
        }
        match value {
            Value::Array(elements) => elements.iter().all(|element| counted(element, left)),
            Value::Object(members) => members.values().all(|member| counted(member, left)),
            _ => true,
        }
    }
    let mut left = CHECK_ELSEWHERE;
    !given.values().all(|value| counted(value, &mut left))
}
