//! How long an interpreter that failed to start is left alone.

use std::time::Duration;

/// At first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// The pause after so many failures before this one: it doubles with each.
pub(super) fn after(failures: u32) -> Duration {
    (PAUSE.0 * 2_u32.saturating_pow(failures.min(16))).min(PAUSE.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_a_minute() {
        let pauses: Vec<u64> = [0, 1, 2, 5, 6, 400]
            .map(|failures| after(failures).as_secs())
            .into();
        assert_eq!(pauses, [1, 2, 4, 32, 60, 60]);
    }
}
