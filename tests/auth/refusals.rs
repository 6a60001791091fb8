//! Requests without a valid token, and what needs none.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HOST, WWW_AUTHENTICATE};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::endpoint::{Endpoint, answer, request, status};

/// Status, challenge and body of a refusal.
async fn refusal(request: RequestBuilder) -> (u16, String, Value) {
    let response = request.send().await.unwrap();
    let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
    let challenges: Vec<&str> = challenges.map(|value| value.to_str().unwrap()).collect();
    let challenge = challenges.join(" | ");
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    (
        response.status().as_u16(),
        challenge,
        response.json().await.unwrap(),
    )
}

fn error(code: i32, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": null, "error": {"code": code, "message": message}})
}

#[tokio::test]
async fn without_a_token_the_client_is_told_to_send_one() {
    let endpoint = Endpoint::guarded().await;
    let challenge = format!(
        "Bearer resource_metadata=\"http://{}/.well-known/oauth-protected-resource/mcp\"",
        endpoint.host()
    );
    let expected = (
        401,
        challenge,
        error(
            401,
            "this server asks for a token: send it as `Authorization: Bearer TOKEN`",
        ),
    );
    let list = || endpoint.request("tools/list", json!({}));
    assert_eq!(refusal(list()).await, expected);
    // Another way to authenticate is none.
    let basic = list().header(AUTHORIZATION, "Basic Y2k6Y2ktdG9rZW4=");
    assert_eq!(refusal(basic).await, expected);
    // A query ends up in logs: a token in it does not count.
    let url = format!("{}/mcp?access_token=ci-token", endpoint.url);
    assert_eq!(
        refusal(request(&url, "tools/list", json!({}))).await,
        expected
    );
    // Every method of the endpoint asks, and so does what lies below it.
    for method in [Method::GET, Method::DELETE, Method::OPTIONS, Method::PUT] {
        let request = Client::new().request(method, format!("{}/mcp", endpoint.url));
        assert_eq!(refusal(request).await, expected);
    }
    assert_eq!(refusal(endpoint.get("/mcp/below")).await, expected);
    assert_eq!(refusal(endpoint.get("/mcp/")).await, expected);
}

#[tokio::test]
async fn a_wrong_token_is_told_from_none() {
    let endpoint = Endpoint::guarded().await;
    let metadata = format!(
        "Bearer resource_metadata=\"http://{}/.well-known/oauth-protected-resource/mcp\"",
        endpoint.host()
    );
    for wrong in [
        "Bearer other",
        "Bearer ci-toke",
        "Bearer CI-TOKEN",
        "Bearer",
        "bearer ci-token, x",
    ] {
        let request = endpoint
            .request("tools/list", json!({}))
            .header(AUTHORIZATION, wrong);
        assert_eq!(
            refusal(request).await,
            (
                401,
                format!("{metadata}, error=\"invalid_token\""),
                error(401, "the bearer token is not one that this server knows"),
            ),
            "{wrong}"
        );
    }
    let twice = endpoint.request("tools/list", json!({}));
    let twice = twice.bearer_auth("ci-token").bearer_auth("desk-token");
    assert_eq!(
        refusal(twice).await,
        (
            400,
            format!("{metadata}, error=\"invalid_request\""),
            error(
                400,
                "there is more than one `Authorization` header: send one"
            ),
        )
    );
}

#[tokio::test]
async fn the_scheme_is_read_without_regard_to_case() {
    let endpoint = Endpoint::guarded().await;
    for right in [
        "bearer desk-token",
        "BEARER desk-token",
        "Bearer  desk-token",
    ] {
        let request = endpoint
            .request("tools/list", json!({}))
            .header(AUTHORIZATION, right);
        assert_eq!(status(request).await, StatusCode::OK, "{right}");
    }
}

#[tokio::test]
async fn metadata_names_the_resource_and_no_issuer() {
    let endpoint = Endpoint::guarded().await;
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
    ] {
        assert_eq!(
            answer(endpoint.get(path)).await,
            (
                StatusCode::OK,
                json!({
                    "resource": format!("http://{}/mcp", endpoint.host()),
                    "bearer_methods_supported": ["header"],
                    "resource_name": "guarded",
                })
            )
        );
        let named = endpoint.get(path).header(HOST, "tools.example:8080");
        assert_eq!(
            answer(named).await.1["resource"],
            "http://tools.example:8080/mcp"
        );
        let strange = endpoint.get(path).header(HOST, "a\"b");
        assert_eq!(status(strange).await, StatusCode::BAD_REQUEST);
        let open = Endpoint::open().await;
        assert_eq!(status(open.get(path)).await, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn health_needs_no_token() {
    let endpoint = Endpoint::guarded().await;
    assert_eq!(
        answer(endpoint.get("/healthz")).await,
        (StatusCode::OK, json!({"status": "ok", "tools": 4}))
    );
}

#[tokio::test]
async fn a_body_is_not_waited_for_without_a_token() {
    let endpoint = Endpoint::guarded().await;
    let host = endpoint.host().to_owned();
    let answered = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(&host).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 4000000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        String::from_utf8(start.to_vec()).unwrap()
    });
    assert_eq!(answered.await.unwrap(), "HTTP/1.1 401");
}
