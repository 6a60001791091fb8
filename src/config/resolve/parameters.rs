//! What a tool takes: from declarations, or from a whole JSON Schema.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::both;
use super::values::typed;
use crate::config::decode::{Given, List, Problems};
use crate::config::document::{ParameterDeclaration, Tool, TypeName, Validation};
use crate::config::schema::Wire;
use crate::config::text::Json;
use crate::config::unknown;
use crate::config::yaml::{Key, Kind, Node};
use crate::diagnostic::{Diagnostic, Span};
use crate::tool::{Parameter, ParameterType, Parameters};

mod schema;
mod timeout_seconds;

pub(super) use schema::check as check_schema;

/// The parameters of a tool. One that is refused is still known by name, so that a placeholder that
/// names it is not reported on top.
pub(super) fn resolve(tool: &Tool, problems: &mut Problems) -> Parameters {
    let declared = declared(tool, problems);
    timeout_seconds::add(tool, declared, problems)
}

fn declared(tool: &Tool, problems: &mut Problems) -> Parameters {
    if let Some(schema) = &tool.input_schema {
        if let Some(parameters) = &tool.parameters {
            both(
                ("parameters", parameters),
                ("input_schema", schema),
                problems,
            );
        }
        return schema::parameters(&schema.value, problems);
    }
    let given = tool.parameters.as_ref().map_or(&[][..], |list| &list.0);
    let mut parameters = Vec::with_capacity(given.len());
    let mut properties = Map::with_capacity(given.len());
    let mut seen: HashMap<String, Span> = HashMap::new();
    for declared in given {
        if let Some((parameter, schema)) = declare(&declared.value, &mut seen, problems) {
            properties.insert(parameter.name.clone(), schema.into());
            parameters.push(parameter);
        }
    }
    schema::check_headers(given, problems);
    let schema = whole_schema(&parameters, properties);
    Parameters::new(parameters, schema)
}

/// The schema of all parameters together. Nothing else may be passed.
fn whole_schema(parameters: &[Parameter], properties: Map<String, Value>) -> Value {
    let required: Vec<&str> = parameters
        .iter()
        .filter(|parameter| parameter.required)
        .map(|parameter| parameter.name.as_str())
        .collect();
    // Kept for as long as the tool is, so it is given no more room than it takes.
    let mut schema = Map::with_capacity(4);
    schema.insert("type".into(), "object".into());
    schema.insert("properties".into(), properties.into());
    if !required.is_empty() {
        schema.insert("required".into(), required.into());
    }
    schema.insert("additionalProperties".into(), false.into());
    schema.into()
}

/// A parameter, and its JSON Schema.
fn declare(
    declared: &ParameterDeclaration,
    seen: &mut HashMap<String, Span>,
    problems: &mut Problems,
) -> Option<(Parameter, Map<String, Value>)> {
    let Some(name) = &declared.name else {
        if declared.lacks("name") {
            problems.push(
                Diagnostic::error(declared.rest.span, "a parameter needs a `name`")
                    .hint("for example `- name: path`"),
            );
        }
        return None;
    };
    if name.text.is_empty() {
        problems.push(Diagnostic::error(
            name.span,
            "a parameter's name must not be empty",
        ));
        return None;
    }
    if let Some(first) = seen.insert(name.text.clone(), name.span) {
        problems.push(
            Diagnostic::error(
                name.span,
                format!("two parameters are named `{}`", name.text),
            )
            .label("again here")
            .related(first, "first here")
            .hint("give one of them another name"),
        );
        return None;
    }
    let kind = kind(declared);
    let mut schema = own_schema(declared, kind, problems);
    let default = default(declared, kind, &schema, problems);
    if let Some(default) = &default {
        schema.insert("default".into(), default.clone());
    }
    let parameter = Parameter {
        name: name.text.clone(),
        kind,
        required: declared.required.as_ref().is_some_and(|given| given.value),
        default,
        allowed: schema.get("enum").and_then(Value::as_array).cloned(),
    };
    Some((parameter, schema))
}

/// The type: string when absent. One that could not be read may be anything.
fn kind(declared: &ParameterDeclaration) -> ParameterType {
    match declared.kind.as_ref().map(|given| given.value) {
        None if declared.rest.unread.contains(&"type") => ParameterType::Any,
        None | Some(TypeName::String) => ParameterType::String,
        Some(TypeName::Integer) => ParameterType::Integer,
        Some(TypeName::Number) => ParameterType::Number,
        Some(TypeName::Boolean) => ParameterType::Boolean,
        Some(TypeName::Array) => ParameterType::Array,
        Some(TypeName::Object) => ParameterType::Object,
    }
}

