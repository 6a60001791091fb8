//! What a warm interpreter prints beside its calls: nobody's answer.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::executor::output::Capture;

/// What is kept of it, in bytes.
const KEPT: usize = 4096;

/// What a warm interpreter printed last. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Said(Arc<Mutex<Capture>>);

impl Default for Said {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Capture::new(0, KEPT))))
    }
}

impl Said {
    /// Logs what it prints.
    pub(super) fn log(&self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        tracing::debug!(%text, "a warm interpreter prints");
    }

    /// Takes what it prints, and logs it.
    pub(super) fn push(&self, bytes: &[u8]) {
        self.log(bytes);
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.push(bytes);
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
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.so_far()
    }

    /// The last line with a colon before it, for a message; empty when nothing was printed.
    pub(super) fn last_words(&self) -> String {
        let text = self.kept();
        let text = String::from_utf8_lossy(&text);
        match text.trim_end().lines().last() {
            Some(line) if !line.is_empty() => format!(": {line}"),
            _ => String::new(),
        }
    }
}
