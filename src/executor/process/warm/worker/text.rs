//! The text of a JSON string, as it comes.

/// Turns what stands between the quotes of a JSON string into the text it means, however it is cut into pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unescape {
    state: State,
    /// The first half of a character that is written as two escapes.
    high: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Plain,
    /// After a backslash.
    Escape,
    /// Within `\uXXXX`: so many digits, and what they come to.
    Digits(u8, u16),
}

/// It is no JSON string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoString;

impl Unescape {
    /// Takes the next bytes and gives their text to `tell`. Returns how many bytes belong to the string, its closing quote
    /// included, once that has come; `None` before it.
    ///
    /// # Errors
    /// When an escape is none, or a line ends in the string.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        mut tell: impl FnMut(&[u8]),
    ) -> Result<Option<usize>, NoString> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.state {
                State::Plain => {
                    let rest = &bytes[at..];
                    let plain = rest
                        .iter()
                        .position(|byte| matches!(byte, b'"' | b'\\' | b'\n'));
                    let plain = plain.unwrap_or(rest.len());
                    if plain > 0 {
                        self.end_half(&mut tell);
                        tell(&rest[..plain]);
                        at += plain;
                        continue;
                    }
                    match byte {
                        b'"' => {
                            self.end_half(&mut tell);
                            return Ok(Some(at + 1));
                        }
                        b'\\' => self.state = State::Escape,
                        _ => return Err(NoString),
                    }
                }
                State::Escape => self.escaped(byte, &mut tell)?,
                State::Digits(count, value) => self.digit(byte, count, value, &mut tell)?,
            }
            at += 1;
        }
        Ok(None)
    }

    fn escaped(&mut self, byte: u8, tell: &mut impl FnMut(&[u8])) -> Result<(), NoString> {
        let means = match byte {
            b'u' => {
                self.state = State::Digits(0, 0);
                return Ok(());
            }
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'"' | b'\\' | b'/' => byte,
            _ => return Err(NoString),
        };
        self.end_half(tell);
        tell(&[means]);
        self.state = State::Plain;
        Ok(())
    }

    fn digit(
        &mut self,
        byte: u8,
        count: u8,
        value: u16,
        tell: &mut impl FnMut(&[u8]),
    ) -> Result<(), NoString> {
        let digit = char::from(byte).to_digit(16).ok_or(NoString)?;
        let value = value << 4 | u16::try_from(digit).map_err(|_| NoString)?;
        if count < 3 {
            self.state = State::Digits(count + 1, value);
            return Ok(());
        }
        self.state = State::Plain;
        if let Some(high) = self.high {
            let pair = char::decode_utf16([high, value]).next();
            if let Some(Ok(character)) = pair {
                self.high = None;
                tell_char(character, tell);
                return Ok(());
            }
            self.end_half(tell);
        }
        match char::from_u32(value.into()) {
            Some(character) => tell_char(character, tell),
            None if (0xD800..0xDC00).contains(&value) => self.high = Some(value),
            None => tell_char(char::REPLACEMENT_CHARACTER, tell),
        }
        Ok(())
    }

    /// A first half without its second is no character.
    fn end_half(&mut self, tell: &mut impl FnMut(&[u8])) {
        if self.high.take().is_some() {
            tell_char(char::REPLACEMENT_CHARACTER, tell);
        }
    }
}

fn tell_char(character: char, tell: &mut impl FnMut(&[u8])) {
    tell(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The text, and what came after the closing quote; `None` when that did not come.
    fn text<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(Vec<u8>, Option<Vec<u8>>), NoString> {
        let (mut unescape, mut text, mut after) = (Unescape::default(), Vec::new(), None);
        for piece in pieces {
            if let Some(after) = &mut after {
                Vec::extend_from_slice(after, piece);
            } else if let Some(end) = unescape.push(piece, |bytes| text.extend_from_slice(bytes))? {
                after = Some(piece[end..].to_vec());
            }
        }
        Ok((text, after))
    }

    #[test]
    fn escapes_are_what_they_mean() {
        for (written, means) in [
            (r#"plain"}"#, "plain"),
            (r#"a\n\t\"\\\/\u00fc\r\b\f"}"#, "a\n\t\"\\/ü\r\u{8}\u{c}"),
            (r#"\ud83d\ude00"}"#, "😀"),
            (r#"\ud83dx"}"#, "\u{fffd}x"),
            (r#"\ud83d"}"#, "\u{fffd}"),
            (r#"\ude00\ud83d\ud83d\ude00"}"#, "\u{fffd}\u{fffd}😀"),
        ] {
            let (text, after) = text([written.as_bytes()]).unwrap();
            assert_eq!(String::from_utf8(text).unwrap(), means);
            assert_eq!(after.as_deref(), Some(&b"}"[..]));
        }
        assert_eq!(text([&b"open"[..]]).unwrap().1, None);
        for wrong in [r"\x", r"\u00g0", "a\nb"] {
            assert_eq!(text([wrong.as_bytes()]), Err(NoString), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn it_is_the_text_that_was_written_however_it_is_cut(
            written in ".*",
            is_ascii: bool,
            cut in any::<prop::sample::Index>(),
        ) {
            let mut json = serde_json::to_string(&written).unwrap();
            if is_ascii {
                let escape = |unit: u16| format!("\\u{unit:04x}");
                json = json.chars().map(|c| match c {
                    ' '..='~' => c.to_string(),
                    _ => c.encode_utf16(&mut [0; 2]).iter().copied().map(escape).collect(),
                }).collect();
            }
            let inside = &json.as_bytes()[1..];
            let cut = cut.index(inside.len() + 1);
            let pieces = [&inside[..cut], &inside[cut..]];
            let expected = (written.into_bytes(), Some(Vec::new()));
            prop_assert_eq!(text(pieces).unwrap(), expected.clone());
            prop_assert_eq!(text(inside.chunks(1)).unwrap(), expected);
        }
    }
}
