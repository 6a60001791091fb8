//! JSON Schemas that stand in the file: checked without a network, and read for their parameters.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::as_map;
use crate::config::decode::{Choice, Given, Problems};
use crate::config::document::ParameterDeclaration;
use crate::config::text::Json;
use crate::config::yaml::{Key, Kind, Node};
use crate::diagnostic::{Diagnostic, Span};
use crate::tool::{Parameter, ParameterType, Parameters};

/// Keywords of JSON Schema that may stand in a parameter, beside those the parameter has itself and
/// those that begin with `$`.
pub(super) const KEYWORDS: &[&str] = &[
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "dependentRequired",
    "dependentSchemas",
    "deprecated",
    "else",
    "example",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "if",
    "items",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "nullable",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "readOnly",
    "then",
    "title",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
    "writeOnly",
];

/// The keyword that copies an argument into a header of the request.
const HEADER: &str = "x-mcp-header";

/// Checks that `schema` is a JSON Schema of draft 2020-12 and refers to nothing outside itself.
pub(in crate::config::resolve) fn check(node: &Node, name: &str, problems: &mut Problems) {
    let schema = node.to_json();
    if !schema.is_object() && !schema.is_boolean() {
        problems.push(Diagnostic::error(
            node.span,
            format!("`{name}` must be a JSON Schema, found {}", node.describe()),
        ));
        return;
    }
    let reported = problems.len();
    walk_references(node, problems);
    if problems.len() == reported {
        compile(&schema, first_line_of(node), &format!("`{name}`"), problems);
    }
}

/// The start of a value, for messages about the whole of it.
fn first_line_of(node: &Node) -> Span {
    match as_map(node).and_then(<[_]>::first) {
        Some((key, _)) => key.span,
        None => node.span,
    }
}

/// Compiles a schema, only to see whether that works.
pub(super) fn compile(schema: &Value, span: Span, name: &str, problems: &mut Problems) {
    if let Err(error) = jsonschema::draft202012::new(schema) {
        let place = error.instance_path().to_string();
        let at = if place.is_empty() {
            String::new()
        } else {
            format!(" at `{place}`")
        };
        problems.push(
            Diagnostic::error(span, format!("{name} is no sound JSON Schema{at}: {error}"))
                .hint("the draft is 2020-12"),
        );
    }
}

/// Why a value breaks a schema; `None` when it does not.
pub(super) fn violation(schema: &Map<String, Value>, value: &Value) -> Option<String> {
    // The type has been seen to, and so few schemas have more to say that the rest is worth the look.
    const SILENT: [&str; 5] = ["type", "description", "title", "examples", "enum"];
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let allowed = Value::from(allowed.clone());
        return Some(format!("{value} is not one of {allowed}"));
    }
    if schema.keys().all(|key| SILENT.contains(&key.as_str())) {
        return None;
    }
    // A schema that does not compile has been reported.
    let validator = jsonschema::draft202012::new(&Value::Object(schema.clone())).ok()?;
    validator
        .validate(value)
        .err()
        .map(|error| error.to_string())
}

/// Refuses references to other documents in the value of a keyword, and in the keyword itself.
pub(super) fn check_references(key: &Key, node: &Node, problems: &mut Problems) {
    check_reference(key, node, problems);
    walk_references(node, problems);
}

fn walk_references(node: &Node, problems: &mut Problems) {
    match &node.kind {
        Kind::Scalar(_) => {}
        Kind::List(items) => items
            .iter()
            .for_each(|item| walk_references(item, problems)),
        Kind::Map(entries) => {
            for (key, value) in entries {
                check_reference(key, value, problems);
                walk_references(value, problems);
            }
        }
    }
}

fn check_reference(key: &Key, node: &Node, problems: &mut Problems) {
    let refers = matches!(key.text.as_str(), "$ref" | "$dynamicRef");
    if refers && node.text().is_some_and(|text| !text.starts_with('#')) {
        problems.push(
            Diagnostic::error(
                node.span,
                "a schema may refer to itself only; nothing is fetched",
            )
            .hint("for example `$ref: \"#/$defs/address\"`"),
        );
    }
}

