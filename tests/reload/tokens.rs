//! Who may call changes with the file.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::Server;
use crate::world::{World, request, said, tools};

const OLD: &str = "an-old-token-of-32-characters-xx";
const NEW: &str = "another-token-of-32-characters-x";

fn with_tokens(tokens: &[&str]) -> String {
    let tokens: Vec<String> = tokens
        .iter()
        .enumerate()
        .map(|(n, token)| format!("{{name: t{n}, token: {token}}}"))
        .collect();
    let auth = format!(
        "server: {{auth: {{bearer_tokens: [{}]}}}}",
        tokens.join(", ")
    );
    format!("{auth}\n{}", tools(&["a"]))
}

async fn status(server: &Server, token: &str) -> StatusCode {
    let request = request(server, 1, "tools/list", json!({})).bearer_auth(token);
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn changed_tokens_hold_from_the_next_request_on() {
    let world = World::new(&with_tokens(&[OLD]));
    let server = world.serve(&[]);
    assert_eq!(status(&server, OLD).await, StatusCode::OK);
    assert_eq!(status(&server, NEW).await, StatusCode::UNAUTHORIZED);
    world.replace(&with_tokens(&[NEW]));
    said(&server, "gantz.yaml: 1 tool, none different").await;
    assert_eq!(status(&server, OLD).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&server, NEW).await, StatusCode::OK);
}

#[tokio::test]
async fn a_file_whose_tokens_cannot_be_used_changes_nothing() {
    let world = World::new(&with_tokens(&[OLD]));
    let server = world.serve(&[]);
    let twice = with_tokens(&[NEW, NEW]).replace("name: a,", "name: b,");
    world.replace(&twice);
    said(&server, "gantz.yaml was not reloaded").await;
    assert_eq!(status(&server, OLD).await, StatusCode::OK);
    assert_eq!(status(&server, NEW).await, StatusCode::UNAUTHORIZED);
}