/// The JSON Schema of one parameter, without its default.
fn own_schema(
    declared: &ParameterDeclaration,
    kind: ParameterType,
    problems: &mut Problems,
) -> Map<String, Value> {
    let mut schema = Map::with_capacity(keywords(declared));
    if kind != ParameterType::Any {
        schema.insert("type".into(), kind.name().into());
    }
    if let Some(description) = &declared.description {
        schema.insert("description".into(), description.text.as_str().into());
    }
    let reported = problems.len();
    for (key, node) in &declared.rest.others {
        keyword(key, node, &mut schema, problems);
    }
    if let Some(allowed) = &declared.allowed {
        let values = typed_values(allowed, kind, "enum", problems);
        schema.insert("enum".into(), values.into());
    }
    if let Some(validation) = &declared.validation {
        validate(validation, declared, kind, &mut schema, problems);
    }
    let needs_check = !declared.rest.others.is_empty() || schema.contains_key("pattern");
    if needs_check && problems.len() == reported {
        let span = declared
            .name
            .as_ref()
            .map_or(declared.rest.span, |name| name.span);
        schema::compile(
            &Value::Object(schema.clone()),
            span,
            "this parameter",
            problems,
        );
    }
    schema
}

/// How many keywords the JSON Schema of one parameter has at most, so that it takes no more room than it needs.
fn keywords(declared: &ParameterDeclaration) -> usize {
    let given = [
        declared.description.is_some(),
        declared.allowed.is_some(),
        declared.default.is_some(),
    ];
    let checks = if declared.validation.is_some() { 4 } else { 0 };
    1 + given.map(usize::from).iter().sum::<usize>() + declared.rest.others.len() + checks
}

/// A further key of a parameter: a keyword of JSON Schema, or a slip.
fn keyword(key: &Key, node: &Node, schema: &mut Map<String, Value>, problems: &mut Problems) {
    let name = key.text.as_str();
    if schema::KEYWORDS.contains(&name) || name.starts_with("x-") || name.starts_with('$') {
        schema.insert(name.to_owned(), node.to_json());
        schema::check_references(key, node, problems);
        return;
    }
    let known: Vec<&str> = ParameterDeclaration::KEYS
        .iter()
        .chain(schema::KEYWORDS)
        .copied()
        .collect();
    let found = unknown::Unknown {
        key,
        place: "a parameter",
        known: &known,
        others: crate::config::decode::Others::Kept,
    };
    let problem = unknown::report(&found);
    problems.push(if Validation::KEYS.contains(&name) {
        Diagnostic::error(key.span, format!("unknown key `{name}` in a parameter")).hint(format!(
            "it belongs in `validation`: `validation: {{ {name}: ... }}`"
        ))
    } else {
        problem
    });
}

/// `validation` in the words of JSON Schema.
fn validate(
    given: &Given<Validation>,
    declared: &ParameterDeclaration,
    kind: ParameterType,
    schema: &mut Map<String, Value>,
    problems: &mut Problems,
) {
    use ParameterType::{Any, Array, Integer, Number, String};
    let validation = &given.value;
    let lengths = match kind {
        Array => ("minItems", "maxItems"),
        _ => ("minLength", "maxLength"),
    };
    for (key, keyword, bound) in [
        ("min", "minimum", &validation.min),
        ("max", "maximum", &validation.max),
    ] {
        if let Some(bound) = bound
            && fits(kind, &[Integer, Number, Any], bound, key, problems)
        {
            match typed(&bound.value.node, Number) {
                Some(value) => put(schema, keyword, value, bound.key, problems),
                None => problems.push(Diagnostic::error(
                    bound.span,
                    format!(
                        "`{key}` must be a number, found {}",
                        bound.value.node.describe()
                    ),
                )),
            }
        }
    }
    for (key, keyword, bound) in [
        ("min_length", lengths.0, &validation.min_length),
        ("max_length", lengths.1, &validation.max_length),
    ] {
        if let Some(bound) = bound
            && fits(kind, &[String, Array, Any], bound, key, problems)
        {
            put(schema, keyword, bound.0.into(), bound.key, problems);
        }
    }
    if let Some(pattern) = &validation.pattern
        && fits(kind, &[String, Any], pattern, "pattern", problems)
    {
        put(
            schema,
            "pattern",
            pattern.text.as_str().into(),
            pattern.key,
            problems,
        );
    }
    if let Some(allowed) = &validation.allowed_values {
        if let Some(first) = &declared.allowed {
            both(("enum", first), ("allowed_values", allowed), problems);
        } else {
            let values = typed_values(allowed, kind, "allowed_values", problems);
            schema.insert("enum".into(), values.into());
        }
    }
    check_order(schema, given.span, problems);
}

