//! The state machine of a circuit breaker. It has no clock: whoever asks says what time it is.

use std::time::Duration;

use tokio::time::Instant;

use crate::tool::BreakerRules;

/// What is known of one breaker.
///
/// Closed, it lets everything through and counts failures in a row. `failure_threshold` of them open it: nothing
/// passes for `recovery_timeout`. Then it is half open: `half_open_requests` calls pass to try, no more at once
/// or in a row. When all of them have succeeded it closes; when one fails it opens again. A try that says nothing,
/// because it was called off, makes room for another.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: State,
    /// How often the state has changed: what a call learns about a state that is over counts no more.
    era: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen { running: u32, succeeded: u32 },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

/// The era a call was let through in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Era(u64);

/// What a call says about the health of what it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// It answered.
    Good,
    /// It failed.
    Bad,
    /// Nothing: the call never reached it, or was called off.
    Unknown,
}

/// Why nothing passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// It is open, for this long.
    Open(Duration),
    /// It is half open, and enough calls are trying.
    Trying,
}

impl Breaker {
    /// Eras of one breaker at most; there is one for each change of its state.
    const ERAS: u64 = 1 << 32;

    /// A closed breaker. No two numbers have an era in common, so that what a call learned about one that was forgotten
    /// counts for no other.
    pub(super) const fn of_number(number: u64) -> Self {
        Self {
            state: State::Closed { failures: 0 },
            era: number.wrapping_mul(Self::ERAS),
        }
    }

    /// Whether a call that starts at `now` would pass. Changes nothing.
    pub(super) fn look(&self, now: Instant, rules: &BreakerRules) -> Result<(), Held> {
        match self.state {
            State::Open { until } if now < until => Err(Held::Open(until - now)),
            // With none running it takes one more, also where a reload has lowered the number that is needed.
            State::HalfOpen { running, succeeded }
                if running > 0 && running + succeeded >= rules.half_open_requests.get() =>
            {
                Err(Held::Trying)
            }
            _ => Ok(()),
        }
    }

