//! The variables `GANTZ_ARG_<NAME>` in which every argument also reaches a script.
//!
//! A name has a mirror when its upper-case form can be part of a variable's name: `path` becomes
//! `GANTZ_ARG_PATH`; `my-param`, `a.b` and `é` have none. Two parameters that would share one are
//! an error. A value that does not fit in an environment is left out instead of failing the call:
//! the script may well read it from its standard input.

use serde_json::Value;

use super::ValueError;
use super::value::{self, LARGEST_SUM, LARGEST_VALUE};
use crate::tool::{Arguments, ParameterType, Parameters};

/// What every mirror's name starts with.
const PREFIX: &str = "GANTZ_ARG_";

/// Which parameter is mirrored in which variable.
#[derive(Clone, Debug, Default)]
pub struct Mirrors(Vec<Mirror>);

#[derive(Clone, Debug)]
struct Mirror {
    parameter: String,
    kind: ParameterType,
    variable: String,
}

/// Two parameters that would share a variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the parameters `{first}` and `{second}` would share the variable `{variable}`")]
pub struct MirrorClash {
    /// The parameter that comes first in the file.
    pub first: String,
    /// The one that clashes with it.
    pub second: String,
    /// The variable both would have.
    pub variable: String,
}

impl MirrorClash {
    /// What to do about it.
    pub const HINT: &str = "rename one of them: arguments also reach scripts in upper case";
}

impl Mirrors {
    /// The mirrors of `parameters`, in their order.
    pub fn of(parameters: &Parameters) -> Result<Self, MirrorClash> {
        let mut mirrors: Vec<Mirror> = Vec::new();
        for parameter in parameters.iter() {
            let Some(variable) = variable(&parameter.name) else {
                continue;
            };
            if let Some(first) = mirrors.iter().find(|mirror| mirror.variable == variable) {
                return Err(MirrorClash {
                    first: first.parameter.clone(),
                    second: parameter.name.clone(),
                    variable,
                });
            }
            mirrors.push(Mirror {
                parameter: parameter.name.clone(),
                kind: parameter.kind,
                variable,
            });
        }
        Ok(Self(mirrors))
    }

    /// Each mirrored parameter with its variable.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|mirror| (mirror.parameter.as_str(), mirror.variable.as_str()))
    }

    /// The variables of this call. An optional parameter without a value has an empty one, so
    /// that `set -u` holds. Values past the bounds of an environment, or with a NUL in them,
    /// are left out.
    pub fn render(&self, arguments: &Arguments) -> Result<Vec<(String, String)>, ValueError> {
        let mut sum = 0;
        let mut rendered = Vec::with_capacity(self.0.len());
        for mirror in &self.0 {
            let text = match arguments.get(&mirror.parameter) {
                None | Some(Value::Null) => String::new(),
                Some(given) => value::text(&mirror.parameter, mirror.kind, given)?,
            };
            let fits = text.len() <= LARGEST_VALUE && sum + text.len() <= LARGEST_SUM;
            if fits && !text.contains('\0') {
                sum += text.len();
                rendered.push((mirror.variable.clone(), text));
            }
        }
        Ok(rendered)
    }
}

/// The variable of a parameter; `None` when its name cannot be part of one.
fn variable(name: &str) -> Option<String> {
    let is_word = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (is_word && !name.is_empty()).then(|| format!("{PREFIX}{}", name.to_ascii_uppercase()))
}
