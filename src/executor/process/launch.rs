//! What to start.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::tool::Environment;

/// A process to start, complete: nothing is inherited but what stands here.
pub(in crate::executor) struct Launch {
    /// The program, an absolute path: a bare name would take the standard library off its fast path.
    pub(in crate::executor) program: PathBuf,
    /// Its arguments, without the program itself.
    pub(in crate::executor) arguments: Vec<OsString>,
    /// Where it runs.
    pub(in crate::executor) working_dir: PathBuf,
    /// The environment of its tool, which all of the tool's calls share.
    pub(in crate::executor) shared_environment: Environment,
    /// What it has besides; of two with one name the later counts, and before all of `shared_environment`.
    pub(in crate::executor) environment: Vec<(OsString, OsString)>,
    /// What it reads; `None` is the null device.
    pub(in crate::executor) stdin: Option<Vec<u8>>,
    /// Where it is forked from instead of being started.
    #[cfg(unix)]
    pub(in crate::executor) fork: Option<super::Fork>,
}

impl Launch {
    /// Its whole environment; of two with one name the later counts.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        let added = self.environment.iter();
        self.shared_environment
            .iter()
            .chain(added.map(|(name, value)| (name.as_os_str(), value.as_os_str())))
    }

    /// The command as the standard library wants it. `pre_exec` is never used: it would mean a
    /// `fork` whose cost grows with the memory of the runner.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that starts processes"
    )]
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .current_dir(&self.working_dir)
            .env_clear()
            .envs(self.variables())
            .stdin(if self.stdin.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

impl fmt::Debug for Launch {
    /// Arguments and values may be secrets: only the program and the place are shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launch")
            .field("program", &self.program)
            .field("working_dir", &self.working_dir)
            .finish_non_exhaustive()
    }
}
