//! A JSON Schema, compiled at its first use.

use std::sync::{Arc, OnceLock};

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

/// Violations reported at most; a value with more is wrong enough.
const MAX_VIOLATIONS: usize = 20;

/// The longest message of one violation, in characters: validators quote the value, and a value can be large.
const MAX_MESSAGE: usize = 300;

/// Steps a pattern with look-around may take before the value counts as not matching.
const BACKTRACK_LIMIT: usize = 100_000;

/// A JSON Schema (draft 2020-12) and its validator, compiled once, when first needed: a file of ten
/// thousand tools loads without compiling ten thousand schemas. Clones share the validator.
#[derive(Clone, Debug)]
pub struct Schema(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    schema: Value,
    validator: OnceLock<Result<Validator, String>>,
}

/// One way in which a value breaks a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The JSON pointer (RFC 6901) of the offending part; empty for the value as a whole.
    pub pointer: String,
    /// What is wrong with it.
    pub message: String,
}

impl Schema {
    /// A schema, not looked at yet.
    pub fn new(schema: Value) -> Self {
        Self(Arc::new(Inner {
            schema,
            validator: OnceLock::new(),
        }))
    }

    /// The schema itself.
    pub fn value(&self) -> &Value {
        &self.0.schema
    }

    /// Compiles the schema now. Nothing is fetched: a `$ref` to another document is an error.
    pub fn compile(&self) -> Result<(), String> {
        self.validator().map(|_| ()).map_err(str::to_owned)
    }

    /// Every way in which `value` breaks the schema, up to a bound; empty when it satisfies it.
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        match self.validator() {
            // The common case costs one pass without collecting anything.
            Ok(validator) if validator.is_valid(value) => Vec::new(),
            Ok(validator) => validator
                .iter_errors(value)
                .take(MAX_VIOLATIONS)
                .map(|error| Violation::new(&error))
                .collect(),
            Err(message) => vec![Violation {
                pointer: String::new(),
                message: format!("the schema itself cannot be used: {message}"),
            }],
        }
    }

    fn validator(&self) -> Result<&Validator, &str> {
        self.0
            .validator
            .get_or_init(|| build(&self.0.schema))
            .as_ref()
            .map_err(String::as_str)
    }
}

/// Schemas are equal when their texts say the same, compiled or not.
impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.value() == other.value()
    }
}

fn build(schema: &Value) -> Result<Validator, String> {
    jsonschema::draft202012::options()
        .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(BACKTRACK_LIMIT))
        .build(schema)
        .map_err(|error| shortened(&error.to_string()))
}

impl Violation {
    fn new(error: &ValidationError<'_>) -> Self {
        let parent = shortened(error.instance_path().as_str());
        match error.kind() {
            // A missing or unknown name is told at the place where it would stand.
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                Self {
                    pointer: format!("{parent}/{}", escaped(name)),
                    message: format!("`{name}` is required"),
                }
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let name = unexpected.first().map_or("", String::as_str);
                Self {
                    pointer: format!("{parent}/{}", escaped(name)),
                    message: shortened(&format!("`{}` is not known here", unexpected.join("`, `"))),
                }
            }
            _ => Self {
                pointer: parent,
                message: shortened(&error.to_string()),
            },
        }
    }
}

/// A name as a part of a JSON pointer; one that no schema knows can be of any length.
fn escaped(name: &str) -> String {
    shortened(name).replace('~', "~0").replace('/', "~1")
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn violations(schema: Value, value: &Value) -> Vec<(String, String)> {
        Schema::new(schema)
            .violations(value)
            .into_iter()
            .map(|violation| (violation.pointer, violation.message))
            .collect()
    }

    #[test]
    fn each_violation_has_its_pointer() {
        let schema = json!({
            "type": "object", "required": ["a/b"], "additionalProperties": false,
            "properties": {"a/b": {}, "n": {"type": "array", "items": {"type": "integer"}}},
        });
        assert_eq!(
            violations(schema, &json!({"n": [1, "two"], "m": 1})),
            [
                ("/n/1".into(), "\"two\" is not of type \"integer\"".into()),
                ("/m".into(), "`m` is not known here".into()),
                ("/a~1b".into(), "`a/b` is required".into()),
            ]
        );
    }

    #[test]
    fn a_large_value_does_not_make_a_large_message() {
        let schema = json!({"type": "integer"});
        let found = violations(schema, &json!("x".repeat(1_000_000)));
        assert!(found[0].1.chars().count() <= MAX_MESSAGE + 1);
    }

    #[test]
    fn a_large_name_does_not_make_a_large_pointer() {
        let schema = json!({"additionalProperties": false});
        let found = violations(schema, &json!({"n".repeat(1_000_000): 1}));
        assert!(found[0].0.chars().count() <= MAX_MESSAGE + 2);
        let schema = json!({"additionalProperties": {"type": "integer"}});
        let found = violations(schema, &json!({"n".repeat(1_000_000): "x"}));
        assert!(found[0].0.chars().count() <= MAX_MESSAGE + 2);
    }

    #[test]
    fn a_value_with_many_mistakes_reports_some_of_them() {
        let schema = json!({"items": {"type": "integer"}});
        let found = violations(schema, &json!(vec!["x"; 1000]));
        assert_eq!(found.len(), MAX_VIOLATIONS);
    }

    #[test]
    fn a_schema_is_compiled_once_at_its_first_use_and_clones_share_it() {
        let schema = Schema::new(json!({"type": "integer"}));
        let clone = schema.clone();
        assert_eq!(schema.value()["type"], "integer");
        assert!(schema.0.validator.get().is_none(), "looked at, not used");
        assert_eq!(clone.violations(&json!("one")).len(), 1);
        let first: *const _ = schema.0.validator.get().unwrap();
        assert!(schema.violations(&json!(1)).is_empty());
        assert!(std::ptr::eq(first, clone.0.validator.get().unwrap()));
    }

    #[test]
    fn nothing_is_fetched() {
        let schema = Schema::new(json!({"$ref": "http://127.0.0.1:9/schema.json"}));
        assert!(schema.compile().is_err());
        assert_eq!(schema.violations(&json!(1)).len(), 1);
    }

    #[test]
    fn a_pattern_that_explodes_ends() {
        let schema = json!({"type": "string", "pattern": "^(?=x)(x+x+)+y$"});
        assert!(!violations(schema, &json!("x".repeat(60))).is_empty());
    }
}
