//! Single stories of the core, where the exact order matters.

use std::time::Duration;

use super::fixture::{bucket, keys, name, runner, tool};
use super::world::MILLISECOND;
use crate::scheduler::call::{Decision, Ticket};
use crate::scheduler::core::{Admitted, Arrival, Core};
use crate::scheduler::{Limit, Nanos, PASSES_BEFORE_RESERVATION, Refusal};
use crate::tool::{OnLimit, RunnerLimits, ToolLimits};

const SECOND: Nanos = 1_000 * MILLISECOND;

fn core(limits: &RunnerLimits, tools: &[(&str, ToolLimits)]) -> Core {
    let tools: Vec<_> = tools
        .iter()
        .map(|(tool, limits)| (name(tool), limits.clone()))
        .collect();
    Core::new(limits, tools.iter().map(|(name, limits)| (name, limits)))
}

fn arrive(core: &mut Core, now: Nanos, tool: &str, key: Option<&str>) -> Result<Admitted, Refusal> {
    let tool = core.tool_names[tool];
    let key = key.map(str::to_owned);
    core.arrive(
        now,
        Arrival {
            tool,
            key,
            wait_until: None,
            is_retry: false,
        },
    )
}

fn ticket(admitted: Result<Admitted, Refusal>) -> Ticket {
    match admitted.expect("it is let in") {
        Admitted::Started(ticket) | Admitted::Waiting(ticket) => ticket,
    }
}

fn started(core: &mut Core) -> Vec<Ticket> {
    let decisions = core.take_decisions();
    decisions
        .into_iter()
        .map(|decision| match decision {
            Decision::Started(ticket) => ticket,
            Decision::Refused(_, refusal) => panic!("{refusal}"),
        })
        .collect()
}

#[test]
fn a_quiet_tool_takes_turns_with_a_noisy_one() {
    let mut core = core(
        &runner(1, 100),
        &[("noisy", tool(9, 90)), ("quiet", tool(9, 90))],
    );
    let mut running = ticket(arrive(&mut core, 0, "noisy", None));
    let noisy: Vec<_> = (0..10)
        .map(|_| ticket(arrive(&mut core, 0, "noisy", None)))
        .collect();
    let quiet: Vec<_> = (0..3)
        .map(|_| ticket(arrive(&mut core, 0, "quiet", None)))
        .collect();
    let mut order = Vec::new();
    for _ in 0..7 {
        core.finish(0, running);
        running = started(&mut core)[0];
        order.push(running);
    }
    let (n, q) = (noisy, quiet);
    assert_eq!(order, [n[0], q[0], n[1], q[1], n[2], q[2], n[3]]);
}

#[test]
fn keys_of_a_tool_take_turns_and_a_blocked_key_blocks_nobody() {
    let mut limits = tool(2, 90);
    limits.per_key = Some(keys(Some(1), 10));
    let mut core = core(&runner(9, 100), &[("t", limits)]);
    let first = ticket(arrive(&mut core, 0, "t", Some("a")));
    let a: Vec<_> = (0..4)
        .map(|_| ticket(arrive(&mut core, 0, "t", Some("a"))))
        .collect();
    let b = arrive(&mut core, 0, "t", Some("b")).expect("it is let in");
    assert!(
        matches!(b, Admitted::Started(_)),
        "a full key does not hold another"
    );
    let missing = ticket(arrive(&mut core, 0, "t", None));
    core.finish(0, ticket(Ok(b)));
    assert_eq!(
        started(&mut core),
        [missing],
        "a missing value is a key of its own"
    );
    core.finish(0, first);
    assert_eq!(started(&mut core), [a[0]]);
}

#[test]
fn a_dear_call_among_cheap_ones_is_passed_over_only_so_often() {
    let cheap = || {
        let mut limits = tool(1000, 100);
        limits.buckets = vec![bucket("api", 10.0, 5, 1)];
        limits
    };
    let mut dear = cheap();
    dear.buckets[0].cost = super::fixture::count(5);
    let mut core = core(&runner(1000, 1000), &[("cheap", cheap()), ("dear", dear)]);
    for _ in 0..5 {
        ticket(arrive(&mut core, 0, "cheap", None));
    }
    let dear = ticket(arrive(&mut core, 0, "dear", None));
    let mut passed = 0;
    for round in 1.. {
        ticket(arrive(&mut core, round * SECOND / 10 - 1, "cheap", None));
        core.tick(round * SECOND / 10);
        if started(&mut core).contains(&dear) {
            break;
        }
        passed = core.calls[dear].waiting().expect("it waits").passed_over;
        assert!(round < 100, "the dear call starves");
    }
    assert_eq!(passed, PASSES_BEFORE_RESERVATION);
    assert_eq!(
        core.now,
        (u64::from(PASSES_BEFORE_RESERVATION) + 5) * SECOND / 10
    );
}

