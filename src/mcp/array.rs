//! Several messages in one array, which 2025-03-26 has and no other revision ("Batching").

use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};

use super::malformed;

/// Messages in one array.
pub(super) const MOST: usize = 50;

/// Whether `text` begins like an array.
pub(super) fn is_array(text: &[u8]) -> bool {
    text.trim_ascii_start().first() == Some(&b'[')
}

/// Whether clients of `revision` may send arrays.
pub(super) fn may_be_sent_in(revision: Option<&ProtocolVersion>) -> bool {
    revision == Some(&ProtocolVersion::V_2025_03_26)
}

/// The messages of an array, not looked at yet.
///
/// # Errors
/// The error that answers a text that is no array of messages (JSON-RPC 2.0, section 6).
pub(super) fn split(text: &[u8]) -> Result<Vec<Value>, Value> {
    let Ok(Value::Array(messages)) = serde_json::from_slice(text) else {
        return Err(malformed::answer(text));
    };
    let refused = |why: &str| {
        let code = malformed::INVALID_REQUEST;
        Err(malformed::error(code, why, &Value::Null))
    };
    match messages.len() {
        0 => refused("an empty array is no message"),
        1..=MOST => Ok(messages),
        _ => refused(&format!("an array holds at most {MOST} messages")),
    }
}

/// The error that answers a message that may not stand in an array: the handshake stands alone.
pub(super) fn refusal(message: &Value) -> Option<Value> {
    let is_handshake = message.get("method") == Some(&json!("initialize"));
    is_handshake.then(|| {
        let id = message.get("id").unwrap_or(&Value::Null);
        let code = malformed::INVALID_REQUEST;
        malformed::error(code, "`initialize` cannot stand in an array", id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_bounded_and_not_empty() {
        let code = |text: &str| match split(text.as_bytes()) {
            Ok(messages) => Ok(messages.len()),
            Err(error) => Err(error["error"]["code"].as_i64().unwrap()),
        };
        assert_eq!(code("[1, {}]"), Ok(2));
        assert_eq!(code("[]"), Err(-32600));
        assert_eq!(code("[1"), Err(-32700));
        let many = |count| Value::from(vec![1; count]).to_string();
        assert_eq!(code(&many(MOST)), Ok(MOST));
        assert_eq!(code(&many(MOST + 1)), Err(-32600));
    }
}
