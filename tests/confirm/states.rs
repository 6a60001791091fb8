//! The state of a question that is out: whose it is, what it is good for, and that it is good for it once.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::wire::{Caller, Folder, TOOLS, accept, error, text};

/// A refusal in the protocol's own terms, with the envelope as its data.
fn rejected(answer: &Value) -> &str {
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    let data = &answer["error"]["data"]["error"];
    assert_eq!(data["code"], "CONFIRMATION_REQUIRED");
    assert_eq!(
        data["remediation"],
        "call `delete` again without `requestState`, and the person is asked anew"
    );
    answer["error"]["message"].as_str().unwrap()
}

const NOT_OURS: &str = "`requestState` was altered, or is from another server or from before this one was started: \
                        `delete` was not run";
const OF_ANOTHER: &str = "`requestState` is that of a question about another call: of another tool or client, or \
                          with other arguments: `delete` was not run";

#[tokio::test]
async fn what_is_altered_or_of_another_call_is_rejected_and_nothing_runs() {
    let folder = Folder::new();
    let server = folder.serve();
    let caller = Caller::of(&server);
    let asked = caller.asked("a").await;
    let state = asked["requestState"].as_str().unwrap();
    for altered in [
        format!("{state}-TAMPERED"),
        state[1..].to_owned(),
        state.replacen("rs1", "rs2", 1),
        String::new(),
        "x".repeat(100_000),
    ] {
        let altered = json!({"requestState": altered});
        let answer = caller.answered(&altered, "a", accept()).await;
        assert_eq!(rejected(&answer), NOT_OURS);
    }
    let answer = caller.answered(&asked, "b", accept()).await;
    assert_eq!(rejected(&answer), OF_ANOTHER);
    let stranger = Caller {
        name: "stranger",
        ..Caller::of(&server)
    };
    let answer = stranger.answered(&asked, "a", accept()).await;
    assert_eq!(rejected(&answer), OF_ANOTHER);
    assert_eq!(folder.deleted(), [""; 0]);
    // None of that has used it up.
    assert_eq!(
        text(&caller.answered(&asked, "a", accept()).await),
        "gone\n"
    );
}

#[tokio::test]
async fn a_state_ends_with_its_server() {
    let folder = Folder::new();
    let asked = Caller::of(&folder.serve()).asked("a").await;
    let restarted = folder.serve();
    let answer = Caller::of(&restarted).answered(&asked, "a", accept()).await;
    assert_eq!(rejected(&answer), NOT_OURS);
    assert_eq!(folder.deleted(), [""; 0]);
}

#[tokio::test]
async fn of_many_answers_at_once_one_counts() {
    let folder = Folder::new();
    let server = folder.serve();
    let caller = Caller::of(&server);
    let asked = caller.asked("a").await;
    let answers = (0..20).map(|_| caller.answered(&asked, "a", accept()));
    let answers = futures::future::join_all(answers).await;
    let ran = answers
        .iter()
        .filter(|answer| answer["result"]["isError"] != true);
    assert_eq!(ran.count(), 1);
    assert_eq!(folder.deleted(), ["a"]);
}

#[tokio::test]
async fn a_tool_that_was_changed_is_asked_about_anew() {
    let folder = Folder::new();
    let server = folder.serve();
    let caller = Caller::of(&server);
    let asked = caller.asked("a").await;
    let file = folder.path().join("gantz.yaml");
    let until_listed = async |description: &str| {
        let end = Instant::now() + Duration::from_mins(1);
        loop {
            let list = caller.request("tools/list", json!({}));
            let list: Value = list.send().await.unwrap().json().await.unwrap();
            if list.to_string().contains(description) {
                return;
            }
            assert!(Instant::now() < end, "the file is not served");
            sleep(Duration::from_millis(50)).await;
        }
    };
    // Another tool is changed, and the question stands.
    fs::write(&file, TOOLS.replace("Say hi", "Say hello")).unwrap();
    until_listed("Say hello").await;
    assert_eq!(
        text(&caller.answered(&asked, "a", accept()).await),
        "gone\n"
    );

    let asked = caller.asked("b").await;
    let changed = TOOLS
        .replace("Delete a file", "Delete one file")
        .replace("Delete {{path}}?", "Drop {{path}}?");
    fs::write(&file, changed).unwrap();
    until_listed("Delete one file").await;
    let anew = caller.answered(&asked, "b", accept()).await;
    let question = &anew["result"]["inputRequests"]["confirm"]["params"];
    assert_eq!(question["message"], "Drop b?");
    assert_eq!(folder.deleted(), ["a"]);
    let answer = caller.answered(&anew["result"], "b", accept()).await;
    assert_eq!(text(&answer), "gone\n");
}

