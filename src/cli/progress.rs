//! A bar on the terminal while a call runs.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::terminal::Terminal;
use crate::tool::{Progress, ProgressReports};

/// The shortest time between two looks of the bar.
const INTERVAL: Duration = Duration::from_millis(100);

/// The width of the bar itself, and of the whole line, in characters: a line that is broken by the terminal could not be
/// erased.
const BAR: usize = 24;
const LINE: usize = 78;

/// Shows progress for as long as it is polled; shows nothing where standard error is no terminal. Never ends by
/// itself: race it against the call, and erase it with [`Terminal::erase_status`].
pub(super) async fn show(mut reports: ProgressReports, terminal: &Terminal) {
    if !terminal.is_interactive() {
        return std::future::pending().await;
    }
    while reports.changed().await.is_ok() {
        let latest = reports.borrow_and_update().clone();
        if let Some(progress) = latest {
            terminal.status(&line(&progress));
        }
        sleep_until(Instant::now() + INTERVAL).await;
    }
    std::future::pending::<()>().await;
}

fn line(progress: &Progress) -> String {
    let figures = match progress.total {
        Some(total) => bar(progress.done / total),
        None => format!("{}", progress.done),
    };
    let message = progress.message.as_deref().unwrap_or_default();
    format!("{figures} {message}").chars().take(LINE).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share from 0 to 1 of a small figure"
)]
fn bar(share: f64) -> String {
    let share = share.clamp(0.0, 1.0);
    let full = (share * BAR as f64).floor() as usize;
    let percent = (share * 100.0).floor() as usize;
    format!(
        "[{}{}] {percent:3} %",
        "#".repeat(full),
        "-".repeat(BAR - full)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_the_terminal() {
        let shown = |done, total, message: &str| {
            line(&Progress {
                done,
                total,
                message: Some(message.to_owned()),
            })
        };
        assert_eq!(
            shown(1.0, Some(4.0), "fetch"),
            "[######------------------]  25 % fetch"
        );
        assert_eq!(
            shown(7.0, Some(4.0), ""),
            "[########################] 100 % "
        );
        assert_eq!(shown(7.0, None, "rows"), "7 rows");
        assert_eq!(
            shown(1.0, Some(2.0), &"ü".repeat(500)).chars().count(),
            LINE
        );
    }
}
