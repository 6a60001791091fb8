//! What is said over the socket to a zygote: a length in four bytes, then fields with NUL between them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;

/// The longest message that is sent, in bytes: what a program can be given, with room to spare.
const LONGEST_SENT: usize = 16 * 1024 * 1024;

/// The longest message that is taken, in bytes: a failure with its traceback, or a list of files.
const LONGEST_TAKEN: usize = 1024 * 1024;

/// A message to a zygote.
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn new(word: &str) -> Self {
        Self(word.as_bytes().to_vec())
    }

    /// Adds a field.
    ///
    /// # Errors
    /// For one with a NUL in it, as a start of a program refuses it.
    pub(super) fn field(mut self, field: &(impl AsRef<OsStr> + ?Sized)) -> io::Result<Self> {
        let bytes = field.as_ref().as_bytes();
        if bytes.contains(&0) {
            let kind = io::ErrorKind::InvalidInput;
            return Err(io::Error::new(kind, "nul byte found in provided data"));
        }
        self.0.push(0);
        self.0.extend_from_slice(bytes);
        Ok(self)
    }

    /// Adds variables, sorted by name as a spawned program gets them; of two with one name the later counts.
    pub(super) fn variables<'a>(
        mut self,
        variables: impl Iterator<Item = (&'a OsStr, &'a OsStr)>,
    ) -> io::Result<Self> {
        let sorted: BTreeMap<_, _> = variables.collect();
        for (name, value) in sorted {
            let mut variable = name.to_owned();
            variable.push("=");
            variable.push(value);
            self = self.field(&variable)?;
        }
        Ok(self)
    }

    /// The bytes as they are sent.
    pub(super) fn framed(self) -> io::Result<Vec<u8>> {
        let length = u32::try_from(self.0.len()).ok();
        match length.filter(|_| self.0.len() <= LONGEST_SENT) {
            Some(length) => Ok([&length.to_be_bytes(), self.0.as_slice()].concat()),
            None => Err(io::ErrorKind::ArgumentListTooLong.into()),
        }
    }
}

/// What a zygote says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Whether an interpreter takes part: its version, whether it can do what is needed, and whether it can bear a mark.
    Probed {
        version: String,
        is_able: bool,
        is_marked: bool,
    },
    /// It is ready, and made of these files.
    Ready { files: Vec<OsString> },
    /// It could not load what it should, and this is the traceback.
    Failed(String),
    /// The fork asked for under this number has this process id.
    Started { number: u64, pid: i32 },
    /// There is no fork, for this reason.
    Refused { number: u64, errno: i32 },
    /// The fork has ended and is reaped, with this wait status.
    Reaped { pid: i32, status: i32 },
    /// The fork has not ended.
    Living { pid: i32 },
    /// The fork has ended.
    Ended { pid: i32 },
}

impl Reply {
    /// The next message in `bytes`, and how long it is; `None` when it is not whole yet.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn take(bytes: &[u8]) -> io::Result<Option<(Self, usize)>> {
        let Some((length, rest)) = bytes.split_first_chunk() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > LONGEST_TAKEN {
            return Err(nonsense());
        }
        let Some(message) = rest.get(..length) else {
            return Ok(None);
        };
        let reply = Self::parse(message).ok_or_else(nonsense)?;
        Ok(Some((reply, 4 + length)))
    }

    fn parse(message: &[u8]) -> Option<Self> {
        let mut fields = message.split(|byte| *byte == 0);
        let word = fields.next()?;
        let mut text = || std::str::from_utf8(fields.next()?).ok();
        Some(match word {
            b"probed" => Self::Probed {
                version: text()?.to_owned(),
                is_able: text()? == "1",
                is_marked: text()? == "1",
            },
            b"ready" => Self::Ready {
                files: fields
                    .map(|file| OsStr::from_bytes(file).to_owned())
                    .collect(),
            },
            b"failed" => Self::Failed(text()?.to_owned()),
            b"started" => Self::Started {
                number: text()?.parse().ok()?,
                pid: text()?.parse().ok()?,
            },
            b"refused" => Self::Refused {
                number: text()?.parse().ok()?,
                errno: text()?.parse().ok()?,
            },
            b"reaped" => Self::Reaped {
                pid: text()?.parse().ok()?,
                status: text()?.parse().ok()?,
            },
            b"living" => Self::Living {
                pid: text()?.parse().ok()?,
            },
            b"ended" => Self::Ended {
                pid: text()?.parse().ok()?,
            },
            _ => return None,
        })
    }
}

fn nonsense() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "a warm interpreter talks nonsense",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_a_length_and_no_nul_inside_a_field() {
        let message = Message::new("fork").field("7").unwrap();
        assert_eq!(message.framed().unwrap(), b"\0\0\0\x06fork\x007");
        assert!(Message::new("fork").field("a\0b").is_err());
        let long = "x".repeat(LONGEST_SENT);
        let error = Message::new("fork").field(&long).unwrap().framed();
        assert_eq!(
            error.unwrap_err().kind(),
            io::ErrorKind::ArgumentListTooLong
        );
    }

    #[test]
    fn of_two_variables_the_later_counts() {
        let variables = [("B", "1"), ("A", "2"), ("B", "3")]
            .map(|(name, value)| (OsStr::new(name), OsStr::new(value)));
        let message = Message::new("env")
            .variables(variables.into_iter())
            .unwrap();
        assert_eq!(message.0, b"env\0A=2\0B=3");
    }

    #[test]
    fn replies_are_taken_when_they_are_whole() {
        let bytes = b"\0\0\0\x0eended\x00123456789012".as_slice();
        assert_eq!(Reply::take(&bytes[..3]).unwrap(), None);
        assert_eq!(Reply::take(&bytes[..9]).unwrap(), None);
        let started = b"\0\0\0\x0bstarted\x003\x004 and more".as_slice();
        let (reply, length) = Reply::take(&started[..15]).unwrap().unwrap();
        assert_eq!(reply, Reply::Started { number: 3, pid: 4 });
        assert_eq!(length, 15);
    }

    #[test]
    fn nonsense_is_refused() {
        for bytes in [
            &b"\xff\xff\xff\xff"[..],
            b"\0\0\0\x02hi",
            b"\0\0\0\x08ended\0x1",
        ] {
            assert!(Reply::take(bytes).is_err(), "{bytes:?}");
        }
    }
}
