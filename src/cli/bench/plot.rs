//! Figures as text for a terminal or a pipe.

use std::fmt::Write;
use std::time::Duration;

use super::measured::Measured;
use super::sweep::Sweep;

/// The longest bar, in characters.
const WIDTH: usize = 40;

/// How long calls took, as a histogram of powers of two.
pub(super) fn histogram(measured: &Measured) -> String {
    let bars = measured.bars();
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let mut text = String::new();
    for (bound, count) in bars {
        let bound = format!("< {}", shown(bound));
        let line = format!("{bound:>10}  {count:>8}  {}", bar(count, most));
        push_line(&mut text, line.trim_end());
    }
    text
}

/// One line for each level of a sweep, with a bar as long as its throughput.
pub(super) fn levels(sweep: &Sweep) -> String {
    let whole = |measured: &Measured| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a bar's length"
        )]
        let whole = measured.throughput().round() as u64;
        whole
    };
    let most = sweep.levels().iter().map(|(_, measured)| whole(measured));
    let most = most.max().unwrap_or(0);
    let mut text = String::from("callers   calls/s       p50       p99  failed\n");
    for (callers, measured) in sweep.levels() {
        let line = format!(
            "{callers:>7}  {:>8.1}  {:>8}  {:>8}  {:>6}  {}",
            measured.throughput(),
            shown(measured.latency(50.0)),
            shown(measured.latency(99.0)),
            measured.failed_calls(),
            bar(whole(measured), most),
        );
        push_line(&mut text, line.trim_end());
    }
    text
}

/// The figures of one load.
pub(super) fn figures(measured: &Measured) -> String {
    let mut text = format!(
        "{} calls in {}, {:.1} a second; p50 {}, p90 {}, p99 {}, longest {}; the tool itself ran {} (p50)\n",
        measured.succeeded(),
        shown(measured.elapsed),
        measured.throughput(),
        shown(measured.latency(50.0)),
        shown(measured.latency(90.0)),
        shown(measured.latency(99.0)),
        shown(measured.longest()),
        shown(measured.running()),
    );
    if measured.missed > 0 {
        push_line(
            &mut text,
            &format!(
                "{} calls were due and not made: too many were under way",
                measured.missed
            ),
        );
    }
    text
}

/// One line for each kind of failure.
pub(super) fn failures(measured: &Measured) -> String {
    let mut text = String::new();
    for (code, count, first) in measured.failures() {
        let first = first.lines().next().unwrap_or_default();
        push_line(&mut text, &format!("{count} failed with {code}: {first}"));
    }
    text
}

fn push_line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes every line");
}

fn bar(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return String::new();
    }
    let length = usize::try_from(part.saturating_mul(WIDTH as u64) / whole).unwrap_or(WIDTH);
    "#".repeat(length.clamp(1, WIDTH))
}

/// A duration with three digits: `870 us`, `1.35 ms`, `21.0 s`.
fn shown(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    let (figure, unit) = match micros {
        micros if micros < 1e3 => (micros, "us"),
        micros if micros < 1e6 => (micros / 1e3, "ms"),
        micros => (micros / 1e6, "s"),
    };
    let digits = match figure {
        figure if unit == "us" || figure >= 100.0 => 0,
        figure if figure >= 10.0 => 1,
        _ => 2,
    };
    format!("{figure:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        let shown = |micros| super::shown(Duration::from_micros(micros));
        assert_eq!(shown(0), "0 us");
        assert_eq!(shown(870), "870 us");
        assert_eq!(shown(1_350), "1.35 ms");
        assert_eq!(shown(13_500), "13.5 ms");
        assert_eq!(shown(135_000), "135 ms");
        assert_eq!(shown(21_000_000), "21.0 s");
    }

    #[test]
    fn a_bar_is_never_too_long_and_something_is_never_nothing() {
        assert_eq!(bar(0, 10), "");
        assert_eq!(bar(1, 1_000_000), "#");
        assert_eq!(bar(10, 10).len(), WIDTH);
        assert_eq!(bar(u64::MAX, u64::MAX).len(), 1);
    }
}
