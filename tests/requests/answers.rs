//! From an answer to a result or a failure.

use std::time::Duration;

use runner::tool::FailureCode;
use serde_json::{Value, json};

use crate::world::World;

/// A tool that asks for `path`.
async fn world(path: &str, rest: &str) -> World {
    let http = format!(
        "http: {{ url: 'http://SERVICE/{path}', headers: {{ Authorization: 'Bearer ${{TOKEN}}' }} }}"
    );
    World::one(&["v"], &format!("{http}\n    {rest}")).await
}

#[tokio::test]
async fn json_is_structured_and_text_is_text() {
    let output = world("json", "").await.nothing().await;
    let structured = output.structured.unwrap();
    assert_eq!(
        structured["data"]["items"][0]["n"],
        9_007_199_254_740_993_u64
    );
    assert!(output.text.starts_with(r#"{"data""#));
    let output = world("other", "").await.nothing().await;
    assert_eq!((output.text.as_str(), output.structured), ("ok", None));
    let output = world("zip", "").await.nothing().await;
    assert_eq!(output.structured, Some(json!({"zipped": true})));
    let world = world("bytes", "").await;
    let outcome = world.outcome(json!({})).await;
    assert_eq!(outcome.result.unwrap().text, "a\u{fffd}b");
    assert!(
        outcome.warnings[0].starts_with("answered with bytes"),
        "{:?}",
        outcome.warnings
    );
}

#[tokio::test]
async fn a_status_that_is_no_success_is_a_failure_without_secrets() {
    let world = World::one(&["status"], "http: { url: 'http://SERVICE/status/{{status}}?key=${TOKEN}', headers: { Authorization: 'Bearer ${TOKEN}' } }").await;
    for status in [400, 401, 404, 418, 429, 500, 503] {
        let failure = world.failure(json!({"status": status.to_string()})).await;
        assert_eq!(failure.code, FailureCode::HttpStatus);
        assert_eq!(failure.data["status"], status);
        let body = failure.data["body"].as_str().unwrap();
        assert!(
            body.starts_with("said: ") && body.contains("${TOKEN}"),
            "{body}"
        );
        assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
        assert_eq!(failure.envelope()["error"]["type"], "upstream");
    }
}

#[tokio::test]
async fn a_part_of_the_answer_can_be_given_back() {
    for (path, text, structured) in [
        ("data.items[0].name", "first", None),
        ("data.items[0].n", "9007199254740993", None),
        (
            "data.items[0]",
            "{\"name\":\"first\",\"n\":9007199254740993}",
            Some(json!({"name": "first", "n": 9_007_199_254_740_993_u64})),
        ),
    ] {
        let http = format!("http: {{ url: 'http://SERVICE/json', extract_json: '{path}' }}");
        let output = World::one(&[], &http).await.nothing().await;
        assert_eq!(
            (output.text.as_str(), output.structured),
            (text, structured),
            "{path}"
        );
    }
    let http = "http: { url: 'http://SERVICE/json', extract_json: 'data.items[1].name' }";
    let failure = World::one(&[], http).await.failure(json!({})).await;
    assert_eq!(failure.code, FailureCode::OutputInvalid);
    assert!(
        failure
            .message
            .contains("`data.items` has 1 elements, and no [1]"),
        "{failure:?}"
    );
    let http = "http: { url: 'http://SERVICE/other', extract_json: 'a' }";
    let failure = World::one(&[], http).await.failure(json!({})).await;
    assert_eq!(
        (failure.code, &failure.data["body"]),
        (FailureCode::OutputInvalid, &json!("ok"))
    );
}

#[tokio::test]
async fn a_schema_is_held() {
    let rest = "output: { schema: { type: object, required: [id] } }";
    let failure = world("json", rest).await.failure(json!({})).await;
    assert_eq!(failure.code, FailureCode::OutputInvalid);
    assert_eq!(failure.data["violations"].as_array().map(Vec::len), Some(1));
    assert!(failure.remediation.unwrap().contains("service"));
    let rest = "output: { schema: { type: object, required: [data] } }";
    assert!(
        world("json", rest)
            .await
            .nothing()
            .await
            .structured
            .is_some()
    );
}

#[tokio::test]
async fn what_is_too_long_is_cut_or_refused() {
    let rest = "output: { max_bytes: 1000, inline_bytes: 100, on_overflow: truncate }";
    let world = self::world("big/5000", rest).await;
    let outcome = world.outcome(json!({})).await;
    let text = outcome.result.unwrap().text;
    assert!(text.contains("bytes left out"), "{text}");
    assert!(
        outcome.warnings[0].starts_with("answered with 5000 bytes"),
        "{:?}",
        outcome.warnings
    );
    let rest = "output: { max_bytes: 1000, inline_bytes: 100, on_overflow: error }";
    let failure = self::world("big/5000", rest).await.failure(json!({})).await;
    assert_eq!(failure.code, FailureCode::OutputTooLarge);
    assert!(failure.message.starts_with("answered with"), "{failure:?}");
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_read_when_it_is_of_no_use() {
    let rest = "output: { max_bytes: 100, inline_bytes: 100, format: json, on_overflow: error }";
    let world = self::world("drip", rest).await;
    let failure = world.failure(json!({})).await;
    assert_eq!(failure.code, FailureCode::OutputTooLarge);
    world.service.idle().await;
}

#[tokio::test]
async fn broken_connections_are_told_without_addresses() {
    let rest =
        "http: { url: 'http://127.0.0.1:9/${TOKEN}?key=${TOKEN}', headers: { A: '${TOKEN}' } }";
    let failure = World::one(&[], rest).await.failure(json!({})).await;
    assert_eq!(failure.code, FailureCode::HttpError);
    assert!(failure.message.contains("could not connect"), "{failure:?}");
    assert!(
        !failure.envelope().to_string().contains("127.0.0.1"),
        "{failure:?}"
    );
    let failure = world("short", "").await.failure(json!({})).await;
    assert_eq!(failure.code, FailureCode::HttpError);
    assert!(failure.message.contains("no whole answer"), "{failure:?}");
    let rest = "http: { url: 'http://nowhere.invalid/' }";
    assert_eq!(
        World::one(&[], rest).await.code(json!({})).await,
        FailureCode::HttpError
    );
}

#[tokio::test]
async fn connections_are_used_again() {
    let world = world("other", "").await;
    for _ in 0..3 {
        world.nothing().await;
    }
    let seen = world.service.take();
    assert!(seen.iter().all(|one| one.peer == seen[0].peer), "{seen:?}");
    assert_eq!(
        seen[0]
            .header("user-agent")
            .map(|agent| agent.starts_with("runner/")),
        Some(true)
    );
    assert_eq!(
        seen[0]
            .header("accept-encoding")
            .map(|kinds| kinds.contains("gzip")),
        Some(true)
    );
}

#[tokio::test]
async fn methods_are_the_file_s() {
    for method in ["GET", "put", "PATCH", "DELETE", "HEAD", "OPTIONS"] {
        let http = format!("http: {{ url: 'http://SERVICE/x', method: {method} }}");
        let world = World::one(&[], &http).await;
        world.call(Value::Object(serde_json::Map::new())).await;
        assert_eq!(world.service.one().method, method.to_uppercase());
    }
}
