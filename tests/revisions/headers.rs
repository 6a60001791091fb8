//! Arguments that are also headers (2026-07-28, "Custom Headers"): a proxy routes by what the server then reads.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::STATELESS;
use crate::client::{Http, messages};

const TOOLS: &str = r"
name: headers
tools:
  - name: route
    description: Go there
    parameters:
      - { name: region, x-mcp-header: Region }
      - { name: count, type: integer, x-mcp-header: Count }
      - { name: sure, type: boolean, x-mcp-header: Sure }
      - name: deep
        type: object
        properties: { zone: { type: string, x-mcp-header: Zone } }
    script: { command: echo, args: [went] }
";

async fn answer(http: &Http, arguments: &Value, headers: &[(&str, &str)]) -> (StatusCode, Value) {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "route", "arguments": arguments, "_meta": {
            "io.modelcontextprotocol/protocolVersion": STATELESS,
            "io.modelcontextprotocol/clientCapabilities": {}}}});
    let mut request = http.post(&message);
    for (name, value) in headers {
        request = request.header(format!("Mcp-Param-{name}"), *value);
    }
    let response = request.send().await.unwrap();
    let status = response.status();
    (status, messages(response).await.pop().unwrap())
}

#[tokio::test]
async fn a_header_that_says_what_the_argument_says_is_fine() {
    let http = Http::connect(TOOLS, STATELESS).await;
    for (arguments, headers) in [
        (json!({}), &[][..]),
        (json!({"region": "eu"}), &[("Region", "eu")]),
        (json!({"region": "eu"}), &[("rEGION", "eu")]),
        (json!({"region": "ü"}), &[("Region", "=?base64?w7w=?=")]),
        (json!({"count": 7}), &[("Count", "7")]),
        (json!({"sure": true}), &[("Sure", "true")]),
        (json!({"deep": {"zone": "a"}}), &[("Zone", "a")]),
        (
            json!({"region": "eu", "count": -1}),
            &[("Region", "eu"), ("Count", "-1")],
        ),
    ] {
        let (status, answer) = answer(&http, &arguments, headers).await;
        assert_eq!(status, StatusCode::OK, "{arguments} {headers:?}: {answer}");
        assert_eq!(answer["result"]["content"][0]["text"], "went\n", "{answer}");
    }
}

#[tokio::test]
async fn a_header_that_says_anything_else_is_refused() {
    let http = Http::connect(TOOLS, STATELESS).await;
    for (arguments, headers) in [
        (json!({"region": "eu"}), &[("Region", "us")][..]),
        (json!({"region": "eu"}), &[]),
        (json!({"region": "eu"}), &[("Region", "EU")]),
        (json!({}), &[("Region", "eu")]),
        (json!({"region": "ü"}), &[("Region", "=?base64?YQ==?=")]),
        (json!({"region": "ü"}), &[("Region", "=?base64?!!?=")]),
        (json!({"count": 7}), &[("Count", "8")]),
        (json!({"sure": true}), &[("Sure", "false")]),
        (json!({"deep": {"zone": "a"}}), &[("Zone", "b")]),
    ] {
        let (status, answer) = answer(&http, &arguments, headers).await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (StatusCode::BAD_REQUEST, &json!(-32020)),
            "{arguments} {headers:?}: {answer}"
        );
    }
}

#[tokio::test]
async fn clients_are_told_which_arguments_are_headers() {
    let http = Http::connect(TOOLS, STATELESS).await;
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": {
        "io.modelcontextprotocol/protocolVersion": STATELESS,
        "io.modelcontextprotocol/clientCapabilities": {}}}});
    let response = http.post(&message).send().await.unwrap();
    let listed = messages(response).await.pop().unwrap();
    let schema = &listed["result"]["tools"][0]["inputSchema"]["properties"];
    assert_eq!(schema["region"]["x-mcp-header"], "Region");
    assert_eq!(schema["deep"]["properties"]["zone"]["x-mcp-header"], "Zone");
}
