//! Where two JSON values differ.

use serde_json::{Number, Value};

use super::lines::clipped;

/// Lines told at most.
const LINES: usize = 40;

/// How much of what came must be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// Objects may have members that are not expected.
    Part,
}

/// One line for each place where `got` is not what is expected, with its JSON pointer (RFC 6901); empty where they
/// agree. Numbers agree when their values do: 5 and 5.0.
pub(super) fn differences(expected: &Value, got: &Value, extent: Extent) -> Vec<String> {
    let mut found = Found {
        extent,
        pointer: String::new(),
        lines: Vec::new(),
        more: 0,
    };
    found.compare(expected, got);
    if found.more > 0 {
        found
            .lines
            .push(format!("  ... and {} more differences", found.more));
    }
    found.lines
}

struct Found {
    extent: Extent,
    /// Where the comparison is.
    pointer: String,
    lines: Vec<String>,
    more: usize,
}

impl Found {
    fn compare(&mut self, expected: &Value, got: &Value) {
        match (expected, got) {
            (Value::Object(wanted), Value::Object(came)) => {
                for (name, expected) in wanted {
                    self.below(name, |found| match came.get(name) {
                        Some(got) => found.compare(expected, got),
                        None => found.tell("-", expected, "expected, and not there"),
                    });
                }
                let extra = came.iter().filter(|(name, _)| !wanted.contains_key(*name));
                let is_whole = self.extent == Extent::Whole;
                for (name, got) in extra.filter(|_| is_whole) {
                    self.below(name, |found| found.tell("+", got, "not expected"));
                }
            }
            (Value::Array(wanted), Value::Array(came)) => {
                for index in 0..wanted.len().max(came.len()) {
                    self.below(&index.to_string(), |found| {
                        match (wanted.get(index), came.get(index)) {
                            (Some(expected), Some(got)) => found.compare(expected, got),
                            (Some(expected), None) => {
                                found.tell("-", expected, "expected, and not there");
                            }
                            (None, Some(got)) => found.tell("+", got, "not expected"),
                            (None, None) => {}
                        }
                    });
                }
            }
            _ if is_same(expected, got) => {}
            _ => {
                self.tell("-", expected, "expected");
                self.tell("+", got, "got");
            }
        }
    }

    fn below(&mut self, step: &str, look: impl FnOnce(&mut Self)) {
        let here = self.pointer.len();
        self.pointer.push('/');
        self.pointer
            .push_str(&step.replace('~', "~0").replace('/', "~1"));
        look(self);
        self.pointer.truncate(here);
    }

    fn tell(&mut self, sign: &str, value: &Value, what: &str) {
        if self.lines.len() >= LINES {
            // One difference may have two lines.
            self.more += usize::from(what != "got");
        } else {
            let place = match self.pointer.as_str() {
                "" => "(all of it)",
                pointer => pointer,
            };
            let value = clipped(&value.to_string());
            self.lines
                .push(format!("{sign} {place}: {value}  ({what})"));
        }
    }
}

fn is_same(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Number(one), Value::Number(other)) => one == other || is_same_number(one, other),
        _ => expected == got,
    }
}

/// Whether a whole number and a fraction, or two fractions, have one value. Two whole numbers are compared as such
/// before: past 2^53 they may share a float.
fn is_same_number(one: &Number, other: &Number) -> bool {
    (one.is_f64() || other.is_f64()) && one.as_f64() == other.as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole(expected: &Value, got: &Value) -> Vec<String> {
        differences(expected, got, Extent::Whole)
    }

    fn part(expected: &Value, got: &Value) -> Vec<String> {
        differences(expected, got, Extent::Part)
    }

    #[test]
    fn what_is_the_same_has_no_difference() {
        let value = json!({"a": [1, {"b": null}], "c": "x"});
        assert!(whole(&value, &value).is_empty());
        assert!(whole(&json!({"n": 5}), &json!({"n": 5.0})).is_empty());
        assert!(part(&json!({"a": {}}), &json!({"a": {"b": 1}, "c": 2})).is_empty());
    }

    #[test]
    fn each_difference_has_its_pointer() {
        assert_eq!(
            whole(
                &json!({"a": [1, 2], "b/c": "x", "gone": true}),
                &json!({"a": [1], "b/c": "y", "new": 1})
            ),
            [
                "- /a/1: 2  (expected, and not there)",
                "- /b~1c: \"x\"  (expected)",
                "+ /b~1c: \"y\"  (got)",
                "- /gone: true  (expected, and not there)",
                "+ /new: 1  (not expected)",
            ]
        );
        assert_eq!(
            part(&json!([{"a": 1}]), &json!([{"a": 2, "b": 3}, {}])),
            [
                "- /0/a: 1  (expected)",
                "+ /0/a: 2  (got)",
                "+ /1: {}  (not expected)"
            ]
        );
        assert_eq!(
            part(&json!({}), &json!("text")),
            [
                "- (all of it): {}  (expected)",
                "+ (all of it): \"text\"  (got)"
            ]
        );
    }

    #[test]
    fn large_whole_numbers_are_not_rounded() {
        let (one, other) = (9_007_199_254_740_993_u64, 9_007_199_254_740_992_u64);
        assert_eq!(whole(&json!(one), &json!(other)).len(), 2);
    }

    #[test]
    fn many_differences_are_counted() {
        let lines = whole(&json!(vec![1; 100]), &json!(vec![2; 100]));
        assert_eq!(lines.len(), LINES + 1);
        assert_eq!(lines.last().unwrap(), "  ... and 80 more differences");
    }
}
