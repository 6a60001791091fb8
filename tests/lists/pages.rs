//! Pages out of one run.

use std::fs;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::{World, numbers};

/// Each call of `rows` adds a line to `runs`; a second run within the hour is refused.
const TOOLS: &str = r#"
name: pages
server: { builtin_tools: [read_output, batch] }
pagination: { default_page_size: 4, max_page_size: 1000 }
tools:
  - name: rows
    description: Give rows
    parameters:
      - { name: count, type: integer, required: true }
    rate_limit: { requests_per_minute: 0.01, burst: 1, on_limit: reject }
    script:
      shell: |
        echo ran >> runs
        seq 0 $(( {{count}} - 1 )) | sed 's/.*/{"n": &}/' | paste -sd, | sed 's/^/[/; s/$/]/'
    pagination: true
  - name: lines
    description: Give lines
    script: { shell: "echo ran >> runs; seq 0 99 | sed 's/.*/{\"n\": &}/'" }
    output: { format: jsonl, max_bytes: 200B, inline_bytes: 200B }
    pagination: { default_size: 10 }
  - name: short_lines
    description: Give lines that memory holds
    script: { shell: "echo ran >> runs; seq 0 99 | sed 's/.*/{\"n\": &}/'" }
    output: { format: jsonl }
    pagination: { default_size: 10 }
  - name: wide
    description: Give items of many sizes
    script:
      command: python3
      args: ["-c", "import json; print(json.dumps([{'n': n, 'text': 'x' * (5000 if n == 2 else 300)} for n in range(6)]))"]
    output: { inline_bytes: 1KiB }
    pagination: { enabled: true }
  - name: kept
    description: Give rows and keep them
    script: { shell: "echo ran >> runs; seq 0 2000 | sed 's/.*/{\"n\": &, \"text\": \"some text to make it long\"}/' | paste -sd, | sed 's/^/[/; s/$/]/'" }
    cache: true
    pagination: true
  - name: kept_short
    description: Give some rows and keep them
    script: { shell: "echo ran >> runs; seq 0 9 | sed 's/.*/{\"n\": &}/' | paste -sd, | sed 's/^/[/; s/$/]/'" }
    cache: true
    pagination: true
  - name: object
    description: Give an object
    script: { shell: "echo '{\"rows\": [1, 2]}'" }
    pagination: true
  - name: schooled
    description: Give rows of a kind
    parameters: [{ name: bad, type: boolean, default: false }]
    script:
      command: python3
      args: ["-c", "import json, sys; rows = [{'n': n} for n in range(300)]; rows[7] = {} if sys.argv[1] == 'true' else rows[7]; print(json.dumps(rows))", "{{bad}}"]
    output:
      max_bytes: 1KiB
      inline_bytes: 1KiB
      schema: { type: array, minItems: 100, items: { $ref: '#/$defs/row' }, $defs: { row: { type: object, required: [n] } } }
    pagination: true
"#;

#[tokio::test]
async fn a_list_comes_in_pages_of_one_run() {
    let world = World::new(TOOLS);
    let first = world.page("rows", json!({"count": 10})).await;
    assert_eq!(numbers(&first), [0, 1, 2, 3]);
    assert_eq!(
        (
            &first["total"],
            &first["offset"],
            &first["has_more"],
            &first["next_offset"]
        ),
        (&json!(10), &json!(0), &json!(true), &json!(4))
    );
    let id = &first["result_id"];
    let next = json!({"result_id": id, "offset": 4});
    let second = world.page("rows", next.clone()).await;
    assert_eq!(numbers(&second), [4, 5, 6, 7]);
    let last = json!({"result_id": id, "offset": 8, "page_size": 1000, "count": 10});
    let last = world.page("rows", last).await;
    assert_eq!(numbers(&last), [8, 9]);
    assert_eq!(
        last,
        json!({"items": [{"n": 8}, {"n": 9}], "total": 10, "offset": 8, "has_more": false, "result_id": id})
    );
    assert_eq!(world.page("rows", next).await, second, "once more");
    assert_eq!(world.runs(), 1);
    let again = world.failure("rows", json!({"count": 10})).await;
    assert_eq!(
        again["code"], "RATE_LIMITED",
        "a run takes a token, a page none"
    );
}

#[tokio::test]
async fn a_short_list_is_a_page_and_leaves_nothing_behind() {
    let world = World::new(TOOLS);
    let page = world.page("rows", json!({"count": 3})).await;
    assert_eq!(
        page,
        json!({"items": [{"n": 0}, {"n": 1}, {"n": 2}], "total": 3, "offset": 0, "has_more": false})
    );
    assert!(!world.folder.path().join("state").exists());
}

/// All items, page by page, and how many pages there were.
async fn all(world: &World, tool: &str) -> (Vec<u64>, usize) {
    let (mut page, mut pages) = (world.page(tool, json!({})).await, 1);
    let mut found = numbers(&page);
    while page["has_more"] == true {
        let next = json!({"result_id": page["result_id"], "offset": page["next_offset"]});
        page = world.page(tool, next).await;
        found.extend(numbers(&page));
        pages += 1;
    }
    (found, pages)
}

