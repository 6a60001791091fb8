//! What scripts leave behind, and when places come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use runner::executor::ScriptExecutor;
use runner::tool::FailureCode;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::{alive, bash, eventually, kill_marked, mark, python, sh, sleeping};

/// Prompt: well below every timeout in these tests, with room for a busy machine.
const PROMPT: Duration = Duration::from_secs(3);

/// A place that looks, when it is given back, whether anybody with the mark still lives.
struct Place {
    mark: String,
    returned: Arc<AtomicUsize>,
    too_early: Arc<AtomicUsize>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.returned.fetch_add(1, Ordering::SeqCst);
        self.too_early
            .fetch_add(alive(&self.mark), Ordering::SeqCst);
    }
}

fn place(mark: &str) -> (Place, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (returned, too_early) = (Arc::default(), Arc::default());
    let place = Place {
        mark: mark.to_owned(),
        returned: Arc::clone(&returned),
        too_early: Arc::clone(&too_early),
    };
    (place, returned, too_early)
}

#[tokio::test]
async fn a_background_child_that_holds_the_output_is_ended() {
    let mark = mark();
    let started = Instant::now();
    let run = sh(&format!("echo done; sleep {mark} &")).run().await;
    assert_eq!(run.result.unwrap().text, "done\n");
    assert!(started.elapsed() < PROMPT);
    assert!(
        run.warnings[0].contains("left processes running"),
        "{:?}",
        run.warnings
    );
    assert_eq!(alive(&mark), 0);
}

#[tokio::test]
async fn who_finishes_what_the_leader_began_has_a_moment() {
    let run = bash("exec > >(sleep 0.1; cat; echo written); echo hi")
        .run()
        .await;
    assert_eq!(run.result.unwrap().text, "hi\nwritten\n");
    assert!(run.warnings.is_empty(), "{:?}", run.warnings);
}

