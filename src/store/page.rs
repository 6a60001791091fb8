//! A part of an output, cut where a reader would cut it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// The smallest page: less could not hold a character, and reading would not get on.
const SMALLEST: usize = 16;

/// The most bytes of a character that stand before one in its middle (UTF-8).
const BEFORE: u64 = 3;

/// A part of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The text; bytes that are no UTF-8 are replaced.
    pub text: String,
    /// Where it begins.
    pub offset: u64,
    /// Where to read on; `None` at the end.
    pub next_offset: Option<u64>,
    /// How much there is to read in all.
    pub total: u64,
}

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such output for this reader.
    #[error("no stored output has this id: it may have expired, or belong to another client")]
    Unknown,
    /// There is nothing at that place.
    #[error("`offset` {offset} is past the end: the output has {total} bytes")]
    PastTheEnd {
        /// What was asked for.
        offset: u64,
        /// How much there is.
        total: u64,
    },
    /// The disk fails.
    #[error("the output could not be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// At most `limit` bytes of the first `total` of a file, from `offset` on: whole characters, and whole lines
/// where the page has more than a part of one.
pub(super) fn read_page(
    path: &Path,
    total: u64,
    is_complete: bool,
    offset: u64,
    limit: usize,
) -> Result<Page, ReadError> {
    if offset > total {
        return Err(ReadError::PastTheEnd { offset, total });
    }
    let before = offset.min(BEFORE);
    let mut bytes = Vec::new();
    let mut file = opened(path)?;
    file.seek(SeekFrom::Start(offset - before))?;
    let wanted = (before + limit.max(SMALLEST) as u64).min(total - (offset - before));
    file.take(wanted).read_to_end(&mut bytes)?;
    let skipped = character_start(&bytes, usize::try_from(before).unwrap_or(0));
    let start = offset - before + skipped as u64;
    let page = &bytes[skipped..];
    let is_last = start + page.len() as u64 >= total;
    let page = if is_last && is_complete {
        page
    } else {
        &page[..good_end(page)]
    };
    let end = start + page.len() as u64;
    Ok(Page {
        text: String::from_utf8_lossy(page).into_owned(),
        offset: start,
        next_offset: (!is_complete || end < total).then_some(end),
        total,
    })
}

/// The file of an output; one that is gone has expired this moment.
pub(super) fn opened(path: &Path) -> Result<File, ReadError> {
    File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ReadError::Unknown,
        _ => ReadError::Unreadable(error),
    })
}

/// Where the character begins that `at` is in the middle of; `at` itself where it is in none.
fn character_start(bytes: &[u8], at: usize) -> usize {
    let is_inside = |start: &usize| {
        let character = &bytes[*start..bytes.len().min(start + 4)];
        let length = match std::str::from_utf8(character) {
            Ok(text) => text.chars().next().map_or(0, char::len_utf8),
            Err(error) if error.valid_up_to() > 0 => character_length(character[0]),
            Err(_) => 0,
        };
        start + length > at
    };
    (at.saturating_sub(3)..at).find(is_inside).unwrap_or(at)
}

/// The length that the first byte of a character tells.
const fn character_length(first: u8) -> usize {
    match first {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    }
}

/// Where a page that is not the last is cut: after its last line, or else its last whole character.
fn good_end(bytes: &[u8]) -> usize {
    if let Some(newline) = bytes.iter().rposition(|byte| *byte == b'\n') {
        return newline + 1;
    }
    let tail = bytes.len().saturating_sub(3);
    let cut = (tail..bytes.len()).find(|at| {
        std::str::from_utf8(&bytes[*at..])
            .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    });
    cut.unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pages(bytes: &[u8], limit: usize) -> Vec<Page> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut pages = Vec::new();
        let mut offset = Some(0);
        while let Some(at) = offset {
            let page = read_page(file.path(), bytes.len() as u64, true, at, limit).unwrap();
            offset = page.next_offset;
            pages.push(page);
        }
        pages
    }

    proptest! {
        #[test]
        fn the_pages_together_are_the_text(text in "(\\PC|\n){0,300}", limit in 0_usize..200) {
            let pages = pages(text.as_bytes(), limit);
            let joined: String = pages.iter().map(|page| page.text.as_str()).collect();
            prop_assert_eq!(joined, text);
            prop_assert!(pages.iter().all(|page| page.text.len() <= limit.max(SMALLEST)));
        }

        #[test]
        fn a_page_may_begin_anywhere(text in "\\PC{1,60}", at in 0_usize..200) {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &text).unwrap();
            let at = at.min(text.len());
            let page = read_page(file.path(), text.len() as u64, true, at as u64, 1000).unwrap();
            let start = (0..=at).rev().find(|start| text.is_char_boundary(*start)).unwrap();
            prop_assert_eq!(page.offset, start as u64);
            prop_assert_eq!(&page.text, &text[start..]);
        }

        #[test]
        fn bytes_that_are_no_text_are_passed_over(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let last = pages(&bytes, 20).pop().unwrap();
            prop_assert_eq!(last.next_offset, None);
        }
    }

    #[test]
    fn pages_end_with_lines_where_they_can() {
        let texts: Vec<_> = pages(b"one\ntwo\nthree\nfour and a half\n", 16)
            .into_iter()
            .map(|page| page.text)
            .collect();
        assert_eq!(texts, ["one\ntwo\nthree\n", "four and a half\n"]);
    }

    #[test]
    fn past_the_end_is_told_with_the_figure() {
        let error = read_page(Path::new("absent"), 5, true, 6, 10).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`offset` 6 is past the end: the output has 5 bytes"
        );
    }
}
