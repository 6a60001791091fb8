//! A table: each revision and each feature.

use serde_json::{Value, json};

use crate::client::{Client, Transport};
use crate::{REVISIONS, STATELESS};

const TOOLS: &str = r#"
name: features
version: "7"
tools:
  - name: full
    title: All there is
    description: Answer with an object
    annotations: { read_only: true }
    icons: [{ src: "https://example.com/i.png", mime_type: image/png, sizes: ["48x48"], theme: dark }]
    script: { command: echo, args: ['{"n": 1}'] }
    output: { schema: { type: object, properties: { n: { type: integer } }, required: [n] } }
  - name: titled
    title: A title and no hints
    description: Answer with a list
    script: { command: echo, args: ["[1]"] }
    output: { schema: { type: array } }
  - name: words
    description: Answer with a text that has a schema
    script: { command: echo, args: [hi] }
    output: { format: text, schema: { type: string } }
  - name: media
    description: Answer with content blocks
    script:
      command: echo
      args:
        - >-
          {"content": [{"type": "audio", "data": "AAAA", "mimeType": "audio/wav"},
          {"type": "resource_link", "uri": "https://example.com/a", "name": "a", "description": "the first",
          "icons": [{"src": "https://example.com/i.png"}]}], "structuredContent": [1]}
    output: { format: mcp }
  - name: bare
    description: Answer with structured content alone
    script: { command: echo, args: ['{"content": [], "structuredContent": {"n": 1}}'] }
    output: { format: mcp }
  - name: promises
    description: Promise an object and fail
    script: { shell: exit 3 }
    output: { schema: { type: object } }
  - name: fails
    description: Fail
    script: { shell: exit 3 }
  - name: tells
    description: Tell of progress
    script: { shell: "echo '::progress 1/2 half' >&2; sleep 0.3; echo done" }
  - name: counts
    description: Count far
    script: { shell: seq 1 4000 }
    output: { inline_bytes: 1KiB }
"#;

