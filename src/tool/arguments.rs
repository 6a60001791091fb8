//! The arguments of a call.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::schema::Violation;
use super::{Failure, FailureCode, ParameterType, Tool, whole_number};

/// The argument with which a caller says how long the call may run, where the tool has a `max_timeout`.
pub const TIMEOUT_ARGUMENT: &str = "timeout_seconds";

/// The shortest time a caller can ask for: less could not even start.
const SHORTEST: Duration = Duration::from_millis(1);

/// The arguments of a call: checked against the tool's schema, defaults filled in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arguments {
    values: Arc<Map<String, Value>>,
    timeout: Option<Duration>,
}

impl Arguments {
    /// Fills in the defaults of `tool` and checks `given` against its schema. A whole number that is written otherwise,
    /// as `1e3` or `5.0`, is an integer from here on wherever the schema asks for one: so it is the same on standard
    /// input, in a placeholder and in a variable.
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
            if can_hold_integers(parameter.kind)
                && let Some(value) = values.get_mut(&parameter.name)
                && let Some(schema) = tool.parameters.own_schema(&parameter.name)
            {
                make_integers(value, schema);
            }
        }
        let values = Value::Object(values);
        let violations = tool.parameters.schema().violations(&values);
        match values {
            Value::Object(mut values) if violations.is_empty() => Ok(Self {
                timeout: take_timeout(tool, &mut values),
                values: Arc::new(values),
            }),
            _ => Err(invalid(tool, &violations)),
        }
    }

    /// Arguments that somebody else has checked.
    pub fn from_checked(values: Map<String, Value>) -> Self {
        Self {
            values: Arc::new(values),
            timeout: None,
        }
    }

    /// The value of a parameter; `None` when the caller gave none and there is no default.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// All of them, as one JSON object.
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.values
    }

    /// How long the caller wants the call to run at most, where the tool lets it choose: more or less than the tool's own
    /// `timeout`, and never more than its `max_timeout`.
    pub const fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

/// Whether there is anything to look for in a value of this type.
const fn can_hold_integers(kind: ParameterType) -> bool {
    matches!(
        kind,
        ParameterType::Integer | ParameterType::Array | ParameterType::Object
    )
}

/// Writes whole numbers as integers where `schema` asks for integers, in lists and objects too.
fn make_integers(value: &mut Value, schema: &Value) {
    match value {
        Value::Number(number) if schema["type"] == ParameterType::Integer.name() => {
            if let Some(whole) = whole_number(number) {
                *number = whole;
            }
        }
        Value::Array(elements) => {
            let own = &schema["items"];
            if own.is_object() {
                for element in elements {
                    make_integers(element, own);
                }
            }
        }
        Value::Object(members) => {
            let properties = schema["properties"].as_object();
            for (name, own) in properties.into_iter().flatten() {
                if let Some(member) = members.get_mut(name) {
                    make_integers(member, own);
                }
            }
        }
        _ => {}
    }
}

/// The time that is asked for. It is no argument of the script.
fn take_timeout(tool: &Tool, values: &mut Map<String, Value>) -> Option<Duration> {
    let longest = tool.limits.max_timeout?;
    let seconds = values.shift_remove(TIMEOUT_ARGUMENT)?.as_f64()?;
    let asked = Duration::try_from_secs_f64(seconds).unwrap_or(longest);
    Some(asked.min(longest).max(SHORTEST))
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
    let timeout = tool.limits.max_timeout.map(|longest| {
        let longest = longest.as_secs_f64();
        format!("`{TIMEOUT_ARGUMENT}` (number up to {longest}, optional)")
    });
    let parameters: Vec<String> = parameters.into_iter().chain(timeout).collect();
    if parameters.is_empty() {
        format!("call `{}` without arguments", tool.name)
    } else {
        format!("`{}` takes {}", tool.name, parameters.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_integers_where_the_schema_asks_for_them() {
        let schema = json!({"type": "object", "properties": {
            "n": {"type": "integer"}, "f": {"type": "number"},
            "l": {"type": "array", "items": {"type": "integer"}},
        }});
        let mut value = json!({"n": 1e3, "f": 1e3, "l": [1.0, 2, -0.0, 1.5, "x"], "other": 1.0});
        make_integers(&mut value, &schema);
        assert_eq!(
            value.to_string(),
            r#"{"n":1000,"f":1000.0,"l":[1,2,0,1.5,"x"],"other":1.0}"#
        );
    }
}
