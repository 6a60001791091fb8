//! What stands between `{{` and `}}`: a parameter, a path into it, a filter.
//!
//! The grammar is small on purpose. `{{name}}` or `{{ name }}` is a parameter, by its exact name;
//! `{{name.field.0}}` goes into an object or a list when no parameter has the whole as its name;
//! `{{name | raw}}`, `{{name | json}}` and `{{name | option}}` change how the value is delivered.
//!
//! Two things are left as they are. `{{{{` is a literal `{{`. And a pair of braces that speaks of a
//! field or a variable (`{{.Names}}`, `{{json .State}}`, `{{range $x := .Items}}`) belongs to the
//! template language of the program it is meant for, together with the `{{else}}` and `{{end}}` of
//! the block it opened. Everything else that does not exist is an error, never text.

use std::ops::Range;

use serde_json::Value;

use super::Problem;
use crate::tool::{ParameterType, Parameters};

/// How the value of a placeholder is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Filter {
    /// As its text.
    #[default]
    None,
    /// Pasted as code.
    Raw,
    /// As JSON.
    Json,
    /// As its text, and allowed to be an option.
    Option,
}

/// One placeholder of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placeholder {
    /// Its bytes in the template, braces included.
    pub(super) range: Range<usize>,
    /// The parameter.
    pub(super) parameter: String,
    /// The way into the parameter's value; empty for the whole.
    pub(super) path: Vec<String>,
    /// The type of what stands at the end of the path.
    pub(super) kind: ParameterType,
    /// The only values it can have.
    pub(super) allowed: Option<Vec<Value>>,
    /// How it is delivered.
    pub(super) filter: Filter,
    /// Whether a call can leave it without a value.
    pub(super) optional: bool,
}

impl Placeholder {
    /// Whether its values are numbers, truth values or out of a list the author wrote: nothing
    /// a caller could make code of.
    pub(super) fn is_closed(&self) -> bool {
        self.allowed.is_some()
            || matches!(
                self.kind,
                ParameterType::Integer | ParameterType::Number | ParameterType::Boolean
            )
    }

    /// Whether its values are made of digits, a sign, a point and an exponent only.
    pub(super) fn is_numeric(&self) -> bool {
        matches!(self.kind, ParameterType::Integer | ParameterType::Number)
    }

    /// Whether one of the allowed values, or any value when there is no list, may start with `-`.
    pub(super) fn may_start_with_dash(&self) -> bool {
        match &self.allowed {
            Some(allowed) => allowed
                .iter()
                .any(|value| value.as_str().is_some_and(|text| text.starts_with('-'))),
            None => !matches!(
                self.kind,
                ParameterType::Integer | ParameterType::Number | ParameterType::Boolean
            ),
        }
    }

    /// The placeholder as an author would write it with `filter`.
    pub(super) fn written_with(&self, filter: &str) -> String {
        format!("{{{{{} | {filter}}}}}", self.name())
    }

    /// The parameter and the path, as written between the braces.
    pub(super) fn name(&self) -> String {
        let mut name = self.parameter.clone();
        for segment in &self.path {
            name.push('.');
            name.push_str(segment);
        }
        name
    }
}

/// A stretch of a template.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// Text as it stands.
    Text(Range<usize>),
    /// `{{{{`, which stands for `{{`.
    Braces(Range<usize>),
    /// A placeholder.
    Placeholder(Placeholder),
}

/// Cuts `text` into its pieces; every mistake in it is reported.
pub(super) fn scan(text: &str, parameters: &Parameters) -> (Vec<Piece>, Vec<Problem>) {
    let mut scanner = Scanner {
        text,
        parameters,
        pieces: Vec::new(),
        problems: Vec::new(),
        foreign_blocks: 0,
    };
    scanner.run();
    (scanner.pieces, scanner.problems)
}

struct Scanner<'a> {
    text: &'a str,
    parameters: &'a Parameters,
    pieces: Vec<Piece>,
    problems: Vec<Problem>,
    /// Blocks of another template language that are open.
    foreign_blocks: usize,
}

