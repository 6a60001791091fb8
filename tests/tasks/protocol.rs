//! Tasks over HTTP, from the call to the end.

use std::fs;
use std::sync::Arc;

use runner::config::{LoadOptions, load_text};
use runner::mcp::http::{HttpOptions, router};
use runner::runner::Runner;
use runner::store::{Store, StoreLimits};
use runner::tasks::Ledger;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::served::{Endpoint, Folder, eventually};
use crate::support::{Server, command};

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn a_task_runs_to_its_result() {
    let folder = Folder::new();
    let served = folder.serve();
    let go = folder.text("go");
    let arguments = json!({"file": go, "mark": "one"});
    let created = served.at.call("wait_for", arguments).await;
    assert_eq!(created["resultType"], "task");
    assert_eq!(created["ttlMs"], 3_600_000);
    assert_eq!(created["pollIntervalMs"], 1000);
    assert_eq!(
        created["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
        "tasks"
    );
    let id = created["taskId"].as_str().unwrap();
    assert_eq!(id.len(), 32, "128 random bits");
    let at_work = served
        .at
        .until(id, |task| task["statusMessage"] == "1/2: waiting")
        .await;
    assert_eq!(at_work["status"], "working");
    assert!(at_work.get("result").is_none() && at_work.get("error").is_none());
    fs::write(&go, "").unwrap();
    let ended = served.at.ended(id).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(ended["resultType"], "complete");
    assert_eq!(text(&ended["result"]), "begun one\ndone one\n");
    assert!(ended["lastUpdatedAt"].as_str() > ended["createdAt"].as_str());
    assert_eq!(served.at.get(id).await, ended, "an end is final");
    served.at.cancel(id).await;
    assert_eq!(served.at.get(id).await, ended, "also for a late cancel");
    let update = json!({"taskId": id, "inputResponses": {"unknown": {"action": "accept"}}});
    let acknowledged = served.at.result("tasks/update", update).await;
    assert_eq!(acknowledged["resultType"], "complete");
}

#[tokio::test]
async fn a_failing_tool_is_a_result_and_an_error_of_the_protocol_is_none() {
    let served_folder = Folder::new();
    let served = served_folder.serve();
    let failing = served.at.start("failing_job", json!({})).await;
    let broken = served.at.start("protocol_error_job", json!({})).await;
    let failed = served.at.ended(&failing).await;
    assert_eq!(failed["status"], "completed");
    assert_eq!(failed["result"]["isError"], true);
    let error = &failed["result"]["structuredContent"]["error"];
    assert_eq!(error["code"], "EXIT_STATUS");
    assert_eq!(error["data"]["stderr"], "it broke\n");
    assert_eq!(
        failed["statusMessage"],
        "`failing_job` ended with exit status 3"
    );
    let broken = served.at.ended(&broken).await;
    assert_eq!(broken["status"], "failed");
    assert_eq!(
        broken["error"],
        json!({"code": -32603, "message": "the job could not be done", "data": {"part": 7}})
    );
    assert_eq!(broken["statusMessage"], "the job could not be done");
    assert!(broken.get("result").is_none());
    let told = served
        .at
        .without_tasks()
        .answer("tools/call", json!({"name": "protocol_error_job"}))
        .await;
    assert_eq!(told["error"], broken["error"], "the same without a task");
}

#[tokio::test]
async fn a_cancelled_task_ends_its_processes_and_keeps_what_they_printed() {
    let folder = Folder::new();
    let served = folder.serve();
    let mark = format!("mark-{}", served.server.pid());
    let arguments = json!({"file": folder.text("never"), "mark": mark});
    let id = served.at.start("wait_for", arguments).await;
    served
        .at
        .until(&id, |task| task["statusMessage"].is_string())
        .await;
    served.at.cancel(&id).await;
    let ended = served.at.ended(&id).await;
    assert_eq!(ended["status"], "cancelled");
    assert!(ended.get("result").is_none() && ended.get("error").is_none());
    let partial = &ended["_meta"]["runner/partial_result"];
    let data = &partial["structuredContent"]["error"]["data"];
    assert_eq!(data["stdout"], format!("begun {mark}\n"), "{ended}");
    assert_eq!(data["stderr"], format!("log {mark}\n"));
    eventually("its processes are gone", || !is_running(&mark)).await;
}

/// Whether a process has `mark` in its environment, as scripts have their arguments.
fn is_running(mark: &str) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else {
        return false;
    };
    entries.flatten().any(|entry| {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        environment
            .windows(mark.len())
            .any(|part| part == mark.as_bytes())
    })
}

