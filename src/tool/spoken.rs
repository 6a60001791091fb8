//! Times as people say them.

use std::time::Duration;

/// A time in words, such as `800 ms`, `1.5 s` or `30 s`: milliseconds below one second, then seconds with at most two
/// decimals, and fewer of larger figures.
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
    let decimals = usize::from(duration < Duration::from_mins(10))
        + usize::from(duration < Duration::from_secs(10));
    let seconds = format!("{:.decimals$}", duration.as_secs_f64());
    let seconds = if seconds.contains('.') {
        seconds.trim_end_matches('0').trim_end_matches('.')
    } else {
        &seconds
    };
    format!("{seconds} s")
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
            (2_254_000, "2.25 s"),
            (27_149_000, "27.1 s"),
            (30_004_000, "30 s"),
            (599_960_000, "600 s"),
            (3_600_400_000, "3600 s"),
        ] {
            assert_eq!(spoken(Duration::from_micros(micros)), words);
        }
    }
}
