//! `KEY=VALUE` words, typed by the parameter they name.

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use crate::tool::{ParameterType, Tool};

/// The arguments that `words` give to `tool`. A key given twice makes a list.
pub(super) fn typed(tool: &Tool, words: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut arguments = Map::new();
    for word in words {
        let Some((key, text)) = word.split_once('=') else {
            bail!("`{word}` is not of the form KEY=VALUE");
        };
        let kind = tool
            .parameters
            .get(key)
            .map_or(ParameterType::Any, |parameter| parameter.kind);
        let value = if kind == ParameterType::Array {
            appended(tool, key, text, arguments.remove(key))?
        } else {
            if arguments.contains_key(key) {
                bail!("`{key}` is given twice, but it is no list");
            }
            scalar(kind, text).with_context(|| {
                format!(
                    "`{key}` takes {} value, `{text}` is none",
                    with_article(kind)
                )
            })?
        };
        arguments.insert(key.to_owned(), value);
    }
    Ok(arguments)
}

/// A whole list as JSON, or one more element.
fn appended(tool: &Tool, key: &str, text: &str, earlier: Option<Value>) -> anyhow::Result<Value> {
    if text.starts_with('[') && earlier.is_none() {
        return serde_json::from_str(text).with_context(|| format!("`{key}` is not a JSON list"));
    }
    let mut elements = match earlier {
        Some(Value::Array(elements)) => elements,
        _ => Vec::new(),
    };
    let kind = element_type(tool, key);
    elements.push(scalar(kind, text).with_context(|| {
        format!(
            "each `{key}` takes {} value, `{text}` is none",
            with_article(kind)
        )
    })?);
    Ok(Value::Array(elements))
}

fn element_type(tool: &Tool, key: &str) -> ParameterType {
    match tool
        .parameters
        .own_schema(key)
        .and_then(|schema| schema.pointer("/items/type"))
        .and_then(Value::as_str)
    {
        Some("integer") => ParameterType::Integer,
        Some("number") => ParameterType::Number,
        Some("boolean") => ParameterType::Boolean,
        Some("object") => ParameterType::Object,
        Some("array") => ParameterType::Array,
        _ => ParameterType::String,
    }
}

fn scalar(kind: ParameterType, text: &str) -> Option<Value> {
    let parsed = || serde_json::from_str::<Value>(text).ok();
    match kind {
        ParameterType::String => Some(Value::String(text.to_owned())),
        ParameterType::Any => Some(parsed().unwrap_or_else(|| Value::String(text.to_owned()))),
        ParameterType::Integer | ParameterType::Number => parsed().filter(Value::is_number),
        ParameterType::Boolean => parsed().filter(Value::is_boolean),
        ParameterType::Array => parsed().filter(Value::is_array),
        ParameterType::Object => parsed().filter(Value::is_object),
    }
}

fn with_article(kind: ParameterType) -> String {
    let article = match kind {
        ParameterType::Integer
        | ParameterType::Array
        | ParameterType::Object
        | ParameterType::Any => "an",
        _ => "a",
    };
    format!("{article} {}", kind.name())
}
