//! The items of a stream of JSON lines (`output.format: jsonl`), read as they come.

use std::collections::VecDeque;

use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::sync::mpsc::error::TrySendError;

use super::json::BrokenJson;
use crate::tool::{ItemSink, Progress, ProgressSink};

/// The longest part of an item that is told as progress, in characters.
const LONGEST_TOLD: usize = 500;

/// Takes a stream and finds its items, however it is cut into pieces. Each is told at once; kept are the first ones, up to
/// a bound. After a line that is none, nothing is taken any more.
#[derive(Debug)]
pub(super) struct Items {
    /// Bytes of all items that are kept, and of one line.
    most: usize,
    /// The beginning of a line whose end has not come.
    held: Vec<u8>,
    lines: Lines,
    kept_bytes: usize,
    /// Whether an item was not kept; none after it is.
    is_full: bool,
    /// Lines that have ended.
    line: usize,
    /// Whether an item came since this was asked last.
    has_come: bool,
    listeners: Listeners,
}

/// Who hears of items as they come.
#[derive(Debug, Default)]
struct Listeners {
    progress: ProgressSink,
    sink: ItemSink,
    /// Items that the listener has no room for yet: those of one piece of the stream at most.
    unsent: VecDeque<String>,
}

/// What was found in a stream of JSON lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::executor) struct Lines {
    /// The first items.
    pub(super) items: Vec<Item>,
    /// How many there were, those not kept included.
    pub(super) found: u64,
    /// The first line that is no item.
    pub(super) broken: Option<BrokenLine>,
    /// The last line, where it is no item and has no line break: its end may be missing.
    pub(super) unfinished: Option<BrokenLine>,
}

/// An item that is kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    /// The length of its line, in bytes.
    pub(super) length: usize,
    pub(super) value: Value,
}

/// A line that is no item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BrokenLine {
    /// It is not JSON.
    Json(BrokenJson),
    /// It is longer than is kept in memory.
    TooLong {
        /// Counted from one.
        line: usize,
    },
}

impl Items {
    /// Keeps items of at most `most` bytes together.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            held: Vec::new(),
            lines: Lines::default(),
            kept_bytes: 0,
            is_full: false,
            line: 0,
            has_come: false,
            listeners: Listeners::default(),
        }
    }

    /// Tells `progress` of each item, and gives it to `sink`.
    #[must_use]
    pub(super) fn telling(mut self, progress: ProgressSink, sink: ItemSink) -> Self {
        self.listeners.progress = progress;
        self.listeners.sink = sink;
        self
    }

    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.lines.broken.is_some() {
                return;
            }
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            if self.held.len() + text.len() > self.most {
                self.held = Vec::new();
                let line = self.line + 1;
                self.lines.broken = Some(BrokenLine::TooLong { line });
                return;
            }
            if text.len() == piece.len() {
                self.held.extend_from_slice(text);
            } else if self.held.is_empty() {
                self.end_line(text);
            } else {
                let mut line = std::mem::take(&mut self.held);
                line.extend_from_slice(text);
                self.end_line(&line);
            }
        }
        self.listeners.send();
    }

    fn end_line(&mut self, line: &[u8]) {
        if let Err(broken) = self.read(line) {
            self.lines.broken = Some(broken);
        }
    }

    /// Takes a whole line, which is an item unless it is blank.
    fn read(&mut self, line: &[u8]) -> Result<(), BrokenLine> {
        self.line += 1;
        let text = String::from_utf8_lossy(line);
        // A byte order mark at the start of the stream is not part of it.
        let text = if self.line == 1 {
            text.trim_start_matches('\u{feff}')
        } else {
            &text
        };
        if text.trim().is_empty() {
            return Ok(());
        }
        let text = text.trim_end();
        let broken = |error| BrokenLine::Json(BrokenJson::in_line(self.line, text, &error));
        self.is_full |= self.kept_bytes + text.len() > self.most;
        if self.is_full {
            serde_json::from_str::<IgnoredAny>(text).map_err(broken)?;
        } else {
            let value = serde_json::from_str(text).map_err(broken)?;
            let length = text.len();
            self.kept_bytes += length;
            self.lines.items.push(Item { length, value });
        }
        self.lines.found += 1;
        self.has_come = true;
        self.listeners.hear(self.lines.found, text.trim_start());
        Ok(())
    }

    /// Whether an item came since this was asked last.
    pub(super) fn has_come(&mut self) -> bool {
        std::mem::take(&mut self.has_come)
    }

    /// Whether who listens is behind.
    pub(super) fn is_backed_up(&self) -> bool {
        !self.listeners.unsent.is_empty()
    }

    /// Waits until who listens has caught up. Can be dropped at any await without a loss.
    pub(super) async fn flush(&mut self) {
        self.listeners.flush().await;
    }

    /// Takes the end of the stream: a last line without a line break is an item only if it is whole.
    pub(super) fn end(&mut self) {
        let last = std::mem::take(&mut self.held);
        if self.lines.broken.is_none()
            && let Err(broken) = self.read(&last)
        {
            self.lines.unfinished = Some(broken);
        }
        self.listeners.send();
    }

    /// What was found, after the end.
    pub(super) fn into_lines(self) -> Lines {
        self.lines
    }
}

