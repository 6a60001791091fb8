//! One start at a time, where a pipe cannot be made without others inheriting it.
//!
//! macOS has no `pipe2`: the standard library makes a pipe, and then marks it as nobody else's. A process that another
//! thread starts in between inherits it, and holds the input or the output of a stranger open for as long as it lives.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a start waits for those before it. One can hang, as on a file server that does not answer; an open pipe is
/// the lesser evil then.
const PATIENCE: Duration = Duration::from_millis(250);

static TURNS: Turns = Turns::new();

/// Who starts a process right now.
struct Turns {
    is_taken: Mutex<bool>,
    given_back: Condvar,
}

/// The right to start a process. Dropped, it is the next one's.
pub(super) struct Turn(Option<&'static Turns>);

/// Waits for the turn to start a process, and blocks the thread; 250 ms at most, then goes ahead without.
pub(super) fn turn() -> Turn {
    TURNS.turn(PATIENCE)
}

impl Turns {
    const fn new() -> Self {
        Self {
            is_taken: Mutex::new(false),
            given_back: Condvar::new(),
        }
    }

    fn turn(&'static self, patience: Duration) -> Turn {
        let waited = self
            .given_back
            .wait_timeout_while(self.is_taken(), patience, |is_taken| *is_taken);
        let (mut is_taken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return Turn(None);
        }
        *is_taken = true;
        Turn(Some(self))
    }

    /// Nothing that holds it can panic half-way.
    fn is_taken(&self) -> MutexGuard<'_, bool> {
        self.is_taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0 {
            *turns.is_taken() = false;
            turns.given_back.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn one_is_let_in_when_the_one_before_is_done() {
        static OWN: Turns = Turns::new();
        let first = OWN.turn(Duration::ZERO);
        let (entered, heard) = mpsc::channel();
        let second = thread::spawn(move || {
            let turn = OWN.turn(Duration::from_mins(1));
            entered.send(turn.0.is_some()).expect("heard");
        });
        assert!(heard.recv_timeout(Duration::from_millis(50)).is_err());
        drop(first);
        assert_eq!(heard.recv_timeout(Duration::from_mins(1)), Ok(true));
        second.join().expect("no panic");
    }

    #[test]
    fn one_that_hangs_holds_nobody_up_for_long() {
        static OWN: Turns = Turns::new();
        let hanging = OWN.turn(Duration::ZERO);
        let late = OWN.turn(Duration::from_millis(1));
        assert!(late.0.is_none(), "without a turn");
        drop(late);
        assert!(OWN.turn(Duration::ZERO).0.is_none(), "it is still taken");
        drop(hanging);
        assert!(turn().0.is_some() && OWN.turn(Duration::ZERO).0.is_some());
    }
}
