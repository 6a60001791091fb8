//! A bar for work of many calls: on a terminal only.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::terminal::Terminal;

/// The bar, in characters.
const WIDTH: usize = 30;

/// How often it is drawn, at most.
const EVERY: Duration = Duration::from_millis(100);

/// How often it is drawn while nothing completes.
const BEAT: Duration = Duration::from_secs(1);

/// What is done in less shows no bar.
const PATIENCE: Duration = Duration::from_millis(300);

/// How far the work is, shown on standard error while somebody watches it there.
pub(super) struct Bar<'a> {
    terminal: &'a Terminal,
    /// All calls, where that is known.
    total: Option<usize>,
    done: usize,
    failed: usize,
    began: Instant,
    drawn: Option<Instant>,
    is_shown: bool,
}

impl<'a> Bar<'a> {
    pub(super) fn new(terminal: &'a Terminal, total: Option<usize>) -> Self {
        Self {
            terminal,
            total,
            done: 0,
            failed: 0,
            began: Instant::now(),
            drawn: None,
            is_shown: terminal.is_interactive(),
        }
    }

    /// One more call has completed.
    pub(super) fn advance(&mut self, succeeded: bool) {
        self.done += 1;
        self.failed += usize::from(!succeeded);
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= EVERY) {
            self.draw();
        }
    }

    /// Returns when it is time to draw again though nothing has completed.
    pub(super) async fn beat(&self) {
        if self.is_shown {
            sleep(BEAT).await;
        } else {
            std::future::pending::<()>().await;
        }
    }

    /// Shows how far the work is, once it has taken long enough to ask.
    pub(super) fn draw(&mut self) {
        if self.is_shown && self.began.elapsed() >= PATIENCE {
            self.drawn = Some(Instant::now());
            self.terminal.status(&self.line());
        }
    }

    /// Makes way for a line of the result.
    pub(super) fn clear(&mut self) {
        if self.is_shown && self.drawn.take().is_some() {
            self.terminal.status("");
        }
    }

    fn line(&self) -> String {
        let failed = match self.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        let seconds = self.began.elapsed().as_secs();
        match self.total {
            Some(total) => {
                let filled = self.done * WIDTH / total.max(1);
                let (full, empty) = ("=".repeat(filled), " ".repeat(WIDTH - filled.min(WIDTH)));
                format!("[{full}{empty}] {}/{total}{failed}, {seconds} s", self.done)
            }
            None => format!("{} done{failed}, {seconds} s", self.done),
        }
    }
}
