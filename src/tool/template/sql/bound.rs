//! A value on its way to the database.

use serde_json::Value;

use super::super::placeholder::{Filter, Placeholder};
use super::super::{ValueError, value};
use crate::tool::{Arguments, ParameterType};

/// A value that is bound to a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct SqlValue {
    /// The parameter and the path into it, for messages.
    pub name: String,
    /// The declared type.
    pub kind: ParameterType,
    /// The value; `None` binds NULL.
    pub value: Option<Value>,
    /// Whether it is one of a list that takes any number.
    pub is_list: bool,
}

impl SqlValue {
    /// The value of `placeholder` in this call.
    pub(super) fn of(
        placeholder: &Placeholder,
        arguments: &Arguments,
        is_list: bool,
    ) -> Result<Self, ValueError> {
        let found = value::lookup(placeholder, arguments)?.cloned();
        let value = match placeholder.filter {
            Filter::Json => found.map(|found| Value::String(found.to_string())),
            _ => found,
        };
        if let Some(value) = &value {
            whole(placeholder, value)?;
        }
        Ok(Self {
            name: placeholder.name(),
            kind: placeholder.kind,
            value,
            is_list,
        })
    }

    /// The value as text, as a database reads it; `None` for NULL.
    ///
    /// # Errors
    /// A number that is declared to be whole and is not.
    pub fn text(&self) -> Result<Option<String>, ValueError> {
        let Some(value) = &self.value else {
            return Ok(None);
        };
        value::text(&self.name, self.kind, value).map(Some)
    }

    /// The elements of a list; a value that is none is its only element.
    pub fn elements(&self) -> Vec<Self> {
        let items = match &self.value {
            None => return Vec::new(),
            Some(Value::Array(items)) => items.clone(),
            Some(other) => vec![other.clone()],
        };
        items
            .into_iter()
            .map(|item| Self {
                name: self.name.clone(),
                kind: ParameterType::Any,
                value: Some(item).filter(|item| !item.is_null()),
                is_list: false,
            })
            .collect()
    }
}

/// Text with a NUL in it is no text to a database: PostgreSQL refuses it, and many a function of SQLite would read the
/// part before it.
fn whole(placeholder: &Placeholder, value: &Value) -> Result<(), ValueError> {
    let holds_nul = match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items
            .iter()
            .any(|item| item.as_str().is_some_and(|text| text.contains('\0'))),
        _ => false,
    };
    if holds_nul {
        return Err(ValueError::new(
            placeholder.name(),
            "holds a NUL character, which no text of a database can carry",
        ));
    }
    Ok(())
}
