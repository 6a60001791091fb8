//! Somebody is killed, and nobody is left.

use std::os::unix::process::ExitStatusExt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;

use crate::served::{Served, children, send, within};

const CALLS: usize = 64;

/// Several hundred processes are enough for one machine at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Kills one of the three while many scripts hide what they do, and looks for survivors.
fn nobody_survives(victim: impl FnOnce([u32; 3]) -> u32) -> (Served, [u32; 3]) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut served = Served::start();
    served.hanging(CALLS);
    let line = served.line();
    send(victim(line), Signal::KILL);
    within(Duration::from_secs(1), "everybody is gone", || {
        served.folder.alive("12345").is_empty()
    });
    within(Duration::from_secs(1), "guards and runner are gone", || {
        line[1..].iter().all(|pid| is_gone(*pid))
    });
    (served, line)
}

fn is_gone(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).map_or(true, |line| line.is_empty())
}

#[test]
fn of_the_killed_runner() {
    let (mut served, _) = nobody_survives(|[_, _, runner]| runner);
    assert_eq!(
        served.ended().signal(),
        Some(9),
        "it ends as the runner did"
    );
}

#[test]
fn of_the_killed_guard() {
    let (mut served, _) = nobody_survives(|[_, inner, _]| inner);
    assert_eq!(served.ended().signal(), Some(9));
}

#[test]
fn of_the_killed_program() {
    let (_, line) = nobody_survives(|[outer, _, _]| outer);
    assert!(children(line[1]).is_empty());
}

#[test]
fn of_everyone_with_the_programs_name() {
    let (mut served, _) = nobody_survives(|[outer, inner, runner]| {
        let name = |pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
        assert_eq!(name(outer), name(runner));
        assert!(
            !name(inner).contains(name(runner).trim()),
            "`pkill -9 runner` spares one"
        );
        send(outer, Signal::KILL);
        runner
    });
    assert_eq!(served.ended().signal(), Some(9));
}

/// Without any guard nobody finds who hides; process groups still end, and the runner with them.
#[test]
fn of_both_guards_the_runner_survives_to_end_its_groups_and_then_itself() {
    let mut served = Served::start();
    served.hanging(8);
    let [outer, inner, runner] = served.line();
    // Stopped, it cannot clean up between the two deaths.
    send(inner, Signal::STOP);
    send(outer, Signal::KILL);
    send(inner, Signal::KILL);
    within(
        Duration::from_secs(1),
        "process groups and runner are gone",
        || served.folder.alive("5").is_empty() && is_gone(runner),
    );
    for pid in served.folder.alive("1234") {
        send(pid, Signal::KILL);
    }
}