/// The parameters of a whole JSON Schema, which is kept as it is.
pub(super) fn parameters(given: &Json, problems: &mut Problems) -> Parameters {
    let node = &given.node;
    check(node, "input_schema", problems);
    if given.value.get("type") != Some(&Value::from("object")) {
        problems.push(
            Diagnostic::error(
                first_line_of(node),
                "`input_schema` must have `type: object`",
            )
            .hint("arguments are passed by name"),
        );
    }
    let mut headers = HashMap::new();
    check_header_places(node, true, &mut headers, problems);
    let required = given.value.get("required").and_then(Value::as_array);
    let is_required =
        |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
    let properties = given.value.get("properties").and_then(Value::as_object);
    let parameters = properties
        .into_iter()
        .flatten()
        .map(|(name, schema)| Parameter {
            name: name.clone(),
            kind: kind_of(schema),
            required: is_required(name),
            default: schema
                .get("default")
                .filter(|default| !default.is_null())
                .cloned(),
            allowed: schema.get("enum").and_then(Value::as_array).cloned(),
        });
    Parameters::new(parameters, given.value.clone())
}

/// The type when it is one and said; otherwise the value can be anything.
fn kind_of(schema: &Value) -> ParameterType {
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => ParameterType::String,
        Some("integer") => ParameterType::Integer,
        Some("number") => ParameterType::Number,
        Some("boolean") => ParameterType::Boolean,
        Some("array") => ParameterType::Array,
        Some("object") => ParameterType::Object,
        _ => ParameterType::Any,
    }
}

/// Checks `x-mcp-header` in declared parameters.
pub(super) fn check_headers(declared: &[Given<ParameterDeclaration>], problems: &mut Problems) {
    let mut headers = HashMap::new();
    for parameter in declared {
        let kind = parameter
            .kind
            .as_ref()
            .map_or("string", |kind| kind.value.word());
        for (key, node) in &parameter.rest.others {
            match (key.text.as_str(), &node.kind) {
                (HEADER, _) => check_header(node, Some(kind), &mut headers, problems),
                ("properties", Kind::Map(properties)) => {
                    for (_, property) in properties {
                        check_header_places(property, true, &mut headers, problems);
                    }
                }
                _ => check_header_places(node, false, &mut headers, problems),
            }
        }
    }
}

/// Finds `x-mcp-header` wherever it stands: sound only where `properties` alone lead to it.
/// Source: the 2026-07-28 revision of the protocol, custom headers.
fn check_header_places(
    node: &Node,
    reachable: bool,
    headers: &mut HashMap<String, Span>,
    problems: &mut Problems,
) {
    match &node.kind {
        Kind::Scalar(_) => {}
        Kind::List(items) => {
            for item in items {
                check_header_places(item, false, headers, problems);
            }
        }
        Kind::Map(entries) => {
            let kind = entries
                .iter()
                .find(|(key, _)| key.text == "type")
                .and_then(|(_, node)| node.text());
            for (key, value) in entries {
                match (key.text.as_str(), &value.kind) {
                    (HEADER, _) if reachable => {
                        check_header(value, kind, headers, problems);
                    }
                    (HEADER, _) => problems.push(Diagnostic::error(
                        key.span,
                        format!("`{HEADER}` may stand only where `properties` alone lead to it"),
                    )),
                    ("properties", Kind::Map(properties)) => {
                        for (_, property) in properties {
                            check_header_places(property, reachable, headers, problems);
                        }
                    }
                    _ => check_header_places(value, false, headers, problems),
                }
            }
        }
    }
}

fn check_header(
    node: &Node,
    kind: Option<&str>,
    headers: &mut HashMap<String, Span>,
    problems: &mut Problems,
) {
    let name = node.text().unwrap_or_default();
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        problems.push(
            Diagnostic::error(
                node.span,
                format!(
                    "`{HEADER}` must be the name of an HTTP header, found {}",
                    node.describe()
                ),
            )
            .hint("use letters, digits and `-`"),
        );
        return;
    }
    if !matches!(kind, Some("string" | "integer" | "boolean")) {
        problems.push(Diagnostic::error(
            node.span,
            format!("`{HEADER}` is for parameters of type string, integer or boolean"),
        ));
    }
    if let Some(first) = headers.insert(name.to_lowercase(), node.span) {
        problems.push(
            Diagnostic::error(node.span, format!("two parameters use the header `{name}`"))
                .related(first, "first used here")
                .hint("headers do not tell upper from lower case"),
        );
    }
}
