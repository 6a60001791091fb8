//! Lines of an output that match a pattern.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use regex::bytes::{Regex, RegexBuilder};

use super::page::{Page, ReadError, opened};

/// The longest pattern, in bytes.
const LONGEST_PATTERN: usize = 1024;

/// Memory that a compiled pattern may take, in bytes.
const PATTERN_MEMORY: usize = 1 << 20;

/// Bytes looked through at once; the next page goes on behind them.
const LOOKED_THROUGH: u64 = 256 << 20;

/// The longest line, in bytes: a longer one is looked through in pieces of this length.
const LONGEST_LINE: u64 = 64 * 1024;

/// The most of a line that is shown, in bytes.
const SHOWN: usize = 512;

/// A regular expression, matched in time that grows with the text alone.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPattern(String);

impl Pattern {
    /// Compiles a regular expression (syntax of the `regex` crate: no back-references, no look-around).
    ///
    /// # Errors
    /// When it is not sound, or larger than is good.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        if text.len() > LONGEST_PATTERN {
            let message = format!("the pattern has more than {LONGEST_PATTERN} bytes");
            return Err(InvalidPattern(message));
        }
        RegexBuilder::new(text)
            .size_limit(PATTERN_MEMORY)
            .dfa_size_limit(PATTERN_MEMORY)
            .build()
            .map(Self)
            .map_err(|error| InvalidPattern(error.to_string()))
    }
}

/// The matching lines of the first `total` bytes of a file, from `offset` on, each as `OFFSET: LINE`.
pub(super) fn find_lines(
    path: &Path,
    total: u64,
    is_complete: bool,
    offset: u64,
    limit: usize,
    pattern: &Pattern,
) -> Result<Page, ReadError> {
    if offset > total {
        return Err(ReadError::PastTheEnd { offset, total });
    }
    let mut file = opened(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut rest = BufReader::with_capacity(128 * 1024, file.take(total - offset));
    let (mut text, mut at, mut line) = (String::new(), offset, Vec::new());
    while at - offset < LOOKED_THROUGH {
        line.clear();
        let length = rest
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        let words = line.strip_suffix(b"\n").unwrap_or(&line);
        if let Some(found) = pattern.0.find(words) {
            let shown = around(words, found.start());
            if !text.is_empty() && text.len() + shown.len() + 24 > limit {
                return Ok(page(text, offset, Some(at), total));
            }
            writeln!(text, "{at}: {shown}").expect("writing to a string cannot fail");
        }
        at += length as u64;
    }
    let next = (!is_complete || at < total).then_some(at);
    Ok(page(text, offset, next, total))
}

const fn page(text: String, offset: u64, next_offset: Option<u64>, total: u64) -> Page {
    Page {
        text,
        offset,
        next_offset,
        total,
    }
}

/// The line, or the part of it around a match.
fn around(line: &[u8], found: usize) -> String {
    if line.len() <= SHOWN {
        return String::from_utf8_lossy(line).into_owned();
    }
    let start = found.saturating_sub(SHOWN / 4).min(line.len() - SHOWN);
    let part = String::from_utf8_lossy(&line[start..start + SHOWN]);
    format!("... {} ...", part.trim_matches('\u{fffd}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, pattern: &str, offset: u64, limit: usize) -> Page {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let pattern = Pattern::parse(pattern).unwrap();
        find_lines(
            file.path(),
            text.len() as u64,
            true,
            offset,
            limit,
            &pattern,
        )
        .unwrap()
    }

    #[test]
    fn each_matching_line_comes_with_its_place() {
        let found = find("ok 1\nerror a\nok 2\nerror b", "^err", 0, 1000);
        assert_eq!(found.text, "5: error a\n18: error b\n");
        assert_eq!(found.next_offset, None);
    }

    #[test]
    fn what_does_not_fit_is_found_by_the_next_page() {
        let text = "x marks the spot\n".repeat(100);
        let (mut offset, mut lines) = (Some(0), 0);
        while let Some(at) = offset {
            let page = find(&text, "spot", at, 200);
            assert!(page.text.len() <= 200 && !page.text.is_empty());
            lines += page.text.lines().count();
            offset = page.next_offset;
        }
        assert_eq!(lines, 100);
    }

    #[test]
    fn a_line_without_end_is_shown_around_the_match() {
        let text = format!("{}needle{}", "a".repeat(30_000), "b".repeat(30_000));
        let found = find(&text, "needle", 0, 4000);
        assert!(found.text.contains("needle") && found.text.len() < 600);
    }

    #[test]
    fn a_bad_pattern_is_told() {
        assert!(
            Pattern::parse("(")
                .unwrap_err()
                .to_string()
                .contains("unclosed group")
        );
        assert!(Pattern::parse(&"a".repeat(2000)).is_err());
        assert!(Pattern::parse("(a{1000}){1000}").is_err());
    }
}
