//! One call, on its way through a worker.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::executor::output::Recording;
use crate::executor::process::roll::Entry;
use crate::executor::process::{End, Exit, Why};

/// The longest grace of a call whose answer nobody waits for.
const ABANDONED_GRACE: Duration = Duration::from_millis(500);

/// A call for a worker.
pub(in crate::executor) struct Job {
    /// Names it on the wire.
    pub(in crate::executor) number: u64,
    /// The request, a whole line.
    pub(in crate::executor) line: Vec<u8>,
    /// What becomes of what it gives.
    pub(in crate::executor) stdout: Recording,
    /// What becomes of what it says beside.
    pub(in crate::executor) stderr: Recording,
    /// Whether nothing, as a result, is the word `null`.
    pub(in crate::executor) says_null: bool,
    /// When its time began.
    pub(in crate::executor) started: Instant,
    /// How long it may run.
    pub(in crate::executor) timeout: Duration,
    /// How long in all, where each progress gives it `timeout` anew.
    pub(in crate::executor) extends_to: Option<Duration>,
    /// From the polite end to the hard one.
    pub(in crate::executor) grace: Duration,
    /// Its line on the roll.
    pub(in crate::executor) entry: Entry,
    /// Dropped when nothing of it runs any more.
    pub(in crate::executor) place: Box<dyn Send>,
}

/// What became of a job.
pub(in crate::executor) enum Reply {
    /// It came to an end.
    Closed(Box<Closed>),
    /// The worker never heard of it, so another can be asked.
    Unheard(Box<Job>),
}

/// A job that came to an end.
pub(in crate::executor) struct Closed {
    /// How.
    pub(in crate::executor) end: End,
    /// How long it ran.
    pub(in crate::executor) ran: Duration,
    /// How long it was allowed to, by the last progress it told.
    pub(in crate::executor) allowed: Duration,
    /// What it gave.
    pub(in crate::executor) stdout: Recording,
    /// What it said beside.
    pub(in crate::executor) stderr: Recording,
    /// Processes outside the group of its worker that were killed with it.
    pub(in crate::executor) swept: u32,
    /// Whether processes were killed and live on.
    pub(in crate::executor) is_stuck: bool,
    /// What its worker is not up to.
    pub(in crate::executor) warning: Option<String>,
}

/// A job that a worker has.
pub(super) struct Active {
    pub(super) job: Job,
    pub(super) reply: oneshot::Sender<Reply>,
    /// How long it may run as of now.
    pub(super) allowed: Duration,
    /// When its time is up: to run, or once it was asked to end, to do so.
    pub(super) until: Instant,
    /// Why it was asked to end.
    pub(super) why: Option<Why>,
    /// The status it ended with, once it has.
    pub(super) status: Option<i32>,
}

impl Active {
    pub(super) fn new(job: Job, reply: oneshot::Sender<Reply>) -> Self {
        Self {
            allowed: job.timeout,
            until: job.started + job.timeout,
            why: None,
            status: None,
            job,
            reply,
        }
    }

    /// Notes why it is to end, and until when it may take for it. Whether it was not asked before; then a later one
    /// can only shorten the time.
    pub(super) fn ask(&mut self, why: Why) -> bool {
        let grace = match why {
            Why::Abandoned => self.job.grace.min(ABANDONED_GRACE),
            Why::Draining { grace } => self.job.grace.min(grace),
            Why::Timeout | Why::Cancelled => self.job.grace,
        };
        let until = Instant::now() + grace;
        if self.why.is_some() {
            self.until = self.until.min(until);
            return false;
        }
        (self.why, self.until) = (Some(why), until);
        true
    }

    /// Progress and items give a running call its timeout anew, up to what it may run in all.
    pub(super) fn heed_progress(&mut self) {
        let Some(longest) = self.job.extends_to else {
            return;
        };
        let has_progressed = self.job.stderr.has_progressed() | self.job.stdout.has_progressed();
        if has_progressed && self.why.is_none() {
            let allowed = (self.job.started.elapsed() + self.job.timeout).min(longest);
            self.allowed = self.allowed.max(allowed);
            self.until = self.job.started + self.allowed;
        }
    }

    /// How it ended, where its worker lives on: in the way it was asked to, or by itself.
    pub(super) fn end(&self) -> End {
        let exit = self.status.map(Exit::Code);
        match self.why {
            Some(why) => End::Stopped(why, exit.filter(|exit| *exit != Exit::Code(0))),
            None => End::Exited(exit.unwrap_or(Exit::Unknown)),
        }
    }

    /// Gives the place back, or lends it to who `keeps` it, and answers.
    pub(super) fn close(
        self,
        end: End,
        swept: u32,
        warning: Option<String>,
        is_stuck: bool,
    ) -> (Entry, Box<dyn Send>, impl FnOnce()) {
        let Job {
            stdout,
            stderr,
            started,
            entry,
            place,
            ..
        } = self.job;
        let closed = Closed {
            end,
            ran: started.elapsed(),
            allowed: self.allowed,
            stdout,
            stderr,
            swept,
            is_stuck,
            warning,
        };
        let reply = self.reply;
        let answer = move || {
            // Who no longer waits does not want to know.
            reply.send(Reply::Closed(Box::new(closed))).ok();
        };
        (entry, place, answer)
    }
}
