//! Calls in a batch: nobody can be asked about them.

use serde_json::{Value, json};

use crate::wire::{Caller, Folder};

#[tokio::test]
async fn in_a_batch_what_needs_a_word_fails_by_itself() {
    let folder = Folder::new();
    let server = folder.serve();
    let answer = Caller::of(&server)
        .call(json!({"name": "batch", "arguments": {"calls": [
            {"call_id": "a", "tool_name": "delete", "params": {"path": "a"}},
            {"call_id": "b", "tool_name": "lenient"},
            {"call_id": "c", "tool_name": "hi"},
        ]}}))
        .await;
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    let report: Value = serde_json::from_str(text).unwrap();
    let results = report["results"].as_array().unwrap();
    let codes: Vec<&Value> = results.iter().map(|r| &r["error"]["code"]).collect();
    assert_eq!(
        codes,
        [&json!("CONFIRMATION_REQUIRED"), &Value::Null, &Value::Null],
        "{report}"
    );
    assert_eq!(folder.deleted(), [""; 0]);
}