#[tokio::test]
async fn tokens_are_kept_apart_and_hidden_tools_are_not_asked_about() {
    let auth = "server: { auth: { bearer_tokens: [{ name: ada, token: ada-token-0123456789 }, \
                { name: bob, token: bob-token-0123456789 }, { name: eve, token: eve-token-0123456789, tools: [hi] }] } }";
    let tools = TOOLS.replace("server: { builtin_tools: [batch] }", auth);
    let folder = Folder::with(&tools);
    let server = folder.serve();
    let with = |token| Caller {
        token: Some(token),
        ..Caller::of(&server)
    };
    let (ada, bob) = (with("ada-token-0123456789"), with("bob-token-0123456789"));
    let asked = ada.asked("a").await;
    let answer = bob.answered(&asked, "a", accept()).await;
    assert_eq!(rejected(&answer), OF_ANOTHER);
    let hidden = with("eve-token-0123456789");
    let call = json!({"name": "delete", "arguments": {"path": "a"}});
    let answer = hidden.call(call).await;
    assert_eq!(answer["error"]["data"]["error"]["code"], "UNKNOWN_TOOL");
    assert_eq!(folder.deleted(), [""; 0]);
    assert_eq!(text(&ada.answered(&asked, "a", accept()).await), "gone\n");
}

#[tokio::test]
async fn questions_are_counted_and_written_down() {
    let folder = Folder::new();
    let audit = folder.path().join("audit.jsonl");
    let server = folder.serve_with(&["--audit", audit.to_str().unwrap()]);
    let caller = Caller::of(&server);
    let asked = caller.asked("secret-name").await;
    caller.answered(&asked, "secret-name", accept()).await;
    let asked = caller.asked("secret-name").await;
    let no = json!({"action": "decline"});
    error(&caller.answered(&asked, "secret-name", no).await);
    error(&caller.answered(&asked, "secret-name", accept()).await);
    let figures = reqwest::get(server.at("/metrics")).await.unwrap();
    let figures = figures.text().await.unwrap();
    for (outcome, count) in [
        ("asked", 2),
        ("accepted", 1),
        ("declined", 1),
        ("refused", 1),
    ] {
        let line = format!(
            "runner_questions_total{{operation_type=\"delete\",outcome=\"{outcome}\"}} {count}\n"
        );
        assert!(figures.contains(&line), "{line}{figures}");
    }
    let declined =
        "runner_calls_total{operation_type=\"delete\",outcome=\"CONFIRMATION_DECLINED\"} 1\n";
    assert!(figures.contains(declined), "{figures}");

    let expected = [
        "ASKED",
        "ACCEPTED",
        "OK",
        "ASKED",
        "CONFIRMATION_DECLINED",
        "CONFIRMATION_REQUIRED",
    ];
    let end = Instant::now() + Duration::from_mins(1);
    let lines = loop {
        let lines = fs::read_to_string(&audit).unwrap();
        if lines.lines().count() >= expected.len() {
            break lines;
        }
        assert!(Instant::now() < end, "{lines}");
        sleep(Duration::from_millis(20)).await;
    };
    let records: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let outcomes: Vec<&str> = records
        .iter()
        .map(|record| record["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, expected);
    let digests: std::collections::HashSet<String> = records
        .iter()
        .map(|record| record["arguments_sha256"].to_string())
        .collect();
    assert_eq!(digests.len(), 1);
    assert_eq!(records[1]["call_id"], records[2]["call_id"]);
    assert!(!lines.contains("secret-name") && !server.said().contains("secret-name"));
}
