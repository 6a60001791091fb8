//! Whether a file is what it was.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

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

    /// Whether the file is another by now.
    pub(super) fn has_changed(&self) -> bool {
        Self::now(self.path.clone()) != *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
