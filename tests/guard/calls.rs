//! A call ends, and what it left behind ends with it; others are not touched.

use std::time::Duration;

use tokio::time::Instant;

use crate::served::{Folder, PROMISED, Served, children, within};
use crate::support::{runner, texts};

#[test]
fn what_a_call_leaves_behind_is_gone_before_the_answer() {
    let folder = Folder::new();
    let output = runner(folder.path(), &["call", "leave"]);
    assert!(folder.alive("678").is_empty(), "the program has ended");
    let (stdout, stderr) = texts(&output);
    assert_eq!(stdout, "left\n");
    assert_eq!(
        stderr,
        "warning: ended 3 processes that the script left behind\n"
    );
}

/// Whatever the command, its calls are watched in the same way.
#[test]
fn every_command_that_calls_tools_ends_what_they_leave_behind() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("items.jsonl"), "{}\n").unwrap();
    let calls = r#"{"calls": [{"tool_name": "leave", "params": {}}]}"#;
    std::fs::write(folder.path().join("calls.json"), calls).unwrap();
    for arguments in [
        ["batch", "calls.json"].as_slice(),
        &["map", "leave", "items.jsonl"],
        &["bench", "leave", "--duration", "0.1", "--callers", "1"],
    ] {
        let output = runner(folder.path(), arguments);
        let (stdout, stderr) = texts(&output);
        assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
        assert!(folder.alive("678").is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_processes_of_other_calls_are_not_touched() {
    let mut served = Served::start();
    served.hanging(3);
    let others = served.folder.alive("12345");
    for id in 1..=10 {
        let result = served.answer(id, "leave");
        assert!(result.to_string().contains("ended 3 processes"), "{result}");
        assert!(served.folder.alive("678").is_empty());
        assert_eq!(served.folder.alive("12345"), others);
    }
    served.cancel(1001);
    within(PROMISED, "the cancelled call's processes are gone", || {
        served.folder.alive("12345").len() == 10
    });
    assert_eq!(served.answer(11, "hi")["content"][0]["text"], "hi\n");
    for digit in ["1", "2", "3", "4", "5"] {
        assert_eq!(served.folder.alive(digit).len(), 2, "of each of the others");
    }
    served.close();
    assert!(served.ended().success());
    assert!(served.folder.alive("12345").is_empty());
}

/// The end of a call reaches what forks and leaves its session for ever, faster than one could look.
#[test]
fn who_flees_is_caught() {
    for tool in ["flee", "flee_naked"] {
        let mut served = Served::start();
        let [_, inner, runner] = served.line();
        for id in 1..=5 {
            let begin = Instant::now();
            let result = served.answer(id, tool);
            assert!(begin.elapsed() < PROMISED, "{tool}: {result}");
            assert!(!result.to_string().contains("live on"), "{tool}: {result}");
            // Too fast for a look at all processes, but always a child of somebody.
            assert_eq!(children(inner), [runner], "{tool}: {result}");
        }
    }
}

#[test]
fn the_end_of_the_input_ends_everything() {
    let mut served = Served::start();
    served.hanging(4);
    served.close();
    assert!(served.ended().success());
    assert!(served.folder.alive("12345").is_empty());
}

#[test]
fn a_client_that_stops_reading_leaves_nothing() {
    let mut served = Served::start();
    served.hanging(2);
    let [outer, ..] = served.line();
    drop(served);
    assert!(!std::path::Path::new(&format!("/proc/{outer}")).exists());
}

#[test]
fn scripts_inherit_nothing_of_the_guard() {
    let mut served = Served::start();
    let result = served.answer(1, "descriptors");
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("pipe:"), "{text}");
    for thing in ["memfd", "signalfd", "socket", "children"] {
        assert!(!text.contains(thing), "{thing} in {text}");
    }
}

#[test]
fn many_calls_in_a_row_leave_the_guard_as_it_was() {
    let mut served = Served::start();
    let [_, inner, runner] = served.line();
    let descriptors = |pid: u32| {
        std::fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .count()
    };
    served.answer(1, "leave");
    let before = descriptors(inner);
    for id in 2..60 {
        served.answer(id, if id % 3 == 0 { "leave" } else { "hi" });
    }
    assert_eq!(descriptors(inner), before);
    within(Duration::from_secs(1), "the runner alone is left", || {
        children(inner) == [runner]
    });
}