impl Scanner<'_> {
    fn run(&mut self) {
        let mut from = 0;
        let mut at = 0;
        while let Some(found) = self.text[at..].find("{{") {
            let start = at + found;
            let braces = self.text[start..]
                .bytes()
                .take_while(|b| *b == b'{')
                .count();
            let end = if braces >= 4 {
                self.flush(from, start);
                self.pieces.push(Piece::Braces(start..start + 4));
                from = start + 4;
                from
            } else {
                let (end, placeholder) = self.braces(start, braces);
                if let Some(placeholder) = placeholder {
                    self.flush(from, start);
                    self.pieces.push(Piece::Placeholder(placeholder));
                    from = end;
                }
                end
            };
            at = end;
        }
        self.flush(from, self.text.len());
    }

    fn flush(&mut self, from: usize, to: usize) {
        if from < to {
            self.pieces.push(Piece::Text(from..to));
        }
    }

    /// What opens at `start`: where scanning goes on, and the placeholder when it is one.
    fn braces(&mut self, start: usize, braces: usize) -> (usize, Option<Placeholder>) {
        if braces == 3 {
            self.problems.push(
                Problem::error(
                    start..start + 3,
                    "three braces in a row can be read in two ways",
                )
                .hint("put a blank after the first brace, or write `{{{{` for a literal `{{`"),
            );
            return (start + 3, None);
        }
        let Some(length) = self.text[start..].find("}}") else {
            self.problems.push(
                Problem::error(start..start + 2, "`{{` is not closed")
                    .hint("close the placeholder with `}}`, or write `{{{{` for a literal `{{`"),
            );
            return (self.text.len(), None);
        };
        let end = start + length + 2;
        let inside = self.text[start + 2..start + length].trim();
        if self.parameters.get(inside).is_none() && self.is_foreign(inside) {
            return (end, None);
        }
        match resolve(inside, start..end, self.parameters) {
            Ok(placeholder) => (end, Some(placeholder)),
            Err(problem) => {
                self.problems.push(problem);
                (end, None)
            }
        }
    }

    /// Whether the braces belong to the template language of another program.
    fn is_foreign(&mut self, inside: &str) -> bool {
        let inside = inside.trim_start_matches("- ").trim_end_matches(" -");
        let keyword = inside.split_whitespace().next().unwrap_or_default();
        if self.foreign_blocks > 0 && matches!(keyword, "end" | "else") {
            if keyword == "end" {
                self.foreign_blocks -= 1;
            }
            return true;
        }
        let speaks_of_a_field = inside
            .split(|c: char| c.is_whitespace() || c == '(')
            .any(|word| word.starts_with('.') || (word.starts_with('$') && word.len() > 1));
        if speaks_of_a_field && matches!(keyword, "range" | "if" | "with" | "block") {
            self.foreign_blocks += 1;
        }
        speaks_of_a_field
    }
}

fn resolve(
    inside: &str,
    range: Range<usize>,
    parameters: &Parameters,
) -> Result<Placeholder, Problem> {
    if inside.is_empty() {
        return Err(Problem::error(range, "a placeholder without a name")
            .hint("write `{{name}}`, or `{{{{` for a literal `{{`"));
    }
    if let Some(found) = find(inside, &range, parameters, Filter::None)? {
        return Ok(found);
    }
    let mut parts = inside.split('|').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let mut filter = Filter::None;
    for word in parts {
        if filter != Filter::None {
            return Err(Problem::error(range, "a placeholder takes one filter")
                .hint("use one of `| raw`, `| json` and `| option`"));
        }
        filter = match word {
            "raw" => Filter::Raw,
            "json" => Filter::Json,
            "option" => Filter::Option,
            _ => {
                return Err(
                    Problem::error(range, format!("there is no filter `{word}`"))
                        .hint("the filters are `raw`, `json` and `option`"),
                );
            }
        };
    }
    match find(name, &range, parameters, filter)? {
        Some(found) => Ok(found),
        None => Err(unknown(inside, name, range, parameters)),
    }
}

