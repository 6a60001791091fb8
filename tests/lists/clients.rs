//! Pages and items as the official Python client has them.
#![expect(
    clippy::disallowed_methods,
    reason = "tests start the clients they test with"
)]

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{repository, texts, tool_from};
use crate::world::World;

const TOOLS: &str = r#"
name: clients
tools:
  - name: schooled
    description: Give rows of a kind
    script: { command: python3, args: [-c, "import json; print(json.dumps([{'n': n} for n in range(250)]))"] }
    output:
      inline_bytes: 1KiB
      schema: { type: array, minItems: 200, items: { $ref: '#/$defs/row' }, $defs: { row: { type: object, required: [n] } } }
    pagination: true
  - name: hangs
    description: Give five items and hang
    script: { command: python3, args: [-c, "import json, time\nfor n in range(5):\n    print(json.dumps({'n': n}))\n    time.sleep(0.2)\ntime.sleep(600)"] }
    output: { format: jsonl }
    timeout: 8s
    kill_grace: 500ms
"#;

#[test]
fn python_2_reads_pages_and_hears_of_items() {
    let Some(python) = tool_from("RUNNER_TEST_PYTHON_MCP_2") else {
        return;
    };
    let world = World::new(TOOLS);
    let output = Command::new(python)
        .arg(repository("tests/clients/check_lists_mcp_2.py"))
        .arg(&world.server.url)
        .output()
        .unwrap();
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success(), "{stderr}");
    let answers: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 2, "{stdout}");
    for answer in answers {
        assert_eq!(answer["has_tools"], true);
        assert_eq!(answer["numbers"], json!((0..250).collect::<Vec<u32>>()));
        assert_eq!(answer["hangs"][0], true);
        let error = &answer["hangs"][1]["error"];
        assert_eq!(error["code"], "TIMEOUT");
        let items: Vec<Value> = (0..5).map(|n| json!({"n": n})).collect();
        assert_eq!(error["data"]["items"], json!(items));
        assert_eq!(error["data"]["complete"], false);
        let heard = answer["heard"].as_array().unwrap();
        let last = heard.last().unwrap();
        assert!(heard.len() >= 2, "{heard:?}");
        assert_eq!(*last, json!([5.0, "{\"n\": 4}"]));
    }
}
