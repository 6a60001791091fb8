//! What a worker says, read as it comes: no message is ever whole in memory, but for the few words of an error.
//!
//! The worker is the runner's own (`inside/`), so a message begins in one of four ways, to the byte. Anything else is
//! nonsense, and so is a number that nobody asked about: whoever says it has got hold of what is not his.

mod head;

use serde::Deserialize;

use self::head::{Head, What, unknown};
use super::text::Unescape;
use super::whole::Whole;

/// The longest beginning of a message, up to its value, in bytes.
const LONGEST_HEAD: usize = 96;

/// The longest error, in bytes.
const LONGEST_ERROR: usize = 1024;

/// `null` and what closes a message, in bytes.
const LONGEST_NULL: usize = 6;

/// Takes what a worker says, however it is cut into pieces.
#[derive(Debug)]
pub(super) struct Reader {
    state: State,
    /// The beginning of a message that is too short to be known.
    head: Vec<u8>,
    /// Whether texts are told as the JSON they are written in.
    keeps_json: bool,
}

/// A part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// The next bytes of what the call of this number returns.
    Printed(u64, &'a [u8]),
    /// The next bytes of what it yields.
    Yielded(u64, &'a [u8]),
    /// What it yields is whole.
    ItemEnded(u64),
    /// The next bytes of what it logs.
    Logged(u64, &'a [u8]),
    /// It has ended, and what it gives is whole.
    Returned {
        /// The number of the call.
        number: u64,
        /// Whether it gave nothing, which was not told as printed.
        is_null: bool,
    },
    /// It has ended with this exit status.
    Failed(u64, i32),
}

impl Event<'_> {
    /// The number of the call that it is about.
    pub(super) const fn number(&self) -> u64 {
        match *self {
            Self::Printed(number, _)
            | Self::Yielded(number, _)
            | Self::ItemEnded(number)
            | Self::Logged(number, _)
            | Self::Returned { number, .. }
            | Self::Failed(number, _) => number,
        }
    }

    /// Whether it is no part of the end of its call. A thread may be about to say such a thing when that comes.
    pub(super) const fn is_aside(&self) -> bool {
        matches!(
            self,
            Self::Yielded(..) | Self::ItemEnded(_) | Self::Logged(..)
        )
    }
}

/// What was said makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Nonsense {
    /// No message begins like this.
    #[error("`{0}` is no answer")]
    Unknown(String),
    /// A message that ends before it should, or does not end where it should.
    #[error("an answer is not whole")]
    Unfinished,
    /// Nobody asked.
    #[error("there is no call number {0}")]
    NoCall(u64),
}

/// A value that is told as it is.
#[derive(Debug, Default)]
struct Raw {
    /// The last bytes, which may be those that close the message.
    kept: Vec<u8>,
    /// Whether what was told of it is a value. Nobody may look at it later, where it is long.
    whole: Whole,
}

#[derive(Debug)]
enum State {
    /// Before a message, or in its first bytes.
    Head,
    /// Before the first byte of the value.
    Value(Head),
    /// In a value that is told as it is.
    Raw(Head, Raw),
    /// In a text.
    Text(Head, Unescape),
    /// In a value that is nothing.
    Null(Head, Vec<u8>),
    /// In an error.
    Error(Head, Vec<u8>),
    /// After a text, before what closes the message.
    Closing(Head, &'static [u8]),
}

impl Reader {
    /// Tells texts as they are, or as JSON.
    pub(super) const fn new(keeps_json: bool) -> Self {
        Self {
            state: State::Head,
            head: Vec::new(),
            keeps_json,
        }
    }

    /// Takes the next bytes, and tells what they say.
    ///
    /// # Errors
    /// For nonsense, and whatever `tell` refuses; nothing is to be pushed any more then.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        mut tell: impl FnMut(Event<'_>) -> Result<(), Nonsense>,
    ) -> Result<(), Nonsense> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = self.step(rest, &mut tell)?;
        }
        Ok(())
    }

    /// Takes some of `bytes`, and returns the others.
    fn step<'a>(&mut self, bytes: &'a [u8], tell: &mut Tell<'_>) -> Result<&'a [u8], Nonsense> {
        // What is between two messages comes after each of these, unless they say something else.
        let (state, rest) = match std::mem::replace(&mut self.state, State::Head) {
            State::Head => return self.begin(bytes),
            State::Value(head) => self.value(head, bytes)?,
            State::Text(head, unescape) => text(head, unescape, bytes, tell)?,
            State::Closing(head, closing) => close(head, closing, bytes, tell)?,
            State::Raw(head, value) => raw(head, value, bytes, tell)?,
            State::Null(head, kept) => null(head, kept, bytes, tell)?,
            State::Error(head, kept) => error(head, kept, bytes, tell)?,
        };
        self.state = state;
        Ok(rest)
    }

    /// Looks at the first byte of a value, which says what it is.
    fn value<'a>(&self, head: Head, bytes: &'a [u8]) -> Step<'a> {
        let is_text = bytes.first() == Some(&b'"');
        Ok(match head.what {
            What::Error => (State::Error(head, Vec::new()), bytes),
            What::Log if !is_text => return Err(Nonsense::Unfinished),
            What::Result | What::Item if is_text && self.keeps_json => {
                (State::Raw(head, Raw::default()), bytes)
            }
            _ if is_text => (State::Text(head, Unescape::default()), &bytes[1..]),
            _ if bytes.first() == Some(&b'n') => (State::Null(head, Vec::new()), bytes),
            _ => (State::Raw(head, Raw::default()), bytes),
        })
    }

    /// Takes the beginning of a message.
    fn begin<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Nonsense> {
        if self.head.is_empty()
            && let Some((head, length)) = Head::parse(bytes)?
        {
            self.state = State::Value(head);
            return Ok(&bytes[length..]);
        }
        let before = self.head.len();
        let room = LONGEST_HEAD - before;
        self.head.extend_from_slice(&bytes[..room.min(bytes.len())]);
        match Head::parse(&self.head)? {
            Some((head, length)) => {
                self.state = State::Value(head);
                self.head.clear();
                // A beginning that was too short before ends among the new bytes.
                Ok(&bytes[length.saturating_sub(before)..])
            }
            None if bytes.len() < room => Ok(&[]),
            None => Err(unknown(&self.head)),
        }
    }
}

