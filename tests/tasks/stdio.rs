//! Tasks over standard input and output.

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::served::{Folder, LONG, add_meta};
use crate::support::command;

/// A client that starts its server, and speaks in lines.
pub(crate) struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    next: u32,
}

impl Client {
    pub(crate) fn start(folder: &Folder) -> Self {
        let state = folder.state();
        let mut child = command(folder.path(), &["serve", "--stdio", "--state-dir", &state])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
            next: 0,
        }
    }

    pub(crate) fn send(&mut self, method: &str, mut params: Value) -> u32 {
        self.next += 1;
        add_meta(&mut params, true);
        let message =
            json!({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params});
        writeln!(self.input.as_mut().unwrap(), "{message}").unwrap();
        self.next
    }

    pub(crate) fn receive(&mut self) -> Value {
        serde_json::from_str(&self.output.next().unwrap().unwrap()).unwrap()
    }

    pub(crate) fn result(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params);
        let answer = self.receive();
        assert_eq!(answer["id"], id, "{answer}");
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].clone()
    }

    pub(crate) fn begin(&mut self, tool: &str, arguments: &Value) -> String {
        let created = self.result("tools/call", json!({"name": tool, "arguments": arguments}));
        assert_eq!(created["resultType"], "task", "{created}");
        created["taskId"].as_str().unwrap().to_owned()
    }

    pub(crate) fn get(&mut self, id: &str) -> Value {
        self.result("tasks/get", json!({"taskId": id}))
    }

    pub(crate) fn until(&mut self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = tokio::time::Instant::now();
        loop {
            let task = self.get(id);
            if wanted(&task) {
                return task;
            }
            assert!(begun.elapsed() < LONG, "still {task}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    pub(crate) fn ended(&mut self, id: &str) -> Value {
        self.until(id, |task| task["status"] != "working")
    }

    /// Leaves, and waits for the end of the server.
    pub(crate) fn leave(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn tasks_are_served_and_are_there_for_the_next_client() {
    let folder = Folder::new();
    let mut client = Client::start(&folder);
    let done = client.begin("slow_compute", &json!({"seconds": 0, "label": "x"}));
    let result = client.ended(&done);
    assert_eq!(result["result"]["content"][0]["text"], "computed x\n");
    let never = folder.text("never");
    let cut_off = client.begin("wait_for", &json!({"file": never, "mark": "m"}));
    client.until(&cut_off, |task| task["statusMessage"].is_string());
    client.leave();

    let mut client = Client::start(&folder);
    assert_eq!(client.get(&done), result);
    let ended = client.get(&cut_off);
    assert_eq!(ended["status"], "failed", "{ended}");
    let message = ended["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("`wait_for` was "), "{message}");
    let data = &ended["error"]["data"]["error"]["data"];
    assert_eq!(data["stdout"], "begun m\n");
}

#[test]
fn runners_of_one_file_share_its_tasks_and_leave_each_others_alone() {
    let folder = Folder::new();
    let (mut one, mut other) = (Client::start(&folder), Client::start(&folder));
    let go = folder.text("go");
    let ours = one.begin("wait_for", &json!({"file": go, "mark": "ours"}));
    let theirs = other.begin(
        "wait_for",
        &json!({"file": folder.text("never"), "mark": "theirs"}),
    );
    // A third one comes, looks after the dead and finds none.
    let mut third = Client::start(&folder);
    for id in [&ours, &theirs] {
        assert_eq!(third.get(id)["status"], "working");
        assert_eq!(one.get(id)["status"], "working");
    }
    // One may call off what another runs.
    one.result("tasks/cancel", json!({"taskId": theirs}));
    assert_eq!(one.ended(&theirs)["status"], "cancelled");
    fs::write(&go, "").unwrap();
    assert_eq!(other.ended(&ours)["status"], "completed");
}
