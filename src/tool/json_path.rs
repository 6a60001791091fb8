//! The way to a part of a JSON document: `data.items[0].name`.

use std::fmt;

use serde_json::Value;

/// The way to a part of a JSON document. Members are joined by dots, elements stand in brackets, and so do
/// members whose names hold a dot or a bracket: `["odd.name"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath {
    written: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
}

/// A path that leads nowhere in any document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no path: {0}")]
pub struct InvalidJsonPath(String);

impl JsonPath {
    /// Reads a path. An initial `$` or `$.` may stand for the document.
    pub fn parse(text: &str) -> Result<Self, InvalidJsonPath> {
        let mut steps = Vec::new();
        let document = text.strip_prefix('$').unwrap_or(text);
        let mut rest = document;
        while !rest.is_empty() {
            let (step, after) = match rest.strip_prefix('[') {
                Some(inside) => bracket(inside)?,
                None => member(rest, steps.is_empty() && document.len() == text.len())?,
            };
            steps.push(step);
            rest = after;
        }
        if steps.is_empty() {
            return Err(InvalidJsonPath("it is empty".to_owned()));
        }
        Ok(Self {
            written: text.to_owned(),
            steps,
        })
    }

    /// The part of `document` it leads to.
    ///
    /// # Errors
    /// A sentence that says where the way ends.
    pub fn find<'a>(&self, document: &'a Value) -> Result<&'a Value, String> {
        let mut at = document;
        let mut way = String::new();
        for step in &self.steps {
            let here = || match way.as_str() {
                "" => "the document".to_owned(),
                way => format!("`{way}`"),
            };
            at = match (step, at) {
                (Step::Member(name), Value::Object(members)) => members
                    .get(name)
                    .ok_or_else(|| format!("{} has no member `{name}`", here()))?,
                (Step::Element(index), Value::Array(items)) => {
                    items.get(*index).ok_or_else(|| {
                        format!("{} has {} elements, and no [{index}]", here(), items.len())
                    })?
                }
                (Step::Member(_), other) => {
                    return Err(format!("{} is {}, not an object", here(), kind(other)));
                }
                (Step::Element(_), other) => {
                    return Err(format!("{} is {}, not a list", here(), kind(other)));
                }
            };
            match step {
                Step::Member(name) if way.is_empty() => way.push_str(name),
                Step::Member(name) => {
                    way.push('.');
                    way.push_str(name);
                }
                Step::Element(index) => way = format!("{way}[{index}]"),
            }
        }
        Ok(at)
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// What stands in brackets, whose first is gone.
fn bracket(inside: &str) -> Result<(Step, &str), InvalidJsonPath> {
    for quote in ['"', '\''] {
        if let Some(quoted) = inside.strip_prefix(quote) {
            let end = [quote, ']'].iter().collect::<String>();
            let (name, after) = quoted
                .split_once(end.as_str())
                .ok_or_else(|| InvalidJsonPath("a bracket is not closed".to_owned()))?;
            return Ok((Step::Member(name.to_owned()), after));
        }
    }
    let (index, after) = inside
        .split_once(']')
        .ok_or_else(|| InvalidJsonPath("a bracket is not closed".to_owned()))?;
    let index = index.parse().map_err(|_| {
        InvalidJsonPath(format!(
            "`[{index}]` is no element: they are counted from [0]"
        ))
    })?;
    Ok((Step::Element(index), after))
}

/// A member after a dot, which the first one does without.
fn member(rest: &str, is_first: bool) -> Result<(Step, &str), InvalidJsonPath> {
    let name = match rest.strip_prefix('.') {
        Some(after) => after,
        None if is_first => rest,
        None => {
            return Err(InvalidJsonPath(format!(
                "a `.` or `[` is missing before `{rest}`"
            )));
        }
    };
    let end = name.find(['.', '[']).unwrap_or(name.len());
    if end == 0 {
        return Err(InvalidJsonPath("a member has no name".to_owned()));
    }
    Ok((Step::Member(name[..end].to_owned()), &name[end..]))
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn find(path: &str, document: &Value) -> Result<Value, String> {
        JsonPath::parse(path)
            .map_err(|error| error.to_string())?
            .find(document)
            .cloned()
    }

    #[test]
    fn members_elements_and_odd_names_are_found() {
        let document = json!({"data": {"items": [{"name": "a"}, [1, 2]], "odd.name": true}});
        for (path, found) in [
            ("data.items[0].name", json!("a")),
            ("$.data.items[1][1]", json!(2)),
            ("data[\"odd.name\"]", json!(true)),
            ("['data'].items[1]", json!([1, 2])),
        ] {
            assert_eq!(find(path, &document), Ok(found), "{path}");
        }
        assert_eq!(find("$[0]", &json!([7])), Ok(json!(7)));
    }

    #[test]
    fn where_the_way_ends_is_said() {
        let document = json!({"data": {"items": []}});
        for (path, why) in [
            ("data.items[0]", "`data.items` has 0 elements, and no [0]"),
            ("data.item", "`data` has no member `item`"),
            ("data[0]", "`data` is an object, not a list"),
            ("data.items.x", "`data.items` is a list, not an object"),
            ("x", "the document has no member `x`"),
        ] {
            assert_eq!(find(path, &document), Err(why.to_owned()), "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for path in [
            "", "$", "a..b", "a[", "a[x]", "a[-1]", "a[0]b", ".", "a.", "['a",
        ] {
            assert!(JsonPath::parse(path).is_err(), "{path}");
        }
    }
}
