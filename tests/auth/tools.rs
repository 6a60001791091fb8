//! What a token opens, and what stays out of sight.

use serde_json::json;

use crate::endpoint::{Endpoint, answer};

#[tokio::test]
async fn each_token_opens_its_tools() {
    let endpoint = Endpoint::guarded().await;
    let all = ["deploy_web", "deploy_api", "report_all", "report_env"];
    assert_eq!(
        endpoint.tools_of("ci-token").await,
        ["deploy_web", "deploy_api"]
    );
    assert_eq!(endpoint.tools_of("desk-token").await, all);
    assert_eq!(endpoint.tools_of("desk-next-token").await, all);
    assert_eq!(endpoint.tools_of("reports-token").await, ["report_env"]);
    assert!(endpoint.tools_of("nobody-token").await.is_empty());
    let called = endpoint.call("ci-token", "deploy_web").await;
    assert_eq!(called["result"]["content"][0]["text"], "web\n", "{called}");
}

#[tokio::test]
async fn a_list_for_one_token_is_not_for_all() {
    let endpoint = Endpoint::guarded().await;
    let request = endpoint
        .request("tools/list", json!({}))
        .bearer_auth("ci-token");
    let (_, list) = answer(request).await;
    assert_eq!(list["result"]["cacheScope"], "private", "{list}");
    let request = endpoint.request("tools/list", json!({"cursor": "2"}));
    let (_, past) = answer(request.bearer_auth("ci-token")).await;
    assert_eq!(past["error"]["code"], -32602, "{past}");
}

#[tokio::test]
async fn a_tool_out_of_reach_is_a_tool_that_is_not_there() {
    let endpoint = Endpoint::guarded().await;
    // The same words for a tool that is hidden and for one that does not exist.
    for tool in ["report_env", "report_xyz"] {
        let answer = endpoint.call("ci-token", tool).await;
        assert_eq!(
            answer["error"],
            json!({"code": -32602, "message": format!("no tool is named `{tool}`"), "data": {"error": {
                "code": "UNKNOWN_TOOL", "type": "validation", "message": format!("no tool is named `{tool}`"),
                "remediation": "list the tools for the names there are", "data": {"nearest": []}}}}),
        );
    }
    let near = endpoint.call("ci-token", "deploy_wb").await;
    assert_eq!(
        near["error"]["data"]["error"]["data"]["nearest"],
        json!(["deploy_web", "deploy_api"])
    );
    let none = endpoint.call("nobody-token", "deploy_web").await;
    assert!(!none.to_string().contains("did you mean"), "{none}");
}

#[tokio::test]
async fn the_check_of_headers_tells_nothing_of_hidden_tools() {
    let endpoint = Endpoint::guarded().await;
    // For who may call it, the header is missing.
    let call = || {
        let arguments = json!({"region": "north"});
        endpoint.request(
            "tools/call",
            json!({"name": "report_all", "arguments": arguments}),
        )
    };
    let (_, seen) = answer(call().bearer_auth("desk-token")).await;
    assert_eq!(seen["error"]["code"], -32020, "{seen}");
    let (_, hidden) = answer(call().bearer_auth("ci-token")).await;
    assert_eq!(
        hidden["error"]["message"], "no tool is named `report_all`",
        "{hidden}"
    );
}

#[tokio::test]
async fn a_script_learns_the_client_s_name_and_never_the_token() {
    let endpoint = Endpoint::guarded().await;
    let shown = endpoint.call("desk-token", "report_env").await["result"].to_string();
    assert!(shown.contains("GANTZ_CLIENT=desk"), "{shown}");
    assert!(!shown.contains("desk-token"), "{shown}");
    assert!(!shown.to_lowercase().contains("authorization"), "{shown}");
    // Where nobody asks for one it goes no further either.
    let open = Endpoint::open().await;
    let shown = open.call("desk-token", "report_env").await["result"].to_string();
    assert!(shown.contains("GANTZ_CLIENT=says-it-is-ci"), "{shown}");
    assert!(!shown.contains("desk-token"), "{shown}");
}
