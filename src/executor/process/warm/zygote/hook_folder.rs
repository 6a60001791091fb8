//! The way of the part inside to an interpreter: a folder where it looks for its modules.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::tool::CallId;

/// The part inside the interpreter.
const PROGRAM: &str = include_str!("zygote.py");

/// A folder with the part inside the interpreter, for as long as it takes to load that.
pub(super) struct HookFolder(PathBuf);

impl HookFolder {
    /// Writes it into the folder for temporary files.
    pub(super) fn create() -> io::Result<Self> {
        let name = format!("runner-python-{}{}", CallId::random(), CallId::random());
        let folder = Self(std::env::temp_dir().canonicalize()?.join(name));
        // Fails where somebody was here before.
        DirBuilder::new().mode(0o700).create(&folder.0)?;
        fs::write(folder.0.join("sitecustomize.py"), PROGRAM)?;
        Ok(folder)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for HookFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, "a folder stays in the folder for temporary files");
        }
    }
}
