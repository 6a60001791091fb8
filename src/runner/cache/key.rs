//! Which calls are equal.

use std::fmt::Write;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::tool::{Call, Tool};

/// Arguments whose text is longer than this, in bytes, are not looked up: to compare them costs more than it
/// is likely to save, and they would crowd out everything else.
const LONGEST_ARGUMENTS: usize = 64 * 1024;

/// What an answer belongs to: the very tool the call arrived with, so that a reload that changes a tool makes its
/// answers unreachable; the arguments, whatever their order; and the client, unless the tool's answers are shared.
/// The client is the one the answer is handed to, so a server that authenticates must put the name it knows into
/// [`crate::tool::CallContext::client`].
#[derive(Clone, Debug)]
pub(super) struct Key(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    tool: Arc<Tool>,
    client: Option<String>,
    arguments: String,
    /// What the caller asked for: who gives more time must not get the timeout of who gave less.
    timeout: Option<Duration>,
}

impl Key {
    /// The key of a call of a tool that caches; `None` where it does not, or the arguments are too long.
    pub(super) fn of(call: &Call) -> Option<Self> {
        let rules = call.tool.cache?;
        let mut arguments = String::new();
        write_object(&mut arguments, call.arguments.as_object())?;
        Some(Self(Arc::new(Parts {
            tool: Arc::clone(&call.tool),
            client: (!rules.shared).then(|| call.context.client.clone()),
            arguments,
            timeout: call.arguments.timeout(),
        })))
    }

    /// What it takes in memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let client = self.0.client.as_ref().map_or(0, String::len);
        size_of::<Parts>() + client + self.0.arguments.len()
    }

    #[cfg(test)]
    pub(super) fn arguments(&self) -> &str {
        &self.0.arguments
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (&*self.0, &*other.0);
        Arc::ptr_eq(&one.tool, &two.tool)
            && one.client == two.client
            && one.arguments == two.arguments
            && one.timeout == two.timeout
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Equal keys have one tool, so its name is as good as its address.
        self.0.tool.name.hash(state);
        self.0.client.hash(state);
        self.0.arguments.hash(state);
    }
}

/// Writes an object as compact JSON with its members in the order of their names, as RFC 8785 does. `None` when
/// the text gets too long.
fn write_object(text: &mut String, object: &Map<String, Value>) -> Option<()> {
    let mut members: Vec<(&String, &Value)> = object.iter().collect();
    members.sort_unstable_by_key(|(name, _)| *name);
    text.push('{');
    for (index, (name, value)) in members.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_string(text, name)?;
        text.push(':');
        write_value(text, value)?;
    }
    text.push('}');
    Some(())
}

fn write_value(text: &mut String, value: &Value) -> Option<()> {
    match value {
        Value::Object(object) => write_object(text, object)?,
        Value::Array(elements) => {
            text.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_value(text, element)?;
            }
            text.push(']');
        }
        Value::String(string) => write_string(text, string)?,
        Value::Null | Value::Bool(_) | Value::Number(_) => write!(text, "{value}").ok()?,
    }
    (text.len() <= LONGEST_ARGUMENTS).then_some(())
}

fn write_string(text: &mut String, string: &str) -> Option<()> {
    if string.len() > LONGEST_ARGUMENTS {
        return None;
    }
    text.push_str(&serde_json::to_string(string).ok()?);
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::runner::tests::{cached_tool, call_by};

    #[test]
    fn the_order_of_members_does_not_matter_and_that_of_elements_does() {
        let tool = cached_tool(false);
        let key = |arguments| Key::of(&call_by(&tool, "ada", arguments)).unwrap();
        let one = key(json!({"a": {"x": 1, "y": [1, "\"}"]}, "b": null}));
        let two = key(json!({"b": null, "a": {"y": [1, "\"}"], "x": 1}}));
        assert_eq!(one, two);
        assert_eq!(one.arguments(), r#"{"a":{"x":1,"y":[1,"\"}"]},"b":null}"#);
        assert_ne!(one, key(json!({"a": {"x": 1, "y": ["\"}", 1]}, "b": null})));
    }

    #[test]
    fn clients_have_answers_of_their_own_unless_shared() {
        let own = cached_tool(false);
        let key = |tool, client| Key::of(&call_by(tool, client, json!({}))).unwrap();
        assert_eq!(key(&own, "ada"), key(&own, "ada"));
        assert_ne!(key(&own, "ada"), key(&own, "bob"));
        let shared = cached_tool(true);
        assert_eq!(key(&shared, "ada"), key(&shared, "bob"));
    }

    #[test]
    fn a_tool_that_a_reload_changed_is_another_tool() {
        let (before, after) = (cached_tool(true), cached_tool(true));
        let key = |tool| Key::of(&call_by(tool, "ada", json!({}))).unwrap();
        assert_ne!(key(&before), key(&after));
    }

    #[test]
    fn huge_arguments_have_no_key() {
        let tool = cached_tool(true);
        let huge = "x".repeat(LONGEST_ARGUMENTS);
        assert!(Key::of(&call_by(&tool, "ada", json!({"a": huge}))).is_none());
        let many: Vec<u32> = (0..20_000).collect();
        assert!(Key::of(&call_by(&tool, "ada", json!({"a": many}))).is_none());
    }
}
