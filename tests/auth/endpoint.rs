//! The endpoint in this process, and how a test talks to it.

use std::path::Path;
use std::sync::Arc;

use reqwest::header::ACCEPT;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use runner::config::{AuthSettings, BearerToken, Env, LoadOptions, Secret, load_text};
use runner::mcp::http::auth::Access;
use runner::mcp::http::{HttpOptions, router};
use runner::runner::Runner;
use runner::server::change_access;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(crate) const VERSION: &str = "2026-07-28";

pub(crate) const TOOLS: &str = r#"
name: guarded
inherit_env: false
tools:
  - name: deploy_web
    description: Deploy the web
    script: { shell: "echo web" }
  - name: deploy_api
    description: Deploy the API
    script: { shell: "echo api" }
  - name: report_all
    description: Report
    parameters:
      - { name: region, type: string, x-mcp-header: Region }
    script: { shell: "echo report" }
  - name: report_env
    description: Show what a script is given
    script: { shell: "env; cat", stdin: json }
"#;

/// The tokens: each client's name, its token, and its tools.
pub(crate) const TOKENS: [(&str, &str, Option<&[&str]>); 5] = [
    ("ci", "ci-token", Some(&["deploy_*"])),
    ("desk", "desk-token", None),
    ("desk", "desk-next-token", None),
    ("reports", "reports-token", Some(&["report_env"])),
    ("nobody", "nobody-token", Some(&[])),
];

pub(crate) fn settings(tokens: &[(&str, &str, Option<&[&str]>)]) -> AuthSettings {
    let tokens = tokens.iter().map(|(name, token, tools)| BearerToken {
        name: (*name).to_owned(),
        token: Secret::new(*token),
        tools: tools.map(|tools| tools.iter().map(|tool| (*tool).to_owned()).collect()),
    });
    AuthSettings {
        bearer_tokens: tokens.collect(),
    }
}

/// The endpoint in this process, on a real socket.
pub(crate) struct Endpoint {
    pub(crate) url: String,
    pub(crate) access: Access,
    pub(crate) stop: CancellationToken,
}

impl Endpoint {
    /// Asks for [`TOKENS`].
    pub(crate) async fn guarded() -> Self {
        let endpoint = Self::open().await;
        change_access(&endpoint.access, Some(&settings(&TOKENS))).unwrap();
        endpoint
    }

    /// Asks for nothing.
    pub(crate) async fn open() -> Self {
        let options = LoadOptions {
            strict: true,
            env: Env::from_process(),
            ..LoadOptions::default()
        };
        let folder = std::env::temp_dir();
        let loaded = load_text(Path::new("gantz.yaml"), TOOLS, &folder, &options);
        let catalog = loaded
            .unwrap_or_else(|error| panic!("{}", error.render(false)))
            .catalog;
        let options = HttpOptions::default();
        let stop = CancellationToken::new();
        let router = router(Arc::new(Runner::new(catalog)), &options, &stop);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = axum::serve(listener, router);
        tokio::spawn(
            serving
                .with_graceful_shutdown(stop.clone().cancelled_owned())
                .into_future(),
        );
        Self {
            url: format!("http://{address}"),
            access: options.access,
            stop,
        }
    }

    pub(crate) fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        Client::new().get(format!("{}{path}", self.url))
    }

    /// A request of the current revision.
    pub(crate) fn request(&self, method: &str, params: Value) -> RequestBuilder {
        request(&format!("{}/mcp", self.url), method, params)
    }

    /// The names that `tools/list` shows to the owner of a token.
    pub(crate) async fn tools_of(&self, token: &str) -> Vec<String> {
        let request = self.request("tools/list", json!({})).bearer_auth(token);
        names(&answer(request).await.1)
    }

    /// A call of `tool` by the owner of a token.
    pub(crate) async fn call(&self, token: &str, tool: &str) -> Value {
        let call = json!({"name": tool, "arguments": {}});
        answer(self.request("tools/call", call).bearer_auth(token))
            .await
            .1
    }

    /// A request in the manner of the revisions with sessions.
    pub(crate) fn in_session(
        &self,
        method: Method,
        token: &str,
        session: Option<&str>,
    ) -> RequestBuilder {
        let request = Client::new().request(method, format!("{}/mcp", self.url));
        let request = request
            .header(ACCEPT, "application/json, text/event-stream")
            .bearer_auth(token);
        match session {
            Some(session) => request.header("mcp-session-id", session),
            None => request,
        }
    }

    /// Opens a session and gives its id.
    pub(crate) async fn session(&self, token: &str) -> String {
        self.session_of(token, "2025-06-18").await
    }

    /// The same in a revision of one's own.
    pub(crate) async fn session_of(&self, token: &str, revision: &str) -> String {
        let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": revision, "capabilities": {},
            "clientInfo": {"name": "says-it-is-ci", "version": "0"}}});
        let request = self.in_session(Method::POST, token, None).json(&initialize);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let session = response.headers()["mcp-session-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let request = self.in_session(Method::POST, token, Some(&session));
        let response = request.json(&initialized).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        session
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn request(url: &str, method: &str, mut params: Value) -> RequestBuilder {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "says-it-is-ci", "version": "0"},
    });
    let mut request = Client::new()
        .post(url)
        .header(ACCEPT, "application/json, text/event-stream")
        .header("Mcp-Protocol-Version", VERSION)
        .header("Mcp-Method", method);
    if let Some(name) = params["name"].as_str() {
        request = request.header("Mcp-Name", name);
    }
    request.json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
}

pub(crate) async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

pub(crate) async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

pub(crate) fn names(answer: &Value) -> Vec<String> {
    let tools = answer["result"]["tools"].as_array();
    let tools = tools.unwrap_or_else(|| panic!("{answer}"));
    let name = |tool: &Value| tool["name"].as_str().unwrap().to_owned();
    tools.iter().map(name).collect()
}

/// The one message of an event stream.
pub(crate) async fn event(response: Response) -> Value {
    let text = response.text().await.unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let mut messages = data.filter_map(|data| serde_json::from_str(data).ok());
    messages.next().unwrap_or_else(|| panic!("{text}"))
}
