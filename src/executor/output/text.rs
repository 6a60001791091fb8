//! The text of an answer: the script's own bytes, cut in the middle where they are too many.

use std::borrow::Cow;

use super::Captured;

/// A text for an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::executor) struct Excerpt {
    /// The text; where bytes are left out, it says how many.
    pub(in crate::executor) text: String,
    /// How many bytes of the stream are not in it.
    pub(in crate::executor) left_out: u64,
    /// Whether some bytes were no UTF-8 and have been replaced.
    pub(in crate::executor) replaced: bool,
}

/// The text of `captured`: all of it when it fits `head` and `tail` together, else as many bytes of its
/// beginning and of its end. Characters are not cut in two.
pub(in crate::executor) fn excerpt(captured: &Captured, head: usize, tail: usize) -> Excerpt {
    if captured.missing() == 0 && captured.head.len() <= head + tail {
        let (text, replaced) = lossy(&captured.head);
        return Excerpt {
            text: text.into_owned(),
            left_out: 0,
            replaced,
        };
    }
    let end = if captured.missing() == 0 {
        &captured.head
    } else {
        &captured.tail
    };
    let first = without_cut_end(&captured.head[..head.min(captured.head.len())]);
    let last = without_cut_start(&end[end.len() - tail.min(end.len())..]);
    let left_out = captured.total - (first.len() + last.len()) as u64;
    let (first, first_replaced) = lossy(first);
    let (last, last_replaced) = lossy(last);
    Excerpt {
        text: format!("{first}\n[... {left_out} bytes left out ...]\n{last}"),
        left_out,
        replaced: first_replaced || last_replaced,
    }
}

fn lossy(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    let text = String::from_utf8_lossy(bytes);
    let replaced = matches!(text, Cow::Owned(_));
    (text, replaced)
}

/// Drops the beginning of a character whose rest was cut off.
fn without_cut_end(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        Ok(_) => bytes,
        // Something before the end is wrong, too: only the last character matters here.
        Err(_) => {
            let start = bytes.len() - bytes.len().min(3);
            let cut = (start..bytes.len()).find(|at| {
                std::str::from_utf8(&bytes[*at..])
                    .is_err_and(|error| error.error_len().is_none() && error.valid_up_to() == 0)
            });
            &bytes[..cut.unwrap_or(bytes.len())]
        }
    }
}

/// Drops the rest of a character whose beginning was cut off: at most three continuation bytes.
fn without_cut_start(bytes: &[u8]) -> &[u8] {
    let rest = bytes
        .iter()
        .take(3)
        .take_while(|byte| (0x80..0xC0).contains(*byte))
        .count();
    &bytes[rest..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::output::Capture;

    fn captured(bytes: &[u8], limit: usize) -> Captured {
        let mut capture = Capture::halves(limit);
        capture.push(bytes);
        capture.finish()
    }

    #[test]
    fn what_fits_is_the_script_s_own_words() {
        let all = excerpt(&captured("grüße\n".as_bytes(), 100), 50, 50);
        assert_eq!((all.text.as_str(), all.left_out), ("grüße\n", 0));
        assert!(!all.replaced);
    }

    #[test]
    fn what_was_not_kept_is_counted_to_the_byte() {
        let cut = excerpt(&captured(&[b'x'; 1000], 100), 10, 10);
        assert_eq!(cut.left_out, 980);
        assert_eq!(
            cut.text,
            "xxxxxxxxxx\n[... 980 bytes left out ...]\nxxxxxxxxxx"
        );
        let kept = excerpt(&captured(&[b'x'; 90], 100), 10, 10);
        assert_eq!(kept.left_out, 70);
    }

    #[test]
    fn characters_are_not_cut_in_two() {
        let text = "ü".repeat(500);
        for limit in 3..20 {
            let cut = excerpt(&captured(text.as_bytes(), 101), limit, limit);
            assert!(!cut.replaced, "{limit}");
            let shown = cut.text.matches('ü').count() as u64 * 2;
            assert_eq!(shown + cut.left_out, 1000);
        }
    }

    #[test]
    fn what_is_no_utf8_is_replaced_and_said_so() {
        let bad = excerpt(&captured(b"a\xffb", 100), 50, 50);
        assert_eq!(bad.text, "a\u{fffd}b");
        assert!(bad.replaced);
    }
}
