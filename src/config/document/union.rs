//! Values that may be written in more than one way.

use schemars::JsonSchema;

use super::concurrency::{GroupLimits, RateDeclaration};
use crate::config::decode::{Decode, List, Named, Problems, mismatch};
use crate::config::quantity::{Count, Time, parse_duration};
use crate::config::text::{AnyText, Text};
use crate::config::yaml::{Kind, Node, ScalarValue};
use crate::diagnostic::Diagnostic;

/// Variables of an environment.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum EnvVariables {
    /// Variables and their values.
    Set(Named<AnyText>),
    /// Variables that must be there, or `NAME=value`.
    Needed(List<Text>),
}

impl Decode for EnvVariables {
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        match node.kind {
            Kind::Map(_) => Named::decode(node, name, problems).map(Self::Set),
            Kind::List(_) => List::decode(node, name, problems).map(Self::Needed),
            Kind::Scalar(_) => {
                mismatch(
                    node,
                    name,
                    "a map of variables, or a list of names that must be there",
                    "`env: { REGION: eu }` or `env: [PGHOST, PGUSER]`",
                    problems,
                );
                None
            }
        }
    }
}

/// A rate limit: a name under `concurrency.rate_limits`, a rate such as "20/min", or its figures.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Limit {
    /// A name, or a rate such as "20/min".
    Short(Text),
    /// Its figures.
    Figures(Box<RateDeclaration>),
}

impl Decode for Limit {
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::Map(_) => RateDeclaration::decode(node, name, problems)
                .map(|limit| Self::Figures(limit.into())),
            Kind::Scalar(scalar) if scalar.value == ScalarValue::Text => {
                Text::decode(node, name, problems).map(Self::Short)
            }
            _ => {
                mismatch(
                    node,
                    name,
                    "the name of a rate limit, a rate, or a map",
                    "`20/min`, or `{ requests_per_second: 10, burst: 20 }`",
                    problems,
                );
                None
            }
        }
    }
}

/// Running places that several tools share: a map, or the number alone.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Group {
    /// The number of running calls.
    Places(Count),
    /// A map.
    Limits(GroupLimits),
}

impl Decode for Group {
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        if node.number().is_some() {
            return Count::decode(node, name, problems).map(Self::Places);
        }
        GroupLimits::decode(node, name, problems).map(Self::Limits)
    }
}

/// How long one attempt may run: a duration, or the name of a class under `timeouts`.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum TimeoutChoice {
    /// A duration.
    Time(Time),
    /// A class.
    Class(Text),
}

impl Decode for TimeoutChoice {
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        match node.text() {
            // What begins with a digit is meant as a duration, and its mistakes are told as such.
            Some(text)
                if parse_duration(text).is_none()
                    && text.starts_with(|c: char| c.is_alphabetic() || c == '_') =>
            {
                Text::decode(node, name, problems).map(Self::Class)
            }
            _ => Time::decode(node, name, problems).map(Self::Time),
        }
    }
}

/// On, off, or on with figures.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Switch<T> {
    /// On or off.
    Plain(bool),
    /// On, with figures.
    Figures(T),
}

impl<T: Decode> Decode for Switch<T> {
    fn decode(node: &Node, name: &str, problems: &mut Problems) -> Option<Self> {
        match &node.kind {
            Kind::Map(_) => T::decode(node, name, problems).map(Self::Figures),
            Kind::Scalar(scalar) if matches!(scalar.value, ScalarValue::Boolean(_)) => {
                bool::decode(node, name, problems).map(Self::Plain)
            }
            _ => {
                problems.push(Diagnostic::error(
                    node.span,
                    format!(
                        "{name} must be `true`, `false` or a map, found {}",
                        node.describe()
                    ),
                ));
                None
            }
        }
    }
}
