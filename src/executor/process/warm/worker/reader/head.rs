//! The beginning of a message: what it is about, and of which call.

use super::{Event, Nonsense};

/// The digits of the largest number.
const LONGEST_NUMBER: usize = 20;

/// The part of nonsense that is shown, in bytes.
const SHOWN: usize = 60;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Result,
    Item,
    Log,
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) what: What,
    pub(super) number: u64,
}

impl What {
    /// What follows the value.
    pub(super) const fn closing(self) -> &'static [u8] {
        match self {
            Self::Result | Self::Error => b"}",
            Self::Item | Self::Log => b"}}",
        }
    }
}

/// What stands before the number of a call, and what may stand behind it.
type Beginning = (&'static [u8], &'static [(&'static [u8], What)]);

impl Head {
    /// The beginning of a message and its length; `None` when more has to come.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Nonsense> {
        const KINDS: [Beginning; 3] = [
            (
                br#"{"jsonrpc":"2.0","id":"#,
                &[
                    (br#","result":"#, What::Result),
                    (br#","error":"#, What::Error),
                ],
            ),
            (
                br#"{"jsonrpc":"2.0","method":"item","params":{"id":"#,
                &[(br#","item":"#, What::Item)],
            ),
            (
                br#"{"jsonrpc":"2.0","method":"log","params":{"id":"#,
                &[(br#","text":"#, What::Log)],
            ),
        ];
        let mut may_come = false;
        for (before, afters) in KINDS {
            let Some(rest) = bytes.strip_prefix(before) else {
                may_come |= before.starts_with(bytes);
                continue;
            };
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (number, rest) = rest.split_at(digits);
            for (after, what) in afters {
                if rest.starts_with(after)
                    && let Some(number) = parse_number(number)
                {
                    let head = Self {
                        what: *what,
                        number,
                    };
                    return Ok(Some((head, bytes.len() - rest.len() + after.len())));
                }
                may_come |= after.starts_with(rest) && digits <= LONGEST_NUMBER;
            }
        }
        if may_come {
            Ok(None)
        } else {
            Err(unknown(bytes))
        }
    }

    pub(super) const fn printed(self, bytes: &[u8]) -> Event<'_> {
        match self.what {
            What::Log => Event::Logged(self.number, bytes),
            What::Item => Event::Yielded(self.number, bytes),
            What::Result | What::Error => Event::Printed(self.number, bytes),
        }
    }

    pub(super) const fn ended(self, is_null: bool) -> Event<'static> {
        match self.what {
            What::Item => Event::ItemEnded(self.number),
            What::Log => Event::Logged(self.number, b""),
            What::Result | What::Error => Event::Returned {
                number: self.number,
                is_null,
            },
        }
    }
}

fn parse_number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Nonsense with its beginning, as far as it can be shown.
pub(super) fn unknown(bytes: &[u8]) -> Nonsense {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]);
    let shown = text.chars().filter(|c| !c.is_control());
    Nonsense::Unknown(shown.collect())
}
