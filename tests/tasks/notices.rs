//! News of tasks on subscriptions.

use std::fs;

use futures::StreamExt;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::served::{Endpoint, Folder, LONG};
use crate::stdio::Client;

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

#[tokio::test]
async fn a_subscriber_is_told_of_its_tasks_to_their_end() {
    let folder = Folder::new();
    let served = folder.serve();
    let go = folder.text("go");
    let arguments = json!({"file": go, "mark": "told"});
    let id = served.at.start("wait_for", arguments).await;
    let asked = json!({"taskIds": [id, "0".repeat(32)], "toolsListChanged": true});
    let mut told = listen(&served.at, &asked).await;
    let acknowledged = told.next().await;
    assert_eq!(
        acknowledged["method"],
        "notifications/subscriptions/acknowledged"
    );
    assert_eq!(
        acknowledged["params"]["notifications"],
        json!({"taskIds": [id], "toolsListChanged": true}),
        "of tasks the client's own only"
    );
    assert_eq!(acknowledged["params"]["_meta"][SUBSCRIPTION], 1);
    let mut seen = Vec::new();
    loop {
        let notice = told.next().await;
        assert_eq!(notice["method"], "notifications/tasks", "{notice}");
        let task = &notice["params"];
        assert_eq!(task["taskId"], id);
        assert_eq!(task["_meta"][SUBSCRIPTION], 1, "{notice}");
        seen.push(task["status"].as_str().unwrap().to_owned());
        if task["statusMessage"] == "1/2: waiting" && task["status"] == "working" {
            fs::write(&go, "").unwrap();
        }
        if task["status"] != "working" {
            let got = served.at.get(&id).await;
            for key in ["status", "result", "createdAt", "lastUpdatedAt", "ttlMs"] {
                assert_eq!(task[key], got[key], "as `tasks/get` has it: {key}");
            }
            break;
        }
    }
    assert_eq!(seen.last().unwrap(), "completed");
}

#[tokio::test]
async fn who_does_not_know_tasks_cannot_subscribe_to_them() {
    let folder = Folder::new();
    let served = folder.serve();
    let asked = json!({"notifications": {"taskIds": []}});
    let plain = served.at.without_tasks();
    let refused = plain.answer("subscriptions/listen", asked).await;
    assert_eq!(refused["error"]["code"], -32021);
    let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
    let asked = json!({"notifications": {"taskIds": many}});
    let refused = served.at.answer("subscriptions/listen", asked).await;
    assert_eq!(refused["error"]["code"], -32602);
    assert_eq!(
        refused["error"]["message"],
        "a subscription has at most 100 tasks"
    );
}

#[test]
fn a_subscriber_over_stdio_is_told_too() {
    let folder = Folder::new();
    let mut client = Client::start(&folder);
    let go = folder.text("go");
    let id = client.begin("wait_for", &json!({"file": go, "mark": "x"}));
    let subscription = client.send(
        "subscriptions/listen",
        json!({"notifications": {"taskIds": [id]}}),
    );
    let acknowledged = client.receive();
    assert_eq!(
        acknowledged["params"]["notifications"],
        json!({"taskIds": [id]})
    );
    fs::write(&go, "").unwrap();
    loop {
        let notice = client.receive();
        assert_eq!(notice["params"]["_meta"][SUBSCRIPTION], subscription);
        if notice["params"]["status"] == "completed" {
            break;
        }
    }
    client.leave();
}

/// An open stream of events.
struct Events {
    stream: std::pin::Pin<Box<dyn futures::Stream<Item = String>>>,
    text: String,
}

async fn listen(at: &Endpoint, asked: &Value) -> Events {
    let request = at.request("subscriptions/listen", json!({"notifications": asked}));
    let response = request.send().await.unwrap();
    let stream = response
        .bytes_stream()
        .map(|chunk| String::from_utf8(chunk.unwrap().to_vec()).unwrap());
    Events {
        stream: Box::pin(stream),
        text: String::new(),
    }
}

impl Events {
    /// The next message.
    async fn next(&mut self) -> Value {
        loop {
            while let Some(end) = self.text.find('\n') {
                let line: String = self.text.drain(..=end).collect();
                let data = line.trim_end().strip_prefix("data: ");
                if let Some(message) = data.and_then(|data| serde_json::from_str(data).ok()) {
                    return message;
                }
            }
            let more = timeout(LONG, self.stream.next()).await.expect("in time");
            self.text.push_str(&more.expect("the stream is open"));
        }
    }
}
