//! Calls that are held back until they have been written down.

use futures::poll;
use tokio::time::sleep;

use super::*;
use crate::tool::Gate;

fn gated(bench: &Bench) -> (Call, Gate) {
    let gate = Gate::default();
    let mut call = bench.call();
    call.context.gate = Some(gate.clone());
    (call, gate)
}

fn quick(_: usize) -> (Duration, Result<Output, Failure>) {
    (SECOND, text("x"))
}

#[tokio::test(start_paused = true)]
async fn a_call_is_taken_at_once_and_starts_when_its_gate_opens() {
    let bench = Bench::new(tool(), quick);
    let (call, gate) = gated(&bench);
    let opener = gate.opener();
    let running = bench.runner.call(call);
    tokio::pin!(running);
    assert!(poll!(&mut running).is_pending());
    assert!(poll!(std::pin::pin!(gate.taken())).is_ready());
    assert!(poll!(&mut running).is_pending());
    assert!(bench.carrier.started().is_empty());
    drop(opener);
    assert_eq!(running.await.result, text("x"));
    assert_eq!(bench.carrier.started().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_its_turn_is_taken_and_one_that_is_refused_is_not() {
    let mut subject = tool();
    subject.limits.max_parallel = count(1);
    subject.limits.queue_size = 1;
    let bench = Bench::new(subject, quick);
    let first = bench.runner.call(bench.call());
    tokio::pin!(first);
    assert!(poll!(&mut first).is_pending());
    let (waits, its_gate) = gated(&bench);
    let _opener = its_gate.opener();
    let waiting = bench.runner.call(waits);
    tokio::pin!(waiting);
    assert!(poll!(&mut waiting).is_pending());
    assert!(poll!(std::pin::pin!(its_gate.taken())).is_ready());
    let (refused, its_gate) = gated(&bench);
    let _other = its_gate.opener();
    let refusal = bench.runner.call(refused).await.result.unwrap_err();
    assert_eq!(refusal.code, FailureCode::QueueFull);
    assert!(poll!(std::pin::pin!(its_gate.taken())).is_pending());
}

#[tokio::test(start_paused = true)]
async fn a_call_called_off_behind_its_gate_never_runs_and_gives_its_place_back() {
    let bench = Bench::new(tool(), quick);
    let (call, gate) = gated(&bench);
    let opener = gate.opener();
    let cancel = call.cancel.clone();
    let running = bench.runner.call(call);
    tokio::pin!(running);
    assert!(poll!(&mut running).is_pending());
    // As the order is where a call cannot be written down.
    cancel.cancel();
    drop(opener);
    let refused = running.await.result.unwrap_err();
    assert_eq!(refused.code, FailureCode::Cancelled);
    assert!(bench.carrier.started().is_empty());
    assert_eq!(bench.runner.load().running, 0);
}

#[tokio::test(start_paused = true)]
async fn a_shared_run_goes_on_when_the_first_call_is_called_off_behind_its_gate() {
    let shared = Tool {
        cache: Some(CacheRules {
            ttl: SECOND,
            shared: true,
        }),
        ..tool()
    };
    let bench = Bench::new(shared, quick);
    let (call, gate) = gated(&bench);
    let opener = gate.opener();
    let cancel = call.cancel.clone();
    let first = bench.runner.call(call);
    tokio::pin!(first);
    assert!(poll!(&mut first).is_pending());
    let (follower, its_gate) = gated(&bench);
    let following = bench.runner.call(follower);
    tokio::pin!(following);
    assert!(poll!(&mut following).is_pending());
    assert!(
        poll!(std::pin::pin!(its_gate.taken())).is_ready(),
        "it waits for an answer that will come"
    );
    cancel.cancel();
    drop(opener);
    let left = first.await.result.unwrap_err();
    assert_eq!(left.code, FailureCode::Cancelled);
    sleep(SECOND).await;
    assert_eq!(following.await.result, text("x"));
}
