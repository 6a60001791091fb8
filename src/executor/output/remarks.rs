//! What a script said to the runner while it ran.

use super::directive::{Directive, Directives};
use crate::tool::ProgressSink;

/// Warnings kept of one script; more are counted.
const KEPT: usize = 20;

/// Hears a stream and passes on what it says.
#[derive(Debug)]
pub(super) struct Remarks {
    directives: Directives,
    heard: Heard,
}

#[derive(Debug)]
struct Heard {
    progress: ProgressSink,
    has_progressed: bool,
    warnings: Vec<String>,
    more: usize,
}

impl Remarks {
    /// Tells `progress` of the script's.
    pub(super) fn new(progress: ProgressSink) -> Self {
        Self {
            directives: Directives::default(),
            heard: Heard {
                progress,
                has_progressed: false,
                warnings: Vec::new(),
                more: 0,
            },
        }
    }

    /// Takes the next bytes; `log` gets those that stay.
    pub(super) fn push(&mut self, bytes: &[u8], log: impl FnMut(&[u8])) {
        let Self { directives, heard } = self;
        directives.push(bytes, log, |said| heard.take(said));
    }

    /// Whether there was progress since this was asked last.
    pub(super) fn has_progressed(&mut self) -> bool {
        std::mem::take(&mut self.heard.has_progressed)
    }

    /// Takes the end of the stream, and gives the script's warnings.
    pub(super) fn finish(mut self, log: impl FnMut(&[u8])) -> Vec<String> {
        let Self { directives, heard } = &mut self;
        directives.finish(log, |said| heard.take(said));
        let mut warnings = self.heard.warnings;
        if self.heard.more > 0 {
            warnings.push(format!("the script gave {} more warnings", self.heard.more));
        }
        warnings
    }
}

impl Heard {
    fn take(&mut self, said: Directive) {
        match said {
            Directive::Progress(progress) => {
                self.has_progressed = true;
                self.progress.report(progress);
            }
            Directive::Warning(text) if self.warnings.len() < KEPT => self.warnings.push(text),
            Directive::Warning(_) => self.more += 1,
        }
    }
}