impl Listeners {
    #[expect(
        clippy::cast_precision_loss,
        reason = "more items than a float can count never come"
    )]
    fn hear(&mut self, number: u64, text: &str) {
        if self.sink.is_open() {
            // Who gets the items themselves needs no count of them.
            self.unsent.push_back(text.to_owned());
        } else if self.progress.has_listener() {
            self.progress.count(Progress {
                done: number as f64,
                total: None,
                message: Some(told(text)),
            });
        }
    }

    fn send(&mut self) {
        while let Some(item) = self.unsent.pop_front() {
            match self.sink.try_send(item) {
                Ok(()) => {}
                Err(TrySendError::Full(item)) => return self.unsent.push_front(item),
                Err(TrySendError::Closed(_)) => self.unsent.clear(),
            }
        }
    }

    async fn flush(&mut self) {
        while !self.unsent.is_empty() {
            let Some(place) = self.sink.reserve().await else {
                return self.unsent.clear();
            };
            if let Some(item) = self.unsent.pop_front() {
                place.send(item);
            }
        }
    }
}

/// An item as it is told while it comes: its beginning, without characters that would move a terminal's cursor.
fn told(text: &str) -> String {
    let mut shown = text.chars().filter(|c| !c.is_control());
    let mut told: String = shown.by_ref().take(LONGEST_TOLD).collect();
    if shown.next().is_some() {
        told.push('…');
    }
    told
}

impl Lines {
    /// What is found in a whole text.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut items = Items::new(bytes.len());
        items.push(bytes);
        items.end();
        items.into_lines()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn found<'a>(most: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Lines {
        let mut items = Items::new(most);
        for piece in pieces {
            items.push(piece);
            assert!(items.held.len() <= most);
        }
        items.end();
        items.into_lines()
    }

    fn values(lines: &Lines) -> Vec<Value> {
        lines.items.iter().map(|item| item.value.clone()).collect()
    }

    #[test]
    fn blank_lines_are_passed_over_and_a_last_line_counts_when_it_is_whole() {
        let lines = found(100, [b"\xef\xbb\xbf1\r\n\n  \n{\"a\":2}\n[3]".as_slice()]);
        assert_eq!(values(&lines), [json!(1), json!({"a": 2}), json!([3])]);
        assert_eq!(
            (lines.found, lines.broken, lines.unfinished),
            (3, None, None)
        );
        let lines = found(100, [b"1\n{\"a\":".as_slice()]);
        assert_eq!((lines.found, lines.broken), (1, None));
        let Some(BrokenLine::Json(cut)) = lines.unfinished else {
            panic!("the last line is cut");
        };
        assert_eq!((cut.line, cut.column), (2, 5));
    }

    #[test]
    fn a_bad_line_is_told_with_its_place_and_ends_the_items() {
        let lines = found(100, [b"1\n\n{\"a\": nope}\n4\n".as_slice()]);
        assert_eq!(values(&lines), [json!(1)]);
        let Some(BrokenLine::Json(broken)) = lines.broken else {
            panic!("the third line is broken");
        };
        assert_eq!((broken.line, broken.column), (3, 8));
    }

    #[test]
    fn what_is_kept_is_bounded_and_all_is_counted() {
        let stream = "[1,2,3]\n".repeat(1000);
        let lines = found(70, [stream.as_bytes()]);
        assert_eq!((lines.items.len(), lines.found), (10, 1000));
        let small_again = format!("{}\n7\n", "[1,2,3]\n".repeat(10));
        assert_eq!(
            found(70, [small_again.as_bytes()]).items.len(),
            10,
            "the first, without a hole"
        );
        let long = format!("1\n{}", "x".repeat(71));
        let lines = found(70, [long.as_bytes()]);
        assert_eq!(lines.broken, Some(BrokenLine::TooLong { line: 2 }));
    }

    #[test]
    fn a_long_item_is_told_in_part() {
        assert_eq!(told("{\"a\":\u{7f}1}"), "{\"a\":1}");
        let long = told(&"ü".repeat(900));
        assert_eq!(long.chars().count(), LONGEST_TOLD + 1);
        assert!(long.ends_with('…'));
    }

    #[tokio::test]
    async fn who_listens_slowly_misses_nothing() {
        let (sink, mut items) = ItemSink::new();
        let mut stream = Items::new(1 << 20).telling(ProgressSink::default(), sink);
        let text = (0..500).fold(String::new(), |text, number: u32| {
            text + &format!("{number}\n")
        });
        stream.push(text.as_bytes());
        assert!(stream.is_backed_up());
        let feeding = async {
            stream.flush().await;
            drop(stream);
        };
        let hearing = async {
            let mut heard = Vec::new();
            while let Some(item) = items.recv().await {
                heard.push(item);
            }
            heard
        };
        let ((), heard) = tokio::join!(feeding, hearing);
        let all: Vec<String> = (0..500).map(|number| number.to_string()).collect();
        assert_eq!(heard, all);
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            Just(b"\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"{\"a\":[1,2]}\n".to_vec()),
            Just(b"12".to_vec()),
            Just("\"gr\u{fc}\u{df}e\"\n".as_bytes().to_vec()),
            Just(b"\xef\xbb\xbf".to_vec()),
            Just(b"null\n".to_vec()),
            Just(b" \t".to_vec()),
            Just(b"{".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..6),
        ];
        proptest::collection::vec(part, 0..14).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn how_the_stream_is_cut_changes_nothing(
            stream in stream(),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
            most in 1_usize..60,
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|ends| &stream[ends[0]..ends[1]]);
            let whole = found(most, [stream.as_slice()]);
            prop_assert_eq!(&found(most, pieces), &whole);
            prop_assert_eq!(&found(most, stream.chunks(1)), &whole);
        }

        #[test]
        fn whole_lines_are_all_items(numbers in proptest::collection::vec(any::<i32>(), 0..50)) {
            let text = numbers.iter().fold(String::new(), |text, number| text + &format!("{number}\n"));
            let expected: Vec<Value> = numbers.iter().map(|number| json!(number)).collect();
            prop_assert_eq!(values(&found(10_000, [text.as_bytes()])), expected);
        }
    }
}
