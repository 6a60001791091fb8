//! Arrays of messages: 2025-03-26 has them, no other revision does.

use serde_json::{Value, json};

use crate::client::{Http, messages};
use crate::support::lines::LineClient;
use crate::{REVISIONS, STATELESS};

const TOOLS: &str = r"
name: arrays
tools:
  - name: hi
    description: Say hi
    script: { shell: echo hi }
  - name: hang
    description: Wait
    script: { shell: exec sleep 600 }
";

const WITH_ARRAYS: &str = "2025-03-26";

fn request(id: impl Into<Value>, method: &str, params: &Value) -> Value {
    let id = id.into();
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn call(id: impl Into<Value>, tool: &str) -> Value {
    request(id, "tools/call", &json!({"name": tool}))
}

fn notification(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

/// An array with some of everything, and no request that stays.
fn mixture() -> Value {
    json!([
        call(1, "hi"),
        notification("notifications/cancelled", &json!({"requestId": 77})),
        request("p", "ping", &json!({})),
        call(2, "nobody"),
        request(3, "initialize", &json!({"protocolVersion": WITH_ARRAYS})),
        request(4, "tools/call", &json!(7)),
        {"jsonrpc": "2.0", "id": 99, "result": {}},
        5,
    ])
}

/// Each message of the mixture that wants an answer has one, by its id.
fn assert_answers(answers: &Value) {
    let answers = answers.as_array().unwrap();
    let of = |id: Value| {
        let mut found = answers.iter().filter(|answer| answer["id"] == id);
        let answer = found.next().unwrap_or_else(|| panic!("{id}: {answers:?}"));
        assert!(found.next().is_none(), "two for {id}: {answers:?}");
        answer
    };
    assert_eq!(answers.len(), 6, "{answers:?}");
    assert_eq!(of(json!(1))["result"]["content"][0]["text"], "hi\n");
    assert!(of(json!("p"))["result"].is_object());
    assert_eq!(
        of(json!(2))["error"]["data"]["error"]["code"],
        "UNKNOWN_TOOL"
    );
    assert_eq!(
        of(json!(3))["error"]["message"],
        "`initialize` cannot stand in an array"
    );
    assert_eq!(of(json!(4))["error"]["code"], -32602);
    assert_eq!(of(Value::Null)["error"]["code"], -32600);
}

#[test]
fn over_stdio_an_array_is_answered_by_an_array() {
    let mut client = LineClient::greeted_in(TOOLS, WITH_ARRAYS);
    client.send(&mixture());
    assert_answers(&client.receive());
    // Nothing is left of it.
    assert!(client.ask(1, "ping", &json!({}))["result"].is_object());
    let told = notification("notifications/cancelled", &json!({"requestId": 1}));
    client.send(&json!([told, told]));
    assert_eq!(
        client.ask(2, "ping", &json!({}))["id"],
        2,
        "an array of notifications has no answer"
    );
}

#[tokio::test]
async fn over_http_an_array_is_answered_by_an_array() {
    let http = Http::connect(TOOLS, WITH_ARRAYS).await;
    let response = http.post(&mixture()).send().await.unwrap();
    assert_answers(&messages(response).await[0]);
    let told = notification("notifications/cancelled", &json!({"requestId": 1}));
    let response = http.post(&json!([told, told])).send().await.unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            response.text().await.unwrap().as_str()
        ),
        (202, "")
    );
}

#[test]
fn over_stdio_no_other_revision_has_arrays() {
    for revision in REVISIONS
        .into_iter()
        .filter(|other| ![WITH_ARRAYS, STATELESS].contains(other))
    {
        let mut client = LineClient::greeted_in(TOOLS, revision);
        client.send(&mixture());
        assert_refused(&client.receive());
        assert!(client.ask(1, "ping", &json!({}))["result"].is_object());
    }
    let mut client = LineClient::start(TOOLS);
    client.send(&mixture());
    assert_refused(&client.receive());
}

#[tokio::test]
async fn over_http_no_other_revision_has_arrays() {
    for revision in REVISIONS
        .into_iter()
        .filter(|other| ![WITH_ARRAYS, STATELESS].contains(other))
    {
        let http = Http::connect(TOOLS, revision).await;
        let response = http.post(&mixture()).send().await.unwrap();
        assert_eq!(response.status(), 400, "{revision}");
        assert_refused(&messages(response).await[0]);
    }
    // Nor has a client without a session.
    let mut http = Http::connect(TOOLS, WITH_ARRAYS).await;
    http.session = None;
    let response = http.post(&mixture()).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert_refused(&messages(response).await[0]);
}

