//! Where an answer may send a request.

use runner::tool::FailureCode;
use serde_json::json;

use crate::service::Service;
use crate::world::{TOKEN, World};

/// A tool whose service redirects with `status` to `to`.
async fn world(key: &str) -> World {
    let http = format!(
        "http: {{ method: POST, url: 'http://SERVICE/to/{{{{status}}}}?{{{{to}}}}', body: b, \
         headers: {{ Authorization: 'Bearer ${{TOKEN}}', X-Own: own }}{key} }}"
    );
    World::one(&["status", "to"], &http).await
}

#[tokio::test]
async fn the_same_host_is_followed() {
    let world = world("").await;
    for (status, method, body) in [
        ("307", "POST", "b"),
        ("308", "POST", "b"),
        ("302", "GET", ""),
        ("303", "GET", ""),
    ] {
        let output = world
            .call(json!({"status": status, "to": "/there?x"}))
            .await;
        assert_eq!(output.text, "ok");
        let seen = world.service.take();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[1].target, "/there?x");
        let came = (seen[1].method.as_str(), seen[1].body.as_ref());
        assert_eq!(came, (method, body.as_bytes()));
        let token = format!("Bearer {TOKEN}");
        assert_eq!(seen[1].header("authorization"), Some(token.as_str()));
    }
}

#[tokio::test]
async fn another_host_is_not_unless_the_file_says_so() {
    let other = Service::start().await;
    let to = format!("http://{}/there", other.address);
    let world = world("").await;
    let failure = world.failure(json!({"status": "307", "to": to})).await;
    assert_eq!(failure.code, FailureCode::HttpStatus);
    assert_eq!(failure.data["status"], 307);
    assert!(failure.message.contains("another host"), "{failure:?}");
    assert!(
        failure
            .remediation
            .unwrap()
            .contains("follow_redirects: any")
    );
    assert!(other.take().is_empty());

    let world = self::world(", follow_redirects: any").await;
    let output = world.call(json!({"status": "307", "to": to})).await;
    assert_eq!(output.text, "ok");
    let seen = other.one();
    assert_eq!(seen.body.as_ref(), b"b");
    assert_eq!(
        (seen.header("authorization"), seen.header("x-own")),
        (None, None)
    );
}

#[tokio::test]
async fn a_redirect_can_be_the_answer() {
    let world = world(", follow_redirects: none").await;
    let failure = world
        .failure(json!({"status": "302", "to": "/there"}))
        .await;
    assert_eq!(
        (failure.code, &failure.data["status"]),
        (FailureCode::HttpStatus, &json!(302))
    );
    assert_eq!(world.service.take().len(), 1);
}

#[tokio::test]
async fn circles_end() {
    let world = World::one(&[], "http: { url: 'http://SERVICE/circle' }").await;
    let failure = world.failure(json!({})).await;
    assert_eq!(failure.code, FailureCode::HttpError);
    assert!(
        failure.message.contains("more than 10 times"),
        "{failure:?}"
    );
    assert_eq!(world.service.take().len(), 11);
}
