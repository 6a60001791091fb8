//! What a client hears while its call runs: the script's progress, and signs of life where there is none.
//!
//! Only for a request with a progress token, on that request's stream; each figure is larger than the one before, and
//! none comes after the answer (2026-07-28, "Progress").

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::RequestContext;
use tokio::time::{Instant, sleep_until};

use super::revision::Revision;
use crate::tool::{Progress, ProgressReports, ProgressSink};

/// How often a silent call reports that it is still there. Half of the shortest time-out seen in clients and
/// proxies (30 s) leaves room for one lost message.
const SILENCE: Duration = Duration::from_secs(10);

/// The shortest time between two reports of a script's progress.
const INTERVAL: Duration = Duration::from_millis(100);

/// What a sign of life adds to the last figure: more than nothing, as the protocol asks, and too little to be in the
/// way of the script's next one.
const SIGN_OF_LIFE: f64 = 1e-9;

/// Tells one client how far its call is.
pub(super) struct Teller {
    token: Option<ProgressToken>,
    has_messages: bool,
    progress: Figures,
}

impl Teller {
    /// A teller for the request of `context`, and where the call's script reports to. Without a token nothing is told.
    pub(super) fn new(
        context: &RequestContext<RoleServer>,
        revision: &Revision,
    ) -> (Self, ProgressSink) {
        let (sink, reports) = ProgressSink::new();
        let teller = Self {
            token: context.meta.get_progress_token(),
            has_messages: revision.has_progress_messages(),
            progress: Figures::new(reports),
        };
        (teller, sink)
    }

    /// Begins with a sign of life: over HTTP a client, and every proxy on the way, sees that there is an answer only when
    /// its first message comes.
    pub(super) fn begin(&mut self) {
        self.progress.is_to_begin = true;
    }

    /// Waits until there is something to tell. Can be dropped at any await without a loss.
    pub(super) async fn next(&mut self) -> Progress {
        if self.token.is_none() {
            return std::future::pending().await;
        }
        self.progress.next().await
    }

    /// Tells it. The client's slowness is the caller's to bound.
    pub(super) async fn tell(&mut self, progress: Progress, context: &RequestContext<RoleServer>) {
        let Some(token) = &self.token else { return };
        let mut told = ProgressNotificationParam::new(token.clone(), progress.done);
        told.total = progress.total;
        told.message = progress.message.filter(|_| self.has_messages);
        if context.peer.notify_progress(told).await.is_err() {
            // Nobody listens any more.
            self.token = None;
        }
    }

    /// What has not been told yet when the call is done.
    pub(super) fn last(&mut self) -> Option<Progress> {
        self.token.as_ref()?;
        self.progress.last()
    }
}

/// Which figures are told, and when.
#[derive(Debug)]
struct Figures {
    reports: ProgressReports,
    started: Instant,
    told_at: Option<Instant>,
    told: Option<Progress>,
    is_to_begin: bool,
}

impl Figures {
    fn new(reports: ProgressReports) -> Self {
        Self {
            reports,
            started: Instant::now(),
            told_at: None,
            told: None,
            is_to_begin: false,
        }
    }

    /// The next figure to tell, which counts as told.
    async fn next(&mut self) -> Progress {
        if std::mem::take(&mut self.is_to_begin) {
            return self.note(Progress {
                done: 0.0,
                total: None,
                message: Some("taken".to_owned()),
            });
        }
        loop {
            let silent_until = self.told_at.unwrap_or(self.started) + SILENCE;
            tokio::select! {
                biased;
                () = larger(&mut self.reports, self.told.as_ref()) => {}
                () = sleep_until(silent_until) => return self.sign_of_life(),
            }
            if let Some(told_at) = self.told_at {
                sleep_until(told_at + INTERVAL).await;
            }
            if let Some(progress) = self.last() {
                return progress;
            }
        }
    }

    /// The latest figure, if it is larger than what was told, which it counts as from now on.
    fn last(&mut self) -> Option<Progress> {
        let latest = self.reports.borrow().clone()?;
        is_larger(&latest, self.told.as_ref()).then(|| self.note(latest))
    }

    fn sign_of_life(&mut self) -> Progress {
        let (done, total) = self
            .told
            .as_ref()
            .map_or((0.0, None), |told| (told.done, told.total));
        let message = format!("still working after {} s", self.started.elapsed().as_secs());
        self.note(Progress {
            done: (done + done.max(1.0) * SIGN_OF_LIFE).max(done.next_up()),
            total,
            message: Some(message),
        })
    }

    fn note(&mut self, progress: Progress) -> Progress {
        self.told_at = Some(Instant::now());
        self.told = Some(progress.clone());
        progress
    }
}

/// Waits until the latest figure is larger than what was told; for ever, where no more can come.
async fn larger(reports: &mut ProgressReports, told: Option<&Progress>) {
    let is_news = |latest: &Option<Progress>| {
        latest
            .as_ref()
            .is_some_and(|latest| is_larger(latest, told))
    };
    if reports.wait_for(is_news).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn is_larger(latest: &Progress, told: Option<&Progress>) -> bool {
    told.is_none_or(|told| latest.done > told.done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    fn progress(done: f64) -> Progress {
        Progress {
            done,
            total: Some(100.0),
            message: None,
        }
    }

    async fn told_within(figures: &mut Figures, time: Duration) -> Vec<f64> {
        let mut told = Vec::new();
        let end = Instant::now() + time;
        while let Ok(progress) = tokio::time::timeout_at(end, figures.next()).await {
            told.push(progress.done);
        }
        told
    }

    #[tokio::test(start_paused = true)]
    async fn ten_a_second_and_the_last_one_always() {
        let (sink, reports) = ProgressSink::new();
        let mut figures = Figures::new(reports);
        let script = tokio::spawn(async move {
            for done in 1..=1000_u32 {
                sink.report(progress(f64::from(done)));
                sleep(Duration::from_millis(1)).await;
            }
            sink
        });
        let told = told_within(&mut figures, Duration::from_millis(995)).await;
        assert_eq!(told.len(), 10, "{told:?}");
        assert!(told.is_sorted_by(|earlier, later| earlier < later));
        let _sink = script.await.unwrap();
        assert_eq!(figures.last(), Some(progress(1000.0)));
        assert_eq!(figures.last(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn signs_of_life_rise_and_leave_room_for_the_script() {
        let (sink, reports) = ProgressSink::new();
        let mut figures = Figures::new(reports);
        let mut told = told_within(&mut figures, Duration::from_secs(25)).await;
        assert_eq!(told.len(), 2);
        sink.report(progress(1.0));
        told.extend(told_within(&mut figures, Duration::from_secs(25)).await);
        sink.report(progress(2.0));
        sink.report(progress(1.5));
        told.extend(told_within(&mut figures, Duration::from_secs(1)).await);
        sink.report(progress(3.0));
        told.extend(told_within(&mut figures, Duration::from_secs(1)).await);
        assert!(
            told.is_sorted_by(|earlier, later| earlier < later),
            "{told:?}"
        );
        let whole: Vec<_> = told.iter().filter(|done| done.fract() == 0.0).collect();
        assert_eq!(
            whole,
            [&1.0, &3.0],
            "1.5 came in the place of 2, and is larger than what was told"
        );
        drop(sink);
        assert_eq!(
            told_within(&mut figures, Duration::from_secs(11))
                .await
                .len(),
            1
        );
    }
}
