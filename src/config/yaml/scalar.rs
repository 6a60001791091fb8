//! What a plain scalar means: the core schema of YAML 1.2.2, section 10.3.

use serde_json::Number;

use super::ScalarValue;

impl ScalarValue {
    /// The meaning of a scalar written without quotes. `yes`, `no`, `on` and `off` are text, as YAML
    /// 1.2 has it; infinities and not-a-number are text, as JSON has no such numbers.
    pub(super) fn of_plain(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "true" | "True" | "TRUE" => Self::Boolean(true),
            "false" | "False" | "FALSE" => Self::Boolean(false),
            _ => number(text).map_or(Self::Text, Self::Number),
        }
    }
}

fn number(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return digits_only(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return digits_only(digits, 8);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let starts = unsigned.starts_with(|c: char| c.is_ascii_digit())
        || unsigned
            .strip_prefix('.')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let allowed = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    if !starts || !unsigned.chars().all(allowed) {
        return None;
    }
    if unsigned.chars().all(|c| c.is_ascii_digit()) {
        let plain = text.strip_prefix('+').unwrap_or(text);
        if let Ok(value) = plain.parse::<i64>() {
            return Some(value.into());
        }
        if let Ok(value) = plain.parse::<u64>() {
            return Some(value.into());
        }
    }
    Number::from_f64(text.parse().ok()?)
}

fn digits_only(digits: &str, radix: u32) -> Option<Number> {
    // `from_str_radix` alone would accept a sign.
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok().map(Number::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_schema_decides() {
        for text in [
            "yes",
            "no",
            "on",
            "1_000",
            "0x",
            "0x-1",
            "1e",
            "-",
            ".inf",
            ".nan",
            "1.2.3",
            "2024-01-01",
        ] {
            assert_eq!(ScalarValue::of_plain(text), ScalarValue::Text, "{text}");
        }
        for (text, number) in [
            ("0x1F", 31),
            ("0o17", 15),
            ("+7", 7),
            ("-7", -7),
            ("010", 10),
        ] {
            assert_eq!(
                ScalarValue::of_plain(text),
                ScalarValue::Number(number.into()),
                "{text}"
            );
        }
        for (text, number) in [("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("5.", 5.0)] {
            let number = Number::from_f64(number).expect("finite");
            assert_eq!(
                ScalarValue::of_plain(text),
                ScalarValue::Number(number),
                "{text}"
            );
        }
        assert_eq!(ScalarValue::of_plain("~"), ScalarValue::Null);
        assert_eq!(ScalarValue::of_plain("True"), ScalarValue::Boolean(true));
    }
}
