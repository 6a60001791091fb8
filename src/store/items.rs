//! The items of a stored list: found in one pass over the file, and given in pages.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::ops::ControlFlow;
use std::path::Path;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::page::{ReadError, opened};
use super::scan::{Found, ListShape, NoList, scan};

/// Marks kept of one list. When there are more, every second one goes: a list of any length takes 8 KiB, and to reach an
/// item takes at most about two thousandths of the file.
const MOST_MARKS: usize = 1024;

/// Bytes read from a file at once.
const READ_SIZE: usize = 64 * 1024;

/// Where the items of a list are.
#[derive(Debug)]
pub(super) struct ItemIndex {
    shape: ListShape,
    total: u64,
    /// Each how many items there is a mark.
    every: u64,
    marks: Vec<u64>,
}

/// What part of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub struct ItemsWanted {
    /// The number of the first item, counted from zero.
    pub offset: u64,
    /// Items at most.
    pub most: u64,
    /// Bytes of all items together, and of each of them.
    pub bytes: usize,
}

/// A part of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ItemPage {
    /// The items, without those that are too large.
    pub items: Vec<Value>,
    /// Items of this part that are larger than the page may be.
    pub too_large: Vec<LargeItem>,
    /// The number of the first item.
    pub offset: u64,
    /// The number of the item to go on with; `None` at the end.
    pub next_offset: Option<u64>,
    /// Items of the whole list.
    pub total: u64,
}

/// An item that is larger than a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargeItem {
    /// Its number in the list.
    pub index: u64,
    /// Where it begins in the stored output, in bytes.
    pub start: u64,
    /// Its length, in bytes.
    pub bytes: u64,
}

/// Why there are no items.
#[derive(Debug, thiserror::Error)]
pub enum ItemsError {
    /// The output cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is no list, or a broken one.
    #[error(transparent)]
    NoList(#[from] NoList),
    /// There is no item of that number.
    #[error("`offset` {offset} is past the end: the result has {total} items")]
    PastTheEnd {
        /// What was asked for.
        offset: u64,
        /// How many there are.
        total: u64,
    },
}

impl ItemIndex {
    fn new(shape: ListShape) -> Self {
        Self {
            shape,
            total: 0,
            every: 1,
            marks: Vec::new(),
        }
    }

