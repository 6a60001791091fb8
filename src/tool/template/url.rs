//! Placeholders in a URL: in the path, the query and the fragment, never where the host is chosen.
//!
//! Scheme, user, host and port are the author's alone. After them every value is percent-encoded down to the
//! unreserved characters, so that a segment stays one segment and a pair one pair. What encoding cannot help
//! is refused at the call: a segment that comes to be empty, `.` or `..`, which servers and proxies resolve
//! (RFC 3986, section 5.2.4). `{{path | raw}}` lets a value bring slashes of its own, each segment held to the same.

use std::fmt;

use ::url::Url;

use super::header::names_a_secret;
use super::parts::{Expand, Part, Parts, needless_filter, push};
use super::placeholder::{Filter, Placeholder};
use super::query::{self, PairTemplate};
use super::{Checked, Problem, ValueError, percent};
use crate::tool::{Arguments, Parameters};

/// A URL with placeholders.
#[derive(Clone, PartialEq)]
pub struct UrlTemplate {
    /// Scheme, user, host and port.
    base: Url,
    segments: Vec<Parts>,
    query: Vec<PairTemplate>,
    fragment: Option<Parts>,
}

impl UrlTemplate {
    /// Compiles `text`, whose variables `expand` turns into their values; every problem of it is reported, none
    /// shows a variable's value.
    pub fn compile(
        text: &str,
        parameters: &Parameters,
        expand: Expand<'_>,
    ) -> Result<Checked<Self>, Vec<Problem>> {
        let (parts, mut problems) = Parts::scan(text, parameters, expand);
        let whole = 0..text.len();
        problems.extend(impossible(&parts, whole.clone()));
        problems.extend(parts.open_escapes());
        if problems.iter().any(Problem::is_error) {
            return Err(problems);
        }
        let (base, rest) = match base(parts, whole.clone()) {
            Ok(found) => found,
            Err(problem) => {
                problems.push(problem);
                return Err(problems);
            }
        };
        let (path, query, fragment) = areas(rest);
        let segments = segments(path);
        problems.extend(segments.iter().filter_map(|segment| {
            let constant = segment.constant()?;
            percent::is_dots(&constant).then(|| {
                Problem::error(
                    whole.clone(),
                    format!("`{constant}` in the path leads out of it"),
                )
                .hint("write the path it leads to")
            })
        }));
        problems.extend(filters(&segments, query.as_ref(), fragment.as_ref()));
        let warnings = problems
            .extract_if(.., |problem| !problem.is_error())
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Checked {
            template: Self {
                base,
                segments,
                query: query.map(PairTemplate::cut).unwrap_or_default(),
                fragment,
            },
            warnings,
        })
    }

    /// The URL with the values in their places, and `more` pairs after its own.
    pub fn render(&self, arguments: &Arguments, more: &[PairTemplate]) -> Result<Url, ValueError> {
        let mut path = String::new();
        for segment in &self.segments {
            path.push('/');
            path.push_str(&rendered_segment(segment, arguments)?);
        }
        if path.is_empty() {
            path.push('/');
        }
        let mut pairs = query::render(&self.query, arguments)?;
        pairs.extend(query::render(more, arguments)?);
        let mut url = self.base.clone();
        url.set_path(&path);
        if !pairs.is_empty() {
            url.set_query(Some(&pairs.join("&")));
        }
        if let Some(fragment) = &self.fragment {
            url.set_fragment(Some(
                &fragment.text(arguments, |_, text| Ok(percent::value(text)))?,
            ));
        }
        self.held(url, &path)
    }

    /// What the rules above come to, held once more against the finished URL.
    fn held(&self, url: Url, path: &str) -> Result<Url, ValueError> {
        if url.origin() == self.base.origin() && url.path() == path {
            return Ok(url);
        }
        let mut placeholders = self.segments.iter().flat_map(Parts::placeholders);
        let name = placeholders.next().map(Placeholder::name);
        Err(ValueError::new(
            name.unwrap_or_default(),
            "would change the structure of the URL",
        ))
    }
}

impl fmt::Debug for UrlTemplate {
    /// The author's words may hold secrets of the environment: names only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlTemplate")
            .field("segments", &self.segments)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}

/// Characters that no URL holds and that parsers drop, or turn into a slash.
fn impossible(parts: &Parts, whole: std::ops::Range<usize>) -> Option<Problem> {
    let found = parts.0.iter().find_map(|part| match part {
        Part::Text(text) => text.chars().find(|c| c.is_control() || *c == '\\'),
        Part::Value(_) => None,
    })?;
    Some(
        Problem::error(whole, format!("a URL cannot hold the character {found:?}"))
            .hint("write it percent-encoded, such as `%5C` for a backslash"),
    )
}

/// Cuts off what comes before the path.
fn base(parts: Parts, whole: std::ops::Range<usize>) -> Result<(Url, Parts), Problem> {
    let mut parts = parts.0.into_iter().peekable();
    let Some(Part::Text(first)) = parts.next_if(|part| matches!(part, Part::Text(_))) else {
        return Err(chooses_host(parts.peek(), whole));
    };
    let is_http = ["http://", "https://"].iter().any(|scheme| {
        first.len() >= scheme.len()
            && first.is_char_boundary(scheme.len())
            && first[..scheme.len()].eq_ignore_ascii_case(scheme)
    });
    if !is_http {
        return Err(match parts.peek() {
            Some(_) if !first.contains("://") => chooses_host(parts.peek(), whole),
            _ => Problem::error(whole, "a URL begins with `http://` or `https://`")
                .hint("for example `url: \"https://example.com/{{id}}\"`"),
        });
    }
    let from = first.find("://").map_or(0, |at| at + 3);
    let end = first[from..].find(['/', '?', '#']).map(|at| from + at);
    let (before, after) = match (end, parts.peek()) {
        (Some(end), _) => first.split_at(end),
        (None, None) => (first.as_str(), ""),
        (None, next) => return Err(chooses_host(next, whole)),
    };
    let base = Url::parse(before).map_err(|error| {
        // The author's words may hold a secret, so they are not shown.
        Problem::error(whole.clone(), format!("this is no URL: {error}"))
            .hint("for example `url: \"https://example.com/{{id}}\"`")
    })?;
    if base.host_str().is_none_or(str::is_empty) {
        return Err(Problem::error(whole, "the URL names no host"));
    }
    let mut rest = Vec::new();
    push(&mut rest, &percent::authors(after));
    rest.extend(parts.map(|part| match part {
        Part::Text(text) => Part::Text(percent::authors(&text)),
        value @ Part::Value(_) => value,
    }));
    Ok((base, Parts(rest)))
}

