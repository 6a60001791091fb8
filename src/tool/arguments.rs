//! The arguments of a call.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::schema::Violation;
use super::{Failure, FailureCode, Tool};

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
