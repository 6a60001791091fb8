//! What a warm interpreter is made for.

use std::ffi::OsString;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::guard::MARK_VARIABLE;
use crate::tool::{CallId, Environment};

/// What a warm interpreter is made for. Calls of one kind share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::executor) struct Kind {
    /// The interpreter, an absolute path.
    pub(in crate::executor) program: PathBuf,
    /// Its arguments up to the script, which is the last; for `-m` or `-c` that with its value.
    pub(in crate::executor) arguments: Vec<OsString>,
    /// How many of them are options of the interpreter.
    pub(in crate::executor) options: usize,
    /// Where scripts run.
    pub(in crate::executor) working_dir: PathBuf,
    /// What an interpreter of any call is started with.
    pub(in crate::executor) environment: Environment,
    /// What is added to that.
    pub(in crate::executor) defaults: Vec<(&'static str, &'static str)>,
    /// The modules to import.
    pub(in crate::executor) preload: Vec<String>,
}

impl Hash for Kind {
    /// Kinds that differ in their environment alone are few.
    fn hash<H: Hasher>(&self, state: &mut H) {
        (
            &self.program,
            &self.arguments,
            &self.working_dir,
            &self.preload,
        )
            .hash(state);
    }
}

impl Kind {
    /// Where the script's own modules are; empty where it has none.
    pub(super) fn script_folder(&self) -> PathBuf {
        match &self.arguments[self.options..] {
            [option, _, ..] if option == "-m" => self.working_dir.clone(),
            [option, _, ..] if option == "-c" => PathBuf::new(),
            [script, ..] => {
                let path = self.working_dir.join(script);
                let real = path.canonicalize().unwrap_or(path);
                real.parent().map(Path::to_owned).unwrap_or_default()
            }
            [] => PathBuf::new(),
        }
    }

    /// What all calls have in common, and a mark by which the guard knows what belongs to the interpreter.
    pub(super) fn environment(&self, mark: &CallId) -> Vec<(OsString, OsString)> {
        let own = self
            .environment
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let defaults = self
            .defaults
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        let mark = (MARK_VARIABLE.into(), mark.as_str().into());
        own.chain(defaults).chain([mark]).collect()
    }
}