    /// Looks at every item of the first `bytes` bytes of a file, once. Items of at most `longest` bytes are held against
    /// JSON; a longer one is never given.
    pub(super) fn of(
        path: &Path,
        bytes: u64,
        shape: ListShape,
        longest: usize,
    ) -> Result<Self, ItemsError> {
        let mut index = Self::new(shape);
        let source = BufReader::with_capacity(READ_SIZE, opened(path)?.take(bytes));
        scan(source, shape, None, longest, |found| {
            parsed::<IgnoredAny>(&found)?;
            index.note(found.mark);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(index)
    }

    /// How it is written.
    pub(super) const fn shape(&self) -> ListShape {
        self.shape
    }

    /// Items of the list.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    fn note(&mut self, mark: u64) {
        if self.total.is_multiple_of(self.every) {
            if self.marks.len() == MOST_MARKS {
                let mut number = 0_usize;
                self.marks.retain(|_| {
                    number += 1;
                    number % 2 == 1
                });
                self.every *= 2;
            }
            self.marks.push(mark);
        }
        self.total += 1;
    }

    /// The nearest mark before an item, and the number of the item it stands at.
    fn before(&self, item: u64) -> Option<(u64, u64)> {
        let place = usize::try_from(item / self.every).ok()?;
        let mark = self.marks.get(place)?;
        Some((*mark, item - item % self.every))
    }

    /// A part of the list, read from the file it was found in.
    pub(super) fn page(
        &self,
        path: &Path,
        bytes: u64,
        wanted: ItemsWanted,
    ) -> Result<ItemPage, ItemsError> {
        let (offset, total) = (wanted.offset, self.total);
        if offset > total {
            return Err(ItemsError::PastTheEnd { offset, total });
        }
        let mut page = ItemPage {
            offset,
            total,
            ..ItemPage::default()
        };
        let Some((mark, mut number)) = self.before(offset).filter(|_| offset < total) else {
            return Ok(page);
        };
        let mut file: File = opened(path)?;
        file.seek(SeekFrom::Start(mark)).map_err(ReadError::from)?;
        let source = BufReader::with_capacity(READ_SIZE, file.take(bytes.saturating_sub(mark)));
        let mut left = wanted.bytes;
        scan(source, self.shape, Some(mark), wanted.bytes, |found| {
            if number >= offset {
                let is_full = number - offset >= wanted.most.max(1);
                if is_full || !page.take(&found, number, &mut left)? {
                    return Ok(ControlFlow::Break(()));
                }
            }
            number += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        page.next_offset = (number < total).then_some(number);
        Ok(page)
    }
}

impl ItemPage {
    /// Adds an item; `false` where there is no room for it on this page.
    fn take(&mut self, found: &Found<'_>, number: u64, left: &mut usize) -> Result<bool, NoList> {
        let Some(value) = parsed::<Value>(found)? else {
            if self.too_large.len() == MOST_TOO_LARGE {
                return Ok(false);
            }
            self.too_large.push(LargeItem {
                index: number,
                start: found.start,
                bytes: found.length,
            });
            return Ok(true);
        };
        let length = found.text.map_or(0, <[u8]>::len);
        match left.checked_sub(length + SEPARATOR) {
            Some(rest) => *left = rest,
            None if self.items.is_empty() && self.too_large.is_empty() => *left = 0,
            None => return Ok(false),
        }
        self.items.push(value);
        Ok(true)
    }
}

/// What stands between two items, in bytes.
const SEPARATOR: usize = 1;

/// Items that are too large, told in one page at most: each takes room in the answer, too.
const MOST_TOO_LARGE: usize = 100;

/// What an item says; `None` for one that was too long to be kept.
fn parsed<T: serde::de::DeserializeOwned>(found: &Found<'_>) -> Result<Option<T>, NoList> {
    let Some(text) = found.text else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(text);
    let parsed = serde_json::from_str(&text);
    parsed.map(Some).map_err(|error| NoList::Broken {
        at: found.start + (error.column() as u64).saturating_sub(1),
        reason: reason(&error),
    })
}

/// What the parser says, without the place, which is one in the item alone.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn written(text: &str) -> (tempfile::NamedTempFile, u64) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        (file, text.len() as u64)
    }

    fn index(text: &str, shape: ListShape) -> Result<ItemIndex, ItemsError> {
        let (file, bytes) = written(text);
        ItemIndex::of(file.path(), bytes, shape, 1000)
    }

    /// All items, page by page.
    fn pages(text: &str, shape: ListShape, most: u64, bytes: usize) -> Vec<ItemPage> {
        let (file, length) = written(text);
        let index = ItemIndex::of(file.path(), length, shape, bytes).unwrap();
        assert!(index.marks.len() <= MOST_MARKS);
        let mut pages = Vec::new();
        let mut offset = Some(0);
        while let Some(at) = offset {
            let wanted = ItemsWanted {
                offset: at,
                most,
                bytes,
            };
            let page = index.page(file.path(), length, wanted).unwrap();
            offset = page.next_offset;
            pages.push(page);
        }
        pages
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "(\\PC|[\"\\\\,\\[\\]{}\n]){0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[a-z\"\\]]{0,4}", inner, 0..4)
                    .prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_pages_together_are_the_list(
            list in prop::collection::vec(value(), 0..40),
            most in 1_u64..10,
            is_pretty in any::<bool>(),
        ) {
            let whole = json!(list);
            let text = if is_pretty { format!(" {whole:#}\n") } else { whole.to_string() };
            let lines = list.iter().fold(String::new(), |text, one| text + &format!("{one}\n\n"));
            for (text, shape) in [(text, ListShape::Array), (lines, ListShape::Lines)] {
                let pages = pages(&text, shape, most, 1 << 20);
                let joined: Vec<Value> = pages.iter().flat_map(|page| page.items.clone()).collect();
                prop_assert_eq!(&joined, &list);
                prop_assert!(pages.iter().all(|page| page.items.len() as u64 <= most));
                prop_assert!(pages.iter().all(|page| page.total == list.len() as u64));
            }
        }

        #[test]
        fn any_bytes_are_read_without_harm(text in "[\\[\\]{}\",:1 \\\\a\n]{0,40}") {
            let is_list = serde_json::from_str::<Vec<Value>>(&text).ok();
            let found = index(&text, ListShape::Array).ok();
            prop_assert_eq!(found.map(|index| index.total), is_list.map(|list| list.len() as u64));
        }
    }