#[tokio::test]
async fn lines_are_cut_the_same_be_they_longer_than_memory_or_not() {
    let world = World::new(TOOLS);
    for (runs, tool) in [(1, "lines"), (2, "short_lines")] {
        let (found, pages) = all(&world, tool).await;
        assert_eq!(found, (0..100).collect::<Vec<u64>>());
        assert_eq!((pages, world.runs()), (10, runs));
    }
}

#[tokio::test]
async fn a_page_is_no_longer_than_an_answer_and_names_what_is() {
    let world = World::new(TOOLS);
    let first = world.page("wide", json!({})).await;
    assert_eq!(
        (numbers(&first), &first["next_offset"]),
        (vec![0, 1, 3], &json!(4))
    );
    let large = &first["too_large"][0];
    assert_eq!(large["index"], 2);
    let read = world
        .ask("resources/read", json!({"uri": large["uri"]}))
        .await;
    let item: Value =
        serde_json::from_str(read["result"]["contents"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(item["n"], 2);
    let (mut found, pages) = all(&world, "wide").await;
    found.sort_unstable();
    assert_eq!((found, pages), (vec![0, 1, 3, 4, 5], 2));
}

#[tokio::test]
async fn kept_answers_are_cut_into_pages_of_any_size() {
    let world = World::new(TOOLS);
    let first = world.page("kept", json!({})).await;
    assert_eq!(numbers(&first), [0, 1, 2, 3]);
    let larger = world.call("kept", json!({"page_size": 6})).await;
    assert_eq!(numbers(&larger["structuredContent"]).len(), 6);
    assert_eq!(larger["_meta"]["runner/timing"]["cached"], true);
    let next = json!({"result_id": larger["structuredContent"]["result_id"], "offset": 2000});
    assert_eq!(numbers(&world.page("kept", next).await), [2000]);
    assert_eq!(world.runs(), 1);
}

#[tokio::test]
async fn a_kept_list_is_stored_once() {
    let world = World::new(TOOLS);
    let pages = join_all((0..5).map(|_| world.page("kept_short", json!({})))).await;
    let id = &pages[0]["result_id"];
    for page in pages
        .iter()
        .chain([&world.page("kept_short", json!({})).await])
    {
        assert_eq!((numbers(page), &page["result_id"]), (vec![0, 1, 2, 3], id));
    }
    let next = json!({"result_id": id, "offset": 8});
    assert_eq!(numbers(&world.page("kept_short", next).await), [8, 9]);
    assert_eq!(world.runs(), 1);
}

#[tokio::test]
async fn what_is_no_list_stays_as_it_is() {
    let world = World::new(TOOLS);
    let result = world.call("object", json!({})).await;
    assert_eq!(result["structuredContent"], json!({"rows": [1, 2]}));
    assert_eq!(
        result["_meta"]["runner/warnings"],
        json!(["no pages were cut of the result: it is no list"])
    );
}

#[tokio::test]
async fn clients_are_told_the_schema_of_a_page_and_items_are_held_against_it() {
    let world = World::new(TOOLS);
    let list = world.ask("tools/list", json!({})).await;
    let tools = list["result"]["tools"].as_array().unwrap();
    let shown = |name: &str| tools.iter().find(|tool| tool["name"] == name).unwrap();
    let schema = &shown("schooled")["outputSchema"];
    assert_eq!(
        schema["properties"]["items"]["items"],
        json!({"$ref": "#/$defs/row"})
    );
    let input = &shown("rows")["inputSchema"];
    assert_eq!(input["properties"]["page_size"]["maximum"], 1000);
    assert_eq!(input["required"], json!(["count"]));
    assert!(shown("rows")["outputSchema"].is_null());

    let first = world.page("schooled", json!({})).await;
    assert_eq!(first["total"], 300);
    assert!(
        runner::tool::Schema::new(schema.clone())
            .violations(&first)
            .is_empty()
    );
    let bad = world.page("schooled", json!({"bad": true})).await;
    let next = json!({"result_id": bad["result_id"], "offset": 4});
    let failure = world.failure("schooled", next).await;
    assert_eq!(failure["code"], "OUTPUT_INVALID");
    assert_eq!(
        failure["message"],
        "the items from 4 on break the tool's schema: /3/n: `n` is required"
    );
}

#[tokio::test]
async fn a_batch_refers_to_the_items() {
    let world = World::new(TOOLS);
    let calls = json!({"calls": [
        {"call_id": "a", "tool_name": "rows", "params": {"count": 9}},
        {"call_id": "b", "tool_name": "rows", "params": {"result_id": "${a.result.result_id}", "offset": "${a.result.items[3].n}"}},
    ]});
    let answer = world.call("batch", calls).await;
    let results = &answer["structuredContent"]["results"];
    assert_eq!(numbers(&results[1]["result"]), [3, 4, 5, 6], "{answer}");
    assert_eq!(world.runs(), 1);
}

#[tokio::test]
async fn pages_outlive_a_reload() {
    let world = World::new(TOOLS);
    let first = world.page("rows", json!({"count": 10})).await;
    let changed = TOOLS.replace("default_page_size: 4", "default_page_size: 5");
    fs::write(world.folder.path().join("gantz.yaml"), changed).unwrap();
    let next = json!({"result_id": first["result_id"], "offset": 4});
    let until = Instant::now() + Duration::from_mins(1);
    while numbers(&world.page("rows", next.clone()).await) != [4, 5, 6, 7, 8] {
        assert!(Instant::now() < until, "the new size was never served");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.runs(), 1);
}