/// Whether a check applies to the type; if not, that is reported.
fn fits<T>(
    kind: ParameterType,
    kinds: &[ParameterType],
    given: &Given<T>,
    key: &str,
    problems: &mut Problems,
) -> bool {
    let fits = kinds.contains(&kind);
    if !fits {
        let problem = Diagnostic::error(
            given.key,
            format!("`{key}` does not apply to type {}", kind.name()),
        );
        problems.push(match (key, kind) {
            ("min", ParameterType::String | ParameterType::Array) => {
                problem.hint("for the length use `min_length`")
            }
            ("max", ParameterType::String | ParameterType::Array) => {
                problem.hint("for the length use `max_length`")
            }
            ("min_length" | "max_length", _) => problem.hint("for numbers use `min` and `max`"),
            _ => problem,
        });
    }
    fits
}

/// Sets a keyword, unless it is set to something else already.
fn put(
    schema: &mut Map<String, Value>,
    keyword: &str,
    value: Value,
    key: Span,
    problems: &mut Problems,
) {
    match schema.get(keyword) {
        Some(other) if *other != value => problems.push(
            Diagnostic::error(key, format!("`{keyword}` says something else"))
                .hint("keep one of them"),
        ),
        _ => {
            schema.insert(keyword.to_owned(), value);
        }
    }
}

fn check_order(schema: &Map<String, Value>, span: Span, problems: &mut Problems) {
    for (low, high) in [
        ("minimum", "maximum"),
        ("minLength", "maxLength"),
        ("minItems", "maxItems"),
    ] {
        let bounds = schema
            .get(low)
            .and_then(Value::as_f64)
            .zip(schema.get(high).and_then(Value::as_f64));
        if bounds.is_some_and(|(low, high)| low > high) {
            problems.push(Diagnostic::error(
                span,
                "no value can pass: the lower bound is above the upper one",
            ));
        }
    }
}

fn typed_values(
    given: &Given<List<Json>>,
    kind: ParameterType,
    key: &str,
    problems: &mut Problems,
) -> Vec<Value> {
    let (values, span) = (&given.value.0, given.key);
    if values.is_empty() {
        problems.push(Diagnostic::error(
            span,
            format!("`{key}` must hold at least one value"),
        ));
    }
    values
        .iter()
        .filter_map(|given| {
            let value = typed(&given.value.node, kind);
            if value.is_none() {
                problems.push(Diagnostic::error(
                    given.span,
                    format!(
                        "a value of `{key}` must be of type {}, found {}",
                        kind.name(),
                        given.value.node.describe()
                    ),
                ));
            }
            value
        })
        .collect()
}

/// The default, of the right type, and allowed by the parameter's own checks.
fn default(
    declared: &ParameterDeclaration,
    kind: ParameterType,
    schema: &Map<String, Value>,
    problems: &mut Problems,
) -> Option<Value> {
    let given = declared
        .default
        .as_ref()
        .filter(|given| !given.value.value.is_null())?;
    let Some(value) = typed(&given.value.node, kind) else {
        problems.push(Diagnostic::error(
            given.span,
            format!(
                "the default must be of type {}, found {}",
                kind.name(),
                given.value.node.describe()
            ),
        ));
        return None;
    };
    if let Some(violation) = schema::violation(schema, &value) {
        problems.push(
            Diagnostic::error(
                given.span,
                format!("the default breaks the parameter's own rules: {violation}"),
            )
            .hint("change the default or the rules"),
        );
        return None;
    }
    if let Some(required) = &declared.required
        && required.value
    {
        problems.push(
            Diagnostic::warning(
                given.key,
                "the default of a required parameter is never used",
            )
            .hint("remove `required: true`, or the default"),
        );
    }
    Some(value)
}

/// Whether a value is a map.
fn as_map(node: &Node) -> Option<&[(Key, Node)]> {
    match &node.kind {
        Kind::Map(entries) => Some(entries),
        _ => None,
    }
}
