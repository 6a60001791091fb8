//! The JSON Schema of a gantz.yaml, generated from the wire types.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::decode::{Given, List, Named, Others, Rest};
use super::document::Document;
use crate::diagnostic::Span;

/// A map of the file, declared with [`wire!`](super::decode::wire).
pub(crate) trait Wire {
    /// What it may hold beside its known keys.
    const OTHERS: Others;

    /// What was found beside its keys and values.
    fn rest(&self) -> &Rest;

    /// Each key that is set and where it stands.
    fn given(&self) -> Vec<(&'static str, Span)>;

    /// Whether a key is set to something that could be read.
    fn is_given(&self, key: &str) -> bool;

    /// Whether a key that must be set is neither read nor reported.
    fn lacks(&self, key: &str) -> bool {
        !self.rest().unread.contains(&key) && !self.is_given(key)
    }
}

/// The JSON Schema (draft 2020-12) of a gantz.yaml. A file it refuses is refused by the loader too,
/// except that it cannot see what depends on another part of the file.
pub fn json_schema() -> Value {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Document>();
    schema.insert("title".into(), "gantz.yaml".into());
    let mut schema = schema.to_value();
    unwrap_lines(&mut schema);
    schema
}

/// Doc comments are wrapped for the source; editors wrap for themselves.
fn unwrap_lines(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::String(description)) = map.get_mut("description") {
                *description = description.replace('\n', " ");
            }
            map.values_mut().for_each(unwrap_lines);
        }
        Value::Array(items) => items.iter_mut().for_each(unwrap_lines),
        _ => {}
    }
}

/// Closes the schema of a map that refuses unknown keys.
pub(crate) fn close<T: Wire>(schema: &mut Schema) {
    if T::OTHERS == Others::Refused {
        schema.insert("additionalProperties".into(), false.into());
    }
}

impl<T: JsonSchema> JsonSchema for Given<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ListOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": generator.subschema_for::<T>() })
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("MapOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}

/// Gives a wire type a schema in place.
macro_rules! schema {
    ($( $type:ident => $schema:tt )*) => { $(
        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    )* };
}

pub(crate) use schema;
