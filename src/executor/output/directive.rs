//! What a script says to the runner on standard error, in lines of their own:
//!
//! ```text
//! ::progress 3/10 message
//! ::progress 30% message
//! ::progress 5 message
//! ::warning text
//! ```
//!
//! A message may be absent, a warning's text not. Such lines are taken out of the log; any other line stays in it as it is,
//! one that only looks like them included.

use crate::tool::Progress;

/// The longest line that can say something, in bytes; a longer one is a line of the log.
const LONGEST_LINE: usize = 4096;

/// The longest message of a progress, and the longest warning, in characters.
const LONGEST_TEXT: usize = 500;

const PROGRESS: &[u8] = b"::progress";
const WARNING: &[u8] = b"::warning";

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Directive {
    /// How far the script is.
    Progress(Progress),
    /// What deserves a look.
    Warning(String),
}

impl Directive {
    /// What `line` says, which has no line break at its end; `None` for a line of the log.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        if line.len() > LONGEST_LINE {
            return None;
        }
        if let Some(rest) = line.strip_prefix(PROGRESS) {
            return progress(&spaced(rest)?).map(Self::Progress);
        }
        let text = spaced(line.strip_prefix(WARNING)?)?;
        (!text.is_empty()).then_some(Self::Warning(text))
    }

    /// Whether a line that begins like this can say something.
    fn may_begin(line: &[u8]) -> bool {
        let begins = |word: &[u8]| line.starts_with(word) || word.starts_with(line);
        line.len() <= LONGEST_LINE && (begins(PROGRESS) || begins(WARNING))
    }
}

/// The text after a word and the space that ends it, without characters that would move a terminal's cursor.
fn spaced(rest: &[u8]) -> Option<String> {
    if !rest
        .first()
        .is_some_and(|byte| matches!(byte, b' ' | b'\t'))
    {
        return None;
    }
    let text = String::from_utf8_lossy(rest);
    let shown = text.trim().chars().filter(|c| !c.is_control());
    Some(shown.take(LONGEST_TEXT).collect())
}

fn progress(text: &str) -> Option<Progress> {
    let (figures, message) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let (done, total) = if let Some(percent) = figures.strip_suffix('%') {
        (number(percent)?, Some(100.0))
    } else if let Some((done, total)) = figures.split_once('/') {
        (number(done)?, Some(number(total)?))
    } else {
        (number(figures)?, None)
    };
    if total.is_some_and(|total| total <= 0.0) {
        return None;
    }
    let message = message.trim();
    Some(Progress {
        done,
        total,
        message: (!message.is_empty()).then(|| message.to_owned()),
    })
}

/// Digits, or digits with a fraction: neither signs nor exponents, `inf` or `nan`.
fn number(text: &str) -> Option<f64> {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_plain
        .then(|| text.parse::<f64>().ok())?
        .filter(|number| number.is_finite())
}

/// Finds what a stream of bytes says, however it is cut into pieces. Holds back a part of one line at most.
#[derive(Debug, Default)]
pub(super) struct Directives {
    /// The beginning of a line that may say something.
    held: Vec<u8>,
    /// Whether the rest of the line is one of the log.
    in_log: bool,
}

