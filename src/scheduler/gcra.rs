//! A token bucket kept as one point in time (the generic cell rate algorithm of ITU-T I.371).

use super::Nanos;
use crate::tool::Rate;

const NANOS_PER_SECOND: u128 = 1_000_000_000;
/// Slower than one token in 34,000 years is taken as that: the figures below then fit 128 bits.
const SLOWEST: f64 = 1.0 / 1_099_511_627_776.0;
/// Faster than the clock can tell apart is taken as one token a nanosecond.
const FASTEST: f64 = 1e9;
/// Parts of a token that survive a change of the rate, as a power of two.
const FRACTION_BITS: u32 = 32;

/// A bucket of tokens: never more than `burst + rate × t` are taken in any window of `t`, and under
/// saturation exactly `burst + floor(rate × t)` are.
///
/// The state is the moment at which the bucket will be full again. It is counted in *steps*, a fraction
/// of a nanosecond chosen so that a token lasts a whole number of steps. Nothing is ever rounded
/// except the answer, up to the next nanosecond; so it neither lets too much through nor drifts. Only
/// where the cost is the whole burst, and tokens do not last whole nanoseconds, each start may be up
/// to one nanosecond late: the law leaves no room to make up for it.
#[derive(Clone, Debug)]
pub(super) struct Gcra {
    steps_per_nano: u128,
    steps_per_token: u128,
    burst: u32,
    full_at: u128,
}

impl Gcra {
    /// A full bucket.
    pub(super) fn new(rate: Rate) -> Self {
        let (numerator, denominator) = nearest_fraction(rate.requests_per_second);
        Self {
            steps_per_nano: numerator,
            steps_per_token: denominator * NANOS_PER_SECOND,
            burst: rate.burst.get(),
            full_at: 0,
        }
    }

    /// Tokens of a full bucket.
    pub(super) fn burst(&self) -> u32 {
        self.burst
    }

    /// When `tokens` could have been taken, if nobody else took any from now on. With more than the
    /// burst: when the last of them could, each taken as early as it comes.
    pub(super) fn ready_at(&self, now: Nanos, tokens: u64) -> Nanos {
        let wanted = u128::from(tokens).saturating_mul(self.steps_per_token);
        let moment = self
            .full_at
            .max(self.steps(now))
            .saturating_add(wanted)
            .saturating_sub(self.capacity());
        Nanos::try_from(moment.div_ceil(self.steps_per_nano))
            .unwrap_or(Nanos::MAX)
            .max(now)
    }

    /// Takes `tokens` if they are there. More than the burst count as the burst: a call that arrived
    /// before the burst was lowered would otherwise never start.
    pub(super) fn take(&mut self, now: Nanos, tokens: u32) -> bool {
        let tokens = tokens.min(self.burst);
        if self.ready_at(now, u64::from(tokens)) > now {
            return false;
        }
        self.full_at =
            self.full_at.max(self.steps(now)) + u128::from(tokens) * self.steps_per_token;
        true
    }

    /// Whole tokens there now.
    pub(super) fn tokens(&self, now: Nanos) -> u32 {
        let free = self.capacity().saturating_sub(self.missing(now));
        u32::try_from(free / self.steps_per_token).unwrap_or(u32::MAX)
    }

    /// When the bucket is as good as new.
    pub(super) fn full_at(&self) -> Nanos {
        Nanos::try_from(self.full_at.div_ceil(self.steps_per_nano)).unwrap_or(Nanos::MAX)
    }

    /// Changes the figures; what is in the bucket stays, as far as the new burst has room for it.
    pub(super) fn change(&mut self, now: Nanos, rate: Rate) {
        let missing = self.missing(now);
        let old_token = self.steps_per_token;
        let lost = u128::from(self.burst.saturating_sub(rate.burst.get()));
        let gained = u128::from(rate.burst.get().saturating_sub(self.burst));
        let mut changed = Self::new(rate);
        // The part of a token is rounded so that more is missing, never less.
        let whole = missing / old_token + gained;
        let part = ((missing % old_token) << FRACTION_BITS).div_ceil(old_token);
        let still_missing = whole * changed.steps_per_token
            + (part * changed.steps_per_token).div_ceil(1 << FRACTION_BITS);
        changed.full_at =
            changed.steps(now) + still_missing.saturating_sub(lost * changed.steps_per_token);
        *self = changed;
    }

