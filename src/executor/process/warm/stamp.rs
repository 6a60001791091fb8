//! Whether a file is what it was.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where so many interpreters in a row were outdated when they were ready, what they load writes itself, and what they
/// found is what they wrote.
pub(super) const OUTDATED: u32 = 3;

/// A file as it was when it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    path: PathBuf,
    found: Option<Found>,
}

/// When and where: a file that is replaced, written or gone shows something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    modified: (i64, i64),
    size: u64,
    place: (u64, u64),
}

impl Stamp {
    /// The file as it is now.
    pub(super) fn now(path: PathBuf) -> Self {
        let found = path.metadata().ok().map(|metadata| Found {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            size: metadata.size(),
            place: (metadata.dev(), metadata.ino()),
        });
        Self { path, found }
    }

    /// A file that was loaded at some moment after `began`, as it is now. Where it was written since `began`, what was
    /// loaded may be what was there before: then it is another already.
    pub(super) fn loaded(path: PathBuf, began: SystemTime) -> Self {
        let stamp = Self::now(path);
        let written = stamp.found.map(|found| found.modified);
        // A clock that is ahead of this one, of another machine, says nothing.
        let is_newer = |at| at > moment(began) && at <= moment(SystemTime::now());
        Self {
            found: stamp.found.filter(|_| !written.is_some_and(is_newer)),
            ..stamp
        }
    }

    /// The same file as it is by now.
    pub(super) fn again(self) -> Self {
        Self::now(self.path)
    }

    /// Whether the file is another by now.
    pub(super) fn has_changed(&self) -> bool {
        Self::now(self.path.clone()) != *self
    }
}

/// A moment as files have it: seconds since 1970, and nanoseconds.
fn moment(time: SystemTime) -> (i64, i64) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    (seconds, since.subsec_nanos().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_file_that_is_written_replaced_or_gone_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("module.py");
        std::fs::write(&path, "one").unwrap();
        let stamp = Stamp::now(path.clone());
        assert!(!stamp.has_changed());
        std::fs::write(&path, "three").unwrap();
        assert!(stamp.has_changed());
        let stamp = Stamp::now(path.clone());
        std::fs::write(folder.path().join("other"), "three").unwrap();
        std::fs::rename(folder.path().join("other"), &path).unwrap();
        assert!(stamp.has_changed(), "another file of the same length");
        let stamp = Stamp::now(path.clone());
        std::fs::remove_file(&path).unwrap();
        assert!(stamp.has_changed());
        assert!(!Stamp::now(path).has_changed(), "gone it was, gone it is");
    }

    #[test]
    fn a_file_that_was_written_while_it_was_loaded_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("module.py");
        std::fs::write(&path, "one").unwrap();
        let set = |time| {
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(time).unwrap();
        };
        let began = SystemTime::now() - Duration::from_mins(1);
        for (written, has_changed) in [
            (began - Duration::from_millis(1), false),
            (began + Duration::from_millis(1), true),
            // Another machine's clock.
            (SystemTime::now() + Duration::from_mins(1), false),
        ] {
            set(written);
            let stamp = Stamp::loaded(path.clone(), began);
            assert_eq!(stamp.has_changed(), has_changed, "{written:?}");
        }
    }
}
