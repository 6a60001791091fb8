//! What a warm interpreter prints beside its calls: nobody's answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::executor::output::Capture;
use crate::tool::Environment;

/// What is kept of it, in bytes.
const KEPT: usize = 4096;

/// The longest line that is logged, in bytes.
const LONGEST_LINE: usize = 4096;

/// What a warm interpreter printed last. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Said(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// What it was started with, which is in no log.
    environment: Environment,
    kept: Mutex<Capture>,
    /// The beginning of a line, for the log.
    line: Mutex<Vec<u8>>,
}

impl Said {
    /// What is printed by an interpreter with this environment.
    pub(super) fn with(environment: &Environment) -> Self {
        Self(Arc::new(Inner {
            environment: environment.clone(),
            kept: Mutex::new(Capture::new(0, KEPT)),
            line: Mutex::default(),
        }))
    }

    /// Logs what it prints, once a line is whole: a part of a secret would not be known for one.
    pub(super) fn log(&self, bytes: &[u8]) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let mut line = self.0.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.extend_from_slice(bytes);
        let whole = line.iter().rposition(|byte| *byte == b'\n');
        let whole: Vec<u8> = line.drain(..whole.map_or(0, |end| end + 1)).collect();
        if line.len() > LONGEST_LINE {
            line.clear();
        }
        drop(line);
        if !whole.is_empty() {
            let text = self.hide(&String::from_utf8_lossy(&whole));
            tracing::debug!(%text, "a warm interpreter prints");
        }
    }

    /// Takes what it prints, and logs it.
    pub(super) fn push(&self, bytes: &[u8]) {
        self.log(bytes);
        self.kept_so_far().push(bytes);
    }

    /// A text for a message.
    pub(super) fn hide(&self, text: &str) -> String {
        self.0.environment.hide(text)
    }

    /// Takes all that comes through `pipe`.
    pub(super) async fn listen(self, mut pipe: impl AsyncRead + Unpin) {
        let mut buffer = [0; 1024];
        while let Ok(length) = pipe.read(&mut buffer).await
            && length > 0
        {
            self.push(&buffer[..length]);
        }
    }

    /// All of it that is kept.
    pub(super) fn kept(&self) -> Vec<u8> {
        self.kept_so_far().so_far()
    }

    fn kept_so_far(&self) -> MutexGuard<'_, Capture> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last line with a colon before it, for a message; empty when nothing was printed.
    pub(super) fn last_words(&self) -> String {
        let text = self.kept();
        let text = String::from_utf8_lossy(&text);
        match text.trim_end().lines().last() {
            Some(line) if !line.is_empty() => format!(": {}", self.hide(line)),
            _ => String::new(),
        }
    }
}
