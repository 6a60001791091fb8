//! The names of the files that tasks keep outputs in: their endings say how a list in them is written, so that pages can
//! be cut of it again.

use std::path::Path;

use crate::store::ListShape;

const ARRAY: &str = "json";
const LINES: &str = "jsonl";
const OTHER: &str = "out";

/// The ending of the file of an output that is such a list, or none.
pub(super) const fn suffix(list: Option<ListShape>) -> &'static str {
    match list {
        Some(ListShape::Array) => ARRAY,
        Some(ListShape::Lines) => LINES,
        None => OTHER,
    }
}

/// How the list in a file is written; `None` where pages are cut of none.
pub(super) fn list(file: &str) -> Option<ListShape> {
    let ending = Path::new(file).extension()?;
    [ListShape::Array, ListShape::Lines]
        .into_iter()
        .find(|shape| ending == suffix(Some(*shape)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_was_put_in_it() {
        for shape in [None, Some(ListShape::Array), Some(ListShape::Lines)] {
            assert_eq!(list(&format!("0123.{}", suffix(shape))), shape);
        }
        assert_eq!(list("json"), None);
    }
}
