//! Kept workers of a whole server: who survives its end, what a changed file does, and what it tells of them.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::calls::{alive, eventually, mark};
use crate::support::{Server, command};

/// Leaves a child that hides, and says when it is there.
const SCRIPT: &str = "
import os, subprocess, time
def main(arguments):
    subprocess.Popen(['env', '-i', '/usr/bin/setsid', '/bin/sh', '-c', '/bin/sleep TOKEN & /bin/sleep TOKEN &'])
    while os.popen('pgrep -fc \"^/bin/sleep TOKEN\"').read().strip() != '2': time.sleep(0.02)
    open('ready', 'w').write(str(os.getpid()))
    while arguments.get('wait'): time.sleep(1)
    return os.getpid()
";

fn tools(folder: &Path, more: &str) {
    let text = format!(
        "name: kept
tools:
  - name: hide
    description: Hides
    timeout: 60s
    kill_grace: 1s
    parameters: [{{ name: wait, type: boolean, default: false }}]
    script: {{ command: /usr/bin/python3, args: [hide.py], worker: {{ mode: persistent, size: 1 }} }}
{more}"
    );
    fs::write(folder.join("gantz.yaml"), text).unwrap();
}

fn hiding() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let mark = mark();
    fs::write(
        folder.path().join("hide.py"),
        SCRIPT.replace("TOKEN", &mark),
    )
    .unwrap();
    tools(folder.path(), "");
    (folder, mark)
}

fn serve(folder: &Path, wait: bool) -> (Child, std::process::ChildStdin) {
    let mut child = command(folder, &["serve", "--stdio"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                      "params": {"name": "hide", "arguments": {"wait": wait}}});
    for line in [
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        &call.to_string(),
    ] {
        writeln!(input, "{line}").unwrap();
    }
    (child, input)
}

async fn ready(folder: &Path) -> u32 {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let text = fs::read_to_string(folder.join("ready")).unwrap_or_default();
        if let Ok(pid) = text.parse() {
            return pid;
        }
        assert!(
            Instant::now() < deadline,
            "the script does not come to its end"
        );
        sleep(Duration::from_millis(10)).await;
    }
}

fn is_gone(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/cmdline")).map_or(true, |line| line.is_empty())
}

/// The parent of a process.
fn parent(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit(')').next().unwrap();
    fields.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// In a call and between calls, nobody survives the runner, nor the guards.
#[tokio::test]
async fn nobody_survives_a_killed_runner_or_guard() {
    for (wait, victim) in [
        (true, (|worker| parent(worker)) as fn(u32) -> u32),
        (false, |worker| parent(worker)),
        (false, |worker| parent(parent(worker))),
        (true, |worker| parent(parent(parent(worker)))),
    ] {
        let (folder, mark) = hiding();
        let (mut child, input) = serve(folder.path(), wait);
        let worker = ready(folder.path()).await;
        assert_eq!(alive(&mark), 2, "they live with the worker");
        kill(victim(worker));
        eventually("nobody is left", || alive(&mark) == 0 && is_gone(worker)).await;
        drop(input);
        child.wait().unwrap();
    }
}

#[tokio::test]
async fn what_hides_ends_with_its_worker() {
    let (folder, mark) = hiding();
    let (mut child, input) = serve(folder.path(), false);
    let worker = ready(folder.path()).await;
    kill(worker);
    eventually("nobody is left", || alive(&mark) == 0).await;
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn one_call_on_the_command_line_leaves_nobody() {
    let (folder, mark) = hiding();
    let output = command(folder.path(), &["call", "hide"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(alive(&mark), 0);
    let pid: u32 = String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(is_gone(pid));
}

async fn call(server: &Server, name: &str) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": name, "arguments": {},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "0"},
        },
    }});
    let request = reqwest::Client::new()
        .post(&server.url)
        .header("Accept", "application/json, text/event-stream")
        .header("Mcp-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", "tools/call")
        .header("Mcp-Name", name);
    request
        .json(&body)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

async fn fetched(server: &Server, path: &str) -> String {
    let response = reqwest::get(server.at(path)).await.unwrap();
    response.text().await.unwrap()
}

/// A file that changes another tool leaves the workers; one that takes their tool away ends them.
#[tokio::test]
async fn a_changed_file_keeps_the_workers_of_tools_that_stay() {
    let folder = tempfile::tempdir().unwrap();
    let script = "import os\ndef main(arguments): return os.getpid()\n";
    fs::write(folder.path().join("hide.py"), script).unwrap();
    tools(folder.path(), "");
    let server = Server::start(&folder.path().join("gantz.yaml"));
    let text = |answer: &Value| {
        answer["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let worker = text(&call(&server, "hide").await);
    let other = "  - { name: other, description: O, script: { shell: echo here } }\n";
    tools(folder.path(), other);
    let deadline = Instant::now() + Duration::from_mins(1);
    while call(&server, "other").await.get("result").is_none() {
        assert!(Instant::now() < deadline, "the file is not served");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(text(&call(&server, "hide").await), worker);
    fs::write(
        folder.path().join("gantz.yaml"),
        format!("name: kept\ntools:\n{other}"),
    )
    .unwrap();
    let pid: u32 = worker.parse().unwrap();
    eventually("the worker is gone", || is_gone(pid)).await;
}

#[tokio::test]
async fn metrics_and_status_tell_of_the_workers() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("hide.py"),
        "def main(arguments): return 1\n",
    )
    .unwrap();
    tools(folder.path(), "");
    let server = Server::start(&folder.path().join("gantz.yaml"));
    for _ in 0..3 {
        call(&server, "hide").await;
    }
    let metrics = fetched(&server, "/metrics").await;
    for line in [
        "runner_warm_processes{operation_type=\"hide\"} 1\n",
        "runner_warm_starts_total{operation_type=\"hide\"} 1\n",
        "runner_warm_calls_total{operation_type=\"hide\"} 3\n",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let status: Value = serde_json::from_str(&fetched(&server, "/status").await).unwrap();
    assert_eq!(
        status["tools"][0]["warm"],
        json!({"processes": 1, "starts": 1, "calls": 3})
    );
    let shown = command(folder.path(), &["status", &server.url])
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("warm hide: 1 process, 1 started, 3 calls\n"),
        "{shown}"
    );
}
