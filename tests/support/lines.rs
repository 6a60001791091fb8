//! A client over standard input and output that speaks in raw lines.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::command;

/// A server over standard input and output, and its client. Dropped, the server is killed.
pub(crate) struct LineClient {
    pub(crate) child: Child,
    /// `None` once the client has ended it.
    pub(crate) input: Option<ChildStdin>,
    pub(crate) output: BufReader<ChildStdout>,
    /// Where the server runs and its file is.
    pub(crate) folder: tempfile::TempDir,
}

impl LineClient {
    /// A client that has said nothing yet, of a server of these tools.
    pub(crate) fn start(tools: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("gantz.yaml"), tools).unwrap();
        let mut child = command(folder.path(), &["serve", "--stdio", "--state-dir", "state"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
            folder,
        }
    }

    /// One that has shaken hands as of 2025-11-25.
    pub(crate) fn greeted(tools: &str) -> Self {
        Self::greeted_in(tools, "2025-11-25")
    }

    /// One that has shaken hands as of `revision`.
    pub(crate) fn greeted_in(tools: &str, revision: &str) -> Self {
        let mut client = Self::start(tools);
        let answer = client.ask(
            0,
            "initialize",
            &json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}),
        );
        assert_eq!(answer["result"]["protocolVersion"], revision, "{answer}");
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client
    }

    /// Writes bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    /// Writes a line.
    pub(crate) fn send_line(&mut self, line: &str) {
        self.raw(format!("{line}\n").as_bytes());
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, message: &Value) {
        self.send_line(&message.to_string());
    }

    /// Asks, and gives the next message there is.
    pub(crate) fn ask(&mut self, id: u32, method: &str, params: &Value) -> Value {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        self.receive()
    }

    /// Calls a tool without arguments, and waits for nothing.
    pub(crate) fn call(&mut self, id: impl Into<Value>, tool: &str) {
        let id = id.into();
        self.send(
            &json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool}}),
        );
    }

    /// Calls a request off.
    pub(crate) fn cancel(&mut self, id: impl Into<Value>) {
        let id = id.into();
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
    }

    /// The next message.
    pub(crate) fn receive(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// The server's input once more, for a writer in a thread of its own.
    #[cfg(unix)]
    pub(crate) fn input_too(&self) -> fs::File {
        let input = std::os::fd::AsFd::as_fd(self.input.as_ref().unwrap());
        fs::File::from(input.try_clone_to_owned().unwrap())
    }

    /// The resident memory of the server, in KiB: of the guards and of the runner, which is a descendant of theirs.
    pub(crate) fn resident(&self) -> u64 {
        let mut processes = vec![self.child.id()];
        let mut resident = 0;
        while let Some(process) = processes.pop() {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
            let line = status
                .lines()
                .find(|line| line.starts_with("VmRSS"))
                .unwrap();
            let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
            resident += kib;
            for thread in fs::read_dir(format!("/proc/{process}/task")).unwrap() {
                let children = thread.unwrap().path().join("children");
                let children = fs::read_to_string(children).unwrap_or_default();
                processes.extend(
                    children
                        .split_whitespace()
                        .map(|id| id.parse::<u32>().unwrap()),
                );
            }
        }
        resident
    }

    /// That the server ends by itself, soon.
    pub(crate) fn assert_ends(&mut self) {
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it lives on");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for LineClient {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
