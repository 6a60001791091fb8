//! The runner is killed in the middle of tasks, with what guards it looking on, and started again.

use std::fs;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::served::{Folder, Served, eventually};
use crate::support::command;

/// The children of a process that has one thread.
fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect()
}

/// Kills the runner itself, below the two processes that guard it, and waits until all of them are gone.
async fn kill(served: &Served) {
    let outer = served.server.pid();
    let inner = children(outer)[0];
    let runner = children(inner)[0];
    send(runner, Signal::KILL);
    eventually("the guards end with the runner", || {
        let state = fs::read_to_string(format!("/proc/{outer}/stat")).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    })
    .await;
}

fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// What a task that was cut off had printed.
fn printed(task: &Value) -> &Value {
    &task["error"]["data"]["error"]["data"]
}

#[tokio::test]
async fn a_killed_runner_loses_no_result_and_leaves_no_task_at_work() {
    let folder = Folder::new();
    let served = folder.serve();
    let mut finished = Vec::new();
    for number in 0..5 {
        let arguments = json!({"seconds": 0, "label": number.to_string()});
        finished.push(served.at.start("slow_compute", arguments).await);
    }
    let mut results = Vec::new();
    for id in &finished {
        results.push(served.at.ended(id).await);
    }
    let mut cut_off = Vec::new();
    for number in 0..5 {
        let arguments = json!({"file": folder.text("never"), "mark": format!("m{number}")});
        cut_off.push(served.at.start("wait_for", arguments).await);
    }
    let waiting = served
        .at
        .start("one_at_a_time", json!({"file": folder.text("never")}))
        .await;
    let database = database(&folder);
    eventually("what they printed is written down", || {
        let written = fs::read(database.with_file_name("tasks.db-wal")).unwrap();
        (0..5).all(|number| contains(&written, &format!("begun m{number}\n")))
    })
    .await;
    kill(&served).await;

    let again = folder.serve();
    for (id, result) in finished.iter().zip(&results) {
        assert_eq!(&again.at.get(id).await, result);
    }
    for (number, id) in cut_off.iter().enumerate() {
        let task = again.at.get(id).await;
        assert_eq!(task["status"], "failed", "{task}");
        assert_eq!(task["error"]["code"], -32603);
        assert_eq!(
            task["error"]["message"],
            "the runner died while `wait_for` was under way, and its processes with it"
        );
        assert_eq!(printed(&task)["stdout"], format!("begun m{number}\n"));
        assert_eq!(printed(&task)["stderr"], format!("log m{number}\n"));
    }
    assert_eq!(again.at.get(&waiting).await["status"], "failed");
    assert_eq!(
        again.server.said().matches("warning").count(),
        0,
        "{}",
        again.server.said()
    );
}

#[tokio::test]
async fn runners_killed_again_and_again_leave_every_told_task_ended() {
    let folder = Folder::new();
    let mut known: Vec<String> = Vec::new();
    let mut ended: Vec<(String, Value)> = Vec::new();
    for round in 0..4 {
        let served = folder.serve();
        for (id, earlier) in &ended {
            assert_eq!(&served.at.get(id).await, earlier, "round {round}");
        }
        for id in &known {
            let task = served.at.get(id).await;
            assert_ne!(task["status"], "working", "round {round}");
            ended.push((id.clone(), task));
        }
        known.clear();
        // Told tasks and no others count; the kill comes in the midst of creations.
        let creating = async {
            for number in 0.. {
                let seconds = if number % 2 == 0 { 0 } else { 600 };
                let call = json!({"name": "slow_compute", "arguments": {"seconds": seconds}});
                let Ok(response) = served.at.request("tools/call", call).send().await else {
                    return;
                };
                let Ok(answer) = response.json::<Value>().await else {
                    return;
                };
                match answer["result"]["taskId"].as_str() {
                    Some(id) => known.push(id.to_owned()),
                    None => return,
                }
            }
        };
        let killing = async {
            tokio::time::sleep(std::time::Duration::from_millis(150 + 100 * round)).await;
            kill(&served).await;
        };
        tokio::join!(creating, killing);
    }
    assert!(!ended.is_empty());
    let served = folder.serve();
    for id in &known {
        assert_ne!(served.at.get(id).await["status"], "working");
    }
}