/// The parameter of that name, or the place inside one that a path leads to.
fn find(
    name: &str,
    range: &Range<usize>,
    parameters: &Parameters,
    filter: Filter,
) -> Result<Option<Placeholder>, Problem> {
    let place = |parameter: &crate::tool::Parameter, path: Vec<String>, kind, allowed, optional| {
        Placeholder {
            range: range.clone(),
            parameter: parameter.name.clone(),
            path,
            kind,
            allowed,
            filter,
            optional,
        }
    };
    if let Some(parameter) = parameters.get(name) {
        let optional = !parameter.required && parameter.default.is_none();
        let allowed = parameter.allowed.clone();
        return Ok(Some(place(
            parameter,
            Vec::new(),
            parameter.kind,
            allowed,
            optional,
        )));
    }
    for (dot, _) in name.rmatch_indices('.') {
        let Some(parameter) = parameters.get(&name[..dot]) else {
            continue;
        };
        let enters = matches!(
            parameter.kind,
            ParameterType::Object | ParameterType::Array | ParameterType::Any
        );
        if !enters {
            return Err(Problem::error(
                range.clone(),
                format!(
                    "`{}` is of type {} and has no fields",
                    parameter.name,
                    parameter.kind.name()
                ),
            )
            .hint(format!(
                "write `{{{{{}}}}}`, or declare it with `type: object`",
                parameter.name
            )));
        }
        let path: Vec<String> = name[dot + 1..].split('.').map(str::to_owned).collect();
        if path
            .iter()
            .any(|segment| segment.is_empty() || segment.contains(char::is_whitespace))
        {
            return Ok(None);
        }
        let (kind, allowed) = leaf(parameters.own_schema(&parameter.name), &path);
        return Ok(Some(place(parameter, path, kind, allowed, true)));
    }
    Ok(None)
}

/// What the schema says about the end of a path.
fn leaf(mut schema: Option<&Value>, path: &[String]) -> (ParameterType, Option<Vec<Value>>) {
    for segment in path {
        schema = schema.and_then(|schema| {
            schema
                .get("properties")
                .and_then(|fields| fields.get(segment))
                .or_else(|| {
                    let items = schema.get("items").filter(|items| items.is_object());
                    items.filter(|_| segment.bytes().all(|b| b.is_ascii_digit()))
                })
        });
    }
    let kind = match schema
        .and_then(|schema| schema.get("type"))
        .and_then(Value::as_str)
    {
        Some("string") => ParameterType::String,
        Some("integer") => ParameterType::Integer,
        Some("number") => ParameterType::Number,
        Some("boolean") => ParameterType::Boolean,
        Some("array") => ParameterType::Array,
        Some("object") => ParameterType::Object,
        _ => ParameterType::Any,
    };
    let allowed = schema
        .and_then(|schema| schema.get("enum"))
        .and_then(Value::as_array)
        .cloned();
    (kind, allowed)
}

fn unknown(inside: &str, name: &str, range: Range<usize>, parameters: &Parameters) -> Problem {
    const WORDS: [&str; 22] = [
        "if", "else", "elif", "elsif", "end", "endif", "for", "endfor", "each", "range", "with",
        "unless", "foreach", "while", "block", "template", "include", "define", "set", "let",
        "not", "default",
    ];
    let first = name.split_whitespace().next().unwrap_or_default();
    let is_construct = WORDS.contains(&first)
        || name.contains(char::is_whitespace)
        || name.starts_with([
            '#', '/', '^', '!', '>', '&', '%', '*', '@', '"', '\'', '-', '(',
        ])
        || name.is_empty();
    if is_construct {
        return Problem::error(
            range,
            format!("`{{{{ {inside} }}}}` is template syntax that does not exist"),
        )
        .hint(
            "there is only `{{name}}`, with `| raw`, `| json` or `| option`; decide in the script, \
                 as in `if [ -n \"{{name}}\" ]; then ...; fi`, and write `{{{{` for a literal `{{`",
        );
    }
    let problem = Problem::error(range, format!("no parameter is named `{name}`"));
    match nearest(name, parameters) {
        Some(close) => problem.hint(format!("did you mean `{close}`?")),
        None if parameters.iter().len() == 0 => {
            problem.hint(format!("declare it under `parameters`: `- name: {name}`"))
        }
        None => {
            let names: Vec<String> = parameters
                .iter()
                .take(12)
                .map(|known| format!("`{}`", known.name))
                .collect();
            problem.hint(format!("the parameters are {}", names.join(", ")))
        }
    }
}

fn nearest<'a>(name: &str, parameters: &'a Parameters) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    parameters
        .iter()
        .map(|known| {
            let distance = strsim::damerau_levenshtein(&wanted, &known.name.to_lowercase());
            (distance, known.name.as_str())
        })
        .filter(|(distance, known)| {
            *distance <= 1 + known.chars().count() / 4 && known.chars().count() > 2
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}
