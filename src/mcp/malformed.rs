//! What to say to bytes that are no message of the protocol (JSON-RPC 2.0, section 5.1).

use serde_json::{Value, json};

/// The text is not JSON.
const PARSE_ERROR: i32 = -32700;

/// The JSON is no message.
pub(super) const INVALID_REQUEST: i32 = -32600;

/// The message is fine, and there is no room for it now. Outside the range JSON-RPC reserves, as the protocol asks.
pub(super) const OVERLOADED: i32 = -31000;

/// The server failed.
pub(super) const INTERNAL_ERROR: i32 = -32603;

/// The message is a request whose parameters cannot be read.
const INVALID_PARAMS: i32 = -32602;

/// The error that answers `bytes`, which the SDK could not read as a message.
pub(super) fn answer(bytes: &[u8]) -> Value {
    let message = match serde_json::from_slice::<Value>(bytes) {
        Err(parse) => return error(PARSE_ERROR, &format!("not JSON: {parse}"), &Value::Null),
        Ok(message) => message,
    };
    if message.is_array() {
        let text =
            "arrays of messages are of revision 2025-03-26 alone: send one message at a time";
        return error(INVALID_REQUEST, text, &Value::Null);
    }
    let id = message
        .get("id")
        .filter(|id| id.is_string() || id.is_number());
    match (message.get("method").and_then(Value::as_str), id) {
        (Some(method), Some(id)) if message.get("jsonrpc") == Some(&json!("2.0")) => {
            let method: String = method.chars().take(64).collect();
            error(
                INVALID_PARAMS,
                &format!("the parameters of `{method}` are malformed"),
                id,
            )
        }
        _ => error(
            INVALID_REQUEST,
            "not a JSON-RPC 2.0 message",
            id.unwrap_or(&Value::Null),
        ),
    }
}

/// An error message of JSON-RPC.
pub(super) fn error(code: i32, message: &str, id: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_has_its_code_and_the_id_where_there_is_one() {
        let told = |text: &str| {
            let answer = answer(text.as_bytes());
            (answer["error"]["code"].as_i64(), answer["id"].clone())
        };
        assert_eq!(told("{"), (Some(-32700), Value::Null));
        assert_eq!(told("7"), (Some(-32600), Value::Null));
        assert_eq!(told("[]"), (Some(-32600), Value::Null));
        assert_eq!(told(r#"{"id": "a"}"#), (Some(-32600), json!("a")));
        assert_eq!(told(r#"{"id": {}}"#), (Some(-32600), Value::Null));
        let request = r#"{"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": 7}"#;
        assert_eq!(told(request), (Some(-32602), json!(3)));
    }
}
