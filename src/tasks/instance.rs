//! Which runners live, by the locks they hold: the system lets go of them whatever end a process comes to.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::store::private_file;

/// The file that is locked while those of instances come and go.
const COMING_AND_GOING: &str = "lock";

/// What the name of an instance's file ends with.
const SUFFIX: &str = "lock";

/// How often, and how long apart, a lock is tried that others hold for moments only: two seconds in all.
const ATTEMPTS: u32 = 100;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// This runner among all that share a database. Lives until it is dropped.
#[derive(Debug)]
pub(super) struct Instance {
    folder: PathBuf,
    name: String,
    /// The lock goes with the file.
    _lock: File,
}

impl Instance {
    /// A new one in `folder`. Blocks for a moment.
    pub(super) fn begin(folder: &Path) -> io::Result<Self> {
        let _held = held(folder)?;
        let name = format!("{:016x}", getrandom::u64().map_err(io::Error::other)?);
        let lock = private_file()
            .create_new(true)
            .open(folder.join(file_name(&name)))?;
        lock.try_lock()?;
        Ok(Self {
            folder: folder.to_owned(),
            name,
            _lock: lock,
        })
    }

    /// Its name, which no other instance has or had.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the instance of that name lives. Looks at the disk.
    pub(super) fn is_alive(&self, name: &str) -> bool {
        name == self.name || is_held(&self.folder.join(file_name(name)))
    }

    /// Removes the files of instances that live no more.
    pub(super) fn tidy(&self) -> io::Result<()> {
        let _held = held(&self.folder)?;
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let path = entry.path();
            let is_ours = path.file_stem().is_some_and(|stem| *stem == *self.name);
            let is_lock = path
                .extension()
                .is_some_and(|extension| extension == SUFFIX);
            if is_lock && !is_ours && !is_held(&path) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // What is left is removed by the next.
        drop(fs::remove_file(self.folder.join(file_name(&self.name))));
    }
}

fn file_name(instance: &str) -> String {
    format!("{instance}.{SUFFIX}")
}

/// Whether somebody holds the lock of a file. In doubt, yes.
fn is_held(path: &Path) -> bool {
    match File::options().write(true).open(path) {
        Ok(file) => !matches!(file.try_lock(), Ok(())),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Holds the lock under which instances come and go, so that none is taken for dead that is half made.
fn held(folder: &Path) -> io::Result<File> {
    let file = private_file()
        .create(true)
        .open(folder.join(COMING_AND_GOING))?;
    for _ in 0..ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_ATTEMPTS),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::WouldBlock,
        "another program holds its lock",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_lives_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let one = Instance::begin(folder.path()).unwrap();
        let other = Instance::begin(folder.path()).unwrap();
        let name = other.name().to_owned();
        assert!(one.is_alive(one.name()) && one.is_alive(&name) && other.is_alive(one.name()));
        drop(other);
        assert!(!one.is_alive(&name));
        assert!(!one.is_alive("0000000000000000"));
    }

    #[test]
    fn only_what_nobody_holds_is_tidied_away() {
        let folder = tempfile::tempdir().unwrap();
        let one = Instance::begin(folder.path()).unwrap();
        let other = Instance::begin(folder.path()).unwrap();
        let dead = folder.path().join("00ff.lock");
        fs::write(&dead, "").unwrap();
        fs::write(folder.path().join("tasks.db"), "").unwrap();
        one.tidy().unwrap();
        assert!(!dead.exists() && one.is_alive(other.name()));
        assert!(folder.path().join("tasks.db").exists());
    }
}
