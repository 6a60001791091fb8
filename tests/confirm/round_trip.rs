//! 2026-07-28: the question is a result, and its answer comes with the next request.

use serde_json::json;

use crate::wire::{Caller, Folder, accept, error, text};

#[tokio::test]
async fn the_question_is_a_result_and_a_yes_runs_the_call_once() {
    let folder = Folder::new();
    let server = folder.serve();
    let caller = Caller::of(&server);
    let asked = caller.asked("my file.txt").await;
    let question = &asked["inputRequests"]["confirm"];
    assert_eq!(question["method"], "elicitation/create");
    let params = &question["params"];
    assert_eq!(params["message"], "Delete \"my file.txt\"?");
    assert_eq!(params["mode"], "form");
    assert_eq!(
        params["requestedSchema"],
        json!({"type": "object", "properties": {}})
    );
    assert_eq!(
        asked["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
        "confirm"
    );
    assert_eq!(folder.deleted(), [""; 0]);

    let answer = caller.answered(&asked, "my file.txt", accept()).await;
    assert_eq!(text(&answer), "gone\n");
    assert_eq!(answer["result"]["resultType"], "complete");
    assert_eq!(folder.deleted(), ["my file.txt"]);

    let again = error(&caller.answered(&asked, "my file.txt", accept()).await);
    assert_eq!(again["code"], "CONFIRMATION_REQUIRED");
    assert_eq!(again["type"], "confirmation");
    assert_eq!(
        again["message"],
        "this question has been answered, and an answer counts once: `delete` was not run"
    );
    assert_eq!(folder.deleted(), ["my file.txt"]);
}

#[tokio::test]
async fn a_no_is_told_to_the_model_and_is_final() {
    let folder = Folder::new();
    let server = folder.serve();
    let caller = Caller::of(&server);
    for (answer, message) in [
        (
            json!({"action": "decline"}),
            "the person was asked and said no: `delete` was not run",
        ),
        (
            json!({"action": "accept", "content": {"confirm": false}}),
            "the person was asked and said no: `delete` was not run",
        ),
        (
            json!({"action": "cancel"}),
            "the person was asked and put the question away without an answer: `delete` was not run",
        ),
    ] {
        let asked = caller.asked("a").await;
        let declined = error(&caller.answered(&asked, "a", answer).await);
        assert_eq!(declined["code"], "CONFIRMATION_DECLINED");
        assert_eq!(declined["message"], message);
        assert_eq!(
            declined["remediation"],
            "do not call `delete` again for this unless the person asks you to; tell them what you wanted to do"
        );
        let late = error(&caller.answered(&asked, "a", accept()).await);
        assert_eq!(late["code"], "CONFIRMATION_REQUIRED");
    }
    assert_eq!(folder.deleted(), [""; 0]);
}

#[tokio::test]
async fn what_cannot_be_called_is_not_asked_about() {
    let folder = Folder::new();
    let server = folder.serve();
    let caller = Caller::of(&server);
    let invalid = caller
        .call(json!({"name": "delete", "arguments": {"pth": "a"}}))
        .await;
    assert_eq!(error(&invalid)["code"], "INVALID_ARGUMENTS");
    let unknown = caller.call(json!({"name": "delet", "arguments": {}})).await;
    assert_eq!(unknown["error"]["code"], -32602);
}

#[tokio::test]
async fn no_answer_or_none_of_ours_asks_anew() {
    let folder = Folder::new();
    let server = folder.serve();
    let caller = Caller::of(&server);
    let asked = caller.asked("a").await;
    for responses in [
        json!(null),
        json!({}),
        json!({"wrong": accept()}),
        json!({"confirm": 12345}),
        json!({"confirm": {"action": "yes"}}),
    ] {
        let answer = caller
            .call(json!({
                "name": "delete", "arguments": {"path": "a"},
                "inputResponses": responses, "requestState": asked["requestState"],
            }))
            .await;
        assert_eq!(answer["result"]["resultType"], "input_required", "{answer}");
        assert_ne!(answer["result"]["requestState"], asked["requestState"]);
    }
    // An answer to a question that was not put counts for nothing.
    let answer = caller
        .call(json!({
            "name": "delete", "arguments": {"path": "a"}, "inputResponses": {"confirm": accept()},
        }))
        .await;
    assert_eq!(answer["result"]["resultType"], "input_required");
    assert_eq!(folder.deleted(), [""; 0]);
    let extra = caller
        .call(json!({
            "name": "delete", "arguments": {"path": "a"}, "requestState": asked["requestState"],
            "inputResponses": {"confirm": accept(), "more": {"action": "decline"}},
        }))
        .await;
    assert_eq!(text(&extra), "gone\n");
}

#[tokio::test]
async fn a_client_that_cannot_ask_is_refused_unless_the_file_allows_it() {
    let folder = Folder::new();
    let server = folder.serve();
    for capabilities in [
        json!({}),
        json!({"sampling": {}}),
        json!({"elicitation": {"url": {}}}),
    ] {
        let caller = Caller {
            capabilities,
            ..Caller::of(&server)
        };
        let refused = caller
            .call(json!({"name": "delete", "arguments": {"path": "a"}}))
            .await;
        let refused = error(&refused);
        assert_eq!(refused["code"], "CONFIRMATION_REQUIRED");
        assert_eq!(
            refused["message"],
            "`delete` runs only after a person has said yes, and nobody could be asked: nothing was run"
        );
        assert_eq!(
            refused["remediation"],
            "call `delete` by itself, not in a batch, from a client that can ask its person (MCP elicitation); \
             if this client cannot, tell the person what you wanted to do"
        );
        let allowed = caller.call(json!({"name": "lenient"})).await;
        assert_eq!(text(&allowed), "ran\n");
    }
    let asked = Caller::of(&server).call(json!({"name": "lenient"})).await;
    assert_eq!(asked["result"]["resultType"], "input_required");
    assert_eq!(folder.deleted(), [""; 0]);
}

#[tokio::test]
async fn the_model_is_told_that_a_person_is_asked() {
    let folder = Folder::new();
    let server = folder.serve();
    let request = Caller::of(&server).request("tools/list", json!({}));
    let answer: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    let told = |index: usize| {
        answer["result"]["tools"][index]["description"]
            .as_str()
            .unwrap()
    };
    assert!(told(0).ends_with(" timeout 30 s. A person is asked before each call."));
    assert!(told(2).ends_with(" timeout 30 s."));
}
