//! The environment a file is loaded with.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::tool::MissingVariable;

/// The environment a file is loaded with: the process's, and what `--env-file` adds. Values may be
/// secrets: `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<OsString, OsString>, Expanded);

/// The values that were expanded, which clones share.
type Expanded = Arc<Mutex<BTreeSet<OsString>>>;

/// Why an environment file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EnvFileError {
    /// It cannot be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not `NAME=value`. Its text is not shown: it may hold a secret.
    #[error("{}:{line}: not a line of the form `NAME=value`", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from one.
        line: usize,
    },
}

impl Env {
    /// The environment of this process.
    pub fn from_process() -> Self {
        Self(std::env::vars_os().collect(), Expanded::default())
    }

    /// An environment made of these variables alone.
    pub fn from_pairs<N: Into<OsString>, V: Into<OsString>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            Expanded::default(),
        )
    }

    /// Adds the variables of a file of `NAME=value` lines. A variable that is there already keeps its
    /// value. Empty lines and lines that begin with `#` are skipped, `export` before a name too;
    /// quotes around a value are taken off, and in double quotes `\n`, `\"`, `\\` and `\$` are
    /// escapes. Nothing is expanded.
    pub fn with_env_file(mut self, path: &Path) -> Result<Self, EnvFileError> {
        let text = std::fs::read_to_string(path).map_err(|source| EnvFileError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = assignment(line).ok_or_else(|| EnvFileError::Line {
                path: path.to_owned(),
                line: index + 1,
            })?;
            self.0.entry(name.into()).or_insert_with(|| value.into());
        }
        Ok(self)
    }

    /// A variable's value.
    pub fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        self.0.get(name.as_ref()).map(OsString::as_os_str)
    }

    /// Every variable, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.0.iter()
    }

    /// The values that were expanded so far, which may be secrets.
    pub(crate) fn expanded(&self) -> Vec<String> {
        let expanded = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        let values = expanded.iter();
        values
            .map(|value| value.to_string_lossy().into_owned())
            .collect()
    }

    fn note(&self, value: Option<&OsStr>) {
        let mut expanded = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        expanded.extend(value.map(OsStr::to_owned));
    }

    /// Expands `${NAME}` and `${NAME:-default}` in `text`, once: neither values nor defaults are
    /// scanned again. The default also stands in for an empty variable, as in the shell.
    pub(crate) fn expand(&self, text: &str) -> Result<OsString, MissingVariable> {
        let mut expanded = OsString::new();
        for piece in pieces(text) {
            match piece {
                Piece::Plain(plain) => expanded.push(plain),
                Piece::Variable { name, default } => {
                    let value = self.get(name);
                    self.note(value);
                    match (value, default) {
                        (None, None) => return Err(MissingVariable(name.to_owned())),
                        (Some(value), None) => expanded.push(value),
                        (Some(value), Some(_)) if !value.is_empty() => expanded.push(value),
                        (_, Some(default)) => expanded.push(default),
                    }
                }
            }
        }
        Ok(expanded)
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The names of all variables that `text` mentions.
pub(crate) fn mentioned(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).into_iter().filter_map(|piece| match piece {
        Piece::Variable { name, .. } => Some(name),
        Piece::Plain(_) => None,
    })
}

enum Piece<'a> {
    Plain(&'a str),
    Variable {
        name: &'a str,
        default: Option<&'a str>,
    },
}

/// Cuts a text at its variables. What only looks like one stays text.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut plain_from = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find("${").map(|offset| at + offset) {
        let inside = found + 2;
        let Some(end) = text[inside..].find('}').map(|offset| inside + offset) else {
            break;
        };
        let (name, default) = match text[inside..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&text[inside..end], None),
        };
        if is_variable_name(name) {
            pieces.push(Piece::Plain(&text[plain_from..found]));
            pieces.push(Piece::Variable { name, default });
            plain_from = end + 1;
            at = end + 1;
        } else {
            at = inside;
        }
    }
    pieces.push(Piece::Plain(&text[plain_from..]));
    pieces
}

/// Whether `name` can name a variable in a shell.
pub(crate) fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Reads `NAME=value`.
fn assignment(line: &str) -> Option<(&str, String)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    if !is_variable_name(name) {
        return None;
    }
    let value = value.trim();
    for quote in ['\'', '"'] {
        if let Some(rest) = value.strip_prefix(quote) {
            let inner = rest.strip_suffix(quote)?;
            let value = if quote == '"' {
                unescaped(inner)
            } else {
                inner.to_owned()
            };
            return Some((name, value));
        }
    }
    Some((name, value.to_owned()))
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, characters.clone().next()) {
            ('\\', Some('n')) => plain.push('\n'),
            ('\\', Some(escaped @ ('"' | '\\' | '$'))) => plain.push(escaped),
            _ => {
                plain.push(character);
                continue;
            }
        }
        characters.next();
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> Env {
        Env::from_pairs([("HOME", "/home/ada"), ("EMPTY", ""), ("NESTED", "${HOME}")])
    }

    #[test]
    fn variables_are_expanded_once() {
        let expand = |text| {
            env()
                .expand(text)
                .map(|value| value.into_string().expect("unicode"))
        };
        assert_eq!(expand("${HOME}/x").as_deref(), Ok("/home/ada/x"));
        assert_eq!(expand("${NESTED}").as_deref(), Ok("${HOME}"));
        assert_eq!(expand("${UNSET:-a b}").as_deref(), Ok("a b"));
        assert_eq!(expand("${EMPTY:-x}${EMPTY}").as_deref(), Ok("x"));
        assert_eq!(
            expand("$HOME ${} ${1} ${a b} ${x").as_deref(),
            Ok("$HOME ${} ${1} ${a b} ${x")
        );
        assert_eq!(expand("${UNSET}"), Err(MissingVariable("UNSET".into())));
    }

    #[test]
    fn an_environment_file_adds_and_never_replaces() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(
            file.path(),
            "# note\n\nexport TOKEN=\"a\\n\\\"b\\\" $c\"\nHOME=/other\nPLAIN = x y\nSINGLE='a\\n'\r\n",
        )
        .expect("written");
        let env = env().with_env_file(file.path()).expect("read");
        assert_eq!(env.get("TOKEN"), Some(OsStr::new("a\n\"b\" $c")));
        assert_eq!(env.get("HOME"), Some(OsStr::new("/home/ada")));
        assert_eq!(env.get("PLAIN"), Some(OsStr::new("x y")));
        assert_eq!(env.get("SINGLE"), Some(OsStr::new("a\\n")));
    }

    #[test]
    fn a_broken_line_is_named_and_not_shown() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "A=1\nhunter2\n").expect("written");
        let error = env()
            .with_env_file(file.path())
            .expect_err("refused")
            .to_string();
        assert!(
            error.ends_with(":2: not a line of the form `NAME=value`"),
            "{error}"
        );
    }
}
