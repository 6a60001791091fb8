//! A served folder of scripts that hide, and looks at the processes they leave.

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::command;

/// The longest that anything may live on: the tools' grace of 1 s, and the second that is promised.
pub(crate) const PROMISED: Duration = Duration::from_secs(2);

/// The tools; TOKEN tells the processes of one test from all others.
const TOOLS: &str = r#"
concurrency: { max_parallel: 100, queue_size: 100 }
tools:
  - name: hang
    description: Hide in every way there is, then wait
    concurrency: { max_parallel: 100, queue_size: 100 }
    timeout: 600
    kill_grace: 1
    script:
      shell: |
        setsid sleep TOKEN1 &
        env -i /usr/bin/setsid /bin/sh -c '/bin/sleep TOKEN2 & /bin/sleep TOKEN3 &' &
        (sh -c 'setsid sleep TOKEN4 &' &)
        sleep TOKEN5
  - name: leave
    description: Hide in every way there is, then end
    kill_grace: 1
    script:
      shell: |
        setsid sleep TOKEN6 > /dev/null 2>&1 &
        env -i /usr/bin/setsid /bin/sh -c '/bin/sleep TOKEN7 & /bin/sleep TOKEN8 &' > /dev/null 2>&1 &
        until [ "$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -c '^TOKEN[678]')" = 3 ]; do sleep 0.01; done
        echo left
  - name: flee
    description: Leave a process that forks, starts a session and ends, for ever
    script: { command: /usr/bin/python3, args: [flee.py, TOKEN9] }
  - name: flee_naked
    description: The same without an environment
    script: { command: /usr/bin/env, args: [-i, /usr/bin/python3, flee.py, TOKEN9] }
  - name: trap
    description: Take a moment to end
    kill_grace: 5
    script:
      shell: |
        trap 'sleep 2; echo bye > polite; exit 0' TERM
        echo $$ > trapping
        sleep 600 & wait
  - name: descriptors
    description: What a script inherits
    script: { shell: 'for one in /proc/self/fd/*; do readlink $one; done; true' }
  - name: hi
    description: Say hi
    script: { shell: echo hi }
"#;

const FLEE: &str = "
import os, sys
if os.fork():
    sys.exit(0)
os.dup2(os.open('/dev/null', os.O_RDWR), 1)
os.dup2(1, 2)
while True:
    if os.fork():
        os._exit(0)
    os.setsid()
";

/// A folder with the tools, and a word no other process has among its arguments.
pub(crate) struct Folder {
    pub(crate) path: tempfile::TempDir,
    pub(crate) token: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // A duration that `sleep` takes, and a long one.
        let token = format!("77{}{number:02}0", std::process::id());
        let path = tempfile::tempdir().unwrap();
        fs::write(
            path.path().join("gantz.yaml"),
            TOOLS.replace("TOKEN", &token),
        )
        .unwrap();
        fs::write(path.path().join("flee.py"), FLEE).unwrap();
        Self { path, token }
    }

    pub(crate) fn path(&self) -> &Path {
        self.path.path()
    }

    /// Everyone alive who has the token and one of `digits` among its arguments as a whole word.
    pub(crate) fn alive(&self, digits: &str) -> Vec<u32> {
        let words: Vec<String> = digits
            .chars()
            .map(|digit| format!("{}{digit}", self.token))
            .collect();
        let is_ours = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0)
                .any(|word| words.iter().any(|ours| ours.as_bytes() == word))
        };
        pids().filter(is_ours).collect()
    }
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// The children of a process that has one thread.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect()
}

pub(crate) fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Waits until `done` is true; how long it took.
pub(crate) fn within(longest: Duration, what: &str, mut done: impl FnMut() -> bool) -> Duration {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < longest, "not within {longest:?}: {what}");
        sleep(Duration::from_millis(5));
    }
    begin.elapsed()
}

/// Patience with a busy machine, where no promise is at stake.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A server of the tools, over standard input and output.
pub(crate) struct Served {
    pub(crate) child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    pub(crate) folder: Folder,
}

impl Served {
    pub(crate) fn start() -> Self {
        let folder = Folder::new();
        let command = command(folder.path(), &["serve", "--stdio"]);
        Self::started_by(command, folder)
    }

    /// A server that `command` comes to be.
    pub(crate) fn started_by(mut command: Command, folder: Folder) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut served = Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
            folder,
        };
        served.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}}));
        served.receive();
        served.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        served
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.input.as_mut().unwrap(), "{message}").unwrap();
    }

    /// Starts a call, which is not waited for.
    pub(crate) fn call(&mut self, id: u32, tool: &str) {
        self.send(
            &json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool}}),
        );
    }

    pub(crate) fn cancel(&mut self, id: u32) {
        self.send(
            &json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
            "params": {"requestId": id}}),
        );
    }

    pub(crate) fn receive(&mut self) -> Value {
        serde_json::from_str(&self.output.next().unwrap().unwrap()).unwrap()
    }

    /// Calls a tool and returns the result.
    pub(crate) fn answer(&mut self, id: u32, tool: &str) -> Value {
        self.call(id, tool);
        let answer = self.receive();
        assert_eq!(answer["id"], id, "{answer}");
        answer["result"].clone()
    }

    /// As many calls of `hang` as wished, all in place with what they hide.
    pub(crate) fn hanging(&mut self, calls: usize) {
        for id in 0..calls {
            self.call(1000 + u32::try_from(id).unwrap(), "hang");
        }
        within(LONG, "the scripts hide", || {
            self.folder.alive("12345").len() == calls * 5
        });
    }

    pub(crate) fn close(&mut self) {
        self.input = None;
    }

    /// The process that was started, its child, and the runner.
    pub(crate) fn line(&self) -> [u32; 3] {
        let outer = self.child.id();
        let inner = children(outer)[0];
        [outer, inner, children(inner)[0]]
    }

    /// Takes the end of the program.
    pub(crate) fn ended(&mut self) -> std::process::ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < LONG, "the program goes on");
            sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