/// What is told of what is read.
type Tell<'t> = dyn FnMut(Event<'_>) -> Result<(), Nonsense> + 't;

/// What comes next, and the bytes that are left.
type Step<'a> = Result<(State, &'a [u8]), Nonsense>;

/// Bytes up to the end of the line, and those after it, if the line ends here.
fn line(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], Some(&bytes[end + 1..])),
        None => (bytes, None),
    }
}

fn text<'a>(head: Head, mut unescape: Unescape, bytes: &'a [u8], tell: &mut Tell<'_>) -> Step<'a> {
    let mut told = Ok(());
    let end = unescape.push(bytes, |text| {
        if told.is_ok() {
            told = tell(head.printed(text));
        }
    });
    told?;
    Ok(match end.map_err(|_| Nonsense::Unfinished)? {
        Some(end) => (State::Closing(head, head.what.closing()), &bytes[end..]),
        None => (State::Text(head, unescape), &[]),
    })
}

/// What closes a message, and the end of its line.
fn close<'a>(head: Head, closing: &'static [u8], bytes: &'a [u8], tell: &mut Tell<'_>) -> Step<'a> {
    match (closing, bytes) {
        ([], [b'\n', rest @ ..]) => {
            tell(head.ended(false))?;
            Ok((State::Head, rest))
        }
        ([next, closing @ ..], [byte, rest @ ..]) if next == byte => {
            Ok((State::Closing(head, closing), rest))
        }
        _ => Err(Nonsense::Unfinished),
    }
}

fn raw<'a>(head: Head, mut value: Raw, bytes: &'a [u8], tell: &mut Tell<'_>) -> Step<'a> {
    let (part, rest) = line(bytes);
    value.push(head, part, tell)?;
    let Some(rest) = rest else {
        return Ok((State::Raw(head, value), &[]));
    };
    if value.kept != head.what.closing() || !value.whole.is_whole() {
        return Err(Nonsense::Unfinished);
    }
    tell(head.ended(false))?;
    Ok((State::Head, rest))
}

impl Raw {
    /// Tells what is known to belong to the value: all but as many bytes as close a message.
    fn push(&mut self, head: Head, bytes: &[u8], tell: &mut Tell<'_>) -> Result<(), Nonsense> {
        let most = head.what.closing().len();
        if let Some(sure) = bytes.len().checked_sub(most) {
            let kept = std::mem::replace(&mut self.kept, bytes[sure..].to_vec());
            self.tell(head, &kept, tell)?;
            return self.tell(head, &bytes[..sure], tell);
        }
        self.kept.extend_from_slice(bytes);
        let surplus = self.kept.len().saturating_sub(most);
        let sure: Vec<u8> = self.kept.drain(..surplus).collect();
        self.tell(head, &sure, tell)
    }

    fn tell(&mut self, head: Head, bytes: &[u8], tell: &mut Tell<'_>) -> Result<(), Nonsense> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.whole.push(bytes).map_err(|_| Nonsense::Unfinished)?;
        tell(head.printed(bytes))
    }
}

fn null<'a>(head: Head, mut kept: Vec<u8>, bytes: &'a [u8], tell: &mut Tell<'_>) -> Step<'a> {
    let (part, rest) = line(bytes);
    if kept.len() + part.len() > LONGEST_NULL {
        return Err(Nonsense::Unfinished);
    }
    kept.extend_from_slice(part);
    let Some(rest) = rest else {
        return Ok((State::Null(head, kept), &[]));
    };
    if kept.strip_prefix(b"null") != Some(head.what.closing()) {
        return Err(Nonsense::Unfinished);
    }
    if head.what == What::Item {
        tell(head.printed(b"null"))?;
    }
    tell(head.ended(true))?;
    Ok((State::Head, rest))
}

fn error<'a>(head: Head, mut kept: Vec<u8>, bytes: &'a [u8], tell: &mut Tell<'_>) -> Step<'a> {
    let (part, rest) = line(bytes);
    if kept.len() + part.len() > LONGEST_ERROR {
        return Err(Nonsense::Unfinished);
    }
    kept.extend_from_slice(part);
    let Some(rest) = rest else {
        return Ok((State::Error(head, kept), &[]));
    };
    tell(Event::Failed(head.number, status(&kept)?))?;
    Ok((State::Head, rest))
}

/// The exit status in an error, the rest of whose message stands in `rest`.
fn status(rest: &[u8]) -> Result<i32, Nonsense> {
    #[derive(Deserialize)]
    struct Error {
        code: i32,
    }
    let error = rest
        .strip_suffix(b"}")
        .and_then(|error| serde_json::from_slice::<Error>(error).ok());
    let code = error.map(|error| error.code);
    code.filter(|code| (1..=255).contains(code))
        .ok_or(Nonsense::Unfinished)
}

#[cfg(test)]
mod tests;
