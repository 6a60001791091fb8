//! Programs: looked up once, at load.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::tool::{Environment, Program};

/// Where programs are looked for when the environment has no PATH.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Look-ups done so far, by PATH and name: thousands of tools start the same few programs.
#[derive(Default)]
pub(super) struct Programs {
    found: Mutex<HashMap<(OsString, String), Option<PathBuf>>>,
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
            in_folder(written, folder)
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
}

fn search(name: &str, path: &OsStr) -> Option<PathBuf> {
    // A relative entry would mean another program in each working directory.
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|candidate| is_program(candidate))
}

fn in_folder(written: &str, folder: Option<&Path>) -> Result<PathBuf, String> {
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
    if is_program(&path) {
        Ok(path)
    } else if path.exists() {
        Err(format!("`{written}`{place} cannot be executed"))
    } else {
        Err(format!("`{written}` does not exist{place}"))
    }
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
