//! What a body is, and that it says so.

use serde_json::{Value, json};

use crate::world::World;

async fn sent(takes: &str, http: &str, arguments: Value) -> (String, String) {
    let world = World::new(&format!(
        "tools:\n  - name: t\n    description: T\n    parameters: [{takes}]\n    http: {{ method: POST, url: 'http://SERVICE/', {http} }}\n"
    ))
    .await;
    world.call(arguments).await;
    let seen = world.service.one();
    let content_type = seen.header("content-type").unwrap_or_default().to_owned();
    (content_type, String::from_utf8(seen.body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_document_keeps_the_types_of_whole_values() {
    let takes = "{ name: n, type: integer }, { name: b, type: boolean }, { name: l, type: array }, { name: s }, { name: gone }";
    let http = "body: { n: '{{n}}', b: '{{b}}', l: '{{l}}', s: '{{s}}', in: 'n={{n}} {{l}}', gone: '{{gone}}', kept: [1, null, true, '{{gone}}', '{{s}}'], deep: { s: '{{s}}' } }";
    let big = 9_007_199_254_740_993_u64;
    let (content_type, body) = sent(
        takes,
        http,
        json!({"n": big, "b": true, "l": [1, "x"], "s": "1\""}),
    )
    .await;
    assert_eq!(content_type, "application/json");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body,
        json!({"n": big, "b": true, "l": [1, "x"], "s": "1\"", "in": format!("n={big} [1,\"x\"]"),
               "kept": [1, null, true, "1\""], "deep": {"s": "1\""}})
    );
    let (_, body) = sent(takes, http, json!({"n": 1e2})).await;
    assert!(body.starts_with(r#"{"n":100,"#), "{body}");
}

#[tokio::test]
async fn text_is_taken_for_what_it_looks_like_or_is_said_to_be() {
    for (http, sent_type, wanted) in [
        (
            r#"body: '{"a": "{{s}}"}'"#,
            "application/json",
            r#"{"a": "x\"&"}"#,
        ),
        (
            r#"body: '{"a": {{s | json}}}'"#,
            "application/json",
            r#"{"a": "x\"&"}"#,
        ),
        (
            "body: 'a={{s}}&b=1'",
            "application/x-www-form-urlencoded",
            "a=x%22%26&b=1",
        ),
        ("body: 'say {{s}}'", "text/plain; charset=utf-8", "say x\"&"),
        (
            "body: 'a={{s}}', headers: { Content-Type: text/plain }",
            "text/plain",
            "a=x\"&",
        ),
        (
            "body: { a: '{{s}}', n: 1 }, headers: { content-type: application/x-www-form-urlencoded }",
            "application/x-www-form-urlencoded",
            "a=x%22%26&n=1",
        ),
        (
            r#"body: '"{{s}}"', headers: { Content-Type: application/problem+json }"#,
            "application/problem+json",
            r#""x\"&""#,
        ),
    ] {
        let (content_type, body) = sent("{ name: s }", http, json!({"s": "x\"&"})).await;
        assert_eq!(
            (content_type.as_str(), body.as_str()),
            (sent_type, wanted),
            "{http}"
        );
    }
}

#[tokio::test]
async fn a_whole_document_can_be_a_value() {
    let (content_type, body) = sent(
        "{ name: o, type: object }",
        "body: '{{o}}'",
        json!({"o": {"a": [1]}}),
    )
    .await;
    assert_eq!(
        (content_type.as_str(), body.as_str()),
        ("application/json", r#"{"a":[1]}"#)
    );
}
