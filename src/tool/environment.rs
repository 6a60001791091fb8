//! The environment of a script.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::sync::Arc;

use super::Secrets;

/// The variables a process is given. Values may be secrets: `Debug` shows names only.
///
/// A clone shares its variables until one of the two changes, so that thousands of tools with the
/// same environment hold it once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: Arc<BTreeMap<OsString, OsString>>,
    /// The parts of values that no message may show.
    secrets: Arc<Secrets>,
}

impl Environment {
    /// Sets a variable, replacing an earlier value.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        Arc::make_mut(&mut self.variables).insert(name.into(), value.into());
    }

    /// Removes a variable.
    pub fn remove(&mut self, name: impl AsRef<OsStr>) {
        Arc::make_mut(&mut self.variables).remove(name.as_ref());
    }

    /// A variable's value.
    pub fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        self.variables.get(name.as_ref()).map(OsString::as_os_str)
    }

    /// Keeps `value`, a part of some variable, out of messages, which say `name` in its place.
    pub fn keep_secret(&mut self, name: impl Into<String>, value: impl Into<String>) {
        Arc::make_mut(&mut self.secrets).add(name, value);
    }

    /// `text` as a message may show it.
    pub fn hide(&self, text: &str) -> String {
        self.secrets.hide(text)
    }

    /// Every variable, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

impl FromIterator<(OsString, OsString)> for Environment {
    fn from_iter<I: IntoIterator<Item = (OsString, OsString)>>(variables: I) -> Self {
        Self {
            variables: Arc::new(variables.into_iter().collect()),
            secrets: Arc::default(),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_out_of_debug_output() {
        let mut environment = Environment::default();
        environment.set("TOKEN", "hunter2");
        assert_eq!(format!("{environment:?}"), r#"{"TOKEN"}"#);
    }

    #[test]
    fn secrets_are_hidden_in_messages_and_shared_until_one_is_added() {
        let mut shared = Environment::default();
        shared.keep_secret("${TOKEN}", "hunter2");
        let mut own = shared.clone();
        own.keep_secret("${OTHER}", "swordfish");
        let text = "hunter2 and swordfish";
        assert_eq!(shared.hide(text), "${TOKEN} and swordfish");
        assert_eq!(own.hide(text), "${TOKEN} and ${OTHER}");
    }
}
