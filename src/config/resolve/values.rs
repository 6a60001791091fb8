//! Values the file gives for a parameter, made to fit its type.

use serde_json::{Number, Value};

use crate::config::yaml::{Kind, Node};
use crate::tool::{ParameterType, whole_number};

/// The value as the type wants it: `"10"` is 10 where a number is wanted, and `10` is "10" where text
/// is. `None` when it does not fit.
pub(super) fn typed(node: &Node, kind: ParameterType) -> Option<Value> {
    let text = match &node.kind {
        Kind::Scalar(scalar) => Some(scalar.text.as_str()),
        _ => None,
    };
    let value = node.to_json();
    match kind {
        ParameterType::Any => Some(value),
        ParameterType::Array => value.is_array().then_some(value),
        ParameterType::Object => value.is_object().then_some(value),
        ParameterType::String => text.filter(|_| !value.is_null()).map(Into::into),
        ParameterType::Boolean => value
            .as_bool()
            .or_else(|| text?.trim().parse().ok())
            .map(Value::Bool),
        ParameterType::Number => number(value, text).map(Value::Number),
        ParameterType::Integer => number(value, text).and_then(integer).map(Value::Number),
    }
}

fn number(value: Value, text: Option<&str>) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number),
        // What JSON reads as a number is one; `0x10` or `1_000` in quotes is not.
        Value::String(_) => match serde_json::from_str(text?.trim()) {
            Ok(Value::Number(number)) => Some(number),
            _ => None,
        },
        _ => None,
    }
}

/// Up to here every whole number has a float of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The number as a whole one: `1e2` and `5.0` are.
fn integer(number: Number) -> Option<Number> {
    if !number.is_f64() {
        return Some(number);
    }
    let is_exact = number.as_f64().is_some_and(|value| value.abs() <= EXACT);
    whole_number(&number).filter(|_| is_exact)
}
