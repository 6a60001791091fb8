//! A file of thousands of tools, served: every page of the list, and a call of the last tool.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fmt::Write;

use serde_json::{Value, json};
use support::lines::LineClient;

/// Enough to be resolved by several threads, and for a last page that is not full.
const TOOLS: usize = 2_250;

/// Tools in one page.
const PAGE: usize = 500;

fn file() -> String {
    let mut text = "tools:\n".to_owned();
    for index in 0..TOOLS {
        write!(
            text,
            "  - name: tool_{index}\n    description: Says what number {index} is told\n    parameters:\n      \
             - {{ name: text, required: true, validation: {{ pattern: \"^[a-z]+$\" }} }}\n    \
             script: {{ shell: 'echo {index} \"{{{{text}}}}\"' }}\n"
        )
        .unwrap();
    }
    text
}

fn names(page: &Value) -> Vec<String> {
    let tools = page["result"]["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn each_of_thousands_of_tools_is_on_one_page_and_can_be_called() {
    let mut client = LineClient::greeted(&file());
    let mut listed = Vec::new();
    let mut cursor = None;
    for page in 1.. {
        let params = cursor.map_or(json!({}), |cursor: Value| json!({ "cursor": cursor }));
        let answer = client.ask(page, "tools/list", &params);
        let found = names(&answer);
        assert!(found.len() <= PAGE, "{} on one page", found.len());
        listed.extend(found);
        match answer["result"].get("nextCursor") {
            Some(next) => cursor = Some(next.clone()),
            None => break,
        }
    }
    let expected: Vec<String> = (0..TOOLS).map(|index| format!("tool_{index}")).collect();
    assert!(listed == expected, "each once, in the order of the file");

    let said = |client: &mut LineClient, id, text| {
        let params = json!({"name": "tool_2249", "arguments": {"text": text}});
        let answer = client.ask(id, "tools/call", &params);
        let content = &answer["result"]["content"][0]["text"];
        content.as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(said(&mut client, 1000, "hello"), "2249 hello\n");
    let refused = said(&mut client, 1001, "HELLO");
    assert!(refused.contains("INVALID_ARGUMENTS"), "{refused}");
}
