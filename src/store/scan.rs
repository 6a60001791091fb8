//! Where one item ends and the next begins, in a list too long for memory.

use std::io::{self, BufRead};
use std::ops::ControlFlow;

use super::items::ItemsError;
use super::page::ReadError;

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListShape {
    /// As a JSON array.
    Array,
    /// As JSON values, one a line.
    Lines,
}

/// Why an output is no list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoList {
    /// It is something else.
    #[error("it is no list")]
    SomethingElse,
    /// It begins like one.
    #[error("at byte {at}: {reason}")]
    Broken {
        /// Counted from zero.
        at: u64,
        /// What is wrong there.
        reason: String,
    },
}

/// An item.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// Where to begin, to find it again.
    pub(super) mark: u64,
    /// Where it begins.
    pub(super) start: u64,
    /// Its length in bytes, with blanks at its end.
    pub(super) length: u64,
    /// It; `None` where it is longer than asked for.
    pub(super) text: Option<&'a [u8]>,
}

/// The item that is being read.
struct Item {
    mark: u64,
    start: u64,
    length: u64,
    bytes: Vec<u8>,
    longest: usize,
}

impl Item {
    const fn new(mark: u64, longest: usize) -> Self {
        Self {
            mark,
            start: mark,
            length: 0,
            bytes: Vec::new(),
            longest,
        }
    }

    fn extend(&mut self, part: &[u8]) {
        let mut part = part;
        if self.length == 0 {
            let blanks = part.iter().take_while(|byte| is_blank(**byte)).count();
            self.start += blanks as u64;
            part = &part[blanks..];
        }
        self.length += part.len() as u64;
        if self.length <= self.longest as u64 {
            self.bytes.extend_from_slice(part);
        } else {
            self.bytes.clear();
        }
    }

    const fn is_empty(&self) -> bool {
        self.length == 0
    }

    fn found(&self) -> Found<'_> {
        Found {
            mark: self.mark,
            start: self.start,
            length: self.length,
            text: (self.length <= self.longest as u64).then(|| self.bytes.trim_ascii_end()),
        }
    }

    fn next(&mut self, mark: u64) {
        (self.mark, self.start, self.length) = (mark, mark, 0);
        self.bytes.clear();
    }
}

/// Gives `each` item to whoever asks, from the beginning of a list, or from the mark that `source` stands at. Items longer
/// than `longest` bytes are passed over without being kept.
pub(super) fn scan(
    source: impl BufRead,
    shape: ListShape,
    from: Option<u64>,
    longest: usize,
    each: impl FnMut(Found<'_>) -> Result<ControlFlow<()>, NoList>,
) -> Result<(), ItemsError> {
    match shape {
        ListShape::Array => array(source, from, longest, each),
        ListShape::Lines => lines(source, from.unwrap_or(0), longest, each),
    }
}

fn lines(
    mut source: impl BufRead,
    from: u64,
    longest: usize,
    mut each: impl FnMut(Found<'_>) -> Result<ControlFlow<()>, NoList>,
) -> Result<(), ItemsError> {
    let mut at = from;
    let mut item = Item::new(at, longest);
    loop {
        let chunk = filled(&mut source)?;
        let is_end = chunk.is_empty();
        let newline = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..newline.unwrap_or(chunk.len())];
        item.extend(without_mark(part, at));
        let length = newline.map_or(chunk.len(), |newline| newline + 1);
        source.consume(length);
        at += length as u64;
        if newline.is_some() || is_end {
            if !item.is_empty() && each(item.found())?.is_break() {
                return Ok(());
            }
            item.next(at);
        }
        if is_end {
            return Ok(());
        }
    }
}

/// Where an array is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    Inside,
    After,
}

/// Reads an array byte by byte: brackets are counted outside of texts, and what is between two commas is an item.
struct ArrayReader {
    place: Place,
    depth: u64,
    in_text: bool,
    is_escaped: bool,
    /// Whether an item must follow: there was a comma.
    must_follow: bool,
}

/// What a byte means.
enum Meaning {
    Part,
    EndsItem,
    EndsList,
}

impl ArrayReader {
    /// What the next byte inside of the list means.
    const fn meaning(&mut self, byte: u8) -> Meaning {
        if self.in_text {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return Meaning::Part;
        }
        match byte {
            b'"' => self.in_text = true,
            b'[' | b'{' => self.depth += 1,
            b']' if self.depth == 0 => return Meaning::EndsList,
            b',' if self.depth == 0 => return Meaning::EndsItem,
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        Meaning::Part
    }
}

fn array(
    mut source: impl BufRead,
    from: Option<u64>,
    longest: usize,
    mut each: impl FnMut(Found<'_>) -> Result<ControlFlow<()>, NoList>,
) -> Result<(), ItemsError> {
    let mut at = from.unwrap_or(0);
    let mut item = Item::new(at, longest);
    let mut reader = ArrayReader {
        place: if from.is_some() {
            Place::Inside
        } else {
            Place::Before
        },
        depth: 0,
        in_text: false,
        is_escaped: false,
        must_follow: false,
    };
    loop {
        let chunk = filled(&mut source)?;
        if chunk.is_empty() {
            return match reader.place {
                Place::Before => Err(NoList::SomethingElse.into()),
                Place::Inside => Err(broken(at, "the list has no end")),
                Place::After => Ok(()),
            };
        }
        let mut begun = 0;
        for (index, byte) in chunk.iter().enumerate() {
            let here = at + index as u64;
            match reader.place {
                Place::Before if *byte == b'[' => {
                    reader.place = Place::Inside;
                    begun = index + 1;
                    item.next(here + 1);
                }
                Place::Before if is_blank(*byte) || is_in_mark(here, *byte) => {}
                Place::Before => return Err(NoList::SomethingElse.into()),
                Place::After if is_blank(*byte) => {}
                Place::After => return Err(broken(here, "something follows the list")),
                Place::Inside => {
                    let meaning = reader.meaning(*byte);
                    if matches!(meaning, Meaning::Part) {
                        continue;
                    }
                    item.extend(&chunk[begun..index]);
                    begun = index + 1;
                    let is_last = matches!(meaning, Meaning::EndsList);
                    if item.is_empty() && (reader.must_follow || !is_last) {
                        return Err(broken(here, "an item is missing"));
                    }
                    if !item.is_empty() && each(item.found())?.is_break() {
                        return Ok(());
                    }
                    reader.must_follow = true;
                    item.next(here + 1);
                    if is_last {
                        reader.place = Place::After;
                    }
                }
            }
        }
        if reader.place == Place::Inside {
            item.extend(&chunk[begun..]);
        }
        let length = chunk.len();
        source.consume(length);
        at += length as u64;
    }
}

fn filled(source: &mut impl BufRead) -> Result<&[u8], ItemsError> {
    // A file is read: nothing interrupts it for long, and the borrow of a second attempt would not end.
    source
        .fill_buf()
        .map_err(|error: io::Error| ReadError::from(error).into())
}

fn broken(at: u64, reason: &str) -> ItemsError {
    let reason = reason.to_owned();
    NoList::Broken { at, reason }.into()
}

/// What JSON takes for blank (RFC 8259, section 2).
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The byte order mark of UTF-8, which may stand before everything and is no part of it.
const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

fn is_in_mark(at: u64, byte: u8) -> bool {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    BYTE_ORDER_MARK.get(at) == Some(&byte)
}

fn without_mark(part: &[u8], at: u64) -> &[u8] {
    match part.strip_prefix(&BYTE_ORDER_MARK) {
        Some(rest) if at == 0 => rest,
        _ => part,
    }
}
