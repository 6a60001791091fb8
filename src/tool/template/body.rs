//! Placeholders in the body of a request: JSON, a form, or any text.
//!
//! What a body is follows from its `Content-Type`, and without one from how it is written: a map or a list is
//! JSON, text that looks like JSON is JSON written by hand, text like `a={{x}}&b=1` is a form, and the rest is text.

use super::parts::{Part, Parts, needless_filter};
use super::query::{self, PairTemplate};
use super::tree::{self, Tree};
use super::{Checked, Problem, TextSurface, TextTemplate, ValueError, json};
use crate::tool::{Arguments, ParameterType, Parameters};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const TEXT: &str = "text/plain; charset=utf-8";

/// The body of a request, with placeholders.
#[derive(Clone, Debug, PartialEq)]
pub struct BodyTemplate {
    kind: Kind,
    content_type: &'static str,
}

/// A problem and the number of the scalar it concerns.
type InDocument = (usize, Problem);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Text(TextTemplate),
    Tree(Tree),
    Form(Vec<PairTemplate>),
}

impl BodyTemplate {
    /// Compiles a body that is written as text. `content_type` is what the file says it is.
    pub fn of_text(
        text: &str,
        content_type: Option<&str>,
        parameters: &Parameters,
    ) -> Result<Checked<Self>, Vec<Problem>> {
        let (parts, _) = Parts::scan(text, parameters, &str::to_owned);
        let is_form = content_type.map_or_else(|| looks_like_form(&parts), is_form);
        if is_form {
            return form_text(text.trim_end_matches(['\r', '\n']), parameters);
        }
        let looks_like_json = json::looks_like_json(&tree::skeleton(&parts));
        let surface = match content_type {
            Some(named) if is_json(named) => TextSurface::Json,
            Some(_) if !looks_like_json => TextSurface::Question,
            _ => TextSurface::Body,
        };
        let is_document = parts.alone().is_some_and(|alone| {
            matches!(alone.kind, ParameterType::Object | ParameterType::Array)
        });
        TextTemplate::compile(text, surface, parameters).map(|checked| Checked {
            template: Self {
                kind: Kind::Text(checked.template),
                content_type: if looks_like_json || is_document {
                    JSON
                } else {
                    TEXT
                },
            },
            warnings: checked.warnings,
        })
    }

    /// Compiles a body that is written as a map or a list. Each problem comes with the number of the scalar it
    /// concerns, counted from zero in the file's order.
    pub fn of_value(
        value: &serde_json::Value,
        content_type: Option<&str>,
        parameters: &Parameters,
    ) -> Result<Checked<Self, InDocument>, Vec<InDocument>> {
        if content_type.is_some_and(is_form)
            && let Some(pairs) = tree::flat(value)
        {
            return form_pairs(&pairs, parameters);
        }
        let mut problems = Vec::new();
        let tree = Tree::compile(value, parameters, &mut 0, &mut problems);
        finished(Kind::Tree(tree), JSON, problems)
    }

    /// What the body is, where no header says so.
    pub const fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// The body with the values in their places.
    pub fn render(&self, arguments: &Arguments) -> Result<String, ValueError> {
        Ok(match &self.kind {
            Kind::Text(template) => template.render(arguments)?,
            Kind::Tree(tree) => tree
                .render(arguments)?
                .unwrap_or(serde_json::Value::Null)
                .to_string(),
            Kind::Form(pairs) => query::render(pairs, arguments)?.join("&"),
        })
    }
}

fn finished(
    kind: Kind,
    content_type: &'static str,
    problems: Vec<InDocument>,
) -> Result<Checked<BodyTemplate, InDocument>, Vec<InDocument>> {
    let (errors, warnings): (Vec<_>, Vec<_>) = problems
        .into_iter()
        .partition(|(_, problem)| problem.is_error());
    if !errors.is_empty() {
        return Err(errors);
    }
    let template = BodyTemplate { kind, content_type };
    Ok(Checked { template, warnings })
}

/// A form written as text: the author's words are encoded already, values are encoded here.
fn form_text(text: &str, parameters: &Parameters) -> Result<Checked<BodyTemplate>, Vec<Problem>> {
    let (parts, mut problems) = Parts::scan(text, parameters, &str::to_owned);
    problems.extend(parts.open_escapes());
    problems.extend(
        parts
            .placeholders()
            .filter_map(|placeholder| needless_filter(placeholder, "a form")),
    );
    let warnings = problems
        .extract_if(.., |problem| !problem.is_error())
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Checked {
        template: BodyTemplate {
            kind: Kind::Form(PairTemplate::cut(parts)),
            content_type: FORM,
        },
        warnings,
    })
}

/// A form written as a map.
fn form_pairs(
    pairs: &[(&str, String)],
    parameters: &Parameters,
) -> Result<Checked<BodyTemplate, InDocument>, Vec<InDocument>> {
    let mut problems = Vec::new();
    let mut compiled = Vec::with_capacity(pairs.len());
    for (index, (name, text)) in pairs.iter().enumerate() {
        match PairTemplate::compile(name, text, parameters) {
            Ok(checked) => {
                problems.extend(checked.warnings.into_iter().map(|warning| (index, warning)));
                compiled.push(checked.template);
            }
            Err(found) => problems.extend(found.into_iter().map(|problem| (index, problem))),
        }
    }
    finished(Kind::Form(compiled), FORM, problems)
}

fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn is_form(content_type: &str) -> bool {
    essence(content_type) == FORM
}

fn is_json(content_type: &str) -> bool {
    let essence = essence(content_type);
    essence == JSON || essence.ends_with("+json")
}

/// Whether text was meant as a form: `name=...` joined by `&`, with a placeholder and without a blank.
fn looks_like_form(parts: &Parts) -> bool {
    let text = tree::skeleton(parts);
    let text = text.trim_end();
    let is_pair = |pair: &str| {
        pair.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_-.[]%+~".contains(c))
        })
    };
    parts.0.iter().any(|part| matches!(part, Part::Value(_)))
        && !text.contains(char::is_whitespace)
        && text.split('&').all(is_pair)
}
