//! Output that is too long for an answer, as clients and users get at it.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use reqwest::header::ACCEPT;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use support::{Server, command, runner, texts};
use tempfile::TempDir;

const TOOLS: &str = r#"
name: outputs
server: { builtin_tools: [read_output] }
tools:
  - name: count
    description: Count far
    script: { shell: seq 1 40000 }
    output: { max_bytes: 100KiB, inline_bytes: 4KiB }
  - name: fail
    description: Count far and fail
    script: { shell: "seq 1 40000; exit 3" }
    output: { inline_bytes: 4KiB }
"#;

fn numbers() -> String {
    (1..=40_000).fold(String::new(), |text, number: u32| {
        text + &format!("{number}\n")
    })
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gantz.yaml"), TOOLS).unwrap();
    folder
}

fn serve(folder: &Path) -> Server {
    let state = folder.join("state");
    let options = ["--state-dir", state.to_str().unwrap()];
    Server::start_with(&folder.join("gantz.yaml"), &options)
}

/// A request of a revision that has no sessions.
fn request(server: &Server, version: &str, method: &str, params: Value) -> RequestBuilder {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let mut request = Client::new()
        .post(&server.url)
        .header(ACCEPT, "application/json, text/event-stream")
        .header("Mcp-Protocol-Version", version)
        .header("Mcp-Method", method);
    if let Some(name) = params["name"].as_str().or(params["uri"].as_str()) {
        request = request.header("Mcp-Name", name);
    }
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    request.json(&message)
}

async fn ask_now(server: &Server, method: &str, params: Value) -> Value {
    let request = request(server, "2026-07-28", method, params);
    request.send().await.unwrap().json().await.unwrap()
}

async fn call(server: &Server, tool: &str, arguments: Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    ask_now(server, "tools/call", params).await["result"].take()
}

fn instances(folder: &Path) -> usize {
    let entries = fs::read_dir(folder.join("state"))
        .into_iter()
        .flatten()
        .flatten();
    entries.filter(|entry| entry.path().is_dir()).count()
}

