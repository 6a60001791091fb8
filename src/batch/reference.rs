//! `${id.result.path}`: a part of an earlier result, by name.

use std::fmt;

use serde_json::Value;

/// A part of the result of another call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// The call, or the `for_each` whose results make a list.
    pub(super) id: String,
    /// The way from the result to the part.
    pub(super) path: Vec<Step>,
}

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `.name`
    Member(String),
    /// `[n]`, counted from zero.
    Index(usize),
}

/// A piece of a text with references in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Text as it is.
    Text(String),
    /// A reference.
    Reference(Reference),
}

impl Reference {
    /// Reads what stands between `${` and `}`.
    fn parse(inside: &str) -> Option<Self> {
        let (id, path) = inside.match_indices(".result").find_map(|(at, word)| {
            let path = &inside[at + word.len()..];
            let ends = path.is_empty() || path.starts_with(['.', '[']);
            (ends && at > 0).then(|| (&inside[..at], path))
        })?;
        Some(Self {
            id: id.to_owned(),
            path: steps(path)?,
        })
    }
}

fn steps(mut path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    while !path.is_empty() {
        if let Some(rest) = path.strip_prefix('[') {
            let (digits, rest) = rest.split_once(']')?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            steps.push(Step::Index(digits.parse().ok().filter(|_| is_number)?));
            path = rest;
        } else {
            let rest = path.strip_prefix('.')?;
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            if end == 0 {
                return None;
            }
            steps.push(Step::Member(rest[..end].to_owned()));
            path = &rest[end..];
        }
    }
    Some(steps)
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${{{}.result", self.id)?;
        for step in &self.path {
            write!(f, "{step}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(name) => write!(f, ".{name}"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// Takes `text` apart. `$${` stands for `${` itself; any other `$` is a `$`.
///
/// # Errors
/// What is wrong with a reference, in words.
pub(super) fn parts(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let after = &rest[at + 2..];
        if let Some(before) = rest[..at].strip_suffix('$') {
            plain.push_str(before);
            plain.push_str("${");
            rest = after;
            continue;
        }
        plain.push_str(&rest[..at]);
        let Some((inside, behind)) = after.split_once('}') else {
            return Err(
                "a reference begins with `${` and has no `}`; write `$${` for the text itself"
                    .into(),
            );
        };
        let reference = Reference::parse(inside).ok_or_else(|| {
            format!(
                "`${{{inside}}}` is no reference: write `${{CALL_ID.result.PATH}}`, or `$${{` for the text itself"
            )
        })?;
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(Part::Reference(reference));
        rest = behind;
    }
    plain.push_str(rest);
    if !plain.is_empty() || parts.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}

/// The part of `value` that `path` leads to.
///
/// # Errors
/// Where the way ends, in words.
pub(super) fn walk<'a>(value: &'a Value, path: &[Step]) -> Result<&'a Value, String> {
    let mut here = value;
    for (number, step) in path.iter().enumerate() {
        let next = match (step, here) {
            (Step::Member(name), Value::Object(members)) => members.get(name),
            (Step::Index(index), Value::Array(elements)) => elements.get(*index),
            _ => None,
        };
        here = next.ok_or_else(|| {
            let walked: String = path[..number].iter().map(ToString::to_string).collect();
            format!("`result{walked}` is {}, without `{step}`", shape(here))
        })?;
    }
    Ok(here)
}

/// What a value is, for a message: a list's length, an object's first members.
fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "a boolean".into(),
        Value::Number(_) => "a number".into(),
        Value::String(_) => "a text".into(),
        Value::Array(elements) => format!("a list of {}", elements.len()),
        Value::Object(members) if members.is_empty() => "an empty object".into(),
        Value::Object(members) => {
            let names: Vec<&str> = members.keys().take(8).map(String::as_str).collect();
            let more = if members.len() > 8 { ", ..." } else { "" };
            format!("an object of `{}`{more}", names.join("`, `"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reference(text: &str) -> Reference {
        match parts(text).expect("sound").as_slice() {
            [Part::Reference(reference)] => reference.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_reference_is_a_call_and_a_way() {
        let found = reference("${user.result.posts[12].id}");
        assert_eq!(found.id, "user");
        assert_eq!(
            found.path,
            [
                Step::Member("posts".into()),
                Step::Index(12),
                Step::Member("id".into())
            ]
        );
        assert_eq!(found.to_string(), "${user.result.posts[12].id}");
        assert_eq!(reference("${a.b.result}").id, "a.b");
        assert_eq!(reference("${posts[3].result[0]}").id, "posts[3]");
        assert_eq!(reference("${a.results.result.x}").id, "a.results");
    }

    #[test]
    fn text_around_references_stays_and_dollars_escape() {
        let found = parts("a $5 $${b} ${c.result}!").expect("sound");
        assert_eq!(found.len(), 3);
        assert_eq!(found[0], Part::Text("a $5 ${b} ".into()));
        assert_eq!(found[2], Part::Text("!".into()));
        assert_eq!(parts(""), Ok(vec![Part::Text(String::new())]));
    }

    #[test]
    fn what_is_no_reference_is_told() {
        for wrong in [
            "${HOME}",
            "${.result}",
            "${a.result.}",
            "${a.result[x]}",
            "${a.result[+1]}",
            "${a.result[1}",
            "${a.resulting}",
            "${}",
            "${a.result x}",
        ] {
            let message = parts(wrong).expect_err(wrong);
            assert!(message.contains("is no reference"), "{wrong}: {message}");
        }
        assert!(
            parts("${a.result")
                .expect_err("open")
                .contains("has no `}`")
        );
    }

    #[test]
    fn a_way_that_leads_nowhere_says_where_it_ends() {
        let value = json!({"posts": [{"id": 1}], "n": 1});
        let walked = |text| walk(&value, &reference(text).path).cloned();
        assert_eq!(walked("${a.result.posts[0].id}"), Ok(json!(1)));
        assert_eq!(
            walked("${a.result.posts[1].id}"),
            Err("`result.posts` is a list of 1, without `[1]`".into())
        );
        assert_eq!(
            walked("${a.result.name}"),
            Err("`result` is an object of `posts`, `n`, without `.name`".into())
        );
        assert_eq!(
            walked("${a.result.n.x}"),
            Err("`result.n` is a number, without `.x`".into())
        );
    }
}