fn chooses_host(next: Option<&Part>, whole: std::ops::Range<usize>) -> Problem {
    let range = match next {
        Some(Part::Value(placeholder)) => placeholder.range.clone(),
        _ => whole,
    };
    Problem::error(range, "a caller's value would choose where the request goes").hint(
        "scheme, host and port belong to the file: write them out and put a `/` before the placeholder, \
         with one tool for each host",
    )
}

/// Path, query and fragment.
fn areas(rest: Parts) -> (Parts, Option<Parts>, Option<Parts>) {
    let (before, fragment) = split_once(rest, '#');
    let (path, query) = split_once(before, '?');
    (path, query, fragment)
}

/// Cuts at the first `at` that the author wrote.
fn split_once(parts: Parts, at: char) -> (Parts, Option<Parts>) {
    let mut before = Vec::new();
    let mut after: Option<Vec<Part>> = None;
    for part in parts.0 {
        match (&mut after, part) {
            (Some(after), part) => after.push(part),
            (None, Part::Text(text)) => match text.split_once(at) {
                Some((left, right)) => {
                    push(&mut before, left);
                    let mut rest = Vec::new();
                    push(&mut rest, right);
                    after = Some(rest);
                }
                None => before.push(Part::Text(text)),
            },
            (None, value) => before.push(value),
        }
    }
    (Parts(before), after.map(Parts))
}

/// The segments of a path, which begins with a slash unless it is empty.
fn segments(path: Parts) -> Vec<Parts> {
    let mut segments: Vec<Parts> = Vec::new();
    for part in path.0 {
        let Part::Text(text) = part else {
            if let Some(segment) = segments.last_mut() {
                segment.0.push(part);
            }
            continue;
        };
        for (index, stretch) in text.split('/').enumerate() {
            if index > 0 {
                segments.push(Parts::default());
            }
            if let Some(segment) = segments.last_mut() {
                push(&mut segment.0, stretch);
            }
        }
    }
    segments
}

fn rendered_segment(segment: &Parts, arguments: &Arguments) -> Result<String, ValueError> {
    let text = segment.text(arguments, |placeholder, value| {
        Ok(if placeholder.filter == Filter::Raw {
            let several: Vec<String> = value.split('/').map(percent::value).collect();
            several.join("/")
        } else {
            percent::value(value)
        })
    })?;
    let Some(placeholder) = segment.placeholders().next() else {
        return Ok(text);
    };
    for one in text.split('/') {
        if one.is_empty() {
            return Err(ValueError::new(
                placeholder.name(),
                "leaves a part of the URL's path empty",
            ));
        }
        if percent::is_dots(one) {
            return Err(ValueError::new(
                placeholder.name(),
                format!("makes `{one}` of a part of the URL's path, which leads out of it"),
            ));
        }
    }
    Ok(text)
}

fn filters(segments: &[Parts], query: Option<&Parts>, fragment: Option<&Parts>) -> Vec<Problem> {
    let in_path = segments.iter().flat_map(Parts::placeholders);
    let elsewhere = query
        .into_iter()
        .chain(fragment)
        .flat_map(Parts::placeholders);
    let mut problems: Vec<Problem> = in_path
        .filter_map(|placeholder| match placeholder.filter {
            Filter::Raw => Some(slashes(placeholder)),
            _ => needless_filter(placeholder, "a URL"),
        })
        .collect();
    problems.extend(elsewhere.filter_map(|placeholder| needless_filter(placeholder, "a URL")));
    problems
}

fn slashes(placeholder: &Placeholder) -> Problem {
    let name = placeholder.name();
    Problem::warning(
        placeholder.range.clone(),
        format!("with `| raw` a caller chooses how many segments of the path `{name}` fills"),
    )
    .hint(format!(
        "write `{{{{{name}}}}}` for one segment, whose slashes are encoded"
    ))
}

/// `text` as it can be shown: without the user in it, and without the values of pairs whose names speak of a secret.
pub fn shown(text: &str) -> String {
    let (address, query) = match text.split_once('?') {
        Some((address, query)) => (address, Some(query)),
        None => (text, None),
    };
    let mut shown = address.to_owned();
    if let Some(from) = address.find("://").map(|at| at + 3) {
        let end = address[from..]
            .find('/')
            .map_or(address.len(), |at| from + at);
        if let Some(at) = address[from..end].rfind('@') {
            shown.replace_range(from..from + at, "***");
        }
    }
    if let Some(query) = query {
        let pairs: Vec<String> = query.split('&').map(shown_pair).collect();
        shown.push('?');
        shown.push_str(&pairs.join("&"));
    }
    shown
}

fn shown_pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, value)) if names_a_secret(name) && !value.starts_with("${") => {
            format!("{name}=***")
        }
        _ => pair.to_owned(),
    }
}
