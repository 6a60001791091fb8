//! The state directory: one folder for each running instance, locked for as long as it runs.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the name of an instance's folder begins with. Nothing else in the state directory is touched.
const PREFIX: &str = "instance-";

/// The file in an instance's folder that it keeps locked, and the one in the state directory that is locked while
/// folders come and go.
const LOCK: &str = "lock";

/// How often, and how long apart, the state directory's lock is tried: two seconds in all.
const LOCK_ATTEMPTS: u32 = 100;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// The folder of this instance. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    files: u64,
    /// The lock goes when the file is closed, by whatever end this process comes to.
    _lock: File,
}

impl Folder {
    /// Makes a folder of one's own under `root`, which is created when absent, and removes what instances that
    /// run no more have left there.
    pub(super) fn create(root: &Path) -> io::Result<Self> {
        private_folder(true).create(root)?;
        let coming_and_going = private_file().create(true).open(root.join(LOCK))?;
        // Held until this function ends, so that nobody takes a folder for abandoned that is not locked yet.
        lock_soon(&coming_and_going)?;
        remove_abandoned(root);
        let path = root.join(format!("{PREFIX}{}-{:08x}", std::process::id(), random()?));
        private_folder(false).create(&path)?;
        let lock = private_file().create_new(true).open(path.join(LOCK))?;
        lock.lock()?;
        Ok(Self {
            path,
            files: 0,
            _lock: lock,
        })
    }

    /// A new file. Its name is a number and not the output's id, which is a secret that file names are not.
    pub(super) fn new_file(&mut self) -> io::Result<(PathBuf, File)> {
        self.files += 1;
        let path = self.path.join(format!("{:06}.out", self.files));
        let file = private_file().create_new(true).open(&path)?;
        Ok((path, file))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(folder = %self.path.display(), %error, "stored outputs could not be removed");
        }
    }
}

/// Waits for a lock that others hold for moments only, and gives up on one that is held for longer.
fn lock_soon(file: &File) -> io::Result<()> {
    for _ in 0..LOCK_ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_ATTEMPTS),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::WouldBlock,
        "another program holds its lock",
    ))
}

/// Removes what instances that run no more have left under `root`. Creates nothing.
pub(super) fn clean(root: &Path) {
    let Ok(coming_and_going) = File::options().write(true).open(root.join(LOCK)) else {
        return;
    };
    // Whoever holds the lock cleans, too.
    if coming_and_going.try_lock().is_ok() {
        remove_abandoned(root);
    }
}

/// The lock of the state directory is held: each folder there is complete, or was left half made.
fn remove_abandoned(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_folder || !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        let lock = File::options().write(true).open(path.join(LOCK));
        let is_abandoned = match &lock {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if is_abandoned && let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!(folder = %path.display(), %error, "an abandoned folder could not be removed");
        }
    }
}

fn random() -> io::Result<u32> {
    getrandom::u32().map_err(io::Error::other)
}

/// A folder for nobody else (0700).
pub(crate) fn private_folder(with_parents: bool) -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(with_parents);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// A file for nobody else (0600).
pub(crate) fn private_file() -> OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instances(root: &Path) -> usize {
        let names = fs::read_dir(root)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        names
            .filter(|name| name.to_string_lossy().starts_with(PREFIX))
            .count()
    }

    #[test]
    fn only_what_nobody_holds_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().join("state/runner");
        let living = Folder::create(&root).unwrap();
        let killed = root.join("instance-1-dead");
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join(LOCK), "").unwrap();
        fs::write(killed.join("000001.out"), "left").unwrap();
        fs::create_dir(root.join("instance-2-half-made")).unwrap();
        fs::create_dir(root.join("somebody-else")).unwrap();
        clean(&root);
        assert_eq!(instances(&root), 1);
        assert!(living.path.exists() && root.join("somebody-else").exists());
        drop(living);
        assert_eq!(instances(&root), 0);
    }

    #[test]
    fn a_lock_that_is_never_let_go_holds_nobody_up() {
        let root = tempfile::tempdir().unwrap();
        let held = File::create(root.path().join(LOCK)).unwrap();
        held.lock().unwrap();
        let refused = Folder::create(root.path()).unwrap_err();
        assert_eq!(refused.to_string(), "another program holds its lock");
        held.unlock().unwrap();
        assert!(Folder::create(root.path()).is_ok());
    }

    #[test]
    fn cleaning_creates_nothing() {
        let root = tempfile::tempdir().unwrap();
        clean(&root.path().join("absent"));
        assert!(!root.path().join("absent").exists());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_look() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let mut folder = Folder::create(&root.path().join("state")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let (file, _) = folder.new_file().unwrap();
        assert_eq!((mode(&folder.path), mode(&file)), (0o700, 0o600));
        assert_eq!(mode(&root.path().join("state")), 0o700);
    }
}