    fn steps(&self, at: Nanos) -> u128 {
        u128::from(at) * self.steps_per_nano
    }

    fn capacity(&self) -> u128 {
        u128::from(self.burst) * self.steps_per_token
    }

    fn missing(&self, now: Nanos) -> u128 {
        self.full_at.saturating_sub(self.steps(now))
    }
}

/// The first convergent of `rate`'s continued fraction that reads as the same number: one third for
/// 0.3333333333333333, so that 20 calls a minute are exactly that. Its product stays below 2^107.
fn nearest_fraction(rate: f64) -> (u128, u128) {
    let rate = rate.clamp(SLOWEST, FASTEST);
    let bits = rate.to_bits();
    let mantissa = u128::from(bits & ((1 << 52) - 1) | (1 << 52));
    // Between the slowest and the fastest, the exponent is negative: the number is mantissa / 2^shift.
    let shift = 1075 - ((bits >> 52) & 0x7ff);
    let (mut above, mut below) = (mantissa, 1_u128 << shift);
    let (mut last, mut this) = ((0_u128, 1_u128), (1_u128, 0_u128));
    loop {
        let whole = above / below;
        (last, this) = (this, (whole * this.0 + last.0, whole * this.1 + last.1));
        (above, below) = (below, above % below);
        if below == 0 || reads_as(this, rate) {
            return this;
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "whether the fraction rounds to that very number is the question"
)]
fn reads_as((numerator, denominator): (u128, u128), rate: f64) -> bool {
    numerator as f64 / denominator as f64 == rate
}

/// A rate for tests and for figures that are whole.
#[cfg(test)]
pub(super) fn rate(requests_per_second: f64, burst: u32) -> Rate {
    Rate {
        requests_per_second,
        burst: std::num::NonZeroU32::new(burst).expect("a burst is above zero"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    /// Takes one token whenever it comes, up to `until`; gives the moments.
    fn saturate(bucket: &mut Gcra, cost: u32, until: Nanos) -> Vec<Nanos> {
        let mut taken = Vec::new();
        let mut now = 0;
        loop {
            now = bucket.ready_at(now, u64::from(cost));
            if now > until {
                return taken;
            }
            assert!(bucket.take(now, cost), "what is ready can be taken");
            taken.push(now);
        }
    }

    #[test]
    fn simple_rates_become_simple_fractions() {
        assert_eq!(nearest_fraction(10.0), (10, 1));
        assert_eq!(nearest_fraction(0.1), (1, 10));
        assert_eq!(nearest_fraction(20.0 / 60.0), (1, 3));
        assert_eq!(nearest_fraction(7.0 / 60.0), (7, 60));
        assert_eq!(nearest_fraction(1e300), (1_000_000_000, 1));
        assert_eq!(nearest_fraction(1e-300), (1, 1 << 40));
    }

    #[test]
    fn saturation_lets_exactly_the_law_through_for_a_day() {
        for (numerator, denominator, burst) in [
            (10_u32, 1_u32, 5),
            (20, 60, 3),
            (7, 3, 2),
            (997, 1, 10),
            (8, 1, 1),
        ] {
            let day = 86_400 * SECOND;
            let figure = f64::from(numerator) / f64::from(denominator);
            let mut bucket = Gcra::new(rate(figure, burst));
            let until = if numerator > 100 { day / 100 } else { day };
            let taken = saturate(&mut bucket, 1, until).len() as u128;
            let law = u128::from(until) * u128::from(numerator)
                / (u128::from(denominator) * u128::from(SECOND));
            assert_eq!(taken, u128::from(burst) + law, "{numerator}/{denominator}");
        }
    }

    #[test]
    fn asking_burns_nothing() {
        let mut bucket = Gcra::new(rate(1.0, 2));
        for _ in 0..10 {
            assert_eq!(bucket.ready_at(0, 2), 0);
        }
        assert!(bucket.take(0, 2));
        assert!(!bucket.take(0, 1));
        assert_eq!(bucket.ready_at(0, 1), SECOND);
        assert_eq!(bucket.ready_at(0, 5), 5 * SECOND);
    }

    #[test]
    fn a_cost_above_a_lowered_burst_takes_the_whole_bucket() {
        let mut bucket = Gcra::new(rate(1.0, 2));
        assert!(bucket.take(0, 7));
        assert_eq!(bucket.tokens(0), 0);
        assert_eq!(bucket.full_at(), 2 * SECOND);
    }

    #[test]
    fn changed_figures_keep_the_smaller_of_tokens_and_burst() {
        let mut bucket = Gcra::new(rate(1.0, 10));
        assert!(bucket.take(0, 4));
        bucket.change(0, rate(3.0, 20));
        assert_eq!(bucket.tokens(0), 6);
        bucket.change(0, rate(3.0, 5));
        assert_eq!(bucket.tokens(0), 5);
        assert!(bucket.take(0, 5));
        bucket.change(0, rate(1.0, 50));
        assert_eq!(bucket.tokens(0), 0);
        assert_eq!(bucket.ready_at(0, 1), SECOND);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_rate_follows_the_law_to_the_nanosecond(
            figure in prop_oneof![0.001..2000.0_f64, 1.0..20.0_f64],
            burst in 1..50_u32,
            tokens in 2..400_u32,
        ) {
            let mut bucket = Gcra::new(rate(figure, burst));
            let (numerator, denominator) = nearest_fraction(figure);
            let mut now = 0;
            for nth in 0..tokens {
                now = bucket.ready_at(now, 1);
                prop_assert!(bucket.take(now, 1));
                let after = u128::from(nth.saturating_sub(burst - 1));
                let exact = (after * denominator * NANOS_PER_SECOND).div_ceil(numerator);
                let slack = if burst == 1 { u128::from(nth) } else { 0 };
                prop_assert!((exact..=exact + slack).contains(&u128::from(now)));
            }
        }

        #[test]
        fn no_window_holds_more_than_the_law(
            figure in 0.5..50.0_f64,
            burst in 1..8_u32,
            steps in prop::collection::vec((0..400_000_000_u64, 1..4_u32), 1..120),
        ) {
            let mut bucket = Gcra::new(rate(figure, burst));
            let (numerator, denominator) = nearest_fraction(figure);
            let mut now = 0;
            let mut taken: Vec<(Nanos, u32)> = Vec::new();
            for (wait, cost) in steps {
                now += wait;
                if cost <= burst && bucket.take(now, cost) {
                    taken.push((now, cost));
                }
            }
            for first in 0..taken.len() {
                let mut sum = 0;
                for (at, cost) in &taken[first..] {
                    sum += u128::from(*cost);
                    let window = u128::from(at - taken[first].0);
                    let more = sum.saturating_sub(u128::from(burst));
                    prop_assert!(more * denominator * NANOS_PER_SECOND <= window * numerator);
                }
            }
        }

        #[test]
        fn a_change_of_figures_never_adds_a_token(
            before in 1..40_u32, after in 1..40_u32, taken in 0..40_u32,
            old in 0.1..100.0_f64, new in 0.1..100.0_f64, at in 0..SECOND,
        ) {
            let mut bucket = Gcra::new(rate(old, before));
            bucket.take(0, taken.min(before).max(1));
            let had = bucket.tokens(at);
            bucket.change(at, rate(new, after));
            prop_assert!(bucket.tokens(at) <= had.min(after));
            prop_assert!(bucket.tokens(at) + 1 >= had.min(after));
        }
    }
}
