//! Pages that are not there, and lists that cannot be stored.

use serde_json::json;

#[cfg(unix)]
use crate::support::Server;
use crate::world::{World, numbers};

const TOOLS: &str = r#"
name: refusals
SERVER
pagination: { default_page_size: 2, max_page_size: 10 }
tools:
  - name: rows
    description: Give rows
    script: { shell: "echo ran >> runs; echo '[{\"n\": 0}, {\"n\": 1}, {\"n\": 2}]'" }
    pagination: true
  - name: others
    description: Give other rows
    script: { shell: "echo '[{\"n\": 0}, {\"n\": 1}, {\"n\": 2}]'" }
    pagination: true
  - name: long
    description: Give long rows
    script: { command: python3, args: ["-c", "import json; print(json.dumps([{'n': n, 'text': 'x' * 100} for n in range(50)]))"] }
    output: { inline_bytes: 1KiB }
    pagination: true
"#;

fn tools(server: &str) -> String {
    TOOLS.replace("SERVER", server)
}

#[tokio::test]
async fn each_mistake_is_told_with_what_to_do() {
    let world = World::new(&tools(""));
    let id = world.page("rows", json!({})).await["result_id"].take();
    let other = world.page("others", json!({})).await["result_id"].take();
    let unknown = "`rows` has no stored result of this id: it may have expired, or belong to another tool or client";
    for (arguments, pointer, message) in [
        (json!({"result_id": "0".repeat(32)}), "/result_id", unknown),
        (
            json!({"result_id": "../../etc/passwd"}),
            "/result_id",
            unknown,
        ),
        (json!({"result_id": other}), "/result_id", unknown),
        (json!({"result_id": 7}), "/result_id", "it is no text"),
        (
            json!({"result_id": id, "offset": 4}),
            "/offset",
            "`offset` 4 is past the end: the result has 3 items",
        ),
        (
            json!({"result_id": id, "offset": -1}),
            "/offset",
            "it is no whole number from 0 on",
        ),
        (
            json!({"page_size": 11}),
            "/page_size",
            "it is no whole number from 1 to 10",
        ),
        (
            json!({"page_size": 0}),
            "/page_size",
            "it is no whole number from 1 to 10",
        ),
        (
            json!({"offset": 2}),
            "/offset",
            "it needs the `result_id` that came with it: the tool is not run again for a further page",
        ),
    ] {
        let failure = world.failure("rows", arguments.clone()).await;
        assert_eq!(failure["code"], "INVALID_ARGUMENTS", "{arguments}");
        let violation = &failure["data"]["violations"][0];
        assert_eq!(
            (&violation["pointer"], &violation["message"]),
            (&json!(pointer), &json!(message))
        );
        assert!(failure["remediation"].is_string(), "{failure}");
    }
    let failure = world
        .failure("rows", json!({"result_id": "0".repeat(32)}))
        .await;
    assert_eq!(
        failure["remediation"],
        "call `rows` again without `result_id` and `offset`"
    );
    assert_eq!(world.runs(), 1, "none of it ran anything");
}

#[tokio::test]
async fn a_page_opens_for_its_client_alone() {
    let world = World::new(&tools(
        "server: { auth: { bearer_tokens: [{ name: ann, token: ann-token }, { name: bob, token: bob-token }] } }",
    ));
    let first = world.call_as("ann-token", "rows", json!({})).await;
    let next = json!({"result_id": first["structuredContent"]["result_id"], "offset": 2});
    let hers = world.call_as("ann-token", "rows", next.clone()).await;
    assert_eq!(numbers(&hers["structuredContent"]), [2]);
    let his = world.call_as("bob-token", "rows", next).await;
    assert_eq!(
        his["structuredContent"]["error"]["data"]["violations"][0]["pointer"],
        "/result_id"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn without_a_place_to_store_it_what_is_missing_is_said() {
    let folder = tempfile::tempdir().unwrap();
    // A file where the folder should be, so that nothing can be written, by nobody.
    let state = folder.path().join("state");
    std::fs::write(&state, "in the way").unwrap();
    std::fs::write(folder.path().join("gantz.yaml"), tools("")).unwrap();
    let options = ["--state-dir", state.to_str().unwrap()];
    let server = Server::start_with(&folder.path().join("gantz.yaml"), &options);
    let world = World { folder, server };

    let short = world.call("rows", json!({})).await;
    let page = &short["structuredContent"];
    assert_eq!(numbers(page), [0, 1, 2], "no longer than any answer may be");
    assert_eq!(
        (&page["has_more"], &page["result_id"]),
        (&json!(false), &json!(null))
    );
    let warning = short["_meta"]["runner/warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("no pages could be kept (nothing can be written in `")
            && warning.ends_with("all items are in this answer"),
        "{warning}"
    );

    let long = world.call("long", json!({})).await;
    let page = &long["structuredContent"];
    assert_eq!(numbers(page), [0, 1]);
    assert_eq!(
        (&page["has_more"], &page["next_offset"]),
        (&json!(true), &json!(null))
    );
    let warnings = long["_meta"]["runner/warnings"].to_string();
    assert!(
        warnings.contains("the 48 items after these cannot be had"),
        "{warnings}"
    );
}
