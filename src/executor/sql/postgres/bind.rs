//! Values as the text that the server's types read.

use serde_json::Value;

use crate::tool::template::SqlValue;
use crate::tool::{ParameterType, ValueError};

/// The text of a value for a parameter of type `kind`; `None` is NULL.
pub(super) fn text(value: &SqlValue, kind: &str) -> Result<Option<String>, ValueError> {
    let Some(given) = &value.value else {
        return Ok(value.is_list.then(|| "{}".to_owned()));
    };
    if kind.ends_with("[]") {
        return Ok(match given {
            Value::Array(items) => Some(array(items)),
            single if value.is_list => Some(array(std::slice::from_ref(single))),
            Value::String(text) => Some(text.clone()),
            other => Some(array(std::slice::from_ref(other))),
        });
    }
    if matches!(kind, "json" | "jsonb") {
        return Ok(Some(match (given, value.kind) {
            // A text is read as JSON, as a literal would be; other values are JSON already.
            (Value::String(text), ParameterType::String | ParameterType::Any) => text.clone(),
            (other, _) => other.to_string(),
        }));
    }
    value.text()
}

/// An array as PostgreSQL writes it (manual, chapter 8.15.6): every element in quotes, NULL without.
fn array(items: &[Value]) -> String {
    let written: Vec<String> = items.iter().map(element).collect();
    format!("{{{}}}", written.join(","))
}

fn element(item: &Value) -> String {
    let text = match item {
        Value::Null => return "NULL".to_owned(),
        Value::Array(items) => return array(items),
        Value::String(text) => text.clone(),
        other => {
            let single = SqlValue {
                name: String::new(),
                kind: ParameterType::Any,
                value: Some(other.clone()),
                is_list: false,
            };
            let text = single.text().ok().flatten();
            text.unwrap_or_else(|| other.to_string())
        }
    };
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_are_quoted_whatever_they_hold() {
        let items = json!(["a,b", "{}", "\\\"", "", "NULL", null, 1.0, [true]]);
        assert_eq!(
            array(items.as_array().unwrap()),
            r#"{"a,b","{}","\\\"","","NULL",NULL,"1",{"true"}}"#
        );
    }
}