#[tokio::test]
async fn a_stopped_server_records_what_its_tasks_printed() {
    let folder = Folder::new();
    let served = folder.serve();
    let arguments = json!({"file": folder.text("never"), "mark": "m"});
    let id = served.at.start("wait_for", arguments).await;
    let queued = served
        .at
        .start("one_at_a_time", json!({"file": folder.text("never")}))
        .await;
    let behind = served
        .at
        .start("one_at_a_time", json!({"file": folder.text("never")}))
        .await;
    served
        .at
        .until(&id, |task| task["statusMessage"].is_string())
        .await;
    let outer = served.server.pid();
    send(outer, Signal::TERM);
    eventually("the server ends", || {
        let state = fs::read_to_string(format!("/proc/{outer}/stat")).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    })
    .await;
    let again = folder.serve();
    let task = again.at.get(&id).await;
    assert_eq!(task["status"], "failed", "{task}");
    let message = task["error"]["message"].as_str().unwrap();
    assert!(message.ends_with("the runner is stopping"), "{message}");
    assert_eq!(printed(&task)["stdout"], "begun m\n");
    for id in [queued, behind] {
        let task = again.at.get(&id).await;
        assert_eq!(task["status"], "failed", "{task}");
        let message = task["statusMessage"].as_str().unwrap();
        assert!(message.contains("stopping"), "{message}");
    }
}

#[tokio::test]
async fn a_stored_output_can_be_read_after_a_restart() {
    let folder = Folder::new();
    let served = folder.serve();
    let id = served.at.start("print_much", json!({})).await;
    let ended = served.at.ended(&id).await;
    let output = &ended["result"]["_meta"]["runner/output"];
    let uri = output["uri"].as_str().unwrap().to_owned();
    assert_eq!(output["bytes"], 500_000, "{ended}");
    kill(&served).await;
    let again = folder.serve();
    let read = json!({"uri": format!("{uri}?offset=499984&limit=100")});
    let request = again
        .at
        .request("resources/read", read)
        .header("Mcp-Name", format!("{uri}?offset=499984&limit=100"));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        answer["result"]["contents"][0]["text"], "0123456789abcde\n",
        "{answer}"
    );
    assert_eq!(again.at.get(&id).await, ended);
}

#[tokio::test]
async fn pages_can_be_cut_after_a_restart() {
    let folder = Folder::new();
    let served = folder.serve();
    let mut firsts = Vec::new();
    for tool in ["list_much", "list_some", "list_lines"] {
        let id = served.at.start(tool, json!({})).await;
        let task = served.at.ended(&id).await;
        let page = &task["result"]["structuredContent"];
        assert_eq!(page["items"], json!([0, 1, 2]), "{task}");
        firsts.push((tool, page["result_id"].clone(), page["total"].clone()));
    }
    kill(&served).await;
    let again = folder.serve();
    for (tool, id, total) in firsts {
        let arguments = json!({"result_id": id, "offset": 3});
        let result = again.at.call(tool, arguments).await;
        let page = &result["structuredContent"];
        assert_eq!(page["items"], json!([3, 4, 5]), "{tool}: {result}");
        assert_eq!(page["total"], total);
    }
}

#[tokio::test]
async fn nobody_else_may_read_the_tasks() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let served = folder.serve();
    let arguments = json!({"seconds": 600});
    served.at.start("slow_compute", arguments).await;
    let database = database(&folder);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(database.parent().unwrap()), 0o700);
    for name in ["tasks.db", "tasks.db-wal", "tasks.db-shm"] {
        assert_eq!(mode(&database.with_file_name(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_told_and_the_tools_are_served() {
    let folder = Folder::new();
    let served = folder.serve();
    let database = database(&folder);
    kill(&served).await;
    for name in ["tasks.db-wal", "tasks.db-shm"] {
        drop(fs::remove_file(database.with_file_name(name)));
    }
    fs::write(&database, "no database, whatever its name says").unwrap();
    let state = folder.state();
    let config = folder.text("gantz.yaml");
    let mut child = command(
        folder.path(),
        &["serve", &config, "--port", "0", "--state-dir", &state],
    )
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let mut said = Vec::new();
    for line in lines.map(Result::unwrap) {
        let is_up = line.starts_with("listening on ");
        said.push(line);
        if is_up {
            break;
        }
    }
    let warning = said
        .iter()
        .find(|line| line.starts_with("warning: no call becomes a task"));
    let warning = warning.unwrap_or_else(|| panic!("{said:#?}"));
    assert!(
        warning.contains("the database of the tasks failed"),
        "{warning}"
    );
    drop(child.kill());
    drop(child.wait());
}

/// The database of the one server there is.
fn database(folder: &Folder) -> std::path::PathBuf {
    let servers = fs::read_dir(folder.file("state").join("tasks")).unwrap();
    let server = servers.map(|entry| entry.unwrap().path()).next().unwrap();
    server.join("tasks.db")
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}
