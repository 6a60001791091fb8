//! Values of rows as JSON.

use serde_json::Value;
use sqlx::postgres::{PgRow, PgValueRef};
use sqlx::{Row as _, ValueRef as _};

use super::plan::Plan;
use super::refusal::trouble;
use crate::executor::sql::rows::fits;
use crate::executor::sql::trouble::Trouble;

/// Digits that every number of JSON keeps, whoever reads it.
const EXACT_DIGITS: usize = 15;

/// Writes the value of a column where there is room for it.
pub(super) fn write(
    row: &PgRow,
    index: usize,
    plan: &Plan,
    room: usize,
    out: &mut Vec<u8>,
) -> Result<(), Trouble> {
    let value = row
        .try_get_raw(index)
        .map_err(|error| trouble(&error, &|_| None))?;
    if value.is_null() {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    fits(value.as_bytes().map_or(0, <[u8]>::len), room)?;
    let kind = plan.columns[index].kind.as_str();
    if !plan.is_json {
        out.extend_from_slice(binary(&value, kind).to_string().as_bytes());
        return Ok(());
    }
    let text = value
        .as_str()
        .map_err(|_| Trouble::Bug("the server sent JSON that is no text"))?;
    match kind {
        "numeric" => out.extend_from_slice(number(text).to_string().as_bytes()),
        "bytea" => serde_json::to_writer(out, text)
            .map_err(|_| Trouble::Bug("a value could not be written"))?,
        "numeric[]" => {
            let parsed = serde_json::from_str(text).unwrap_or(Value::Null);
            out.extend_from_slice(numbers(parsed).to_string().as_bytes());
        }
        _ => out.extend_from_slice(text.as_bytes()),
    }
    Ok(())
}

/// A number that no reader of JSON would change, else its text.
fn number(text: &str) -> Value {
    if let Ok(whole) = text.parse::<i64>() {
        return whole.into();
    }
    let digits = text.trim_start_matches('-').replace('.', "");
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let significant = digits.trim_start_matches('0').trim_end_matches('0').len();
    match serde_json::from_str(text) {
        Ok(number @ Value::Number(_)) if is_plain && significant <= EXACT_DIGITS => number,
        _ => text.into(),
    }
}

fn numbers(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(numbers).collect(),
        Value::String(text) => number(&text),
        other => other,
    }
}

/// A value of what can be no part of another statement, such as `SHOW`, `EXPLAIN` and `CALL`.
fn binary(value: &PgValueRef<'_>, kind: &str) -> Value {
    let bytes = value.as_bytes().unwrap_or_default();
    let whole = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte))
    };
    match (kind, bytes.len()) {
        ("boolean", 1) => (bytes[0] != 0).into(),
        #[expect(clippy::cast_possible_truncation, reason = "two bytes were read")]
        ("smallint", 2) => (whole(bytes) as i16).into(),
        #[expect(clippy::cast_possible_truncation, reason = "four bytes were read")]
        ("integer", 4) => (whole(bytes) as i32).into(),
        ("bigint", 8) => whole(bytes).into(),
        ("json", _) => serde_json::from_slice(bytes).unwrap_or(Value::Null),
        // The first byte is the version of the format.
        ("jsonb", 1..) => serde_json::from_slice(&bytes[1..]).unwrap_or(Value::Null),
        _ => String::from_utf8_lossy(bytes).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_json_would_change_is_text() {
        for (text, json) in [
            ("1", "1"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9223372036854775808", "\"9223372036854775808\""),
            ("0.1", "0.1"),
            ("-0.10", "-0.1"),
            ("123456789.123456", "123456789.123456"),
            ("1234567890.1234567890", "\"1234567890.1234567890\""),
            ("NaN", "\"NaN\""),
            ("Infinity", "\"Infinity\""),
        ] {
            assert_eq!(number(text).to_string(), json);
        }
    }
}
