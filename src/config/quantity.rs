//! Numbers of the file: in range, durations, sizes and rates.

use std::num::NonZeroU32;
use std::time::Duration;

use super::decode::{Decode, Problems, mismatch};
use super::schema::schema;
use super::text::Text;
use super::yaml::{Kind, Node, Scalar, ScalarValue};
use crate::diagnostic::Diagnostic;

/// A whole number of at least 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count(pub(crate) NonZeroU32);

/// A whole number of at least 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole(pub(crate) u32);

/// A TCP port.
#[derive(Clone, Debug)]
pub(crate) enum Port {
    /// The number.
    Number(u16),
    /// A text with `${VARIABLE}` that makes the number.
    Expanded(Text),
}

/// A number above zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate(pub(crate) f64);

/// A duration: seconds, or a text such as "500ms", "30s", "5m", "1h".
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) Duration);

/// A size: bytes, or a text such as "64KiB", "1MiB".
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size(pub(crate) usize);

/// The longest duration that makes sense here: ten years.
const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);
/// The largest size that makes sense here.
const LARGEST: f64 = 1_099_511_627_776.0;

impl Node {
    /// The scalar, when it is one.
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The number, when it is one.
    pub(crate) fn number(&self) -> Option<&serde_json::Number> {
        match &self.scalar()?.value {
            ScalarValue::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The text, when it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        let scalar = self.scalar()?;
        (scalar.value == ScalarValue::Text).then_some(scalar.text.as_str())
    }
}

/// A whole number; `5.0` is one.
fn whole(node: &Node) -> Option<u64> {
    let number = node.number()?;
    number.as_u64().or_else(|| {
        let value = number.as_f64()?;
        let exact = value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked the line above"
        )]
        exact.then_some(value as u64)
    })
}

/// The value of a whole number of any size and sign.
fn whole_value(node: &Node) -> Option<f64> {
    node.number()?.as_f64().filter(|value| value.fract() == 0.0)
}

/// What a figure may be, and what is said of one that is not.
struct Bounds {
    low: f64,
    too_small: &'static str,
    too_large: &'static str,
}

const COUNTS: Bounds = Bounds {
    low: 1.0,
    too_small: "below 1",
    too_large: "above 4294967295",
};

const WHOLES: Bounds = Bounds {
    low: 0.0,
    too_small: "below 0",
    too_large: "above 4294967295",
};

const PORTS: Bounds = Bounds {
    low: 0.0,
    too_small: "below 0",
    too_large: "above 65535",
};

const TIMES: Bounds = Bounds {
    low: 0.0,
    too_small: "below 0",
    too_large: "more than ten years",
};

const SIZES: Bounds = Bounds {
    low: 1.0,
    too_small: "below 1 byte",
    too_large: "above 1 TiB",
};

/// Reports a value that cannot be used: `found`, a figure of the right kind, is out of its bounds; anything else is not
/// what is `expected`.
fn refuse(
    node: &Node,
    name: &str,
    found: Option<f64>,
    bounds: &Bounds,
    expected: &str,
    example: &str,
    problems: &mut Problems,
) {
    let (Some(value), Some(scalar)) = (found, node.scalar()) else {
        return mismatch(node, name, expected, example, problems);
    };
    let why = if value < bounds.low {
        bounds.too_small
    } else {
        bounds.too_large
    };
    let written = &scalar.text;
    problems.push(
        Diagnostic::error(
            node.span,
            format!("{name} is out of range: {written} is {why}"),
        )
        .hint(format!("for example {example}")),
    );
}

impl Decode for Count {
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        let value = whole(node)
            .and_then(|value| u32::try_from(value).ok())
            .and_then(NonZeroU32::new);
        if value.is_none() {
            let found = whole_value(node);
            refuse(
                node,
                name,
                found,
                &COUNTS,
                "a whole number of at least 1",
                &example(name, "5"),
                problems,
            );
        }
        value.map(Self)
    }
}

