//! Whether what comes is one whole JSON value, known byte by byte and without keeping any.

/// The deepest value that is followed: its nesting is all that is kept of it.
const DEEPEST: usize = 64 * 1024;

/// Follows a JSON value, however it is cut into pieces; see RFC 8259. The text between quotes is taken for UTF-8.
#[derive(Clone, Debug, Default)]
pub(super) struct Whole {
    place: Place,
    /// What the place is in, from the outside; true for an object.
    objects: Vec<bool>,
}

/// It is no JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoValue;

/// Where the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before a value.
    #[default]
    Value,
    /// Before the first value of an array, or its end.
    FirstItem,
    /// Before the first name of an object, or its end.
    FirstName,
    /// Before a name.
    Name,
    /// Between a name and its value.
    Colon,
    /// After a value.
    After,
    /// Within quotes; true within those of a name.
    Text(bool),
    /// After a backslash.
    Escape(bool),
    /// Before so many digits of an escape.
    Digits(bool, u8),
    /// Before the rest of a word.
    Word(&'static [u8]),
    Number(Number),
}

/// The part of a number that was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    Sign,
    Power,
}

impl Whole {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When no value goes on like this.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), NoValue> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if let Place::Text(_) = self.place {
                let rest = &bytes[at..];
                let plain = rest.iter().position(|byte| ends_plain(*byte));
                let plain = plain.unwrap_or(rest.len());
                if plain > 0 {
                    at += plain;
                    continue;
                }
            }
            self.place = self.next(byte)?;
            at += 1;
        }
        Ok(())
    }

    /// Whether the value has come to its end.
    pub(super) fn is_whole(&self) -> bool {
        let is_ended = match self.place {
            Place::After => true,
            Place::Number(part) => part.can_end(),
            _ => false,
        };
        is_ended && self.objects.is_empty()
    }

    fn next(&mut self, byte: u8) -> Result<Place, NoValue> {
        Ok(match (self.place, byte) {
            (Place::Text(false), b'"') => Place::After,
            (Place::Text(true), b'"') => Place::Colon,
            (Place::Text(is_name), b'\\') => Place::Escape(is_name),
            (Place::Escape(is_name), b'u') => Place::Digits(is_name, 4),
            (Place::Escape(is_name), b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                Place::Text(is_name)
            }
            (Place::Digits(is_name, left), _) if byte.is_ascii_hexdigit() => match left {
                1 => Place::Text(is_name),
                _ => Place::Digits(is_name, left - 1),
            },
            (Place::Word([next, rest @ ..]), _) if byte == *next => match rest {
                [] => Place::After,
                _ => Place::Word(rest),
            },
            (Place::Number(part), _) => match part.next(byte) {
                Some(part) => Place::Number(part),
                None if part.can_end() => self.after(byte)?,
                None => return Err(NoValue),
            },
            (Place::Text(_) | Place::Escape(_) | Place::Digits(..) | Place::Word(_), _) => {
                return Err(NoValue);
            }
            (place, b' ' | b'\t' | b'\n' | b'\r') => place,
            (Place::FirstItem, b']') | (Place::FirstName, b'}') => self.close(),
            (Place::FirstName | Place::Name, b'"') => Place::Text(true),
            (Place::Colon, b':') => Place::Value,
            (Place::Value | Place::FirstItem, _) => self.begin(byte)?,
            (Place::After, _) => self.after(byte)?,
            _ => return Err(NoValue),
        })
    }

    /// The first byte of a value.
    fn begin(&mut self, byte: u8) -> Result<Place, NoValue> {
        Ok(match byte {
            b'"' => Place::Text(false),
            b'{' => self.open(true)?,
            b'[' => self.open(false)?,
            b'-' => Place::Number(Number::Minus),
            b'0' => Place::Number(Number::Zero),
            b'1'..=b'9' => Place::Number(Number::Integer),
            b't' => Place::Word(b"rue"),
            b'f' => Place::Word(b"alse"),
            b'n' => Place::Word(b"ull"),
            _ => return Err(NoValue),
        })
    }

    /// A byte after a value.
    fn after(&mut self, byte: u8) -> Result<Place, NoValue> {
        Ok(match (self.objects.last(), byte) {
            (_, b' ' | b'\t' | b'\n' | b'\r') => Place::After,
            (Some(true), b',') => Place::Name,
            (Some(false), b',') => Place::Value,
            (Some(true), b'}') | (Some(false), b']') => self.close(),
            _ => return Err(NoValue),
        })
    }

    fn open(&mut self, is_object: bool) -> Result<Place, NoValue> {
        if self.objects.len() >= DEEPEST {
            return Err(NoValue);
        }
        self.objects.push(is_object);
        Ok(if is_object {
            Place::FirstName
        } else {
            Place::FirstItem
        })
    }

    fn close(&mut self) -> Place {
        self.objects.pop();
        Place::After
    }
}

