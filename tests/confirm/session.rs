//! Over HTTP in a session of an older revision: the question comes on the stream of the call.

use reqwest::header::ACCEPT;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::Server;
use crate::wire::{Folder, accept, error, text};

struct Session {
    url: String,
    id: String,
    version: &'static str,
}

impl Session {
    async fn open(server: &Server, version: &'static str) -> Self {
        let mut session = Self {
            url: server.url.clone(),
            id: String::new(),
            version,
        };
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": version, "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "t", "version": "0"}}});
        let response = session.post(&hello).send().await.unwrap();
        session.id = response.headers()["mcp-session-id"]
            .to_str()
            .unwrap()
            .to_owned();
        response.text().await.unwrap();
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        session.post(&ready).send().await.unwrap();
        session
    }

    fn post(&self, message: &Value) -> RequestBuilder {
        let mut request = Client::new()
            .post(&self.url)
            .header(ACCEPT, "application/json, text/event-stream");
        if !self.id.is_empty() {
            request = request
                .header("mcp-session-id", &self.id)
                .header("mcp-protocol-version", self.version);
        }
        request.json(message)
    }

    /// The stream of a call of `delete`, and the id of its question.
    async fn delete(&self) -> (Events, Value) {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "delete", "arguments": {"path": "a"}}});
        let mut events = Events {
            response: self.post(&call).send().await.unwrap(),
            unread: String::new(),
        };
        let question = events.next().await.unwrap();
        assert_eq!(question["method"], "elicitation/create", "{question}");
        assert_eq!(question["params"]["message"], "Delete a?");
        (events, question["id"].clone())
    }

    async fn answer(&self, id: &Value, result: Value) -> StatusCode {
        let message = json!({"jsonrpc": "2.0", "id": id, "result": result});
        self.post(&message).send().await.unwrap().status()
    }
}

/// The messages of a stream.
struct Events {
    response: Response,
    unread: String,
}

impl Events {
    async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some(end) = self.unread.find('\n') {
                let line: String = self.unread.drain(..=end).collect();
                let data = line.strip_prefix("data:").map(str::trim);
                let message = data.and_then(|data| serde_json::from_str(data).ok());
                if message.is_some() {
                    return message;
                }
            }
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[tokio::test]
async fn the_question_comes_on_the_stream_of_the_call() {
    let folder = Folder::new();
    let server = folder.serve();
    for version in ["2025-06-18", "2025-11-25"] {
        let session = Session::open(&server, version).await;
        let before = folder.deleted().len();
        let (mut events, question) = session.delete().await;
        assert_eq!(folder.deleted().len(), before);
        let status = session.answer(&question, accept()).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        assert_eq!(text(&events.next().await.unwrap()), "gone\n");
        assert_eq!(folder.deleted().len(), before + 1);

        let (mut events, question) = session.delete().await;
        session
            .answer(&question, json!({"action": "decline"}))
            .await;
        let declined = error(&events.next().await.unwrap());
        assert_eq!(declined["code"], "CONFIRMATION_DECLINED");
        assert_eq!(folder.deleted().len(), before + 1);
    }
}

#[tokio::test]
async fn another_session_answers_nothing() {
    let folder = Folder::new();
    let server = folder.serve();
    let session = Session::open(&server, "2025-11-25").await;
    let other = Session::open(&server, "2025-11-25").await;
    let (mut events, question) = session.delete().await;
    other.answer(&question, accept()).await;
    session.answer(&question, json!({"action": "cancel"})).await;
    let declined = error(&events.next().await.unwrap());
    assert_eq!(declined["code"], "CONFIRMATION_DECLINED");
    assert_eq!(folder.deleted(), [""; 0]);
}

#[tokio::test]
async fn the_end_of_a_session_ends_its_questions() {
    let folder = Folder::new();
    let audit = folder.path().join("audit.jsonl");
    let server = folder.serve_with(&["--audit", audit.to_str().unwrap()]);
    let session = Session::open(&server, "2025-11-25").await;
    let (_events, _) = session.delete().await;
    let ending = Client::new()
        .delete(&session.url)
        .header("mcp-session-id", &session.id)
        .header("mcp-protocol-version", session.version);
    ending.send().await.unwrap();
    let end = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
    loop {
        let lines = std::fs::read_to_string(&audit).unwrap();
        if lines.contains("CANCELLED") {
            break;
        }
        assert!(tokio::time::Instant::now() < end, "{lines}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(folder.deleted(), [""; 0]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_that_stops_answers_what_waits_for_a_person() {
    let folder = Folder::new();
    let server = folder.serve();
    let session = Session::open(&server, "2025-11-25").await;
    let (mut events, _) = session.delete().await;
    let pid = i32::try_from(server.pid()).unwrap();
    let process = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    let mut answers = Vec::new();
    while let Some(message) = events.next().await {
        answers.push(message);
    }
    let answer = answers.iter().find(|message| message["id"] == 1);
    let refused = error(answer.unwrap_or_else(|| panic!("{answers:?}")));
    assert_eq!(refused["code"], "SHUTTING_DOWN");
    assert_eq!(folder.deleted(), [""; 0]);
}
