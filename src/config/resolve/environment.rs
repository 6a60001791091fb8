//! What environment scripts are given.

use std::collections::HashSet;
use std::ffi::OsStr;

use crate::config::decode::{Given, Problems};
use crate::config::document::{Document, EnvVariables};
use crate::config::env::{Env, mentioned};
use crate::config::text::Text;
use crate::diagnostic::{Diagnostic, Span};
use crate::tool::Environment;

/// What scripts get when they do not inherit the rest.
const ALWAYS: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// The environment all tools share, and the way to a tool's own.
pub(super) struct Environments<'a> {
    env: &'a Env,
    shared: Environment,
}

impl<'a> Environments<'a> {
    /// The shared environment: what is inherited, and `env`.
    pub(super) fn new(document: &Document, env: &'a Env, problems: &mut Problems) -> Self {
        let inherits = document
            .inherit_env
            .as_ref()
            .is_none_or(|given| given.value);
        let secrets = named_elsewhere(document);
        let inherited = env.iter().filter(|(name, _)| {
            let name = name.as_os_str();
            if inherits {
                // An outer runner's own variables say nothing about the calls of this one.
                let outer = name.as_encoded_bytes().starts_with(b"GANTZ_");
                !outer && !name.to_str().is_some_and(|name| secrets.contains(name))
            } else {
                ALWAYS.iter().any(|always| name == OsStr::new(always))
            }
        });
        let mut this = Self {
            env,
            shared: inherited
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        };
        if let Some(given) = &document.env {
            let mut shared = std::mem::take(&mut this.shared);
            this.apply(given, &mut shared, problems);
            this.shared = shared;
        }
        this
    }

    /// The environment of a tool with `environment`.
    pub(super) fn of(
        &self,
        environment: Option<&Given<EnvVariables>>,
        problems: &mut Problems,
    ) -> Environment {
        let mut whole = self.shared.clone();
        if let Some(given) = environment {
            self.apply(given, &mut whole, problems);
        }
        whole
    }

    fn apply(&self, given: &Given<EnvVariables>, to: &mut Environment, problems: &mut Problems) {
        match &given.value {
            EnvVariables::Set(variables) => {
                for (name, value) in &variables.0 {
                    if checked_name(name, value.key, problems) {
                        self.set(name, &value.0, to, problems);
                    }
                }
            }
            EnvVariables::Needed(names) => {
                for entry in &names.0 {
                    self.need(entry, to, problems);
                }
            }
        }
    }

    /// Sets a variable, or leaves it unset where its value needs one that is not there.
    fn set(&self, name: &str, value: &Text, to: &mut Environment, problems: &mut Problems) {
        refuse_placeholder(value, "environment", problems);
        if value.text.contains('\0') {
            problems.push(Diagnostic::error(
                value.node.span,
                "an environment variable cannot hold a NUL character",
            ));
            return;
        }
        for variable in mentioned(&value.text) {
            if let Some(secret) = self.env.get(variable) {
                to.keep_secret(format!("${{{variable}}}"), secret.to_string_lossy());
            }
        }
        match self.env.expand(&value.text) {
            Ok(value) => to.set(name, value),
            Err(missing) => {
                to.remove(name);
                let missing = missing.0;
                problems.push(
                    Diagnostic::warning(
                        value.node.span,
                        format!(
                            "the variable `{missing}` is not set, so scripts run without `{name}`"
                        ),
                    )
                    .hint(format!("set it, or give a default: `${{{missing}:-...}}`")),
                );
            }
        }
    }

    /// An entry of a list: a name that must be there, or `NAME=value`.
    fn need(&self, entry: &Given<Text>, to: &mut Environment, problems: &mut Problems) {
        if let Some((name, value)) = entry.text.split_once('=') {
            if checked_name(name, entry.span, problems) {
                let value = Text {
                    text: value.to_owned(),
                    node: entry.node.clone(),
                };
                self.set(name, &value, to, problems);
            }
            return;
        }
        let name = entry.text.as_str();
        if !checked_name(name, entry.span, problems) {
            return;
        }
        match self.env.get(name) {
            Some(value) => to.set(name, value),
            None => problems.push(
                Diagnostic::warning(entry.span, format!("the variable `{name}` is not set"))
                    .hint("set it before the start, or put it into a file for `--env-file`"),
            ),
        }
    }
}

/// Names the runner sets itself for each call.
fn is_the_calls(name: &str) -> bool {
    name.starts_with("GANTZ_ARG_")
        || ["GANTZ_CALL_ID", "GANTZ_CLIENT", "GANTZ_DEADLINE_MS"].contains(&name)
}

fn checked_name(name: &str, span: Span, problems: &mut Problems) -> bool {
    if name.is_empty() || name.contains(|c: char| c == '=' || c.is_whitespace() || c.is_control()) {
        problems.push(
            Diagnostic::error(
                span,
                format!("`{name}` cannot name an environment variable"),
            )
            .hint("use letters, digits and `_`"),
        );
        return false;
    }
    if is_the_calls(name) {
        problems.push(
            Diagnostic::warning(
                span,
                format!("`{name}` is set by the runner for each call, so this value is never seen"),
            )
            .hint("choose another name"),
        );
    }
    true
}

/// Placeholders have no place where a value would choose what runs or under which settings.
pub(super) fn refuse_placeholder(text: &Text, key: &str, problems: &mut Problems) {
    if let Some(at) = text.text.find("{{")
        && let Some(end) = text.text[at..].find("}}")
    {
        let placeholder = &text.text[at..at + end + 2];
        problems.push(
            Diagnostic::error(text.node.span, format!("no placeholder may stand in `{key}`, found `{placeholder}`"))
                .hint("every argument reaches the script as GANTZ_ARG_<NAME>; pass it in `args` or `stdin`"),
        );
    }
}

/// Variables that `server` and `databases` mention: secrets that no script needs to see.
fn named_elsewhere(document: &Document) -> HashSet<String> {
    let server = document.server.iter().flat_map(|server| server.texts());
    let databases = document.databases.iter().flat_map(|databases| {
        databases
            .0
            .values()
            .filter_map(|database| database.url.as_ref().map(|url| &url.value))
    });
    server
        .chain(databases)
        .flat_map(|text| mentioned(&text.text).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}