impl Decode for Whole {
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        let value = whole(node).and_then(|value| u32::try_from(value).ok());
        if value.is_none() {
            let found = whole_value(node);
            refuse(
                node,
                name,
                found,
                &WHOLES,
                "a whole number of at least 0",
                &example(name, "100"),
                problems,
            );
        }
        value.map(Self)
    }
}

impl Decode for Port {
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        if node.text().is_some_and(|text| text.contains("${")) {
            return Text::decode(node, name, problems).map(Self::Expanded);
        }
        let value = whole(node).and_then(|value| u16::try_from(value).ok());
        if value.is_none() {
            let found = whole_value(node);
            refuse(
                node,
                name,
                found,
                &PORTS,
                "a port from 0 to 65535",
                &example(name, "3000"),
                problems,
            );
        }
        value.map(Self::Number)
    }
}

impl Decode for Rate {
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        let value = node
            .number()
            .and_then(serde_json::Number::as_f64)
            .filter(|value| Self::RANGE.contains(value));
        if value.is_none() {
            let found = node.number().and_then(serde_json::Number::as_f64);
            let small = match found {
                Some(found) if found > 0.0 => "too close to 0 to be told from none",
                _ => "not above 0",
            };
            let low = Bounds {
                low: *Self::RANGE.start(),
                too_small: small,
                too_large: "above 1000000000",
            };
            refuse(
                node,
                name,
                found,
                &low,
                "a number above 0 and up to 1000000000",
                &example(name, "10"),
                problems,
            );
        }
        value.map(Self)
    }
}

impl Rate {
    /// What a rate may be: a token in half a year is the slowest that can be told from none.
    pub(crate) const RANGE: std::ops::RangeInclusive<f64> = 1e-7..=1e9;
}

impl Decode for bool {
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        let scalar = node.scalar();
        if let Some(ScalarValue::Boolean(value)) = scalar.map(|scalar| &scalar.value) {
            return Some(*value);
        }
        let message = format!(
            "{name} must be `true` or `false`, found {}",
            node.describe()
        );
        let problem = Diagnostic::error(node.span, message);
        let meant = scalar.and_then(|scalar| match scalar.text.to_lowercase().as_str() {
            "yes" | "y" | "on" | "1" | "true" => Some(true),
            "no" | "n" | "off" | "0" | "false" => Some(false),
            _ => None,
        });
        problems.push(match meant {
            Some(meant) => problem.hint(format!("write `{meant}`, without quotes")),
            None => problem,
        });
        None
    }
}

impl Decode for Time {
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        if let Some(seconds) = node.number().and_then(serde_json::Number::as_f64) {
            if let Ok(duration) = Duration::try_from_secs_f64(seconds)
                && duration <= LONGEST
            {
                return Some(Self(duration));
            }
        } else if let Some(duration) = node.text().and_then(parse_duration) {
            return Some(Self(duration));
        }
        let found = node.number().and_then(serde_json::Number::as_f64);
        let found = found.or_else(|| node.text().and_then(parse_seconds));
        refuse(
            node,
            name,
            found,
            &TIMES,
            "a duration of seconds, or with a unit",
            &format!("{}, or \"500ms\", \"5m\", \"1h\"", example(name, "30")),
            problems,
        );
        None
    }
}

/// Reads "500ms", "30s", "1.5m", "2h" or bare seconds.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(parse_seconds(text)?)
        .ok()
        .filter(|duration| *duration <= LONGEST)
}

/// The same in seconds, however many.
fn parse_seconds(text: &str) -> Option<f64> {
    let (number, unit) = number_and_unit(text)?;
    Some(match unit {
        "ms" => number / 1000.0,
        "" | "s" | "sec" | "second" | "seconds" => number,
        "m" | "min" | "minute" | "minutes" => number * 60.0,
        "h" | "hour" | "hours" => number * 3600.0,
        "d" | "day" | "days" => number * 86400.0,
        _ => return None,
    })
}

