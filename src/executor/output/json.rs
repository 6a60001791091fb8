//! JSON from what a script printed, and where it breaks.

use serde_json::Value;

/// The most of a broken line that is shown, in characters.
const SHOWN: usize = 80;

/// A text that is not the JSON it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}, at `{shown}`")]
pub(in crate::executor) struct BrokenJson {
    /// Counted from one.
    pub(in crate::executor) line: usize,
    /// Counted from one, in bytes.
    pub(in crate::executor) column: usize,
    /// What the parser says.
    pub(in crate::executor) reason: String,
    /// The text around the place.
    pub(in crate::executor) shown: String,
}

/// Parses a whole text. A byte order mark at its start is not part of it.
pub(in crate::executor) fn parse(text: &str) -> Result<Value, BrokenJson> {
    let text = text.trim_start_matches('\u{feff}');
    serde_json::from_str(text).map_err(|error| BrokenJson::new(text, &error))
}

impl BrokenJson {
    /// A line of its own, of many.
    pub(super) fn in_line(line: usize, text: &str, error: &serde_json::Error) -> Self {
        Self {
            line,
            ..Self::new(text, error)
        }
    }

    fn new(text: &str, error: &serde_json::Error) -> Self {
        let reason = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        Self {
            line: error.line(),
            column: error.column(),
            reason: reason.strip_suffix(&place).unwrap_or(&reason).to_owned(),
            shown: around(text, error.line(), error.column()),
        }
    }
}

/// The part of a line around a byte of it.
fn around(text: &str, line: usize, column: usize) -> String {
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let before = line
        .char_indices()
        .take_while(|(at, _)| at + 1 < column)
        .count();
    line.chars()
        .skip(before.saturating_sub(SHOWN / 2))
        .take(SHOWN)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_is_told_with_its_place_and_its_surroundings() {
        let broken = parse("{\"a\": 1,\n \"b\": nope}").unwrap_err();
        assert_eq!((broken.line, broken.column), (2, 8));
        assert!(broken.shown.contains("\"b\": nope"), "{broken}");
        let long = format!("[{}oops]", "1,".repeat(10_000));
        let broken = parse(&long).unwrap_err();
        assert!(broken.shown.contains("oops") && broken.shown.len() <= SHOWN);
    }
}