#[tokio::test]
async fn an_answer_says_where_the_rest_is_and_the_tool_reads_it() {
    let folder = folder();
    let server = serve(folder.path());
    let result = call(&server, "count", json!({})).await;
    let handle = &result["_meta"]["runner/output"];
    assert_eq!(handle["total_bytes"], numbers().len());
    let uri = handle["uri"].as_str().unwrap();
    let content = result["content"].as_array().unwrap();
    assert!(
        content[0]["text"]
            .as_str()
            .unwrap()
            .contains("bytes left out")
    );
    assert!(
        content[1]["text"]
            .as_str()
            .unwrap()
            .contains("read on with the tool `read_output`")
    );
    assert_eq!(
        (&content[2]["type"], content[2]["uri"].as_str()),
        (&json!("resource_link"), Some(uri))
    );
    assert!(result["_meta"]["runner/warnings"].is_null());

    let (mut text, mut offset) = (String::new(), json!(0));
    while !offset.is_null() {
        let arguments = json!({"id": handle["id"], "offset": offset});
        let page = call(&server, "read_output", arguments).await["structuredContent"].take();
        text.push_str(page["text"].as_str().unwrap());
        offset = page["next_offset"].clone();
    }
    assert!(text == numbers());
    let found = call(
        &server,
        "read_output",
        json!({"id": handle["id"], "grep": "^3999.$"}),
    )
    .await;
    assert_eq!(
        found["content"][0]["text"]
            .as_str()
            .unwrap()
            .lines()
            .count(),
        10
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_told_in_the_model_s_terms() {
    let folder = folder();
    let server = serve(folder.path());
    let failed = call(&server, "fail", json!({})).await;
    assert_eq!(failed["isError"], true);
    let id = failed["structuredContent"]["error"]["data"]["output"]["id"].clone();
    for (arguments, pointer) in [
        (json!({}), "/id"),
        (json!({"id": 7}), "/id"),
        (json!({"id": "0".repeat(32)}), "/id"),
        (json!({"id": "../../../etc/passwd"}), "/id"),
        (json!({"id": id, "offset": 99_999_999}), "/offset"),
        (json!({"id": id, "limit": 0}), "/limit"),
        (json!({"id": id, "grep": "("}), "/grep"),
    ] {
        let result = call(&server, "read_output", arguments.clone()).await;
        assert_eq!(result["isError"], true, "{arguments}");
        let error = &result["structuredContent"]["error"];
        assert_eq!(error["code"], "INVALID_ARGUMENTS", "{arguments}");
        assert_eq!(
            error["data"]["violations"][0]["pointer"], pointer,
            "{arguments}"
        );
    }
}

#[tokio::test]
async fn outputs_are_resources() {
    let folder = folder();
    let server = serve(folder.path());
    let result = call(&server, "count", json!({})).await;
    let uri = result["_meta"]["runner/output"]["uri"]
        .as_str()
        .unwrap()
        .to_owned();
    let read = |uri: String| ask_now(&server, "resources/read", json!({"uri": uri}));
    let whole = read(uri.clone()).await["result"].take();
    assert!(whole["contents"][0]["text"] == numbers());
    assert_eq!(
        whole["contents"][0]["_meta"]["runner/page"]["next_offset"],
        Value::Null
    );
    assert_eq!(whole["cacheScope"], "private");
    let part = read(format!("{uri}?offset=10&limit=20")).await;
    assert_eq!(
        part["result"]["contents"][0]["text"],
        "6\n7\n8\n9\n10\n11\n12\n13\n"
    );
    let unknown = read(format!("runner://outputs/{}", "0".repeat(32))).await;
    assert_eq!(unknown["error"]["code"], -32602);
    // Nobody says who they are: a list would hand everybody's handles to everybody.
    let listed = ask_now(&server, "resources/list", json!({})).await;
    assert_eq!(listed["result"]["resources"], json!([]));
    let templates = ask_now(&server, "resources/templates/list", json!({})).await;
    assert_eq!(
        templates["result"]["resourceTemplates"][0]["uriTemplate"],
        "runner://outputs/{id}{?offset,limit}"
    );
}

#[tokio::test]
async fn a_resource_is_read_range_by_range_to_its_end() {
    let folder = folder();
    let server = serve(folder.path());
    let result = call(&server, "count", json!({})).await;
    let uri = result["_meta"]["runner/output"]["uri"].as_str().unwrap();
    let read = async |offset: u64, limit: u64| {
        let uri = format!("{uri}?offset={offset}&limit={limit}");
        let answer = ask_now(&server, "resources/read", json!({"uri": uri})).await;
        assert_eq!(answer["result"]["contents"][0]["uri"], uri, "{answer}");
        answer["result"]["contents"][0].clone()
    };
    let (mut text, mut offset) = (String::new(), Some(0));
    while let Some(from) = offset {
        let part = read(from, 50_000).await;
        let page = &part["_meta"]["runner/page"];
        assert_eq!(page["offset"], from);
        assert_eq!(page["total_bytes"], numbers().len());
        assert!(part["text"].as_str().unwrap().len() <= 50_000);
        text += part["text"].as_str().unwrap();
        offset = page["next_offset"].as_u64();
    }
    assert!(text == numbers());
    // A range of nothing gets on all the same.
    let part = read(0, 0).await;
    assert!(
        part["_meta"]["runner/page"]["next_offset"].as_u64() > Some(0),
        "{part}"
    );
    let end = numbers().len() as u64;
    assert_eq!(read(end, 10).await["text"], "");
    let beyond = format!("{uri}?offset={}", end + 1);
    let answer = ask_now(&server, "resources/read", json!({"uri": beyond})).await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    let unknown = json!({"cursor": "500"});
    let answer = ask_now(&server, "resources/list", unknown).await;
    assert_eq!(answer["result"]["resources"], json!([]), "{answer}");
}

#[tokio::test]
async fn the_built_in_tool_is_listed_last_and_only_where_the_file_says_so() {
    let folder = folder();
    let server = serve(folder.path());
    let listed = ask_now(&server, "tools/list", json!({})).await;
    let tools = listed["result"]["tools"].as_array().unwrap();
    let names: Vec<_> = tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["count", "fail", "read_output"]);

    let without = TOOLS.replace("builtin_tools: [read_output]", "");
    fs::write(folder.path().join("gantz.yaml"), without).unwrap();
    let server = serve(folder.path());
    let result = call(&server, "count", json!({})).await;
    let way = result["content"][1]["text"].as_str().unwrap();
    assert!(way.contains("read on as a resource"), "{way}");
    let unknown = ask_now(
        &server,
        "tools/call",
        json!({"name": "read_output", "arguments": {}}),
    )
    .await;
    assert_eq!(unknown["error"]["code"], -32602);
}

#[tokio::test]
async fn an_output_opens_for_the_client_of_its_token_alone() {
    let folder = folder();
    let auth = "server: { auth: { bearer_tokens: [{ name: ann, token: secret-of-ann-0123456789 }, \
                { name: bob, token: secret-of-bob-0123456789 }] }, builtin_tools: [read_output] }";
    let tools = TOOLS.replace("server: { builtin_tools: [read_output] }", auth);
    fs::write(folder.path().join("gantz.yaml"), tools).unwrap();
    let server = serve(folder.path());
    let ask_as = async |name: &str, method: &str, params: Value| {
        let request = request(&server, "2026-07-28", method, params);
        let token = format!("secret-of-{name}-0123456789");
        let answer = request.bearer_auth(token).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    let called = ask_as("ann", "tools/call", json!({"name": "count"})).await;
    let uri = &called["result"]["_meta"]["runner/output"]["uri"];
    let read = json!({"uri": uri});
    let hers = ask_as("ann", "resources/read", read.clone()).await;
    assert!(hers["result"]["contents"][0]["text"] == numbers());
    let his = ask_as("bob", "resources/read", read).await;
    assert_eq!(his["error"]["code"], -32602, "{his}");
    let listed = async |name| {
        let answer = ask_as(name, "resources/list", json!({})).await;
        answer["result"]["resources"].as_array().unwrap().len()
    };
    assert_eq!((listed("ann").await, listed("bob").await), (1, 0));
    let answer = ask_as("ann", "resources/list", json!({})).await;
    let result = &answer["result"];
    assert_eq!(result["resources"][0]["uri"], *uri);
    assert_eq!(result["resources"][0]["size"], numbers().len());
    assert_eq!(
        (&result["cacheScope"], &result["ttlMs"]),
        (&json!("private"), &json!(0))
    );
    let answer = ask_as("ann", "resources/list", json!({"cursor": "500"})).await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}

#[tokio::test]
async fn what_a_killed_server_leaves_the_next_removes() {
    let folder = folder();
    let first = serve(folder.path());
    call(&first, "count", json!({})).await;
    let second = serve(folder.path());
    call(&second, "count", json!({})).await;
    assert_eq!(instances(folder.path()), 2, "both live");
    drop(first);
    assert_eq!(instances(folder.path()), 2, "the first was killed");
    let third = serve(folder.path());
    call(&third, "count", json!({})).await;
    assert_eq!(instances(folder.path()), 2, "the second and the third live");
}

#[test]
fn over_stdio_the_one_client_is_told_its_handles() {
    let folder = folder();
    let state = folder.path().join("state");
    let options = ["serve", "--stdio", "--state-dir", state.to_str().unwrap()];
    let mut child = command(folder.path(), &options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut ask = |method: &str, params: Value| {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        writeln!(input, "{message}").unwrap();
        serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()
    };
    ask(
        "initialize",
        json!({"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}),
    );
    let result = ask("tools/call", json!({"name": "count"}));
    let content = result["result"]["content"].as_array().unwrap();
    assert_eq!(content.len(), 2, "no link before 2025-06-18");
    let uri = &result["result"]["_meta"]["runner/output"]["uri"];
    let listed = ask("resources/list", json!({}));
    assert_eq!(&listed["result"]["resources"][0]["uri"], uri);
    assert_eq!(listed["result"]["resources"][0]["name"], "output of count");
    let unknown = ask("resources/read", json!({"uri": "runner://outputs/none"}));
    assert_eq!(unknown["error"]["code"], -32002);
    drop(input);
    assert!(child.wait().unwrap().success());
    assert_eq!(instances(folder.path()), 0, "nothing is left at the end");
}

#[test]
fn a_command_prints_all_of_it_and_leaves_nothing() {
    let folder = folder();
    let state = folder.path().join("state");
    let state = state.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let output = runner(
            folder.path(),
            &[arguments, &["--state-dir", state]].concat(),
        );
        let (stdout, stderr) = texts(&output);
        (output.status.code().unwrap(), stdout, stderr)
    };
    assert!(run(&["call", "count"]) == (0, numbers(), String::new()));
    let (code, stdout, _) = run(&["call", "fail"]);
    assert!(code == 1 && stdout == numbers());
    let (_, json, _) = run(&["call", "count", "--format", "json"]);
    let outcome: Value = serde_json::from_str(&json).unwrap();
    assert!(outcome["result"] == numbers());
    assert_eq!(instances(folder.path()), 0);
}

const MANY: &str = r#"
server: { builtin_tools: [read_output, batch] }
tools:
  - name: xs
    description: Prints so many bytes
    parameters: [{ name: bytes, type: integer, required: true }]
    script: { shell: "head -c {{bytes}} /dev/zero | tr '\\000' x" }
    output: { inline_bytes: 1MiB }
"#;

async fn batch(server: &Server, sizes: &[usize]) -> Value {
    let calls: Vec<Value> = sizes
        .iter()
        .map(|bytes| json!({"tool_name": "xs", "params": {"bytes": bytes}}))
        .collect();
    let result = call(server, "batch", json!({"calls": calls})).await;
    result["structuredContent"].clone()
}

/// The whole text that `read_output` gives.
async fn read_whole(server: &Server, id: &Value) -> String {
    let mut text = String::new();
    loop {
        let page = call(
            server,
            "read_output",
            json!({"id": id, "offset": text.len(), "limit": 65_536}),
        )
        .await;
        let page = page["structuredContent"].clone();
        let part = page["text"].as_str().unwrap_or_else(|| panic!("{page}"));
        if part.is_empty() {
            return text;
        }
        text.push_str(part);
        if page["next_offset"].is_null() {
            return text;
        }
    }
}

#[tokio::test]
async fn results_that_a_batch_has_no_room_for_become_handles() {
    let folder = folder();
    fs::write(folder.path().join("gantz.yaml"), MANY).unwrap();
    let server = serve(folder.path());
    let answer = batch(&server, &[700_000, 10, 500_000, 20, 400_000]).await;
    assert_eq!(answer["counts"]["succeeded"], 5);
    let results = answer["results"].as_array().unwrap();
    // The small ones stay, wherever they stand.
    for (place, bytes) in [(1, 10), (2, 500_000), (3, 20), (4, 400_000)] {
        assert_eq!(results[place]["result"].as_str().unwrap().len(), bytes);
        assert!(results[place].get("cut").is_none());
    }
    let large = &results[0];
    assert_eq!(
        (&large["success"], &large["result"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(
        large["cut"],
        "700000 bytes are kept as `output`: read them with `read_output` and its `id`, or as a resource"
    );
    assert_eq!(large["output"]["total_bytes"], 700_000);
    let text = read_whole(&server, &large["output"]["id"]).await;
    assert_eq!(text, "x".repeat(700_000));
}

#[tokio::test]
async fn very_many_results_share_one_handle() {
    let folder = folder();
    fs::write(folder.path().join("gantz.yaml"), MANY).unwrap();
    let server = serve(folder.path());
    let answer = batch(&server, &[20_000; 170]).await;
    let results = answer["results"].as_array().unwrap();
    let left_out = results.iter().filter(|result| result["result"].is_null());
    assert_eq!(left_out.count(), 170 - 1024 * 1024 / 20_000);
    assert_eq!(
        results[169]["cut"],
        "20000 bytes are in the `output` of the whole batch, in the line with this `call_id`"
    );
    let text = read_whole(&server, &answer["output"]["id"]).await;
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["call_id"], results[169]["call_id"]);
    assert_eq!(last["result"].as_str().unwrap().len(), 20_000);
}