/// What was seen of one revision, by the name of the feature.
struct Seen(Vec<(&'static str, bool)>);

impl Seen {
    fn note(&mut self, feature: &'static str, is_there: bool) {
        self.0.push((feature, is_there));
    }
}

/// Since when each feature is there.
const SINCE: [(&str, &str); 22] = [
    ("hints", "2025-03-26"),
    ("title among the hints", "2025-03-26"),
    ("title", "2025-06-18"),
    ("icons", "2025-11-25"),
    ("output schema of an object", "2025-06-18"),
    ("output schema of a list", STATELESS),
    ("structured object", "2025-06-18"),
    ("structured list", STATELESS),
    ("structured text", STATELESS),
    ("sound", "2025-03-26"),
    ("link", "2025-06-18"),
    ("icons of a link", "2025-11-25"),
    ("structured list of a script's own", STATELESS),
    ("structured object of a script's own", "2025-06-18"),
    ("structured failure", "2025-06-18"),
    ("message of a progress", "2025-03-26"),
    ("link to a stored output", "2025-06-18"),
    ("type of a result", STATELESS),
    ("freshness of tools", STATELESS),
    ("freshness of resources", STATELESS),
    ("freshness of templates", STATELESS),
    ("freshness of a resource", STATELESS),
];

async fn each_revision_has_its_features(transport: Transport) {
    for revision in REVISIONS {
        let mut client = Client::connect(TOOLS, revision, transport).await;
        let mut seen = Seen(Vec::new());
        look_at_lists(&mut client, &mut seen).await;
        look_at_results(&mut client, &mut seen).await;
        look_at_resources(&mut client, &mut seen).await;
        let features: Vec<_> = seen.0.iter().map(|(feature, _)| *feature).collect();
        for (feature, since) in SINCE {
            assert!(features.contains(&feature), "{feature} was not looked at");
            for (_, is_there) in seen.0.iter().filter(|(name, _)| *name == feature) {
                assert_eq!(*is_there, revision >= since, "{revision}: {feature}");
            }
        }
        assert_eq!(features.len(), SINCE.len(), "{features:?}");
    }
}

#[tokio::test]
async fn over_stdio_each_revision_has_its_features() {
    each_revision_has_its_features(Transport::Stdio).await;
}

#[tokio::test]
async fn over_http_each_revision_has_its_features() {
    each_revision_has_its_features(Transport::Http).await;
}

/// Says who answers, in every result.
fn assert_signed(result: &Value) {
    let info = &result["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!(
        (&info["name"], &info["version"]),
        (&json!("features"), &json!("7")),
        "{result}"
    );
}

async fn look_at_lists(client: &mut Client, seen: &mut Seen) {
    let (answer, _) = client.ask("tools/list", json!({})).await;
    let result = &answer["result"];
    assert_signed(result);
    let tool = |name: &str| {
        let tools = result["tools"].as_array().unwrap();
        tools.iter().find(|tool| tool["name"] == name).unwrap()
    };
    let (full, titled) = (tool("full"), tool("titled"));
    seen.note("hints", full["annotations"]["readOnlyHint"] == true);
    let has_title = full["annotations"]["title"] == "All there is";
    seen.note("title among the hints", has_title);
    seen.note("title", full["title"] == "All there is");
    // Whoever has no title of its own has it among the hints.
    let among_hints = titled["annotations"]["title"] == "A title and no hints";
    if titled.get("title").is_none() && full.get("annotations").is_some() {
        assert!(among_hints, "{titled}");
    }
    let icon = json!([{"src": "https://example.com/i.png", "mimeType": "image/png", "sizes": ["48x48"], "theme": "dark"}]);
    assert!(
        full.get("icons").is_none_or(|icons| *icons == icon),
        "{full}"
    );
    seen.note("icons", full.get("icons").is_some());
    seen.note(
        "output schema of an object",
        full.get("outputSchema").is_some(),
    );
    seen.note(
        "output schema of a list",
        titled.get("outputSchema").is_some(),
    );
    seen.note("freshness of tools", is_fresh(result));
}

fn is_fresh(result: &Value) -> bool {
    let has = |key| result.get(key).is_some();
    assert_eq!(has("ttlMs"), has("cacheScope"));
    has("ttlMs")
}

async fn look_at_results(client: &mut Client, seen: &mut Seen) {
    let full = client.call("full", json!({})).await;
    assert_signed(&full);
    assert_eq!(full["content"][0]["text"], "{\"n\": 1}\n");
    seen.note(
        "structured object",
        full["structuredContent"] == json!({"n": 1}),
    );
    seen.note("type of a result", full["resultType"] == "complete");
    let list = client.call("titled", json!({})).await;
    assert_eq!(list["content"][0]["text"], "[1]\n");
    seen.note("structured list", list["structuredContent"] == json!([1]));
    let words = client.call("words", json!({})).await;
    seen.note("structured text", words["structuredContent"] == "hi\n");

    let media = client.call("media", json!({})).await;
    let blocks = &media["content"];
    seen.note("sound", blocks[0]["type"] == "audio");
    if blocks[0]["type"] != "audio" {
        let text = blocks[0]["text"].as_str().unwrap();
        assert!(
            text.starts_with("[runner] a sound (audio/wav, 4 characters"),
            "{text}"
        );
    }
    seen.note("link", blocks[1]["type"] == "resource_link");
    if blocks[1]["type"] != "resource_link" {
        assert_eq!(blocks[1]["text"], "a (the first): https://example.com/a");
    }
    seen.note("icons of a link", blocks[1].get("icons").is_some());
    let own = media["structuredContent"] == json!([1]);
    seen.note("structured list of a script's own", own);
    let bare = client.call("bare", json!({})).await;
    assert_eq!(bare["content"][0]["text"], "{\"n\":1}");
    let own = bare["structuredContent"] == json!({"n": 1});
    seen.note("structured object of a script's own", own);

    let fails = client.call("fails", json!({})).await;
    assert_signed(&fails);
    let is_told = fails["structuredContent"]["error"]["code"] == "EXIT_STATUS";
    seen.note("structured failure", is_told);
    // What the schema promises is an object of the tool's, which a failure is not.
    for arguments in [json!({}), json!({"unknown": 1})] {
        let broken = client.call("promises", arguments).await;
        assert_signed(&broken);
        assert_eq!(broken["isError"], true);
        assert_eq!(broken.get("structuredContent"), None, "{broken}");
        let text = broken["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("\"error\""), "{text}");
    }
    look_at_progress(client, seen).await;
}

async fn look_at_progress(client: &mut Client, seen: &mut Seen) {
    let params = json!({"name": "tells", "_meta": {"progressToken": "p"}});
    let (answer, told) = client.ask("tools/call", params).await;
    assert_eq!(answer["result"]["content"][0]["text"], "done\n");
    let progress = &told[0]["params"];
    assert_eq!(
        (&progress["progress"], &progress["total"]),
        (&json!(1.0), &json!(2.0)),
        "{told:?}"
    );
    seen.note("message of a progress", progress["message"] == "half");
}

async fn look_at_resources(client: &mut Client, seen: &mut Seen) {
    let counts = client.call("counts", json!({})).await;
    let uri = counts["_meta"]["runner/output"]["uri"].clone();
    let blocks = counts["content"].as_array().unwrap();
    let is_link = |block: &Value| block["type"] == "resource_link" && block["uri"] == uri;
    seen.note("link to a stored output", blocks.iter().any(is_link));
    for (method, feature) in [
        ("resources/list", "freshness of resources"),
        ("resources/templates/list", "freshness of templates"),
    ] {
        let (answer, _) = client.ask(method, json!({})).await;
        assert_signed(&answer["result"]);
        seen.note(feature, is_fresh(&answer["result"]));
    }
    let (answer, _) = client.ask("resources/read", json!({"uri": uri})).await;
    let result = &answer["result"];
    assert_signed(result);
    assert!(
        result["contents"][0]["text"]
            .as_str()
            .unwrap()
            .ends_with("\n4000\n")
    );
    seen.note("freshness of a resource", is_fresh(result));
}

#[tokio::test]
async fn methods_of_the_sessions_era_are_not_known_in_the_current_one() {
    for transport in [Transport::Stdio, Transport::Http] {
        for method in ["ping", "initialize"] {
            let mut client = Client::connect(TOOLS, STATELESS, transport).await;
            if transport == Transport::Stdio {
                // The first request decides the era of the connection.
                client.ask("tools/list", json!({})).await;
            }
            let (answer, _) = client.ask(method, json!({})).await;
            assert_eq!(
                answer["error"]["code"], -32601,
                "{transport:?} {method}: {answer}"
            );
        }
    }
}
