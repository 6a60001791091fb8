//! The HTTP endpoint at its edges: who may call, what is refused and in which words.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HOST, ORIGIN};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use support::{Server, repository};

const VERSION: &str = "2026-07-28";

fn server() -> Server {
    Server::start(&repository("tests/clients/gantz.yaml"))
}

/// A request of the current revision, with everything it asks for.
fn post(server: &Server, method: &str, params: Value) -> RequestBuilder {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "0"},
    });
    let mut request = Client::new()
        .post(&server.url)
        .header(ACCEPT, "application/json, text/event-stream")
        .header("Mcp-Protocol-Version", VERSION)
        .header("Mcp-Method", method);
    if let Some(name) = params["name"].as_str() {
        request = request.header("Mcp-Name", name);
    }
    request.json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
}

async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_call_is_answered_with_timing_and_the_server_s_name() {
    let server = server();
    let call = json!({"name": "echo_json", "arguments": {"text": "hi"}});
    let (status, answer) = answer(post(&server, "tools/call", call)).await;
    assert_eq!(status, StatusCode::OK);
    let result = &answer["result"];
    assert_eq!(result["structuredContent"], json!({"got": "hi"}));
    assert_eq!(result["resultType"], "complete");
    assert_eq!(
        result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
        "client-checks"
    );
    assert_eq!(result["_meta"]["runner/timing"]["timeout_ms"], 30000);
}

#[tokio::test]
async fn only_pages_of_this_machine_may_call() {
    let server = server();
    for (origin, expected) in [
        ("http://evil.example", StatusCode::FORBIDDEN),
        ("null", StatusCode::FORBIDDEN),
        ("http://localhost:8080", StatusCode::OK),
        ("http://127.0.0.1", StatusCode::OK),
    ] {
        let request = post(&server, "tools/list", json!({})).header(ORIGIN, origin);
        assert_eq!(request.send().await.unwrap().status(), expected, "{origin}");
    }
}

#[tokio::test]
async fn a_name_that_only_resolves_here_may_not_call() {
    let server = server();
    let request = post(&server, "tools/list", json!({})).header(HOST, "evil.example");
    assert_eq!(
        request.send().await.unwrap().status(),
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn malformed_parameters_are_told_from_unknown_methods() {
    let server = server();
    let (_, malformed) = answer(post(
        &server,
        "tools/call",
        json!({"name": "echo_json", "arguments": 5}),
    ))
    .await;
    assert_eq!(malformed["error"]["code"], -32602, "{malformed}");
    let (status, unknown) = answer(post(&server, "no/such", json!({}))).await;
    assert_eq!(
        (status, &unknown["error"]["code"]),
        (StatusCode::NOT_FOUND, &json!(-32601))
    );
}

#[tokio::test]
async fn what_is_not_served_is_not_known() {
    let server = server();
    let (_, answer) = answer(post(&server, "prompts/list", json!({}))).await;
    assert_eq!(answer["error"]["code"], -32601, "{answer}");
}

#[tokio::test]
async fn a_body_that_is_no_message_is_refused_in_the_protocol_s_words() {
    let server = server();
    let send = |body: &'static str| {
        let request = Client::new().post(&server.url).header(ACCEPT, "*/*");
        answer(request.header(CONTENT_TYPE, "application/json").body(body))
    };
    let (status, error) = send("{\"jsonrpc\":").await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (StatusCode::BAD_REQUEST, &json!(-32700))
    );
    let (status, error) = send("{\"id\": 5}").await;
    assert_eq!(
        (status, &error["error"]["code"]),
        (StatusCode::BAD_REQUEST, &json!(-32600))
    );
    assert_eq!(error["id"], 5);
}

#[tokio::test]
async fn a_body_past_the_bound_is_refused() {
    let server = server();
    let text = "x".repeat(5 * 1024 * 1024);
    let call = json!({"name": "echo_json", "arguments": {"text": text}});
    let response = post(&server, "tools/call", call).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn an_unknown_tool_of_any_length_gets_a_short_answer() {
    let server = server();
    let mut request = post(
        &server,
        "tools/call",
        json!({"name": "echo_jsn", "arguments": {}}),
    );
    let (_, near) = answer(request).await;
    assert_eq!(near["error"]["code"], -32602);
    assert_eq!(near["error"]["message"], "no tool is named `echo_jsn`");
    assert_eq!(
        near["error"]["data"]["error"]["remediation"],
        "did you mean `echo_json`?"
    );
    // A name this long fits no header, so the session era is asked.
    request = Client::new().post(&server.url).header(ACCEPT, "*/*").json(&json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}},
    }));
    let response = request.send().await.unwrap();
    let session = response.headers()["mcp-session-id"].clone();
    let long = "n".repeat(1_000_000);
    let call = Client::new()
        .post(&server.url)
        .header(ACCEPT, "*/*")
        .header("mcp-session-id", session)
        .json(
            &json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": long}}),
        );
    let text = call.send().await.unwrap().text().await.unwrap();
    assert!(
        text.contains("-32602") && text.len() < 2000,
        "{} bytes",
        text.len()
    );
}

#[tokio::test]
async fn health_is_told_without_a_protocol() {
    let server = server();
    let (status, health) = answer(Client::new().get(server.at("/healthz"))).await;
    assert_eq!(
        (status, health),
        (StatusCode::OK, json!({"status": "ok", "tools": 2}))
    );
}

/// A session of the older era, by its id.
async fn session(server: &Server) -> reqwest::header::HeaderValue {
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}});
    let request = Client::new().post(&server.url).header(ACCEPT, "*/*");
    let response = request.json(&hello).send().await.unwrap();
    response.headers()["mcp-session-id"].clone()
}

#[tokio::test]
async fn the_end_of_a_session_is_the_end_of_its_calls() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gantz.yaml");
    let script = "echo $$ > pid; exec sleep 600";
    let tools =
        json!({"tools": [{"name": "hang", "description": "d", "script": {"shell": script}}]});
    std::fs::write(&config, tools.to_string()).unwrap();
    let server = Server::start(&config);
    let session = session(&server).await;
    let call =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "hang"}});
    let request = Client::new().post(&server.url).header(ACCEPT, "*/*");
    let stream = request
        .header("mcp-session-id", &session)
        .json(&call)
        .send()
        .await
        .unwrap();
    let noted = folder.path().join("pid");
    let pid = eventually("the script runs", || {
        std::fs::read_to_string(&noted)
            .ok()
            .filter(|text| text.ends_with('\n'))
    })
    .await;
    let process = std::path::PathBuf::from(format!("/proc/{}/cmdline", pid.trim()));
    let ended = tokio::time::Instant::now();
    let goodbye = Client::new()
        .delete(&server.url)
        .header("mcp-session-id", &session);
    assert!(goodbye.send().await.unwrap().status().is_success());
    eventually("the script is gone", || {
        std::fs::read(&process)
            .map_or(true, |line| line.is_empty())
            .then_some(())
    })
    .await;
    let took = ended.elapsed();
    assert!(took < std::time::Duration::from_millis(1500), "{took:?}");
    drop(stream);
}

async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = tokio::time::Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        let waited = begun.elapsed();
        assert!(
            waited < std::time::Duration::from_secs(5),
            "never happened: {what}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