#[test]
fn a_reservation_for_tokens_leaves_the_places_to_others() {
    let mut dear = tool(10, 100);
    dear.buckets = vec![bucket("api", 1.0, 10, 10)];
    let mut cheap = tool(10, 100);
    cheap.buckets = vec![bucket("api", 1.0, 10, 1)];
    let mut core = core(
        &runner(1, 100),
        &[("cheap", cheap), ("dear", dear), ("free", tool(1, 100))],
    );
    for _ in 0..10 {
        let running = ticket(arrive(&mut core, 0, "cheap", None));
        core.finish(0, running);
    }
    let dear = ticket(arrive(&mut core, 0, "dear", None));
    for second in 1..=16 {
        let passing = ticket(arrive(&mut core, second * SECOND, "cheap", None));
        core.finish(second * SECOND, passing);
    }
    assert_eq!(core.reservation.map(|held| held.ticket), Some(dear));
    let free = arrive(&mut core, 17 * SECOND, "free", None).expect("it is let in");
    assert!(
        matches!(free, Admitted::Started(_)),
        "the place is not kept for a token to come"
    );
    assert!(matches!(
        arrive(&mut core, 20 * SECOND, "cheap", None),
        Ok(Admitted::Waiting(_))
    ));
    core.tick(26 * SECOND);
    let waiting = ticket(arrive(&mut core, 26 * SECOND, "free", None));
    core.finish(27 * SECOND, ticket(Ok(free)));
    assert_eq!(started(&mut core), [dear], "now it is");
    core.cancel(27 * SECOND, waiting);
    core.assert_sound();
}

