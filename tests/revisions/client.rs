//! One client for every revision and both transports.

use std::fs;

use reqwest::header::ACCEPT;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::STATELESS;
use crate::support::Server;
use crate::support::lines::LineClient;

/// How a client reaches its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Stdio,
    Http,
}

/// A client of one revision.
pub(crate) struct Client {
    revision: String,
    way: Way,
    asked: u32,
}

enum Way {
    Lines(Box<LineClient>),
    Http(Box<Http>),
}

/// A server over HTTP, and the session with it where the revision has sessions.
pub(crate) struct Http {
    pub(crate) server: Server,
    pub(crate) session: Option<String>,
    revision: String,
    _folder: TempDir,
}

impl Client {
    /// A client that has shaken hands, where its revision asks for that.
    pub(crate) async fn connect(tools: &str, revision: &str, transport: Transport) -> Self {
        let way = match transport {
            Transport::Stdio if revision == STATELESS => {
                Way::Lines(LineClient::start(tools).into())
            }
            Transport::Stdio => Way::Lines(LineClient::greeted_in(tools, revision).into()),
            Transport::Http => Way::Http(Http::connect(tools, revision).await.into()),
        };
        Self {
            revision: revision.to_owned(),
            way,
            asked: 0,
        }
    }

    /// The answer, and the notifications before it.
    pub(crate) async fn ask(&mut self, method: &str, mut params: Value) -> (Value, Vec<Value>) {
        self.asked += 1;
        if self.revision == STATELESS {
            let meta = &mut params["_meta"];
            meta["io.modelcontextprotocol/protocolVersion"] = json!(STATELESS);
            meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
        }
        let message =
            json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params});
        let mut told = match &mut self.way {
            Way::Lines(client) => {
                client.send(&message);
                let mut told = vec![client.receive()];
                while told.last().unwrap()["id"] != self.asked {
                    told.push(client.receive());
                }
                told
            }
            Way::Http(http) => messages(http.post(&message).send().await.unwrap()).await,
        };
        let answer = told.pop().unwrap();
        assert_eq!(answer["id"], self.asked, "{answer}");
        (answer, told)
    }

    /// The result of `tools/call`.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        self.ask("tools/call", params).await.0["result"].take()
    }
}

impl Http {
    /// A client over HTTP.
    pub(crate) async fn connect(tools: &str, revision: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("gantz.yaml");
        fs::write(&config, tools).unwrap();
        let state = folder.path().join("state");
        let server = Server::start_with(&config, &["--state-dir", state.to_str().unwrap()]);
        let mut http = Self {
            server,
            session: None,
            revision: revision.to_owned(),
            _folder: folder,
        };
        if revision != STATELESS {
            http.greet().await;
        }
        http
    }

    async fn greet(&mut self) {
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": self.revision, "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}});
        let response = self.post(&hello).send().await.unwrap();
        let session = response.headers().get("mcp-session-id");
        self.session = session.map(|id| id.to_str().unwrap().to_owned());
        let answer = messages(response).await.pop().unwrap();
        assert_eq!(
            answer["result"]["protocolVersion"], self.revision,
            "{answer}"
        );
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let response = self.post(&ready).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
    }

    /// A request with a message, or with several in an array, and with the headers its revision asks for.
    pub(crate) fn post(&self, message: &Value) -> RequestBuilder {
        let mut request = reqwest::Client::new()
            .post(&self.server.url)
            .header(ACCEPT, "application/json, text/event-stream");
        if self.revision == STATELESS {
            let method = message["method"].as_str().unwrap();
            request = request.header("Mcp-Method", method);
            let params = &message["params"];
            if let Some(name) = params["name"].as_str().or(params["uri"].as_str()) {
                request = request.header("Mcp-Name", name);
            }
        }
        // Named since 2025-06-18.
        let is_handshake = self.revision != STATELESS && message["method"] == "initialize";
        if self.revision.as_str() >= "2025-06-18" && !is_handshake {
            request = request.header("MCP-Protocol-Version", &self.revision);
        }
        if let Some(session) = &self.session {
            request = request.header("Mcp-Session-Id", session);
        }
        request.json(message)
    }
}

/// The messages of a response, be it one or a stream of them.
pub(crate) async fn messages(response: Response) -> Vec<Value> {
    let text = response.text().await.unwrap();
    if text.trim_start().starts_with(['{', '[']) {
        return vec![serde_json::from_str(&text).unwrap()];
    }
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}
