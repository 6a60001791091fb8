//! The arguments of a call.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::schema::Violation;
use super::{Failure, FailureCode, Tool};

/// The arguments of a call: checked against the tool's schema, defaults filled in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arguments(Arc<Map<String, Value>>);

impl Arguments {
    /// Fills in the defaults of `tool` and checks `given` against its schema.
    ///
    /// # Errors
    /// `INVALID_ARGUMENTS` with each violation and its JSON pointer, for the model to mend.
    pub fn parse(tool: &Tool, given: Map<String, Value>) -> Result<Self, Failure> {
        let mut values = given;
        for parameter in tool.parameters.iter() {
            if let Some(default) = &parameter.default
                && !values.contains_key(&parameter.name)
            {
                values.insert(parameter.name.clone(), default.clone());
            }
        }
        let values = Value::Object(values);
        let violations = tool.parameters.schema().violations(&values);
        match values {
            Value::Object(values) if violations.is_empty() => Ok(Self(Arc::new(values))),
            _ => Err(invalid(tool, &violations)),
        }
    }

    /// Arguments that somebody else has checked.
    pub fn from_checked(values: Map<String, Value>) -> Self {
        Self(Arc::new(values))
    }

    /// The value of a parameter; `None` when the caller gave none and there is no default.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All of them, as one JSON object.
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }
}

fn invalid(tool: &Tool, violations: &[Violation]) -> Failure {
    let summary: Vec<String> = violations.iter().map(describe).collect();
    let listed: Vec<Value> = violations
        .iter()
        .map(|violation| json!({"pointer": violation.pointer, "message": violation.message}))
        .collect();
    let failure = Failure::new(
        FailureCode::InvalidArguments,
        format!(
            "invalid arguments for `{}`: {}",
            tool.name,
            summary.join("; ")
        ),
    )
    .remediation(expectation(tool));
    failure.with("violations", listed)
}

fn describe(violation: &Violation) -> String {
    if violation.pointer.is_empty() {
        violation.message.clone()
    } else {
        format!("{}: {}", violation.pointer, violation.message)
    }
}

/// What the tool takes, in one sentence: enough for a model to mend the call without listing the tools again.
fn expectation(tool: &Tool) -> String {
    let parameters: Vec<String> = tool
        .parameters
        .iter()
        .map(|parameter| {
            let optional = if parameter.required { "" } else { ", optional" };
            format!("`{}` ({}{optional})", parameter.name, parameter.kind.name())
        })
        .collect();
    if parameters.is_empty() {
        format!("call `{}` without arguments", tool.name)
    } else {
        format!("`{}` takes {}", tool.name, parameters.join(", "))
    }
}