#[test]
fn the_room_to_wait_is_counted_by_tool_by_key_and_in_all() {
    let mut keyed = tool(1, 3);
    keyed.per_key = Some(keys(None, 2));
    keyed.per_key.as_mut().expect("keys").queue_size = Some(1);
    let mut core = core(
        &runner(9, 3),
        &[("a", tool(1, 2)), ("b", tool(1, 9)), ("k", keyed)],
    );
    let mut limit = |tool, key| match arrive(&mut core, 0, tool, key) {
        Ok(_) => None,
        Err(Refusal::QueueFull {
            limit,
            figure,
            ahead,
            ..
        }) => Some((limit, figure, ahead)),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(
        [limit("a", None), limit("a", None), limit("a", None)],
        [None, None, None]
    );
    assert_eq!(limit("a", None), Some((Limit::ToolQueue(name("a")), 2, 2)));
    assert_eq!([limit("k", Some("x")), limit("k", Some("x"))], [None, None]);
    assert_eq!(
        limit("k", Some("x")),
        Some((Limit::KeyQueue(name("k")), 1, 1))
    );
    assert_eq!(limit("k", Some("y")), Some((Limit::RunnerQueue, 3, 3)));
    assert_eq!(
        [limit("b", None), limit("b", None)],
        [None, None],
        "one may always wait"
    );
    assert_eq!(limit("b", None), Some((Limit::RunnerQueue, 3, 4)));
}

#[test]
fn a_key_is_forgotten_once_its_bucket_is_full_and_not_before() {
    let mut limits = tool(9, 9);
    limits.per_key = Some(keys(None, 1));
    limits.per_key.as_mut().expect("keys").rate = Some(crate::scheduler::gcra::rate(1.0, 2));
    let mut core = core(&runner(9, 9), &[("t", limits)]);
    let call = ticket(arrive(&mut core, 0, "t", Some("a")));
    core.finish(0, call);
    let refusal = arrive(&mut core, SECOND - 1, "t", Some("b")).expect_err("`a` is not full yet");
    assert!(
        matches!(
            &refusal,
            Refusal::QueueFull {
                limit: Limit::Keys(_),
                figure: 1,
                ..
            }
        ),
        "{refusal}"
    );
    assert_eq!(refusal.retry_after(), Some(Duration::from_nanos(1)));
    ticket(arrive(&mut core, SECOND, "t", Some("b")));
}

#[test]
fn a_call_whose_turn_comes_after_its_deadline_is_refused_at_once() {
    let mut limits = tool(1000, 1000);
    limits.queue_timeout = Duration::from_secs(2);
    limits.buckets = vec![bucket("t/concurrency", 10.0, 5, 1)];
    let mut core = core(&runner(1000, 1000), &[("t", limits)]);
    let let_in = (0..1000)
        .filter(|_| arrive(&mut core, 0, "t", None).is_ok())
        .count();
    assert_eq!(let_in, 25, "the burst, and what comes in two seconds");
    let refusal = arrive(&mut core, 0, "t", None).expect_err("too late");
    assert_eq!(refusal.retry_after(), Some(Duration::from_millis(2100)));
    assert!(matches!(
        refusal,
        Refusal::RateLimited {
            patient: true,
            ahead: 20,
            ..
        }
    ));
    for tenth in 1..=20 {
        assert_eq!(core.next_wake(), Some(tenth * SECOND / 10));
        core.tick(tenth * SECOND / 10);
        assert_eq!(started(&mut core).len(), 1);
    }
}

#[test]
fn a_limit_that_rejects_still_waits_for_places() {
    let mut limits = tool(1, 10);
    let mut own = bucket("t/concurrency", 1.0, 2, 1);
    own.limit.on_limit = OnLimit::Reject;
    limits.buckets = vec![own];
    let mut core = core(&runner(9, 9), &[("t", limits)]);
    let first = ticket(arrive(&mut core, 0, "t", None));
    let second = ticket(arrive(&mut core, 0, "t", None));
    let third = ticket(arrive(&mut core, 0, "t", None));
    core.finish(0, first);
    let decisions = core.take_decisions();
    assert_eq!(decisions[0], Decision::Started(second));
    assert!(
        matches!(&decisions[1], Decision::Refused(at_head, Refusal::RateLimited { patient: false, .. })
            if *at_head == third)
    );
    let refusal = arrive(&mut core, 0, "t", None).expect_err("no token");
    assert_eq!(refusal.retry_after(), Some(Duration::from_secs(1)));
}

#[test]
fn another_attempt_goes_first_and_needs_no_room() {
    let mut core = core(&runner(1, 9), &[("t", tool(1, 1))]);
    let running = ticket(arrive(&mut core, 0, "t", None));
    let patient = ticket(arrive(&mut core, 0, "t", None));
    let tool = core.tool_names["t"];
    let again = core.arrive(
        0,
        Arrival {
            tool,
            key: None,
            wait_until: None,
            is_retry: true,
        },
    );
    core.finish(0, running);
    assert_eq!(started(&mut core), [ticket(again.clone())]);
    core.finish(0, ticket(again));
    assert_eq!(started(&mut core), [patient]);
}

#[test]
fn a_refusal_estimates_from_the_runs_it_saw() {
    let mut core = core(&runner(9, 100), &[("t", tool(2, 4))]);
    let first = ticket(arrive(&mut core, 0, "t", None));
    core.finish(300 * MILLISECOND, first);
    for _ in 0..6 {
        ticket(arrive(&mut core, SECOND, "t", None));
    }
    let refusal = arrive(&mut core, SECOND, "t", None).expect_err("full");
    assert_eq!(
        refusal.retry_after(),
        Some(Duration::from_millis(600)),
        "two rounds of two"
    );
}

#[test]
fn a_deadline_tells_what_held_the_call() {
    let mut limits = tool(5, 9);
    limits.queue_timeout = Duration::from_secs(1);
    let mut core = core(&runner(1, 9), &[("t", limits)]);
    ticket(arrive(&mut core, 0, "t", None));
    let late = ticket(arrive(&mut core, 0, "t", None));
    assert_eq!(core.next_wake(), Some(SECOND));
    core.tick(SECOND);
    let Decision::Refused(refused, refusal) = core.take_decisions().remove(0) else {
        panic!("it cannot start");
    };
    assert_eq!(refused, late);
    assert_eq!(
        refusal.to_string(),
        "tool `t` did not start within 1 s: `concurrency.queue_timeout` of tool `t` ended the wait, held by `concurrency.max_parallel` of the whole runner (1)"
    );
}

#[test]
fn a_reload_changes_figures_and_keeps_counts() {
    let mut limits = tool(1, 9);
    limits.buckets = vec![bucket("api", 1.0, 4, 1)];
    let mut core = core(&runner(9, 9), &[("t", limits.clone())]);
    let running = ticket(arrive(&mut core, 0, "t", None));
    let waiting = ticket(arrive(&mut core, 0, "t", None));
    limits.max_parallel = super::fixture::count(2);
    limits.buckets = vec![bucket("api", 1.0, 2, 1)];
    let tool = name("t");
    core.reconfigure(0, &runner(9, 9), [(&tool, &limits)]);
    assert_eq!(started(&mut core), [waiting], "there is a place more");
    let snapshot = core.snapshot();
    assert_eq!((snapshot.running, snapshot.buckets[0].tokens), (2, 1));
    core.reconfigure(0, &runner(9, 9), []);
    core.finish(0, running);
    core.finish(0, waiting);
    core.reconfigure(3 * SECOND, &runner(9, 9), []);
    assert_eq!(core.snapshot().tools, []);
    assert_eq!(core.snapshot().buckets, []);
    assert_eq!(core.resources.len(), 1, "only the runner is left");
}