    #[test]
    fn a_long_list_has_few_marks_and_every_item_is_reached() {
        let list: Vec<u32> = (0..5000).collect();
        let (file, bytes) = written(&json!(list).to_string());
        let index = ItemIndex::of(file.path(), bytes, ListShape::Array, 100).unwrap();
        assert!(
            index.marks.len() <= MOST_MARKS && index.every == 8,
            "{}",
            index.every
        );
        for offset in [0, 1, 7, 8, 1023, 1024, 4095, 4999] {
            let wanted = ItemsWanted {
                offset,
                most: 2,
                bytes: 100,
            };
            let page = index.page(file.path(), bytes, wanted).unwrap();
            assert_eq!(page.items[0], json!(offset));
        }
        let end = ItemsWanted {
            offset: 5000,
            most: 2,
            bytes: 100,
        };
        let page = index.page(file.path(), bytes, end).unwrap();
        assert_eq!((page.items.len(), page.next_offset), (0, None));
        let past = ItemsWanted {
            offset: 5001,
            ..end
        };
        let error = index.page(file.path(), bytes, past).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`offset` 5001 is past the end: the result has 5000 items"
        );
    }

    #[test]
    fn a_page_holds_so_many_bytes_and_names_what_is_larger() {
        let long = "x".repeat(200);
        let text = json!(["a".repeat(40), "b".repeat(40), long, "c"]).to_string();
        let pages = pages(&text, ListShape::Array, 50, 60);
        assert_eq!(pages.len(), 2, "{pages:?}");
        assert_eq!(pages[0].items, [json!("a".repeat(40))]);
        assert_eq!(pages[0].next_offset, Some(1));
        assert_eq!(pages[1].items, [json!("b".repeat(40)), json!("c")]);
        let large = pages[1].too_large[0];
        assert_eq!((large.index, large.bytes), (2, 202));
        let start = usize::try_from(large.start).unwrap();
        assert!(text[start..].starts_with("\"xxx"));
    }

    #[test]
    fn what_is_no_list_is_told_with_its_place() {
        for (text, told) in [
            ("{\"a\": 1}", "it is no list"),
            ("", "it is no list"),
            ("[1, 2", "at byte 5: the list has no end"),
            ("[1,,2]", "at byte 3: an item is missing"),
            ("[1,]", "at byte 3: an item is missing"),
            ("[1] x", "at byte 4: something follows the list"),
            ("[1, nope]", "at byte 5: expected ident"),
        ] {
            assert_eq!(
                index(text, ListShape::Array).unwrap_err().to_string(),
                told,
                "{text}"
            );
        }
        assert_eq!(index("[ ]", ListShape::Array).unwrap().total, 0);
        let error = index("1\n{\n", ListShape::Lines).unwrap_err();
        assert!(error.to_string().starts_with("at byte 2: EOF"), "{error}");
    }
}
