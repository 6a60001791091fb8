//! Rates: from their figures in the file to a bucket.

use std::num::NonZeroU32;

use super::both;
use crate::config::decode::{Given, Problems, Rest};
use crate::config::document::{OnLimitChoice, RateDeclaration};
use crate::config::quantity::{Count, Rate as Number};
use crate::diagnostic::Diagnostic;
use crate::tool::{OnLimit, Rate, RateLimit};

/// The figures of a rate, wherever they stand.
pub(super) struct Figures<'a> {
    /// What else was found beside them.
    pub(super) rest: &'a Rest,
    /// Starts each second.
    pub(super) per_second: Option<&'a Given<Number>>,
    /// Starts each minute.
    pub(super) per_minute: Option<&'a Given<Number>>,
    /// `burst`.
    pub(super) burst: Option<&'a Given<Count>>,
    /// `burst_size`.
    pub(super) burst_size: Option<&'a Given<Count>>,
}

impl Figures<'_> {
    /// The rate; `None` when no figure is set or they contradict each other.
    pub(super) fn rate(&self, problems: &mut Problems) -> Option<Rate> {
        let burst = match (self.burst, self.burst_size) {
            (Some(burst), Some(size)) => {
                both(("burst", burst), ("burst_size", size), problems);
                Some(burst)
            }
            (burst, size) => burst.or(size),
        };
        let requests_per_second = match (self.per_second, self.per_minute) {
            (Some(second), Some(minute)) => {
                both(
                    ("requests_per_second", second),
                    ("requests_per_minute", minute),
                    problems,
                );
                second.0
            }
            (Some(second), None) => second.0,
            (None, Some(minute)) => (minute.0 / 60.0).max(*Number::RANGE.start()),
            (None, None) => {
                if let Some(burst) = burst
                    && !self
                        .rest
                        .unread
                        .iter()
                        .any(|key| key.starts_with("requests_per_"))
                {
                    problems.push(
                        Diagnostic::error(burst.key, "a burst needs a rate beside it")
                            .hint("add `requests_per_second` or `requests_per_minute`"),
                    );
                }
                return None;
            }
        };
        let burst = burst.map_or_else(|| default_burst(requests_per_second), |burst| burst.0);
        Some(Rate {
            requests_per_second,
            burst,
        })
    }

    /// Whether any figure is set.
    pub(super) fn is_set(&self) -> bool {
        self.per_second.is_some()
            || self.per_minute.is_some()
            || self.burst.is_some()
            || self.burst_size.is_some()
    }
}

/// The rate rounded down, at least 1.
pub(super) fn default_burst(requests_per_second: f64) -> NonZeroU32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, and rates end at 1e9"
    )]
    let whole = requests_per_second as u32;
    NonZeroU32::new(whole).unwrap_or(NonZeroU32::MIN)
}

/// A rate limit given by its figures, with the cost of a call.
pub(super) fn limit(
    given: &RateDeclaration,
    problems: &mut Problems,
) -> Option<(RateLimit, NonZeroU32)> {
    let figures = Figures {
        rest: &given.rest,
        per_second: given.requests_per_second.as_deref(),
        per_minute: given.requests_per_minute.as_deref(),
        burst: given.burst.as_deref(),
        burst_size: given.burst_size.as_deref(),
    };
    let reported = problems.len();
    let Some(rate) = figures.rate(problems) else {
        if problems.len() == reported && given.rest.unread.is_empty() {
            problems.push(
                Diagnostic::error(given.rest.span, "a rate limit needs a rate")
                    .hint("for example `{ requests_per_second: 10, burst: 20 }`"),
            );
        }
        return None;
    };
    let cost = given.cost.as_ref().map_or(NonZeroU32::MIN, |cost| cost.0);
    if cost > rate.burst {
        let at = given
            .cost
            .as_ref()
            .map_or(given.rest.span, |cost| cost.span);
        problems.push(
            Diagnostic::error(
                at,
                format!(
                    "a call costs {cost} tokens, and the bucket never holds more than {}",
                    rate.burst
                ),
            )
            .hint(format!("raise `burst` to {cost} or more, or lower `cost`")),
        );
        return None;
    }
    let on_limit = match given.on_limit.as_ref().map(|given| given.value) {
        Some(OnLimitChoice::Reject) => OnLimit::Reject,
        Some(OnLimitChoice::Queue) | None => OnLimit::Queue,
    };
    Some((RateLimit { rate, on_limit }, cost))
}

/// A rate such as "20/min".
pub(super) fn short(requests_per_second: f64) -> RateLimit {
    RateLimit {
        rate: Rate {
            requests_per_second,
            burst: default_burst(requests_per_second),
        },
        on_limit: OnLimit::Queue,
    }
}
