//! Where two texts differ, line by line.

use std::time::Duration;

use similar::{Algorithm, ChangeTag, TextDiff};

/// The longest line that is shown, in characters.
const WIDTH: usize = 300;

/// Lines of a diff, or of a text, that are shown at most.
const SHOWN: usize = 60;

/// Lines of each text that are compared, from the first that differs.
const COMPARED: usize = 2000;

/// Equal lines shown around what differs.
const AROUND: usize = 2;

/// How long a diff may look for its shortest form; then a longer one has to do.
const PATIENCE: Duration = Duration::from_millis(500);

/// A line as it is shown: not too long, and what is cut is told.
pub(super) fn clipped(line: &str) -> String {
    let cut = line.char_indices().nth(WIDTH).map(|(at, _)| at);
    match cut {
        None => line.to_owned(),
        Some(at) => format!(
            "{}... ({} more bytes)",
            &line[..at],
            line.len().saturating_sub(at)
        ),
    }
}

/// The first lines of a text, each after `sign`.
pub(super) fn beginning(sign: char, text: &str) -> Vec<String> {
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        return vec![format!("{sign} (nothing)")];
    }
    let shown = text.lines().take(SHOWN);
    let mut lines: Vec<String> = shown
        .map(|line| format!("{sign} {}", clipped(line)))
        .collect();
    let more = text.lines().skip(SHOWN).count();
    if more > 0 {
        lines.push(format!("  ... and {more} more lines"));
    }
    lines
}

/// What to take from `expected` and what to add to it to get `got`, with some lines around.
pub(super) fn diff(expected: &str, got: &str) -> Vec<String> {
    // What they begin with together is not compared by a method that is there for what differs.
    let same = expected
        .lines()
        .zip(got.lines())
        .take_while(|(one, other)| one == other)
        .count();
    let begin = same.saturating_sub(AROUND);
    let (old, new) = (compared(expected, begin), compared(got, begin));
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Myers)
        .timeout(PATIENCE)
        .diff_slices(&old, &new);
    let mut lines = Vec::new();
    for (index, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if index > 0 {
            lines.push("  ...".to_owned());
        }
        for operation in group {
            lines.extend(diff.iter_changes(operation).map(|change| {
                let sign = match change.tag() {
                    ChangeTag::Delete => '-',
                    ChangeTag::Insert => '+',
                    ChangeTag::Equal => ' ',
                };
                format!("{sign} {}", clipped(change.value()))
            }));
        }
    }
    if begin > 0 {
        lines.insert(0, format!("  ... {begin} equal lines"));
    }
    let more = lines.len().saturating_sub(SHOWN);
    if more > 0 {
        lines.truncate(SHOWN);
        lines.push(format!("  ... and {more} more lines"));
    }
    lines
}

fn compared(text: &str, from: usize) -> Vec<&str> {
    text.lines().skip(from).take(COMPARED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_shows_what_differs_and_what_is_around_it() {
        let one = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj";
        let other = "a\nb\nc\nd\nE\nf\ng\nh\ni\nj\nk";
        assert_eq!(
            diff(one, other),
            [
                "  ... 2 equal lines",
                "  c",
                "  d",
                "- e",
                "+ E",
                "  f",
                "  g",
                "  ...",
                "  i",
                "  j",
                "+ k"
            ]
        );
        assert_eq!(diff("", "x"), ["+ x"]);
    }

    #[test]
    fn large_texts_make_small_diffs() {
        let numbers = |from: u32| -> Vec<String> {
            let numbers = from..from + 50_000;
            numbers.map(|number| number.to_string()).collect()
        };
        let (one, other) = (numbers(0).join("\n"), numbers(1).join("\n"));
        assert!(diff(&one, &other).len() <= SHOWN + 2);
        assert!(diff(&"x".repeat(1_000_000), "y")[0].len() < 2 * WIDTH);
        assert_eq!(beginning('+', &"é\n".repeat(100)).len(), SHOWN + 1);
    }
}