    /// What it is at `now`, in a word. One whose time is over is half open: the next call tries.
    pub(super) fn word(&self, now: Instant) -> &'static str {
        match self.state {
            State::Closed { .. } => "closed",
            State::Open { until } if now < until => "open",
            State::Open { .. } | State::HalfOpen { .. } => "half_open",
        }
    }

    /// Lets a call through that starts now. Its era is to be handed back to [`Breaker::leave`], exactly once.
    pub(super) fn enter(&mut self, now: Instant, rules: &BreakerRules) -> Result<Era, Held> {
        self.look(now, rules)?;
        if matches!(self.state, State::Open { .. }) {
            self.change(State::HalfOpen {
                running: 0,
                succeeded: 0,
            });
        }
        if let State::HalfOpen { running, .. } = &mut self.state {
            *running += 1;
        }
        Ok(Era(self.era))
    }

    /// Learns from a call that was let through.
    pub(super) fn leave(&mut self, now: Instant, rules: &BreakerRules, era: Era, health: Health) {
        if era.0 != self.era {
            return;
        }
        let opens = match (&mut self.state, health) {
            (State::Closed { failures }, Health::Good) => {
                *failures = 0;
                false
            }
            (State::Closed { failures }, Health::Bad) => {
                *failures += 1;
                *failures >= rules.failure_threshold.get()
            }
            (State::HalfOpen { running, succeeded }, health) => {
                *running -= 1;
                *succeeded += u32::from(health == Health::Good);
                health == Health::Bad
            }
            (State::Closed { .. }, Health::Unknown) | (State::Open { .. }, _) => false,
        };
        if opens {
            self.change(State::Open {
                until: now + rules.recovery_timeout,
            });
        } else {
            self.close_if_tried(rules);
        }
    }

    fn close_if_tried(&mut self, rules: &BreakerRules) {
        if let State::HalfOpen { succeeded, .. } = self.state
            && succeeded >= rules.half_open_requests.get()
        {
            self.change(State::default());
        }
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.era += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    fn rules(failure_threshold: u32, half_open_requests: u32) -> BreakerRules {
        BreakerRules {
            name: "database".to_owned(),
            failure_threshold: NonZeroU32::new(failure_threshold).unwrap(),
            recovery_timeout: Duration::from_secs(30),
            half_open_requests: NonZeroU32::new(half_open_requests).unwrap(),
        }
    }

    fn run(breaker: &mut Breaker, now: Instant, rules: &BreakerRules, health: Health) {
        let era = breaker.enter(now, rules).unwrap();
        breaker.leave(now, rules, era, health);
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_does_not_count_as_one() {
        let (now, rules) = (Instant::now(), rules(3, 1));
        let mut breaker = Breaker::default();
        for health in [
            Health::Bad,
            Health::Bad,
            Health::Good,
            Health::Bad,
            Health::Unknown,
            Health::Bad,
        ] {
            run(&mut breaker, now, &rules, health);
        }
        assert_eq!(breaker.look(now, &rules), Ok(()));
        run(&mut breaker, now, &rules, Health::Bad);
        assert_eq!(
            breaker.look(now, &rules),
            Err(Held::Open(Duration::from_secs(30)))
        );
        let later = now + Duration::from_secs(29);
        assert_eq!(
            breaker.enter(later, &rules),
            Err(Held::Open(Duration::from_secs(1)))
        );
    }

    #[test]
    fn all_tries_must_succeed_to_close_it() {
        let (now, rules) = (Instant::now(), rules(1, 2));
        let mut breaker = Breaker::default();
        run(&mut breaker, now, &rules, Health::Bad);
        let later = now + rules.recovery_timeout;
        let first = breaker.enter(later, &rules).unwrap();
        let second = breaker.enter(later, &rules).unwrap();
        assert_eq!(breaker.enter(later, &rules), Err(Held::Trying));
        breaker.leave(later, &rules, first, Health::Good);
        assert_eq!(breaker.enter(later, &rules), Err(Held::Trying));
        breaker.leave(later, &rules, second, Health::Good);
        assert_eq!(breaker.state, State::Closed { failures: 0 });
    }

    #[test]
    fn one_failed_try_opens_it_again_and_the_other_is_heard_no_more() {
        let (now, rules) = (Instant::now(), rules(1, 2));
        let mut breaker = Breaker::default();
        run(&mut breaker, now, &rules, Health::Bad);
        let later = now + rules.recovery_timeout;
        let first = breaker.enter(later, &rules).unwrap();
        let second = breaker.enter(later, &rules).unwrap();
        breaker.leave(later, &rules, first, Health::Bad);
        let held = Err(Held::Open(rules.recovery_timeout));
        assert_eq!(breaker.look(later, &rules), held);
        breaker.leave(later, &rules, second, Health::Good);
        assert_eq!(breaker.look(later, &rules), held);
    }

    #[test]
    fn a_try_that_is_called_off_makes_room_for_another() {
        let (now, rules) = (Instant::now(), rules(1, 1));
        let mut breaker = Breaker::default();
        run(&mut breaker, now, &rules, Health::Bad);
        let later = now + rules.recovery_timeout;
        let first = breaker.enter(later, &rules).unwrap();
        assert_eq!(breaker.look(later, &rules), Err(Held::Trying));
        breaker.leave(later, &rules, first, Health::Unknown);
        run(&mut breaker, later, &rules, Health::Good);
        assert_eq!(breaker.state, State::Closed { failures: 0 });
    }

    #[test]
    fn fewer_tries_after_a_reload_do_not_leave_it_half_open_for_ever() {
        let (now, three) = (Instant::now(), rules(1, 3));
        let mut breaker = Breaker::default();
        run(&mut breaker, now, &three, Health::Bad);
        let later = now + three.recovery_timeout;
        run(&mut breaker, later, &three, Health::Good);
        assert_eq!(breaker.look(later, &rules(1, 1)), Ok(()));
        run(&mut breaker, later, &rules(1, 1), Health::Good);
        assert_eq!(breaker.state, State::Closed { failures: 0 });
    }

    #[derive(Clone, Debug)]
    enum Step {
        Enter,
        Leave(usize, Health),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let health = prop_oneof![Just(Health::Good), Just(Health::Bad), Just(Health::Unknown)];
        prop_oneof![
            3 => Just(Step::Enter),
            3 => (any::<usize>(), health).prop_map(|(which, health)| Step::Leave(which, health)),
            1 => (0_u64..40).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn no_history_lets_more_through_than_the_rules(
            threshold in 1_u32..5, tries in 1_u32..4, steps in prop::collection::vec(step(), 1..200),
        ) {
            let rules = rules(threshold, tries);
            let mut now = Instant::now();
            let mut breaker = Breaker::default();
            let mut running: Vec<Era> = Vec::new();
            for step in steps {
                match step {
                    Step::Enter => {
                        let before = breaker.state;
                        let looked = breaker.look(now, &rules);
                        let entered = breaker.enter(now, &rules);
                        prop_assert_eq!(looked, entered.map(|_| ()));
                        if let State::Open { until } = before {
                            prop_assert_eq!(entered.is_ok(), now >= until);
                        }
                        running.extend(entered.ok());
                    }
                    Step::Leave(which, health) if !running.is_empty() => {
                        let era = running.swap_remove(which % running.len());
                        breaker.leave(now, &rules, era, health);
                    }
                    Step::Leave(..) => {}
                    Step::Wait(seconds) => now += Duration::from_secs(seconds),
                }
                let trying = running.iter().filter(|era| era.0 == breaker.era).count();
                match breaker.state {
                    State::HalfOpen { running, succeeded } => {
                        prop_assert_eq!(trying, running as usize);
                        prop_assert!(running + succeeded <= tries);
                    }
                    State::Closed { failures } => prop_assert!(failures < threshold),
                    State::Open { until } => prop_assert!(until <= now + rules.recovery_timeout),
                }
            }
        }

        #[test]
        fn it_always_finds_its_way_back(threshold in 1_u32..5, tries in 1_u32..4, steps in prop::collection::vec(step(), 1..100)) {
            let rules = rules(threshold, tries);
            let mut now = Instant::now();
            let mut breaker = Breaker::default();
            let mut running: Vec<Era> = Vec::new();
            for step in steps {
                match step {
                    Step::Enter => running.extend(breaker.enter(now, &rules).ok()),
                    Step::Leave(which, health) if !running.is_empty() => {
                        let era = running.swap_remove(which % running.len());
                        breaker.leave(now, &rules, era, health);
                    }
                    Step::Leave(..) => {}
                    Step::Wait(seconds) => now += Duration::from_secs(seconds),
                }
            }
            for era in running {
                breaker.leave(now, &rules, era, Health::Unknown);
            }
            now += rules.recovery_timeout;
            for _ in 0..=tries {
                run(&mut breaker, now, &rules, Health::Good);
            }
            prop_assert_eq!(breaker.state, State::Closed { failures: 0 });
        }
    }
}