impl Number {
    fn next(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus | Self::Integer, b'0'..=b'9') => Self::Integer,
            (Self::Zero | Self::Integer, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::Sign,
            (Self::Exponent | Self::Sign | Self::Power, b'0'..=b'9') => Self::Power,
            _ => return None,
        })
    }

    const fn can_end(self) -> bool {
        matches!(
            self,
            Self::Zero | Self::Integer | Self::Fraction | Self::Power
        )
    }
}

/// Whether a byte within quotes is more than itself.
const fn ends_plain(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    fn is_whole<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> bool {
        let mut whole = Whole::default();
        let is_value = pieces.into_iter().all(|piece| whole.push(piece).is_ok());
        is_value && whole.is_whole()
    }

    #[test]
    fn a_value_ends_where_it_should() {
        for value in [
            r#"{"a": [1, -0.5e+10, 0, 2E3], "b": {}, "": [[], {"c": null}]}"#,
            r#""\u00fC \" \\ ü""#,
            " true ",
            "-0",
            "[\t]",
        ] {
            assert!(is_whole([value.as_bytes()]), "{value}");
        }
        for value in [
            "",
            "{",
            "[1,]",
            "[1 2]",
            r#"{"a"}"#,
            r#"{"a":1,}"#,
            r"{1:2}",
            "01",
            "1.",
            "-",
            "1e",
            "+1",
            "tru",
            "truex",
            "nulls",
            r#""a"#,
            r#""\x""#,
            r#""\u12g4""#,
            "\"\n\"",
            "[]]",
            "{}{}",
            "[}",
            "1 2",
            r#"{"a":}"#,
            r#"{"data": "yyyy{"jsonrpc":"2.0","method":"log"}}"#,
        ] {
            assert!(!is_whole([value.as_bytes()]), "{value}");
        }
    }

    #[test]
    fn what_is_too_deep_is_no_value() {
        let deep = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
        assert!(is_whole([&deep(DEEPEST)[..]]));
        assert!(!is_whole([&deep(DEEPEST + 1)[..]]));
    }

    /// Almost JSON: pieces of it in an order that may make sense.
    fn almost() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\\", "\\u00e4", "0", "1", "-", ".", "e",
            "true", "null", " ", "ü",
        ]);
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn it_is_whole_for_others_as_well(text in almost(), value in any::<(Vec<i8>, f64, String, bool)>(), cut in any::<prop::sample::Index>()) {
            let written = serde_json::to_string(&value).unwrap();
            prop_assert!(is_whole([written.as_bytes()]));
            prop_assert!(is_whole(written.as_bytes().chunks(1)));
            let cut = cut.index(written.len());
            let spoiled = format!("{}{text}{}", &written.get(..cut).unwrap_or_default(), &written.get(cut..).unwrap_or_default());
            for text in [text, spoiled] {
                let expected = serde_json::from_str::<IgnoredAny>(&text).is_ok();
                prop_assert_eq!(is_whole([text.as_bytes()]), expected, "{}", text);
                prop_assert_eq!(is_whole(text.as_bytes().chunks(1)), expected, "{}", text);
            }
        }
    }
}
