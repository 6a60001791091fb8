//! One pair of a query or of a form: a name of the author's, and values of a caller's.

use super::parts::{Part, Parts, needless_filter, push};
use super::placeholder::Placeholder;
use super::{Checked, Problem, ValueError, percent};
use crate::tool::{Arguments, Parameters};

/// A pair of a query or of a form.
#[derive(Clone, Debug, PartialEq)]
pub struct PairTemplate {
    /// The name as the author wrote it; empty where it was cut out of a URL.
    written: String,
    name: Parts,
    /// Absent for a name without `=`.
    value: Option<Parts>,
}

impl PairTemplate {
    /// Compiles the pair of the constant `name` and `text`. Nothing of `text` counts as encoded already.
    pub fn compile(
        name: &str,
        text: &str,
        parameters: &Parameters,
    ) -> Result<Checked<Self>, Vec<Problem>> {
        let (mut parts, mut problems) = Parts::scan(text, parameters, &str::to_owned);
        for part in &mut parts.0 {
            if let Part::Text(text) = part {
                *text = percent::value(text);
            }
        }
        problems.extend(
            parts
                .placeholders()
                .filter_map(|placeholder| needless_filter(placeholder, "a query")),
        );
        let warnings = problems
            .extract_if(.., |problem| !problem.is_error())
            .collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Checked {
            template: Self {
                written: name.to_owned(),
                name: Parts(vec![Part::Text(percent::value(name))]),
                value: Some(parts),
            },
            warnings,
        })
    }

    /// Its name as the author wrote it; empty where it stands in a URL.
    pub fn name(&self) -> &str {
        &self.written
    }

    /// The pairs of a query that an author wrote into a URL or a form: cut at `&`, and each at its first `=`.
    pub(super) fn cut(query: Parts) -> Vec<Self> {
        let mut pairs = vec![Self::empty()];
        for part in query.0 {
            let Part::Text(text) = part else {
                last(&mut pairs).place().push(part);
                continue;
            };
            for (index, stretch) in text.split('&').enumerate() {
                if index > 0 {
                    pairs.push(Self::empty());
                }
                last(&mut pairs).write(stretch);
            }
        }
        pairs
    }

    const fn empty() -> Self {
        Self {
            written: String::new(),
            name: Parts(Vec::new()),
            value: None,
        }
    }

    fn place(&mut self) -> &mut Vec<Part> {
        match &mut self.value {
            Some(value) => &mut value.0,
            None => &mut self.name.0,
        }
    }

    fn write(&mut self, text: &str) {
        let rest = match text.split_once('=') {
            Some((name, rest)) if self.value.is_none() => {
                push(&mut self.name.0, name);
                self.value = Some(Parts::default());
                rest
            }
            _ => text,
        };
        push(self.place(), rest);
    }

    /// Adds the encoded pair to `query`: once, or once for each element of a list that stands alone, or not at
    /// all where a value that stands alone is not there.
    pub(super) fn render(
        &self,
        arguments: &Arguments,
        query: &mut Vec<String>,
    ) -> Result<(), ValueError> {
        let encode = |_: &Placeholder, text: &str| Ok(percent::value(text));
        let Some(value) = &self.value else {
            query.extend(self.name.texts(arguments, encode)?);
            return Ok(());
        };
        let name = self.name.text(arguments, encode)?;
        for value in value.texts(arguments, encode)? {
            query.push(format!("{name}={value}"));
        }
        Ok(())
    }
}

/// The encoded pairs.
pub(super) fn render(
    pairs: &[PairTemplate],
    arguments: &Arguments,
) -> Result<Vec<String>, ValueError> {
    let mut rendered = Vec::with_capacity(pairs.len());
    for pair in pairs {
        pair.render(arguments, &mut rendered)?;
    }
    Ok(rendered)
}

fn last(pairs: &mut [PairTemplate]) -> &mut PairTemplate {
    pairs.last_mut().expect("there is a pair from the start")
}
