//! Percent-encoding: what may stand in a URL as it is, and what becomes `%XX`.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986, section 2.3: in no part of a URL has what is left a
/// meaning of its own.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What cannot stand in a URL at all; `%` is left to the author, who may have encoded already.
const IMPOSSIBLE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b'\'');

/// A caller's value, for any part of a URL and for a form.
pub(in crate::tool) fn value(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The author's words: what the author encoded stays so.
pub(super) fn authors(text: &str) -> String {
    utf8_percent_encode(text, IMPOSSIBLE).to_string()
}

/// Whether `text` ends in the middle of a `%XX`, so that a value after it could finish it.
pub(super) fn ends_open(text: &str) -> bool {
    text.ends_with('%')
        || text.len() >= 2
            && text.as_bytes()[text.len() - 2] == b'%'
            && text.ends_with(|c: char| c.is_ascii_hexdigit())
}

/// Whether a segment of a path leads up or nowhere, however its dots are written.
pub(super) fn is_dots(segment: &str) -> bool {
    let plain = segment.replace("%2e", ".").replace("%2E", ".");
    plain == "." || plain == ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_nothing_that_has_a_meaning() {
        assert_eq!(
            value("a/b?c#d&e=f;g:h@i\\j k+l%m"),
            "a%2Fb%3Fc%23d%26e%3Df%3Bg%3Ah%40i%5Cj%20k%2Bl%25m"
        );
        assert_eq!(value("é-._~"), "%C3%A9-._~");
    }

    #[test]
    fn the_author_s_own_encoding_stays() {
        assert_eq!(authors("/a%20b/ü?x=[1]"), "/a%20b/%C3%BC?x=[1]");
    }

    #[test]
    fn open_ends_and_dots_are_seen() {
        assert!(ends_open("a%") && ends_open("a%2") && !ends_open("a%2f") && !ends_open("2"));
        assert!(is_dots("%2E.") && is_dots(".") && !is_dots("...") && !is_dots(""));
    }
}
