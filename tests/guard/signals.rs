//! What the program is asked by signal reaches the runner, once.

use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::served::{Folder, LONG, Served, children, send, within};
use crate::support::{RUNNER, command, runner, skipped, texts};

/// A call of `trap`, in a process group of its own.
fn trapping(folder: &Folder, arguments: &[&str]) -> Child {
    let child = command(folder.path(), arguments)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    within(LONG, "the script waits", || {
        folder.path().join("trapping").exists()
    });
    child
}

#[test]
fn the_exit_status_is_the_runners() {
    let folder = Folder::new();
    let status = |arguments: &[&str]| runner(folder.path(), arguments).status.code();
    assert_eq!(status(&["call", "hi"]), Some(0));
    assert_eq!(status(&["call", "nobody"]), Some(2));
    assert_eq!(status(&["serve", "nothing.yaml"]), Some(2));
    let (stdout, _) = texts(&runner(folder.path(), &["call", "hi"]));
    assert_eq!(stdout, "hi\n");
}

#[test]
fn a_signal_that_ends_the_runner_ends_the_program() {
    let folder = Folder::new();
    // Signals that nobody ignores beforehand, as `nohup` does with SIGHUP.
    for signal in [Signal::USR1, Signal::USR2] {
        let mut child = trapping(&folder, &["call", "trap"]);
        send(child.id(), signal);
        assert_eq!(child.wait().unwrap().signal(), Some(signal.as_raw()));
        std::fs::remove_file(folder.path().join("trapping")).unwrap();
    }
}

#[test]
fn a_server_is_asked_to_end_and_ends_well() {
    let mut served = Served::start();
    served.hanging(2);
    send(served.child.id(), Signal::TERM);
    assert!(served.ended().success());
    assert!(served.folder.alive("12345").is_empty());
}

/// A second signal means "at once", so one that everyone in the group gets must count as one.
#[test]
fn a_signal_to_the_whole_group_counts_once() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut served = grouped();
        let group = Pid::from_child(&served.child);
        kill_process_group(group, signal).unwrap();
        assert!(served.ended().success());
        assert!(served.folder.path().join("polite").exists(), "{signal:?}");
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut served = grouped();
    // On a busy machine the first may be seen late and a second count as the same, so there is a third.
    within(LONG, "the program ends", || {
        send(served.child.id(), Signal::INT);
        sleep(Duration::from_millis(350));
        served.child.try_wait().unwrap().is_some()
    });
    assert_eq!(served.ended().code(), Some(1));
    assert!(!served.folder.path().join("polite").exists());
}

/// A server in a group of its own, with a call that takes a moment to end.
fn grouped() -> Served {
    let folder = Folder::new();
    let mut command = command(folder.path(), &["serve", "--stdio"]);
    command.process_group(0);
    let mut served = Served::started_by(command, folder);
    served.call(1, "trap");
    let begun = served.folder.path().join("trapping");
    within(LONG, "the script waits", || begun.exists());
    // The runner has handlers by now; its pid is not needed for anything else.
    assert_eq!(served.line().len(), 3);
    served
}

/// In a real terminal, where the key reaches guards and runner alike.
#[test]
fn control_c_counts_once() {
    if !Path::new("/usr/bin/script").exists() {
        return skipped("no `script`, which makes a terminal");
    }
    let folder = Folder::new();
    let mut child = terminal(&folder);
    let mut keyboard = child.stdin.take().unwrap();
    within(LONG, "it listens", || {
        port_file(&folder).contains("listening on")
    });
    let url = port_file(&folder);
    let url = url
        .split("listening on ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    let caller = call_trap(url.trim());
    within(LONG, "the script waits", || {
        folder.path().join("trapping").exists()
    });
    keyboard.write_all(b"\x03").unwrap();
    within(LONG, "the program ends", || {
        child.try_wait().unwrap().is_some()
    });
    assert!(
        folder.path().join("polite").exists(),
        "{}",
        port_file(&folder)
    );
    assert!(child.wait().unwrap().success());
    caller.join().unwrap();
}

fn terminal(folder: &Folder) -> Child {
    // `exec`: a shell that stayed would die of the key itself, and which shell it is differs.
    #[expect(clippy::disallowed_methods, reason = "a terminal around the program")]
    std::process::Command::new("/usr/bin/script")
        .args([
            "-qefc",
            &format!("exec {RUNNER} serve --port 0"),
            "typescript",
        ])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn port_file(folder: &Folder) -> String {
    let bytes = std::fs::read(folder.path().join("typescript")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Calls `trap` from a thread; the answer, if any, is of no interest.
fn call_trap(url: &str) -> std::thread::JoinHandle<()> {
    let url = url.to_owned();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let body = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                "params": {"name": "trap", "_meta": {
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "0"},
                    "io.modelcontextprotocol/clientCapabilities": {}}}});
            let request = reqwest::Client::new()
                .post(&url)
                .header("accept", "application/json, text/event-stream")
                .header("mcp-protocol-version", "2026-07-28")
                .header("mcp-method", "tools/call")
                .header("mcp-name", "trap")
                .json(&body);
            drop(request.send().await);
        });
    })
}

#[test]
fn a_stopped_program_goes_on_where_it_was() {
    let mut served = Served::start();
    let [outer, inner, runner] = served.line();
    for pid in [outer, inner, runner] {
        // SIGTSTP is discarded in a process group without a terminal to come back to.
        send(pid, Signal::STOP);
    }
    within(LONG, "all are stopped", || {
        [outer, inner, runner].iter().all(|pid| state(*pid) == 'T')
    });
    for pid in [outer, inner, runner] {
        send(pid, Signal::CONT);
    }
    assert_eq!(served.answer(1, "hi")["content"][0]["text"], "hi\n");
    assert_eq!(children(inner), [runner]);
}

fn state(pid: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(") ").next().unwrap().chars().next().unwrap()
}