fn assert_refused(answer: &Value) {
    let error = &answer["error"];
    assert_eq!(
        (&answer["id"], &error["code"], &error["message"]),
        (
            &Value::Null,
            &json!(-32600),
            &json!(
                "arrays of messages are of revision 2025-03-26 alone: send one message at a time"
            )
        ),
        "{answer}"
    );
}

#[tokio::test]
async fn an_array_is_bounded() {
    let many = |count: u32| {
        Value::Array(
            (0..count)
                .map(|id| request(id, "ping", &json!({})))
                .collect(),
        )
    };
    let mut client = LineClient::greeted_in(TOOLS, WITH_ARRAYS);
    let http = Http::connect(TOOLS, WITH_ARRAYS).await;
    client.send(&many(50));
    assert_eq!(client.receive().as_array().unwrap().len(), 50);
    let response = http.post(&many(50)).send().await.unwrap();
    assert_eq!(messages(response).await[0].as_array().unwrap().len(), 50);
    for (array, message) in [
        (many(51), "an array holds at most 50 messages"),
        (json!([]), "an empty array is no message"),
    ] {
        client.send(&array);
        assert_eq!(client.receive()["error"]["message"], message);
        let response = http.post(&array).send().await.unwrap();
        assert_eq!(response.status(), 400);
        assert_eq!(messages(response).await[0]["error"]["message"], message);
    }
}

#[test]
fn over_stdio_an_array_does_not_wait_for_what_is_called_off() {
    let mut client = LineClient::greeted_in(TOOLS, WITH_ARRAYS);
    client.send(&json!([call(1, "hang"), call(2, "hi")]));
    client.cancel(1);
    let answers = client.receive();
    assert_eq!(answers.as_array().unwrap().len(), 1, "{answers}");
    assert_eq!(answers[0]["id"], 2);
}

#[test]
fn over_stdio_an_array_that_ends_another_is_answered_as_well() {
    let mut client = LineClient::greeted_in(TOOLS, WITH_ARRAYS);
    client.send(&json!([call(1, "hang"), call(2, "hi"), 5]));
    // One array that is refused in part, and calls off what the first one waits for.
    let off = notification("notifications/cancelled", &json!({"requestId": 1}));
    client.send(&json!([7, off]));
    let mut lengths: Vec<usize> = (0..2)
        .map(|_| client.receive().as_array().unwrap().len())
        .collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [1, 2]);
    assert!(client.ask(3, "ping", &json!({}))["result"].is_object());
}

#[test]
fn over_stdio_few_arrays_wait_at_once() {
    let mut client = LineClient::greeted_in(TOOLS, WITH_ARRAYS);
    for id in 0..4 {
        client.send(&json!([call(id, "hang")]));
    }
    client.send(&json!([call(4, "hi")]));
    let refused = client.receive();
    assert_eq!(refused["error"]["code"], -31000, "{refused}");
    assert!(
        client.ask(5, "ping", &json!({}))["result"].is_object(),
        "single messages are served on"
    );
    client.cancel(0);
    client.send(&json!([call(6, "hi")]));
    assert_eq!(client.receive()[0]["id"], 6);
}

#[tokio::test]
async fn over_http_the_calls_of_an_array_run_side_by_side_and_can_be_called_off() {
    let http = Http::connect(TOOLS, WITH_ARRAYS).await;
    let array = json!([call(1, "hang"), call(2, "hi"), call(3, "hang")]);
    let asked = tokio::spawn(http.post(&array).send());
    // Until the calls are there, nothing can be called off.
    loop {
        for id in [1, 3] {
            let off = notification("notifications/cancelled", &json!({"requestId": id}));
            let response = http.post(&off).send().await.unwrap();
            assert_eq!(response.status(), 202);
        }
        if asked.is_finished() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let answers = messages(asked.await.unwrap().unwrap()).await.remove(0);
    let ids: Vec<_> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| &answer["id"])
        .collect();
    assert!(ids.contains(&&json!(2)), "{answers}");
}
