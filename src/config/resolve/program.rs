//! Programs: looked up once, at load.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::tool::{Environment, Program};

/// Where programs are looked for when the environment has no PATH.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Look-ups done so far: thousands of tools start the same few programs.
#[derive(Default)]
pub(super) struct Programs {
    /// Names, by PATH and name.
    found: Mutex<HashMap<(OsString, String), Option<PathBuf>>>,
    /// Names with a slash, by the file meant.
    files: Mutex<HashMap<PathBuf, File>>,
}

/// What a program that is named by its file turned out to be.
#[derive(Clone, Copy)]
enum File {
    Program,
    NotExecutable,
    Absent,
}

impl Programs {
    /// Looks `written` up: by PATH of `environment`, or from `folder` when it holds a slash. `folder`
    /// is where the script will run, `None` when that is not known.
    pub(super) fn resolve(
        &self,
        written: &str,
        environment: &Environment,
        folder: Option<&Path>,
    ) -> Program {
        let resolved = if written.contains('/') {
            self.in_folder(written, folder)
        } else {
            self.on_path(written, environment)
                .ok_or_else(|| format!("`{written}` is not on the PATH"))
        };
        Program {
            written: written.to_owned(),
            resolved,
        }
    }

    /// The first program of that name on the PATH.
    fn on_path(&self, name: &str, environment: &Environment) -> Option<PathBuf> {
        let path = environment.get("PATH").unwrap_or(OsStr::new(USUAL_PATH));
        let key = (path.to_owned(), name.to_owned());
        // A look-up cannot panic half-way, so a poisoned lock holds sound entries.
        let mut found = self
            .found
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        found
            .entry(key)
            .or_insert_with(|| search(name, path))
            .clone()
    }

    fn in_folder(&self, written: &str, folder: Option<&Path>) -> Result<PathBuf, String> {
        let path = match folder {
            _ if Path::new(written).is_absolute() => PathBuf::from(written),
            Some(folder) => folder.join(written),
            None => return Err(format!("the folder of `{written}` is not known")),
        };
        // The folder may come from the environment, whose values are not shown.
        let place = if Path::new(written).is_absolute() {
            ""
        } else {
            " in the working directory"
        };
        match self.file(&path) {
            File::Program => Ok(path),
            File::NotExecutable => Err(format!("`{written}`{place} cannot be executed")),
            File::Absent => Err(format!("`{written}` does not exist{place}")),
        }
    }

    fn file(&self, path: &Path) -> File {
        let mut files = self
            .files
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = files.get(path) {
            return *known;
        }
        let found = if is_program(path) {
            File::Program
        } else if path.exists() {
            File::NotExecutable
        } else {
            File::Absent
        };
        files.insert(path.to_owned(), found);
        found
    }
}

fn search(name: &str, path: &OsStr) -> Option<PathBuf> {
    // A relative entry would mean another program in each working directory.
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|candidate| is_program(candidate))
}

#[cfg(unix)]
pub(super) fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
pub(super) fn is_program(path: &Path) -> bool {
    path.is_file()
}
