//! `max_timeout`: the argument with which a model asks for more time.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::config::decode::Problems;
use crate::config::document::Tool;
use crate::diagnostic::Diagnostic;
use crate::tool::{Parameters, TIMEOUT_ARGUMENT};

/// The parameters with one more argument in their schema, where the tool has a `max_timeout`. It is no parameter: no
/// placeholder names it, and no script sees it.
pub(super) fn add(tool: &Tool, parameters: Parameters, problems: &mut Problems) -> Parameters {
    let Some(longest) = &tool.max_timeout else {
        return parameters;
    };
    if parameters.get(TIMEOUT_ARGUMENT).is_some() {
        let declared = tool.parameters.iter().flat_map(|list| &list.value.0);
        let own = declared
            .filter_map(|parameter| parameter.value.name.as_ref())
            .find(|name| name.text == TIMEOUT_ARGUMENT)
            .map(|name| name.span);
        let whole = tool.input_schema.as_ref().map(|given| given.key);
        let clash = Diagnostic::error(
            own.or(whole).unwrap_or(longest.key),
            format!("with `max_timeout` the argument `{TIMEOUT_ARGUMENT}` is the runner's own"),
        );
        problems.push(
            clash
                .related(longest.key, "which this adds")
                .hint("rename the parameter, or remove `max_timeout`"),
        );
        return parameters;
    }
    let mut schema = parameters.schema().value().clone();
    if let Value::Object(schema) = &mut schema {
        let properties = schema
            .entry("properties")
            .or_insert_with(|| Map::new().into());
        if let Value::Object(properties) = properties {
            properties.insert(TIMEOUT_ARGUMENT.to_owned(), argument(longest.value.0));
        }
    }
    parameters.with_schema(schema)
}

fn argument(longest: Duration) -> Value {
    let seconds = if longest.subsec_nanos() == 0 {
        Value::from(longest.as_secs())
    } else {
        Value::from(longest.as_secs_f64())
    };
    json!({
        "type": "number",
        "description": format!(
            "How many seconds this call may run, at most {seconds}: for work that takes longer than the tool's timeout"
        ),
        "exclusiveMinimum": 0,
        "maximum": seconds,
    })
}
