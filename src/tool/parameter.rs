//! What a tool takes.

use std::sync::OnceLock;

use indexmap::IndexMap;
use serde_json::Value;

use super::schema::Schema;
use super::template::{MirrorClash, Mirrors};

/// The JSON type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterType {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A list.
    Array,
    /// A map.
    Object,
    /// A parameter of a hand-written `input_schema` whose type is a choice or not given:
    /// its value can be anything, so it is treated with the care a string needs.
    Any,
}

impl ParameterType {
    /// The name JSON Schema uses; `any` where it has none.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Array => "array",
            Self::Object => "object",
            Self::Any => "any",
        }
    }
}

/// One parameter of a tool.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The name callers use; any text JSON allows as a key.
    pub name: String,
    /// The JSON type of its value.
    pub kind: ParameterType,
    /// Whether a call without it is refused.
    pub required: bool,
    /// The value when the caller gives none, already of the right type.
    pub default: Option<Value>,
    /// The only values it can have (`enum`, `validation.allowed_values`), when there is such a list.
    pub allowed: Option<Vec<Value>>,
}

/// All parameters of a tool, in the file's order, and the JSON Schema they make together.
#[derive(Clone, Debug)]
pub struct Parameters {
    by_name: IndexMap<String, Parameter>,
    schema: Schema,
    /// Known from the first call on: a file of ten thousand tools loads without them.
    mirrors: OnceLock<Box<Result<Mirrors, MirrorClash>>>,
}

impl Parameters {
    /// Parameters and the whole input schema (draft 2020-12) that describes them.
    pub fn new(parameters: impl IntoIterator<Item = Parameter>, schema: Value) -> Self {
        Self {
            by_name: parameters
                .into_iter()
                .map(|parameter| (parameter.name.clone(), parameter))
                .collect(),
            schema: Schema::new(schema),
            mirrors: OnceLock::new(),
        }
    }

    /// The same parameters with another whole schema.
    #[must_use]
    pub fn with_schema(self, schema: Value) -> Self {
        Self {
            schema: Schema::new(schema),
            ..self
        }
    }

    /// The parameter of that name.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.by_name.get(name)
    }

    /// The JSON Schema of the parameter of that name, a part of the whole one.
    pub fn own_schema(&self, name: &str) -> Option<&Value> {
        self.schema.value().get("properties")?.get(name)
    }

    /// Every parameter, in the file's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Parameter> {
        self.by_name.values()
    }

    /// The variables in which their values also reach a script.
    ///
    /// # Errors
    /// When two would share one, which loading a file refuses.
    pub fn mirrors(&self) -> Result<&Mirrors, &MirrorClash> {
        let mirrors = self.mirrors.get_or_init(|| Box::new(Mirrors::of(self)));
        (**mirrors).as_ref()
    }

    /// The input schema as clients see it.
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }
}
