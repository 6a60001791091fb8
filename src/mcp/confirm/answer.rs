//! What an answer to a question says.

use rmcp::model::{
    ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationCapability, ElicitationSchema,
};
use serde_json::Value;

/// What a person said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Nothing: the question was put away.
    Nothing,
}

/// Reads an answer (2025-06-18, "Response Actions"); `None` when it is none.
pub(super) fn read(answer: &Value) -> Option<Said> {
    // Arrays would be taken for structs.
    answer.as_object()?;
    serde_json::from_value(answer.clone())
        .ok()
        .as_ref()
        .map(said)
}

/// What the answer says: accepting is the word. Nothing is asked for in the form, so what is in it counts only
/// where it contradicts.
pub(super) fn said(answer: &ElicitResult) -> Said {
    let content = answer.content.as_ref();
    let is_denied = content.is_some_and(|content| content.get("confirm") == Some(&false.into()));
    match answer.action {
        ElicitationAction::Accept if !is_denied => Said::Yes,
        ElicitationAction::Cancel => Said::Nothing,
        _ => Said::No,
    }
}

/// Whether a client with that capability shows forms; one that says no more of it does (2025-11-25, "Capabilities").
pub(super) fn shows_forms(capability: &ElicitationCapability) -> bool {
    capability.form.is_some() || capability.url.is_none()
}

/// The question: a form without fields, so that its only answers are yes and no. A field to tick would be a second
/// yes, which people overlook.
pub(super) fn question(message: String) -> ElicitRequestParams {
    ElicitRequestParams::FormElicitationParams {
        meta: None,
        message,
        requested_schema: ElicitationSchema::new(std::collections::BTreeMap::new()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn accepting_is_the_word_and_a_ticked_no_is_not() {
        let told = |answer: Value| read(&answer);
        assert_eq!(told(json!({"action": "accept"})), Some(Said::Yes));
        let filled = |content: Value| told(json!({"action": "accept", "content": content}));
        assert_eq!(filled(json!({})), Some(Said::Yes));
        assert_eq!(filled(json!({"confirm": true})), Some(Said::Yes));
        assert_eq!(filled(json!({"confirm": false})), Some(Said::No));
        assert_eq!(told(json!({"action": "decline"})), Some(Said::No));
        assert_eq!(told(json!({"action": "cancel"})), Some(Said::Nothing));
        for none in [
            json!(12345),
            json!(null),
            json!({}),
            json!(["accept"]),
            json!({"action": "yes"}),
            json!({"action": true}),
        ] {
            assert_eq!(told(none.clone()), None, "{none}");
        }
    }

    #[test]
    fn a_client_that_only_opens_pages_shows_no_forms() {
        let shows = |capability: Value| shows_forms(&serde_json::from_value(capability).unwrap());
        assert!(shows(json!({})));
        assert!(shows(json!({"form": {}})));
        assert!(shows(json!({"form": {}, "url": {}})));
        assert!(!shows(json!({"url": {}})));
    }
}