#[tokio::test]
async fn a_background_child_that_holds_nothing_is_ended_too() {
    let mark = mark();
    let script = format!("nohup sleep {mark} >/dev/null 2>&1 </dev/null & echo done");
    let (place, returned, too_early) = place(&mark);
    let run = ScriptExecutor::new()
        .run(&bash(&script).call(), place)
        .await;
    assert_eq!(run.result.unwrap().text, "done\n");
    assert_eq!(returned.load(Ordering::SeqCst), 1);
    assert_eq!(too_early.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_escaped_grandchild_does_not_hold_the_answer() {
    let mark = mark();
    let started = Instant::now();
    let run = sh(&format!("echo done; setsid sleep {mark} & sleep 0.2"))
        .run()
        .await;
    kill_marked(&mark);
    assert_eq!(run.result.unwrap().text, "done\n");
    assert!(started.elapsed() < PROMPT);
    assert!(
        run.warnings[0].contains("outside its process group"),
        "{:?}",
        run.warnings
    );
    assert!(
        run.ran < Duration::from_secs(1),
        "the run ends with the script"
    );
}

#[tokio::test]
async fn an_escaped_flooder_does_not_hold_the_answer() {
    let mark = mark();
    let started = Instant::now();
    let run = sh(&format!("setsid yes {mark} & sleep 0.2")).run().await;
    assert!(run.result.is_ok());
    assert!(started.elapsed() < PROMPT);
    eventually("the closed pipe has ended it", || alive(&mark) == 0).await;
}

#[tokio::test]
async fn an_escaped_grandchild_does_not_prolong_a_timeout() {
    let mark = mark();
    let started = Instant::now();
    let run = sh(&format!("setsid sleep {mark} & sleep {mark}"))
        .timeout(Duration::from_millis(500))
        .grace(Duration::from_secs(20))
        .run()
        .await;
    kill_marked(&mark);
    assert_eq!(run.result.unwrap_err().code, FailureCode::Timeout);
    assert!(
        started.elapsed() < PROMPT,
        "the group is empty, the grace is of no use"
    );
}

#[tokio::test]
async fn a_family_that_ignores_the_polite_end_is_gone_with_its_flood() {
    let mark = mark();
    let script =
        format!("trap '' TERM; for i in 1 2 3 4; do (yes {mark} & sleep {mark}) & done; wait");
    let (place, returned, too_early) = place(&mark);
    let call = bash(&script)
        .timeout(Duration::from_secs(1))
        .grace(Duration::from_millis(500))
        .call();
    let started = Instant::now();
    let run = ScriptExecutor::new().run(&call, place).await;
    let took = started.elapsed();
    let failure = run.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    let partial = failure.data["stdout"].as_str().unwrap();
    assert!(partial.starts_with(&mark) && partial.contains("bytes left out"));
    assert!(took < Duration::from_millis(2500), "{took:?}");
    assert_eq!(returned.load(Ordering::SeqCst), 1);
    assert_eq!(too_early.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_place_outlives_an_abandoned_call_until_its_processes_are_gone() {
    let mark = mark();
    let (place, returned, too_early) = place(&mark);
    let call = bash(&format!("trap '' TERM; sleep {mark}; sleep {mark}")).call();
    let run = tokio::spawn(async move { ScriptExecutor::new().run(&call, place).await });
    eventually("the script runs", || sleeping(&mark) > 0).await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    assert_eq!(
        returned.load(Ordering::SeqCst),
        0,
        "the process is still there"
    );
    eventually("the place is back", || returned.load(Ordering::SeqCst) == 1).await;
    assert_eq!(too_early.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_place_comes_back_once_from_a_call_that_starts_nothing() {
    let mark = mark();
    let (place, returned, _) = place(&mark);
    let mut draft = sh("true");
    draft.working_dir = "/no/such/folder".into();
    let run = ScriptExecutor::new().run(&draft.call(), place).await;
    assert_eq!(run.result.unwrap_err().code, FailureCode::SpawnFailed);
    assert_eq!(returned.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn finished_children_that_nobody_took_are_no_leftovers() {
    let run =
        python("import subprocess,time\nsubprocess.Popen(['true'])\ntime.sleep(0.2)\nprint('ok')")
            .run()
            .await;
    assert_eq!(run.result.unwrap().text, "ok\n");
    assert!(run.warnings.is_empty(), "{:?}", run.warnings);
}

/// A zombie of the group whose parent has left it and never takes it: the group cannot be signalled to
/// an end, and nobody in it lives.
#[tokio::test]
async fn a_zombie_that_nobody_takes_does_not_hold_the_place() {
    let mark = mark();
    let script = format!(
        "import os,time
if os.fork() == 0:
    if os.fork() == 0: os._exit(0)
    os.setsid()
    null = os.open('/dev/null', os.O_RDWR)
    os.dup2(null, 1); os.dup2(null, 2)
    os.execv('/bin/sleep', ['sleep', '{mark}'])
while True:
    time.sleep(0.02)
    if os.system('pgrep -f \"^sleep {mark}\" >/dev/null') == 0: break
print('ok')"
    );
    let started = Instant::now();
    let run = python(&script).run().await;
    let took = started.elapsed();
    kill_marked(&mark);
    assert_eq!(run.result.unwrap().text, "ok\n");
    assert!(run.warnings.is_empty(), "{:?}", run.warnings);
    assert!(took < PROMPT, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_calls_cancelled_at_random_leave_nothing() {
    const PLACES: usize = 16;
    let mark = mark();
    let places = Arc::new(Semaphore::new(PLACES));
    let executor = ScriptExecutor::new();
    let mut calls = JoinSet::new();
    for number in 0..200_u64 {
        let script = match number % 4 {
            0 => format!("sleep {mark}"),
            1 => format!("trap '' TERM; sleep {mark} & sleep {mark}"),
            2 => format!("(sleep {mark} &) ; yes {mark}"),
            _ => format!("sleep {mark} & echo done"),
        };
        let draft = bash(&script).grace(Duration::from_millis(50));
        let (executor, places) = (executor.clone(), Arc::clone(&places));
        calls.spawn(async move {
            let cancel = draft.cancel.clone();
            let call = draft.call();
            let place = places.acquire_owned().await.unwrap();
            let random = u64::from_str_radix(&call.id.as_str()[..8], 16).unwrap() % 60_000;
            let moment = sleep(Duration::from_micros(random));
            let run = executor.run(&call, place);
            if number % 3 == 0 {
                // The future is dropped at the moment.
                tokio::time::timeout(Duration::from_micros(random), run)
                    .await
                    .is_ok()
            } else {
                tokio::join!(run, async {
                    moment.await;
                    cancel.cancel();
                });
                true
            }
        });
    }
    let answered = calls
        .join_all()
        .await
        .into_iter()
        .filter(|answered| *answered)
        .count();
    assert!(answered >= 133, "every call whose future lives is answered");
    eventually("all places are back", || {
        places.available_permits() == PLACES
    })
    .await;
    assert_eq!(alive(&mark), 0);
    assert!(executor.running().is_empty());
}
