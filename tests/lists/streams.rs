//! Items as they come, over MCP.

use serde_json::{Value, json};

use crate::world::World;

const TOOLS: &str = r#"
name: streams
tools:
  - name: hangs
    description: Give five items and hang
    script: { command: python3, args: [-c, "import json, time\nfor n in range(5): print(json.dumps({'n': n}))\ntime.sleep(600)"] }
    output: { format: jsonl }
    timeout: 5s
    kill_grace: 500ms
  - name: steps
    description: Give an item now and then
    script: { command: python3, args: [-c, "import json, time\nfor n in range(1, 21):\n    print(json.dumps({'n': n, 'text': 'x' * 900}))\n    time.sleep(0.05)"] }
    output: { format: jsonl }
  - name: crashes
    description: Give two items and crash
    script: { shell: "echo 1; echo '{\"a\": 2}'; echo why >&2; exit 3" }
    output: { format: jsonl }
  - name: cut
    description: Stop in the middle of an item
    script: { shell: "echo 1; printf '{\"a\":'; exit 3" }
    output: { format: jsonl }
  - name: bad
    description: Give a line that is no item
    script: { shell: "echo 1; echo; echo oops; echo 2" }
    output: { format: jsonl }
  - name: flood
    description: Give more items than memory holds
    script: { shell: "seq 1 100000" }
    output: { format: jsonl, max_bytes: 10KiB, inline_bytes: 1KiB }
  - name: patient
    description: Give an item now and then, for longer than the timeout
    script: { shell: "for n in 1 2 3 4 5 6; do echo $n; sleep 0.8; done" }
    output: { format: jsonl }
    timeout: 3s
    progress_extends_timeout: { max: 1m }
  - name: says
    description: Give items and say how far it is
    script: { shell: "echo '::progress 1/2 half' >&2; sleep 1; echo 1; echo 2; echo 3; sleep 0.3" }
    output: { format: jsonl }
"#;

#[tokio::test]
async fn a_timeout_gives_the_items_that_came() {
    let world = World::new(TOOLS);
    let failure = world.failure("hangs", json!({})).await;
    assert_eq!(failure["code"], "TIMEOUT");
    let data = &failure["data"];
    let five: Vec<Value> = (0..5).map(|n| json!({"n": n})).collect();
    assert_eq!(
        (&data["items"], &data["complete"]),
        (&json!(five), &json!(false))
    );
    assert!(data["stdout"].is_null(), "the items say all of it");
}

#[tokio::test]
async fn a_crash_gives_the_items_that_came() {
    let world = World::new(TOOLS);
    let failure = world.failure("crashes", json!({})).await;
    assert_eq!(failure["code"], "EXIT_STATUS");
    let data = &failure["data"];
    assert_eq!(
        (&data["items"], &data["complete"], &data["stderr"]),
        (&json!([1, {"a": 2}]), &json!(false), &json!("why\n"))
    );
    let data = world.failure("cut", json!({})).await["data"].take();
    assert_eq!(data["items"], json!([1]));
    assert_eq!(data["stdout"], "1\n{\"a\":", "what is no item is not lost");
}

#[tokio::test]
async fn a_bad_line_is_told_with_its_place() {
    let world = World::new(TOOLS);
    let failure = world.failure("bad", json!({})).await;
    assert_eq!(
        failure["message"],
        "a line of the output is not JSON: line 3, column 1: expected value, at `oops`"
    );
    let data = &failure["data"];
    assert_eq!(
        (&data["items"], &data["line"], &data["column"]),
        (&json!([1]), &json!(3), &json!(1))
    );
}

#[tokio::test]
async fn more_items_than_fit_are_stored_and_the_first_are_given() {
    let world = World::new(TOOLS);
    let result = world.call("flood", json!({})).await;
    let items = result["structuredContent"].as_array().unwrap();
    assert!(items.len() > 100 && items.len() <= 1024, "{}", items.len());
    assert_eq!(items[99], 100);
    let stored = &result["_meta"]["runner/output"];
    assert_eq!(stored["bytes"], 588_895);
    let warnings = result["_meta"]["runner/warnings"].to_string();
    assert!(warnings.contains("of 100000 items"), "{warnings}");
}

#[tokio::test]
async fn items_are_told_as_they_come() {
    let world = World::new(TOOLS);
    let messages = world.told("steps").await;
    let (result, told) = messages.split_last().unwrap();
    let items = result["result"]["structuredContent"].as_array().unwrap();
    assert_eq!(items.len(), 20);
    assert!((3..=20).contains(&told.len()), "{} told", told.len());
    let figures: Vec<f64> = told
        .iter()
        .map(|told| told["params"]["progress"].as_f64().unwrap())
        .collect();
    assert!(figures.is_sorted_by(|earlier, later| earlier < later));
    assert_eq!(figures.last(), Some(&20.0), "the last one always");
    for told in told {
        let message = told["params"]["message"].as_str().unwrap();
        let number = told["params"]["progress"].as_f64().unwrap();
        let begins = format!("{{\"n\": {number}, ");
        assert!(message.starts_with(&begins), "{message}");
        assert_eq!(message.chars().count(), 501, "a bounded part of it");
    }
}

#[tokio::test]
async fn items_count_as_progress() {
    let world = World::new(TOOLS);
    let result = world.call("patient", json!({})).await;
    assert_eq!(
        result["structuredContent"],
        json!([1, 2, 3, 4, 5, 6]),
        "{result}"
    );
}

#[tokio::test]
async fn a_script_that_says_how_far_it_is_knows_better() {
    let world = World::new(TOOLS);
    let messages = world.told("says").await;
    let (_, told) = messages.split_last().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["params"]["message"], "half");
}
