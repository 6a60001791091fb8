//! Sessions kept to their clients, and tokens that change under them.

use reqwest::{Client, Method, StatusCode};
use runner::server::change_access;
use serde_json::{Value, json};

use crate::endpoint::{Endpoint, TOKENS, event, names, settings, status};

#[tokio::test]
async fn a_session_belongs_to_the_client_that_opened_it() {
    let endpoint = Endpoint::guarded().await;
    let session = endpoint.session("desk-token").await;
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});
    for method in [Method::POST, Method::GET, Method::DELETE] {
        let mut answers = Vec::new();
        for id in [session.as_str(), "5f0c1a52-0000-4000-8000-000000000000"] {
            let request = endpoint
                .in_session(method.clone(), "ci-token", Some(id))
                .json(&list);
            let response = request.send().await.unwrap();
            let mut headers = response.headers().clone();
            headers.remove("date");
            answers.push((response.status(), headers, response.text().await.unwrap()));
        }
        assert_eq!(
            answers[0], answers[1],
            "an id of others is like one of nobody"
        );
        assert_eq!(answers[0].0, StatusCode::NOT_FOUND);
        assert_eq!(answers[0].2, "Not Found: Session not found");
    }
    // Its own client goes on, also with its next token; the session was not ended.
    for token in ["desk-token", "desk-next-token"] {
        let request = endpoint.in_session(Method::POST, token, Some(&session));
        let response = request.json(&list).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(names(&event(response).await).len(), 4);
    }
    // Without a token the session does not matter.
    let anonymous = Client::new().post(format!("{}/mcp", endpoint.url));
    let anonymous = anonymous.header("mcp-session-id", &session).json(&list);
    assert_eq!(status(anonymous).await, StatusCode::UNAUTHORIZED);
    let end = endpoint.in_session(Method::DELETE, "desk-token", Some(&session));
    assert!(status(end).await.is_success());
}

#[tokio::test]
async fn an_array_in_the_session_of_another_is_in_none() {
    let endpoint = Endpoint::guarded().await;
    let session = endpoint.session_of("desk-token", "2025-03-26").await;
    let pings = json!([
        {"jsonrpc": "2.0", "id": 2, "method": "ping"},
        {"jsonrpc": "2.0", "id": 3, "method": "ping"}
    ]);
    let send = |token| {
        endpoint
            .in_session(Method::POST, token, Some(&session))
            .json(&pings)
            .send()
    };
    let refused = send("ci-token").await.unwrap();
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        refused.text().await.unwrap(),
        "Not Found: Session not found"
    );
    let answered = send("desk-token").await.unwrap();
    assert_eq!(answered.status(), StatusCode::OK);
    let answers: Value = answered.json().await.unwrap();
    assert_eq!(answers.as_array().unwrap().len(), 2, "{answers}");
}

#[tokio::test]
async fn in_a_session_too_a_token_opens_its_tools_only() {
    let endpoint = Endpoint::guarded().await;
    let session = endpoint.session("reports-token").await;
    let send = async |message: Value| {
        let request = endpoint.in_session(Method::POST, "reports-token", Some(&session));
        event(request.json(&message).send().await.unwrap()).await
    };
    let list = send(json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})).await;
    assert_eq!(names(&list), ["report_env"]);
    let call = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "deploy_web"}});
    let refused = send(call).await;
    assert_eq!(
        refused["error"]["message"], "no tool is named `deploy_web`",
        "{refused}"
    );
    let call = json!({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "report_env"}});
    let env = send(call).await.to_string();
    assert!(
        env.contains("GANTZ_CLIENT=reports") && !env.contains("says-it-is"),
        "{env}"
    );
}

#[tokio::test]
async fn tokens_change_while_the_server_runs() {
    let endpoint = Endpoint::guarded().await;
    let session = endpoint.session("desk-token").await;
    let next = settings(&[("desk", "fresh-token", None), ("ci", "ci-token", None)]);
    change_access(&endpoint.access, Some(&next)).unwrap();
    let list = |token| endpoint.request("tools/list", json!({})).bearer_auth(token);
    assert_eq!(status(list("desk-token")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(
        status(list("reports-token")).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(endpoint.tools_of("fresh-token").await.len(), 4);
    assert_eq!(endpoint.tools_of("ci-token").await.len(), 4);
    let ping = json!({"jsonrpc": "2.0", "id": 2, "method": "ping"});
    let in_session = |token| {
        endpoint
            .in_session(Method::POST, token, Some(&session))
            .json(&ping)
    };
    assert_eq!(
        status(in_session("desk-token")).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(status(in_session("fresh-token")).await, StatusCode::OK);
}

#[tokio::test]
async fn a_session_opened_before_tokens_were_asked_for_is_nobody_s() {
    let endpoint = Endpoint::open().await;
    let session = endpoint.session("ignored").await;
    change_access(&endpoint.access, Some(&settings(&TOKENS))).unwrap();
    let ping = json!({"jsonrpc": "2.0", "id": 2, "method": "ping"});
    let request = endpoint.in_session(Method::POST, "desk-token", Some(&session));
    assert_eq!(status(request.json(&ping)).await, StatusCode::NOT_FOUND);
}
