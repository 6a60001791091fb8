//! A batch as it is written: the form of the JSON, checked key by key.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Map, Value};

use super::problem::{Problems, step};
use crate::config::parse_duration;

/// Calls in one batch, at most.
pub const MAX_CALLS: usize = 10_000;

/// How long a batch may take when it does not say.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_mins(10);

/// Characters of a `call_id`, at most.
pub(super) const LONGEST_ID: usize = 128;

const KEYS: [&str; 5] = [
    "calls",
    "dependencies",
    "max_parallel",
    "timeout",
    "on_error",
];
const CALL_KEYS: [&str; 5] = ["call_id", "tool_name", "params", "depends_on", "for_each"];

/// What happens after a call has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Everything that does not depend on it runs.
    #[default]
    Continue,
    /// What runs may end, nothing else starts.
    Stop,
}

/// A batch of sound form; names are not looked up yet.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) calls: Vec<Entry>,
    pub(super) max_parallel: Option<NonZeroU32>,
    pub(super) timeout: Option<Duration>,
    pub(super) on_error: OnError,
    /// The seed's way to say `depends_on`: for each id, what it waits for.
    pub(super) dependencies: Vec<(String, Vec<Named>)>,
}

/// One element of `calls`.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) pointer: String,
    pub(super) tool: String,
    pub(super) params: Map<String, Value>,
    pub(super) depends_on: Vec<Named>,
    pub(super) for_each: Option<Vec<Map<String, Value>>>,
}

/// An id somebody wrote, and where.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) id: String,
    pub(super) pointer: String,
}

/// Reads a batch. What is wrong is told and left out.
pub(super) fn read(request: Value, problems: &mut Problems) -> Request {
    let Value::Object(mut members) = request else {
        problems.push("", "a batch is an object with a list of `calls`");
        return Request::default();
    };
    unknown_keys(&members, &KEYS, "", problems);
    let mut read = Request {
        max_parallel: members
            .get("max_parallel")
            .and_then(|value| max_parallel(value, problems)),
        timeout: members
            .get("timeout")
            .and_then(|value| timeout(value, problems)),
        on_error: members
            .get("on_error")
            .map_or(OnError::Continue, |value| on_error(value, problems)),
        ..Request::default()
    };
    if let Some(dependencies) = members.remove("dependencies") {
        read.dependencies = dependency_map(dependencies, problems);
    }
    match members.remove("calls") {
        Some(Value::Array(calls)) => read.calls = entries(calls, problems),
        Some(_) => problems.push("/calls", "`calls` is a list"),
        None => problems.push("", "`calls` is missing"),
    }
    read
}

fn unknown_keys(
    members: &Map<String, Value>,
    known: &[&str],
    pointer: &str,
    problems: &mut Problems,
) {
    for key in members.keys().filter(|key| !known.contains(&key.as_str())) {
        problems.push(
            format!("{pointer}/{}", step(key)),
            format!(
                "`{key}` is no key of this: there are `{}`",
                known.join("`, `")
            ),
        );
    }
}

fn max_parallel(value: &Value, problems: &mut Problems) -> Option<NonZeroU32> {
    let number = value
        .as_u64()
        .map(|number| u32::try_from(number).unwrap_or(u32::MAX))
        .and_then(NonZeroU32::new);
    if number.is_none() {
        problems.push(
            "/max_parallel",
            "`max_parallel` is a whole number of at least 1",
        );
    }
    number
}

fn timeout(value: &Value, problems: &mut Problems) -> Option<Duration> {
    let parsed = match value {
        Value::String(text) => parse_duration(text),
        // The text of a number is a number of seconds.
        Value::Number(number) => parse_duration(&number.to_string()),
        _ => None,
    };
    let timeout = parsed.filter(|timeout| !timeout.is_zero());
    if timeout.is_none() {
        problems.push(
            "/timeout",
            "`timeout` is a number of seconds above 0, or a text such as \"90s\" or \"5m\"",
        );
    }
    timeout
}

fn on_error(value: &Value, problems: &mut Problems) -> OnError {
    match value.as_str() {
        Some("continue") => OnError::Continue,
        Some("stop") => OnError::Stop,
        _ => {
            problems.push("/on_error", "`on_error` is `continue` or `stop`");
            OnError::Continue
        }
    }
}

