//! Where output is kept that is too long for an answer.

use std::path::PathBuf;

use clap::Args;

use crate::store::{Store, StoreLimits};

/// The folder of this program among the states of others.
const OWN_FOLDER: &str = "runner";

/// Where output is kept that is too long for an answer.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct StateOptions {
    /// Keep output that is too long for an answer in a folder under DIR; by default where the XDG rules keep a
    /// program's state: ~/.local/state/runner
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

impl StateOptions {
    /// The store there. Touches no disk.
    pub(super) fn store(&self) -> Store {
        let root = self.state_dir.clone().or_else(default_folder);
        let root = root.map(|root| std::path::absolute(&root).unwrap_or(root));
        Store::new(root, StoreLimits::default())
    }
}

/// As the XDG Base Directory Specification says: a relative path in the variable counts for nothing.
fn default_folder() -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    state.map(|state| state.join(OWN_FOLDER))
}
