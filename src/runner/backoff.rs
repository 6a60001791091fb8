//! How long a failed call waits before it is tried again.

use std::time::Duration;

use crate::tool::RetryPolicy;

/// The wait after `attempts` attempts: exponential back-off with full jitter, that is `random` parts of the
/// longest wait. `random` is in `[0, 1)`.
pub(super) fn delay(policy: &RetryPolicy, attempts: u32, random: f64) -> Duration {
    longest(policy, attempts).mul_f64(random.clamp(0.0, 1.0))
}

/// `initial_delay × exponential_base^(attempts - 1)`, at most `max_delay`.
fn longest(policy: &RetryPolicy, attempts: u32) -> Duration {
    let exponent = f64::from(attempts.saturating_sub(1));
    let seconds = policy.initial_delay.as_secs_f64() * policy.exponential_base.powf(exponent);
    // What is too long to be a duration, or infinite, is longer than any limit; nothing times infinity is nothing.
    Duration::try_from_secs_f64(seconds)
        .unwrap_or(if policy.initial_delay.is_zero() {
            Duration::ZERO
        } else {
            Duration::MAX
        })
        .min(policy.max_delay)
}

/// A random number in `[0, 1)`; one half on the rare machine whose random source fails.
pub(super) fn random() -> f64 {
    const STEPS: f64 = 4_294_967_296.0;
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / STEPS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(initial: u64, max: u64, base: f64) -> RetryPolicy {
        RetryPolicy {
            max_attempts: RetryPolicy::DEFAULT_ATTEMPTS,
            initial_delay: Duration::from_millis(initial),
            max_delay: Duration::from_millis(max),
            exponential_base: base,
            exit_codes: Vec::new(),
            http_statuses: Vec::new(),
            failures: Vec::new(),
        }
    }

    #[test]
    fn the_longest_wait_doubles_up_to_its_limit() {
        let policy = policy(1000, 5000, 2.0);
        let longest = [1, 2, 3, 4, 5].map(|attempts| longest(&policy, attempts).as_millis());
        assert_eq!(longest, [1000, 2000, 4000, 5000, 5000]);
    }

    #[test]
    fn the_random_source_is_in_range_and_not_stuck() {
        let drawn: Vec<f64> = (0..100).map(|_| random()).collect();
        assert!(drawn.iter().all(|value| (0.0..1.0).contains(value)));
        assert!(
            drawn
                .windows(2)
                .any(|pair| (pair[0] - pair[1]).abs() > f64::EPSILON)
        );
    }

    proptest! {
        #[test]
        fn a_wait_is_a_part_of_the_longest(
            initial in 0_u64..100_000, max in 0_u64..100_000, base in 1.0_f64..1e9,
            attempts in 0_u32.., random in 0.0_f64..1.0,
        ) {
            let policy = policy(initial, max, base);
            let delay = delay(&policy, attempts, random);
            prop_assert!(delay <= policy.max_delay);
            prop_assert!(delay <= longest(&policy, attempts));
            prop_assert!(longest(&policy, attempts) >= policy.initial_delay.min(policy.max_delay));
        }
    }
}