fn dependency_map(value: Value, problems: &mut Problems) -> Vec<(String, Vec<Named>)> {
    let Value::Object(members) = value else {
        problems.push(
            "/dependencies",
            "`dependencies` is an object: a call's id, and the ids it waits for",
        );
        return Vec::new();
    };
    let mut map = Vec::new();
    for (id, needed) in members {
        let pointer = format!("/dependencies/{}", step(&id));
        let needed = ids(needed, &pointer, problems);
        map.push((id, needed));
    }
    map
}

/// One id or a list of them.
fn ids(value: Value, pointer: &str, problems: &mut Problems) -> Vec<Named> {
    let mut named = Vec::new();
    let elements = match value {
        Value::Array(elements) => elements,
        Value::String(id) => {
            let pointer = pointer.to_owned();
            return vec![Named { id, pointer }];
        }
        _ => {
            problems.push(pointer, "a list of call ids belongs here");
            return named;
        }
    };
    for (index, element) in elements.into_iter().enumerate() {
        let pointer = format!("{pointer}/{index}");
        match element {
            Value::String(id) => named.push(Named { id, pointer }),
            _ => problems.push(pointer, "a call's id is a text"),
        }
    }
    named
}

fn entries(calls: Vec<Value>, problems: &mut Problems) -> Vec<Entry> {
    if calls.is_empty() {
        problems.push("/calls", "there is nothing to call");
    }
    let mut total = 0_usize;
    let mut entries = Vec::new();
    for (index, call) in calls.into_iter().enumerate() {
        if let Some(entry) = entry(call, index, problems) {
            total += entry.for_each.as_ref().map_or(1, Vec::len);
            entries.push(entry);
        }
    }
    if total > MAX_CALLS {
        problems.push(
            "/calls",
            format!("{total} calls are more than the {MAX_CALLS} a batch may have"),
        );
        // Nothing is gained by looking at each of them.
        entries.clear();
    }
    entries
}

fn entry(call: Value, index: usize, problems: &mut Problems) -> Option<Entry> {
    let pointer = format!("/calls/{index}");
    let Value::Object(mut members) = call else {
        problems.push(
            pointer,
            "a call is an object with a `tool_name` and its `params`",
        );
        return None;
    };
    unknown_keys(&members, &CALL_KEYS, &pointer, problems);
    let id = match members.remove("call_id") {
        None | Some(Value::Null) => format!("call_{}", index + 1),
        Some(value) => id(value, &format!("{pointer}/call_id"), problems)?,
    };
    let tool = match members.remove("tool_name") {
        Some(Value::String(tool)) => tool,
        Some(_) => {
            problems.push(format!("{pointer}/tool_name"), "a tool's name is a text");
            String::new()
        }
        None => {
            problems.push(&*pointer, "`tool_name` is missing");
            String::new()
        }
    };
    let params = members.remove("params");
    let depends_on = members.remove("depends_on");
    let for_each = members.remove("for_each");
    Some(Entry {
        params: params.map_or_else(Map::new, |value| {
            object(value, &format!("{pointer}/params"), problems)
        }),
        depends_on: depends_on.map_or_else(Vec::new, |value| {
            ids(value, &format!("{pointer}/depends_on"), problems)
        }),
        for_each: for_each.map(|value| items(value, &format!("{pointer}/for_each"), problems)),
        id,
        pointer,
        tool,
    })
}

/// An id may be used in a reference, so it is made of few characters.
fn id(value: Value, pointer: &str, problems: &mut Problems) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.:/@".contains(c);
    match value {
        Value::String(id)
            if !id.is_empty() && id.len() <= LONGEST_ID && id.chars().all(allowed) =>
        {
            Some(id)
        }
        _ => {
            problems.push(
                pointer,
                format!("a `call_id` is 1 to {LONGEST_ID} letters, digits and `_ - . : / @`"),
            );
            None
        }
    }
}

fn object(value: Value, pointer: &str, problems: &mut Problems) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        Value::Null => Map::new(),
        _ => {
            problems.push(pointer, "parameters are an object");
            Map::new()
        }
    }
}

fn items(value: Value, pointer: &str, problems: &mut Problems) -> Vec<Map<String, Value>> {
    let Value::Array(elements) = value else {
        problems.push(
            pointer,
            "`for_each` is a list of objects, each the parameters of one call",
        );
        return Vec::new();
    };
    elements
        .into_iter()
        .enumerate()
        .map(|(index, element)| object(element, &format!("{pointer}/{index}"), problems))
        .collect()
}
