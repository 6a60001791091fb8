//! Changed pictures are a changed list.

use std::fs;

use serde_json::json;

use crate::support::lines::LineClient;

const TOOLS: &str = r#"
name: pictures
tools:
  - name: hi
    description: Say hi
    icons: [{ src: "https://example.com/1.png" }]
    script: { shell: echo hi }
"#;

#[test]
fn clients_are_told_of_another_picture() {
    let mut client = LineClient::greeted(TOOLS);
    client.ask(1, "tools/list", &json!({}));
    let written = client.folder.path().join("new");
    fs::write(&written, TOOLS.replace("1.png", "2.png")).unwrap();
    fs::rename(written, client.folder.path().join("gantz.yaml")).unwrap();
    assert_eq!(
        client.receive()["method"],
        "notifications/tools/list_changed"
    );
    let listed = client.ask(2, "tools/list", &json!({}));
    assert_eq!(
        listed["result"]["tools"][0]["icons"][0]["src"],
        "https://example.com/2.png"
    );
}