#[tokio::test]
async fn a_client_without_tasks_waits_for_the_answer() {
    let folder = Folder::new();
    let served = folder.serve();
    let plain = served.at.without_tasks();
    let arguments = json!({"seconds": 0, "label": "x"});
    let answer = plain.call("slow_compute", arguments.clone()).await;
    assert_eq!(answer["resultType"], "complete");
    assert_eq!(text(&answer), "computed x\n");
    let refused = plain
        .answer("tools/call", json!({"name": "failing_job"}))
        .await;
    assert_eq!(refused["error"]["code"], -32021);
    assert_eq!(
        refused["error"]["data"]["requiredCapabilities"]["extensions"],
        json!({"io.modelcontextprotocol/tasks": {}})
    );
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let params = json!({"taskId": "x", "inputResponses": {}});
        let refused = plain.answer(method, params).await;
        assert_eq!(refused["error"]["code"], -32021, "{method}");
    }
    let with_progress = json!({"name": "slow_compute", "arguments": arguments,
                               "_meta": {"progressToken": "p"}});
    let response = plain.request("tools/call", with_progress).send().await;
    let events = response.unwrap().text().await.unwrap();
    let first = events.lines().find_map(|line| line.strip_prefix("data: {"));
    assert!(
        first.is_some_and(|first| first.contains("notifications/progress")),
        "a sign of life comes first: {events}"
    );
}

#[tokio::test]
async fn what_is_expected_to_take_long_becomes_a_task() {
    let folder = Folder::new();
    let served = folder.serve();
    let quick = served.at.call("quick_by_expectation", json!({})).await;
    assert_eq!(quick["resultType"], "complete");
    let slow = served.at.call("slow_by_expectation", json!({})).await;
    assert_eq!(slow["resultType"], "task");
    let greeting = served.at.call("greet", json!({"name": "Ann"})).await;
    assert_eq!(text(&greeting), "Hello, Ann!");
    let tools = served.at.result("tools/list", json!({})).await;
    let told = |name: &str| {
        let mut tools = tools["tools"].as_array().unwrap().iter();
        let tool = tools.find(|tool| tool["name"] == name).unwrap();
        tool["description"].as_str().unwrap().to_owned()
    };
    assert!(told("slow_by_expectation").ends_with("timeout 30 s, usually takes 20 s."));
}

#[tokio::test]
async fn a_task_is_created_when_its_call_has_a_place_and_a_refusal_is_an_answer() {
    let folder = Folder::new();
    let served = folder.serve();
    let go = folder.text("go");
    let arguments = json!({"file": go});
    let runs = served.at.start("one_at_a_time", arguments.clone()).await;
    let waits = served.at.start("one_at_a_time", arguments.clone()).await;
    let refused = served.at.call("one_at_a_time", arguments).await;
    assert_eq!(refused["resultType"], "complete");
    let error = &refused["structuredContent"]["error"];
    assert_eq!(error["code"], "QUEUE_FULL", "{refused}");
    let wrong = served.at.call("one_at_a_time", json!({})).await;
    let error = &wrong["structuredContent"]["error"];
    assert_eq!(error["code"], "INVALID_ARGUMENTS");
    fs::write(&go, "").unwrap();
    for id in [runs, waits] {
        assert_eq!(served.at.ended(&id).await["status"], "completed");
    }
}

#[tokio::test]
async fn a_task_outlives_the_connection_of_its_client() {
    let folder = Folder::new();
    let served = folder.serve();
    let go = folder.text("go");
    let arguments = json!({"file": go, "mark": "alone"});
    let id = served.at.start("wait_for", arguments).await;
    // Each request has a client, and so a connection, of its own.
    let again = Endpoint::new(&served.server.url);
    fs::write(&go, "").unwrap();
    assert_eq!(again.ended(&id).await["status"], "completed");
}

#[tokio::test]
async fn a_task_is_its_clients_alone() {
    let folder = Folder::new();
    let config = folder.file("gantz.yaml");
    let open = fs::read_to_string(&config).unwrap();
    let tokens = "server:\n  auth: { bearer_tokens: [{ name: ann, token: ann-secret }, { name: bob, token: bob-secret }] }\n";
    fs::write(&config, format!("{tokens}{open}")).unwrap();
    let served = folder.serve();
    let (ann, bob) = (
        served.at.with_token("ann-secret"),
        served.at.with_token("bob-secret"),
    );
    let arguments = json!({"file": folder.text("never"), "mark": "x"});
    let id = ann.start("wait_for", arguments).await;
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let params = json!({"taskId": id, "inputResponses": {}});
        let refused = bob.answer(method, params).await;
        assert_eq!(refused["error"]["code"], -32602, "{method}");
        assert_eq!(
            refused["error"]["message"],
            "no task of yours has this id, or it has expired"
        );
        let unknown = json!({"taskId": "0".repeat(32), "inputResponses": {}});
        let same = ann.answer(method, unknown).await;
        assert_eq!(same["error"], refused["error"]);
    }
    assert_eq!(ann.get(&id).await["status"], "working");
    ann.cancel(&id).await;
    assert_eq!(ann.ended(&id).await["status"], "cancelled");
}