/// Splits "1.5 MiB" into the number, not negative, and the unit.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    number
        .is_finite()
        .then_some((number, text[end..].trim_start()))
}

impl Decode for Size {
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        let bytes = match node.number().and_then(serde_json::Number::as_f64) {
            Some(bytes) => Some(bytes),
            None => node.text().and_then(parse_size),
        };
        let fits = bytes.filter(|bytes| bytes.fract() == 0.0 && (1.0..=LARGEST).contains(bytes));
        if fits.is_none() {
            let found = bytes.filter(|bytes| bytes.fract() == 0.0);
            refuse(
                node,
                name,
                found,
                &SIZES,
                "a size in bytes, or with a unit",
                &format!("{}, or \"64KiB\"", example(name, "1MiB")),
                problems,
            );
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "in range, see above"
        )]
        fits.map(|bytes| Self(bytes as usize))
    }
}

/// Reads "64KiB", "1MB" and the like, in bytes.
fn parse_size(text: &str) -> Option<f64> {
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "K" | "KiB" => 1024.0,
        "M" | "MiB" => 1_048_576.0,
        "G" | "GiB" => 1_073_741_824.0,
        _ => return None,
    };
    Some(number * factor)
}

/// Reads "20/min" and the like, in starts a second.
pub(crate) fn parse_rate(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once('/')?;
    let number: f64 = number.trim().parse().ok()?;
    let seconds = match unit.trim() {
        "s" | "sec" | "second" => 1.0,
        "m" | "min" | "minute" => 60.0,
        "h" | "hour" => 3600.0,
        "d" | "day" => 86400.0,
        _ => return None,
    };
    Some(number / seconds).filter(|rate| Rate::RANGE.contains(rate))
}

/// An example line: the key and a value that fits.
fn example(name: &str, value: &str) -> String {
    match name
        .strip_prefix('`')
        .and_then(|name| name.strip_suffix('`'))
    {
        Some(key) => format!("`{key}: {value}`"),
        None => format!("`{value}`"),
    }
}

schema! {
    Count => { "type": "integer", "minimum": 1, "maximum": 4_294_967_295_u32 }
    Whole => { "type": "integer", "minimum": 0, "maximum": 4_294_967_295_u32 }
    Port => { "anyOf": [
        { "type": "integer", "minimum": 0, "maximum": 65535 },
        { "type": "string", "pattern": "\\$\\{" },
    ] }
    Rate => { "type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000 }
    Time => { "anyOf": [
        { "type": "number", "minimum": 0 },
        { "type": "string", "pattern": "^ *[0-9.]+ *(ms|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)? *$" },
    ] }
    Size => { "anyOf": [
        { "type": "integer", "minimum": 1 },
        { "type": "string", "pattern": "^ *[0-9.]+ *(B|[kKMG]B|[KMG](iB)?)? *$" },
    ] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_a_unit() {
        let millis = |text| parse_duration(text).map(|duration| duration.as_millis());
        assert_eq!(millis("500ms"), Some(500));
        assert_eq!(millis("30s"), Some(30_000));
        assert_eq!(millis("30"), Some(30_000));
        assert_eq!(millis("1.5m"), Some(90_000));
        assert_eq!(millis("2 h"), Some(7_200_000));
        for wrong in [
            "",
            "s",
            "-1s",
            "5 parsecs",
            "1e3s",
            "1..2s",
            "99999999d",
            "inf",
        ] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn rates_take_a_period() {
        assert_eq!(parse_rate("20/s"), Some(20.0));
        assert_eq!(parse_rate("30 / min"), Some(0.5));
        for wrong in [
            "20",
            "0/s",
            "-1/s",
            "nan/s",
            "inf/s",
            "20/fortnight",
            "default",
        ] {
            assert_eq!(parse_rate(wrong), None, "{wrong}");
        }
    }
}