impl Directives {
    /// Takes the next bytes. `log` gets those that stay, in order; `said` what the others say.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        mut log: impl FnMut(&[u8]),
        mut said: impl FnMut(Directive),
    ) {
        let (mut at, mut logged) = (0, 0);
        while at < bytes.len() {
            let rest = &bytes[at..];
            let newline = rest.iter().position(|byte| *byte == b'\n');
            if self.in_log || (self.held.is_empty() && rest[0] != b':') {
                self.in_log = newline.is_none();
                at += newline.map_or(rest.len(), |newline| newline + 1);
                continue;
            }
            if self.held.is_empty() {
                log(&bytes[logged..at]);
            }
            let room = LONGEST_LINE + 1 - self.held.len();
            let taken = newline.unwrap_or(rest.len()).min(room);
            self.held.extend_from_slice(&rest[..taken]);
            at += taken;
            if !Directive::may_begin(&self.held) {
                log(&self.held);
                self.held.clear();
                self.in_log = true;
            } else if newline == Some(taken) {
                at += 1;
                self.end_line(b"\n", &mut log, &mut said);
            }
            logged = at;
        }
        log(&bytes[logged..]);
    }

    /// Takes the end of the stream, which ends its last line.
    pub(super) fn finish(&mut self, mut log: impl FnMut(&[u8]), mut said: impl FnMut(Directive)) {
        if !self.held.is_empty() {
            self.end_line(b"", &mut log, &mut said);
        }
    }

    fn end_line(
        &mut self,
        line_break: &[u8],
        log: &mut impl FnMut(&[u8]),
        said: &mut impl FnMut(Directive),
    ) {
        if let Some(directive) = Directive::parse(&self.held) {
            said(directive);
        } else {
            log(&self.held);
            log(line_break);
        }
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(line: &str) -> Option<(f64, Option<f64>, Option<String>)> {
        match Directive::parse(line.as_bytes()) {
            Some(Directive::Progress(told)) => Some((told.done, told.total, told.message)),
            _ => None,
        }
    }

    #[test]
    fn progress_has_figures_and_perhaps_words() {
        let words = |text: &str| Some(text.to_owned());
        assert_eq!(
            told("::progress 3/10 of all"),
            Some((3.0, Some(10.0), words("of all")))
        );
        assert_eq!(told("::progress  30%\r"), Some((30.0, Some(100.0), None)));
        assert_eq!(
            told("::progress\t5.5\u{1b}[2J"),
            None,
            "no space after the figure"
        );
        assert_eq!(
            told("::progress 5 a\u{1b}[2Jb"),
            Some((5.0, None, words("a[2Jb")))
        );
        for log in [
            "::progress",
            "::progress ",
            "::progress3/10",
            "::progress x",
            "::progress -1",
            "::progress 1e9",
            "::progress inf",
            "::progress 1/0",
            "::progress 1/",
            "::progress /1",
            "::progress .",
            "::Progress 1",
            " ::progress 1",
            "::progresses 1",
            "",
        ] {
            assert_eq!(told(log), None, "{log:?}");
        }
        let endless = "9".repeat(400);
        assert_eq!(
            told(&format!("::progress {endless}")),
            None,
            "more than a number can be"
        );
    }

    #[test]
    fn a_warning_has_words_and_not_too_many() {
        let warning = |line: &str| Directive::parse(line.as_bytes());
        assert_eq!(
            warning("::warning disk is low "),
            Some(Directive::Warning("disk is low".into()))
        );
        assert_eq!(warning("::warning  "), None);
        let Some(Directive::Warning(long)) = warning(&format!("::warning {}", "ü".repeat(900)))
        else {
            panic!("a long warning is one");
        };
        assert_eq!(long.chars().count(), LONGEST_TEXT);
        assert_eq!(
            warning(&format!("::warning {}", "x".repeat(LONGEST_LINE))),
            None
        );
    }

    /// What a stream comes to: the log, and what is said.
    fn heard<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<Directive>) {
        let (mut log, mut said) = (Vec::new(), Vec::new());
        let mut directives = Directives::default();
        for piece in pieces {
            directives.push(
                piece,
                |bytes| log.extend_from_slice(bytes),
                |found| said.push(found),
            );
            assert!(directives.held.len() <= LONGEST_LINE);
        }
        directives.finish(
            |bytes| log.extend_from_slice(bytes),
            |found| said.push(found),
        );
        (log, said)
    }

    /// The same, line by line over the whole.
    fn by_lines(stream: &[u8]) -> (Vec<u8>, Vec<Directive>) {
        let (mut log, mut said) = (Vec::new(), Vec::new());
        for line in stream.split_inclusive(|byte| *byte == b'\n') {
            match Directive::parse(line.strip_suffix(b"\n").unwrap_or(line)) {
                Some(found) => said.push(found),
                None => log.extend_from_slice(line),
            }
        }
        (log, said)
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            Just(b"::progress ".to_vec()),
            Just(b"::warning ".to_vec()),
            Just(b"3/10".to_vec()),
            Just(b"50%".to_vec()),
            Just(b"\n".to_vec()),
            Just(b"::".to_vec()),
            Just(b" words".to_vec()),
            Just(vec![b'x'; LONGEST_LINE - 12]),
            proptest::collection::vec(any::<u8>(), 0..8),
        ];
        proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn how_the_stream_is_cut_changes_nothing(stream in stream(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12)) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|ends| &stream[ends[0]..ends[1]]);
            let whole = by_lines(&stream);
            prop_assert_eq!(&heard(pieces), &whole);
            prop_assert_eq!(&heard(stream.chunks(1)), &whole);
        }

        #[test]
        fn any_line_is_read_without_harm(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let with_word = [b"::progress ", line.as_slice()].concat();
            for line in [line, with_word] {
                if let Some(Directive::Progress(told)) = Directive::parse(&line) {
                    prop_assert!(told.done.is_finite() && told.done >= 0.0);
                    prop_assert!(told.total.is_none_or(|total| total.is_finite() && total > 0.0));
                }
            }
        }
    }
}
