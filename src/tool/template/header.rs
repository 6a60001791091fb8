//! Placeholders in the value of a header.
//!
//! A header is one line, so a control character in a value is an argument error; other characters are sent as
//! UTF-8. A blank at an end is one, too, because every reader drops it (RFC 9110, section 5.5). Names are the
//! author's alone.

use std::cell::RefCell;

use http::{HeaderName, HeaderValue};

use super::parts::{Expand, Part, Parts, needless_filter};
use super::placeholder::Placeholder;
use super::{Checked, Problem, ValueError};
use crate::tool::{Arguments, Parameters};

/// Headers that the connection makes, or that say who is spoken to.
const OURS: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A header with placeholders in its value.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderTemplate {
    name: HeaderName,
    value: Parts,
    is_secret: bool,
}

/// A name that no header of a request can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeaderName {
    /// A placeholder in it.
    #[error("no placeholder may stand in a header's name")]
    Placeholder,
    /// A character that no name has.
    #[error("`{0}` cannot name a header")]
    Characters(String),
    /// A header of the connection's.
    #[error("the header `{0}` is set by the runner")]
    Ours(String),
}

impl HeaderTemplate {
    /// The name of a header as HTTP knows it.
    pub fn name(written: &str) -> Result<HeaderName, InvalidHeaderName> {
        if written.contains("{{") {
            return Err(InvalidHeaderName::Placeholder);
        }
        let name = HeaderName::from_bytes(written.as_bytes())
            .map_err(|_| InvalidHeaderName::Characters(written.to_owned()))?;
        if OURS.contains(&name.as_str()) {
            return Err(InvalidHeaderName::Ours(written.to_owned()));
        }
        Ok(name)
    }

    /// Compiles the header `name` with the value `text`, whose variables `expand` turns into their values.
    pub fn compile(
        name: HeaderName,
        text: &str,
        parameters: &Parameters,
        expand: Expand<'_>,
    ) -> Result<Checked<Self>, Vec<Problem>> {
        let (value, mut problems) = Parts::scan(text, parameters, expand);
        problems.extend(
            value
                .placeholders()
                .filter_map(|placeholder| needless_filter(placeholder, "a header")),
        );
        let holds_control =
            |part: &Part| matches!(part, Part::Text(text) if text.chars().any(char::is_control));
        if value.0.iter().any(holds_control) {
            problems.push(
                Problem::error(
                    0..text.len(),
                    "a header's value cannot hold a control character",
                )
                .hint(
                    "a variable may end with a line break: take it off where the variable is set",
                ),
            );
        }
        let warnings = problems
            .extract_if(.., |problem| !problem.is_error())
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Checked {
            template: Self {
                is_secret: names_a_secret(name.as_str()) || text.contains("${"),
                name,
                value,
            },
            warnings,
        })
    }

    /// Its name.
    pub const fn header(&self) -> &HeaderName {
        &self.name
    }

    /// Whether its value is nobody's business but the receiver's.
    pub const fn is_secret(&self) -> bool {
        self.is_secret
    }

    /// The whole value when no caller has a say in it.
    pub fn constant(&self) -> Option<String> {
        self.value.constant()
    }

    /// The values: one, or one for each element of a list that stands alone, or none where a value that stands
    /// alone is not there.
    pub fn render(&self, arguments: &Arguments) -> Result<Vec<HeaderValue>, ValueError> {
        let last = RefCell::new(String::new());
        let texts = self.value.texts(arguments, |placeholder, text| {
            text.clone_into(&mut last.borrow_mut());
            one_line(placeholder, text)
        })?;
        let last = last.into_inner();
        let mut values = Vec::with_capacity(texts.len());
        for text in texts {
            self.keep_blanks(&text, &last)?;
            let trimmed = text.trim_matches(' ');
            let mut value = HeaderValue::from_bytes(trimmed.as_bytes())
                .map_err(|_| self.refused("holds what no header can carry"))?;
            value.set_sensitive(self.is_secret);
            values.push(value);
        }
        Ok(values)
    }

    /// Refuses blanks of a caller's at the ends; the author's own are dropped as every reader would.
    fn keep_blanks(&self, text: &str, last: &str) -> Result<(), ValueError> {
        let begins = matches!(self.value.0.first(), Some(Part::Value(_))) && text.starts_with(' ');
        let ends = matches!(self.value.0.last(), Some(Part::Value(_)))
            && text.ends_with(' ')
            && !last.is_empty();
        if begins || ends {
            return Err(self.refused("begins or ends with a blank, which a header loses"));
        }
        Ok(())
    }

    fn refused(&self, why: &str) -> ValueError {
        let name = self.value.placeholders().next().map(Placeholder::name);
        ValueError::new(name.unwrap_or_default(), why)
    }
}

fn one_line(placeholder: &Placeholder, text: &str) -> Result<String, ValueError> {
    match text.chars().find(|c| c.is_control()) {
        None => Ok(text.to_owned()),
        Some(found) => Err(ValueError::new(
            placeholder.name(),
            format!("holds the control character {found:?}, which no header can carry"),
        )),
    }
}

/// Whether a header, or a part of a query, is a secret by its name.
pub(in crate::tool) fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "auth",
        "token",
        "key",
        "secret",
        "passw",
        "pwd",
        "cookie",
        "signature",
        "credential",
    ]
    .iter()
    .any(|word| name.contains(word))
        || name == "sig"
}