#[tokio::test]
async fn the_capability_is_offered_where_tasks_can_be_kept() {
    let folder = Folder::new();
    let served = folder.serve();
    let offered = served.at.result("server/discover", json!({})).await;
    assert_eq!(
        offered["capabilities"]["extensions"]["io.modelcontextprotocol/tasks"],
        json!({})
    );
    for method in ["tasks/list", "tasks/result"] {
        let refused = served.at.answer(method, json!({"taskId": "x"})).await;
        assert_eq!(refused["error"]["code"], -32601, "{method}");
    }
    let malformed = served.at.answer("tasks/get", json!({"taskId": 7})).await;
    assert_eq!(malformed["error"]["code"], -32602, "{malformed}");
    let ttl = json!({"name": "slow_by_expectation", "_meta": {"ttl_ms": 60_000}});
    let created = served.at.result("tools/call", ttl).await;
    assert_eq!(created["ttlMs"], 60_000);
    let ttl = json!({"name": "slow_by_expectation", "_meta": {"ttl_ms": 99_000_000}});
    let created = served.at.result("tools/call", ttl).await;
    assert_eq!(created["ttlMs"], 3_600_000, "no more than the limit");
}

#[tokio::test]
async fn without_a_state_directory_tools_run_and_no_call_is_a_task() {
    let folder = Folder::new();
    let config = folder.text("gantz.yaml");
    let mut child = command(folder.path(), &["serve", &config, "--port", "0"])
        .env_remove("HOME")
        .env_remove("XDG_STATE_HOME")
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()))
        .map(Result::unwrap);
    let mut said = Vec::new();
    let url = lines.find_map(|line| {
        let url = line.strip_prefix("listening on ").map(str::to_owned);
        said.push(line);
        url
    });
    let at = Endpoint::new(&url.unwrap());
    assert!(
        said.contains(
            &"warning: no call becomes a task, though `slow_compute` asks for it: there is no state directory: \
              set `--state-dir`, `XDG_STATE_HOME` or `HOME`"
                .to_owned()
        ),
        "{said:#?}"
    );
    let offered = at.result("server/discover", json!({})).await;
    assert!(offered["capabilities"].get("extensions").is_none());
    let arguments = json!({"seconds": 0});
    let answer = at.call("slow_compute", arguments).await;
    assert_eq!(answer["resultType"], "complete");
    let refused = at
        .answer("tools/call", json!({"name": "failing_job"}))
        .await;
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("--state-dir"), "{refused}");
    drop(child.kill());
    drop(child.wait());
}

#[tokio::test]
async fn an_older_client_of_a_server_with_tasks_waits_for_the_answer() {
    let folder = Folder::new();
    let served: Server = folder.serve().server;
    let request = |session: Option<&str>, message: Value| {
        let request = reqwest::Client::new()
            .post(&served.url)
            .header("Accept", "application/json, text/event-stream")
            .header("Mcp-Protocol-Version", "2025-11-25")
            .json(&message);
        match session {
            Some(session) => request.header("Mcp-Session-Id", session),
            None => request,
        }
    };
    let extensions = json!({"io.modelcontextprotocol/tasks": {}});
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {"extensions": extensions},
        "clientInfo": {"name": "old", "version": "0"}}});
    let welcome = request(None, hello).send().await.unwrap();
    let session = welcome.headers()["mcp-session-id"].to_str().unwrap();
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    request(Some(session), ready).send().await.unwrap();
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
        "name": "slow_compute", "arguments": {"seconds": 0, "label": "old"}, "task": {"ttl": 60_000}}});
    let response = request(Some(session), call);
    let told = response.send().await.unwrap().text().await.unwrap();
    assert!(told.contains("computed old"), "{told}");
    assert!(!told.contains("taskId"), "{told}");
}

#[tokio::test]
async fn a_task_is_a_call_like_any_other() {
    let folder = Folder::new();
    let audit = folder.text("audit.log");
    let options = ["--state-dir", &folder.state(), "--audit", &audit];
    let served = Server::start_with(&folder.file("gantz.yaml"), &options);
    let at = Endpoint::new(&served.url);
    let id = at.start("slow_by_expectation", json!({})).await;
    at.ended(&id).await;
    let metrics = reqwest::get(served.at("/metrics")).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let counted = metrics.lines().find(|line| {
        line.starts_with("runner_calls_total{") && line.contains("slow_by_expectation")
    });
    assert!(
        counted.is_some_and(|line| line.contains("OK") && line.ends_with(" 1")),
        "{metrics}"
    );
    eventually("the call is in the audit log", || {
        let text = fs::read_to_string(&audit).unwrap_or_default();
        text.contains("slow_by_expectation")
    })
    .await;
    let log = fs::read_to_string(&audit).unwrap() + &served.said();
    assert!(!log.contains(&id), "what opens a task is in no log: {log}");
}

