//! How a JSON value becomes text.
//!
//! Strings are their own text. Integers are printed as integers however they were written (`1e2`
//! is `100`) and must fit in 64 bits. Objects and lists inside text are compact JSON. `null` and a
//! missing value are no value at all. The types that a template relied on when it was compiled
//! are held here once more, so that a slip elsewhere can never turn a number into code.

use serde_json::{Number, Value};

use super::ValueError;
use super::placeholder::{Filter, Placeholder};
use crate::tool::{Arguments, ParameterType, whole_number};

/// The largest value that can travel in an environment or an argument list, in bytes: Linux takes
/// 128 KiB for one string, its name and its end included.
pub(super) const LARGEST_VALUE: usize = 128 * 1024 - 256;

/// The most all values of a call can weigh there, in bytes.
pub(super) const LARGEST_SUM: usize = 512 * 1024;

/// What a placeholder stands for in this call; `None` when there is no value.
pub(super) fn lookup<'a>(
    placeholder: &Placeholder,
    arguments: &'a Arguments,
) -> Result<Option<&'a Value>, ValueError> {
    let mut value = arguments.get(&placeholder.parameter);
    for segment in &placeholder.path {
        value = match value {
            Some(Value::Object(fields)) => fields.get(segment),
            Some(Value::Array(items)) => segment.parse::<usize>().ok().and_then(|i| items.get(i)),
            _ => None,
        };
    }
    let value = value.filter(|value| !value.is_null());
    if let Some(value) = value {
        hold(placeholder, value)?;
    }
    Ok(value)
}

/// Refuses a value that is not of the declared type: the compiled template counts on it.
fn hold(placeholder: &Placeholder, value: &Value) -> Result<(), ValueError> {
    let fits = match placeholder.kind {
        ParameterType::Integer | ParameterType::Number => value.is_number(),
        ParameterType::Boolean => value.is_boolean(),
        _ => true,
    };
    if !fits {
        let kind = placeholder.kind.name();
        return Err(ValueError::new(
            placeholder.name(),
            format!("must be of type {kind}"),
        ));
    }
    let listed = placeholder.allowed.as_ref().is_none_or(|allowed| {
        allowed.iter().any(|known| same(known, value))
            || value.as_array().is_some_and(|items| {
                items
                    .iter()
                    .all(|item| allowed.iter().any(|known| same(known, item)))
            })
    });
    if listed {
        Ok(())
    } else {
        Err(ValueError::new(
            placeholder.name(),
            "is not one of the allowed values",
        ))
    }
}

fn same(known: &Value, value: &Value) -> bool {
    known == value
        || matches!((known.as_f64(), value.as_f64()), (Some(a), Some(b)) if a.total_cmp(&b).is_eq())
}

/// The text of a value of a parameter, or of a place in one, of type `kind`.
pub(super) fn text(name: &str, kind: ParameterType, value: &Value) -> Result<String, ValueError> {
    match value {
        Value::Null => Ok(String::new()),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => number_text(name, kind, number),
        Value::Array(_) | Value::Object(_) => Ok(value.to_string()),
    }
}

fn placeholder_text(placeholder: &Placeholder, value: &Value) -> Result<String, ValueError> {
    text(&placeholder.name(), placeholder.kind, value)
}

/// The text of a value that cannot hold a NUL: an argument or a variable of a process.
pub(super) fn text_without_nul(
    placeholder: &Placeholder,
    value: &Value,
) -> Result<String, ValueError> {
    without_nul(placeholder, placeholder_text(placeholder, value)?)
}

/// Refuses a NUL.
pub(super) fn without_nul(placeholder: &Placeholder, text: String) -> Result<String, ValueError> {
    if text.contains('\0') {
        return Err(ValueError::new(
            placeholder.name(),
            "holds a NUL byte, which no argument of a process can carry",
        ));
    }
    Ok(text)
}

fn number_text(name: &str, kind: ParameterType, number: &Number) -> Result<String, ValueError> {
    if number.is_i64() || number.is_u64() {
        return Ok(number.to_string());
    }
    let float = number.as_f64().unwrap_or(f64::NAN);
    if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 {
        // Below 2^53 every whole number is exact, so the text without a fraction is the value.
        return Ok(format!("{}", if float == 0.0 { 0.0 } else { float }));
    }
    if kind != ParameterType::Integer {
        return Ok(number.to_string());
    }
    whole_number(number)
        .map(|whole| whole.to_string())
        .ok_or_else(|| ValueError::new(name, "must be a whole number that fits in 64 bits"))
}

/// A value as JSON: a string without its quotes when it stands inside a JSON string already.
pub(super) fn json(
    placeholder: &Placeholder,
    value: Option<&Value>,
    inside_string: bool,
) -> Result<String, ValueError> {
    let Some(value) = value else {
        return Ok(if inside_string { "" } else { "null" }.to_owned());
    };
    match value {
        Value::Number(_) | Value::Bool(_) => placeholder_text(placeholder, value),
        Value::String(_) if inside_string => Ok(unquoted(value)),
        Value::String(_) => Ok(value.to_string()),
        _ if inside_string => Ok(unquoted(&Value::String(value.to_string()))),
        _ => Ok(value.to_string()),
    }
}

fn unquoted(text: &Value) -> String {
    let quoted = text.to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The text of a placeholder in running text; empty without a value.
pub(super) fn delivered(
    placeholder: &Placeholder,
    arguments: &Arguments,
    inside_json_string: bool,
) -> Result<String, ValueError> {
    let value = lookup(placeholder, arguments)?;
    if placeholder.filter == Filter::Json {
        return json(placeholder, value, inside_json_string);
    }
    value.map_or_else(
        || Ok(String::new()),
        |value| placeholder_text(placeholder, value),
    )
}

/// Refuses a value that is too large for a process to carry.
pub(super) fn within_size(placeholder: &Placeholder, text: &str) -> Result<(), ValueError> {
    if text.len() <= LARGEST_VALUE {
        return Ok(());
    }
    Err(ValueError::new(
        placeholder.name(),
        format!(
            "has {} bytes, more than the 128 KiB that fit in an argument; hand it over with `stdin`",
            text.len()
        ),
    ))
}

/// Refuses values that are too large together.
pub(super) fn sum_within_size(parameter: &str, sum: usize) -> Result<(), ValueError> {
    if sum <= LARGEST_SUM {
        return Ok(());
    }
    Err(ValueError::new(
        parameter,
        "with this value the arguments exceed 512 KiB together; hand large ones over with `stdin`",
    ))
}
