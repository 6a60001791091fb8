//! A batch as models are told of it.

use serde_json::{Value, json};

use super::request::MAX_CALLS;

/// What the built-in tool does, for a model.
pub const DESCRIPTION: &str = "Run many tool calls as one. Calls run side by side under their tools' own limits; \
    a call starts as soon as the calls it depends on are done. Pass a result on with \"${call_id.result.path}\" \
    anywhere in `params`: a text that is nothing but one reference keeps the value's type. A failed call fails \
    alone; what depends on it is not run. Results come in the order of the calls.";

/// The JSON Schema of a batch.
pub fn schema() -> Value {
    let ids = json!({"type": "array", "items": {"type": "string"}});
    json!({
        "type": "object",
        "properties": {
            "calls": {
                "type": "array", "minItems": 1, "maxItems": MAX_CALLS,
                "items": {
                    "type": "object",
                    "properties": {
                        "call_id": {"type": "string", "description": "names the call in references; `call_N` by default, N its place from 1"},
                        "tool_name": {"type": "string"},
                        "params": {"type": "object", "description": "the tool's arguments; may hold references"},
                        "depends_on": {"type": "array", "items": {"type": "string"}, "description": "ids of calls to wait for; a reference implies it"},
                        "for_each": {"type": "array", "items": {"type": "object"}, "description": "one call for each element, which adds to `params`; their ids are `call_id[0]` and so on, and `${call_id.result}` is the list of their results"},
                    },
                    "required": ["tool_name"], "additionalProperties": false,
                },
            },
            "dependencies": {"type": "object", "additionalProperties": ids, "description": "another way to write `depends_on`: for an id, the ids it waits for"},
            "max_parallel": {"type": "integer", "minimum": 1, "description": "calls of this batch at once; the runner's limit by default"},
            "timeout": {"type": ["string", "number"], "description": "for the whole batch, such as \"60s\"; 10 minutes by default"},
            "on_error": {"type": "string", "enum": ["continue", "stop"], "description": "stop: nothing starts after the first failure"},
        },
        "required": ["calls"], "additionalProperties": false,
    })
}
