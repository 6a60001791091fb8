//! Times as people say them.

use std::time::Duration;

/// A time in words, such as `800 ms`, `1.5 s` or `30 s`: milliseconds below one second, then seconds with at most one
/// decimal.
pub fn spoken(duration: Duration) -> String {
    // What rounds up to a second is one.
    if duration < Duration::from_micros(999_500) {
        let millis = (duration.as_micros() + 500) / 1000;
        return if millis == 0 && !duration.is_zero() {
            "less than 1 ms".to_owned()
        } else {
            format!("{millis} ms")
        };
    }
    let tenths = format!("{:.1}", duration.as_secs_f64());
    format!("{} s", tenths.strip_suffix(".0").unwrap_or(&tenths))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_with_the_unit_that_fits() {
        for (micros, words) in [
            (0, "0 ms"),
            (3, "less than 1 ms"),
            (1_000, "1 ms"),
            (800_400, "800 ms"),
            (999_700, "1 s"),
            (1_500_000, "1.5 s"),
            (30_004_000, "30 s"),
            (600_000_000, "600 s"),
        ] {
            assert_eq!(spoken(Duration::from_micros(micros)), words);
        }
    }
}