#[tokio::test]
async fn equal_calls_that_share_a_run_are_tasks_of_their_own() {
    let folder = Folder::new();
    let served = folder.serve();
    let go = folder.text("go");
    let arguments = json!({"file": go});
    let first = served.at.start("shared_wait", arguments.clone()).await;
    let second = served.at.start("shared_wait", arguments.clone()).await;
    assert_ne!(first, second);
    served.at.cancel(&first).await;
    assert_eq!(served.at.ended(&first).await["status"], "cancelled");
    fs::write(&go, "").unwrap();
    assert_eq!(served.at.ended(&second).await["status"], "completed");
    // What is known needs no task.
    let known = served.at.call("shared_wait", arguments).await;
    assert_eq!(known["resultType"], "complete");
}

#[tokio::test]
async fn a_file_that_comes_to_have_tasks_offers_them_at_once() {
    let folder = Folder::new();
    let config = folder.file("gantz.yaml");
    let whole = fs::read_to_string(&config).unwrap();
    let without = "tools: [{ name: greet, description: Greet, script: { command: echo } }]";
    fs::write(&config, without).unwrap();
    let served = folder.serve();
    assert!(
        !folder.file("state").exists(),
        "nothing is made before it is needed"
    );
    fs::write(&config, whole).unwrap();
    let mut is_offered = false;
    while !is_offered {
        let offered = served.at.result("server/discover", json!({})).await;
        is_offered = offered["capabilities"]["extensions"].is_object();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let id = served.at.start("slow_by_expectation", json!({})).await;
    assert_eq!(served.at.ended(&id).await["status"], "completed");
}

#[tokio::test]
async fn a_call_whose_task_cannot_be_written_down_is_not_started() {
    let folder = Folder::new();
    let text = "tools: [{ name: t, description: T, task: always, script: { command: touch, args: [started] } }]";
    let loaded = load_text(
        &folder.file("gantz.yaml"),
        text,
        folder.path(),
        &LoadOptions::default(),
    );
    let store = Store::new(Some(folder.file("state")), StoreLimits::default());
    let runner = Arc::new(Runner::storing(loaded.unwrap().catalog, store.clone()));
    let ledger = Ledger::open(&store, "s").await.unwrap();
    runner.keep_tasks(ledger.clone());
    // As a disk that fails would.
    ledger.close().await;
    let stop = CancellationToken::new();
    let router = router(Arc::clone(&runner), &HttpOptions::default(), &stop);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router).into_future());
    let refused = Endpoint::new(&url).call("t", json!({})).await;
    let error = &refused["structuredContent"]["error"];
    assert_eq!(error["code"], "INTERNAL", "{refused}");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.starts_with("the call was not started, since its task cannot be written down: "),
        "{message}"
    );
    runner.drain().await;
    assert!(!folder.file("started").exists());
    stop.cancel();
}

#[tokio::test]
async fn a_task_that_follows_another_s_run_is_told_how_far_that_is() {
    let folder = Folder::new();
    let served = folder.serve();
    let arguments = json!({"file": folder.text("go")});
    let first = served.at.start("shared_steps", arguments.clone()).await;
    let has_progress = |task: &Value| task["statusMessage"] == "1/2: waiting";
    served.at.until(&first, has_progress).await;
    let second = served.at.start("shared_steps", arguments.clone()).await;
    let third = served.at.start("shared_steps", arguments).await;
    served.at.until(&second, has_progress).await;
    served.at.until(&third, has_progress).await;
    // Who leaves has what was printed until then; the run goes on for the others.
    served.at.cancel(&third).await;
    let left = served.at.ended(&third).await;
    assert_eq!(left["status"], "cancelled", "{left}");
    let partial = &left["_meta"]["runner/partial_result"]["structuredContent"]["error"];
    assert_eq!(partial["data"]["stdout"], "begun\n", "{left}");
    // The first leaves, and the second is told all the same.
    served.at.cancel(&first).await;
    assert_eq!(served.at.ended(&first).await["status"], "cancelled");
    fs::write(folder.file("go"), "").unwrap();
    let ended = served.at.ended(&second).await;
    assert_eq!(text(&ended["result"]), "begun\ndone\n", "{ended}");
}
