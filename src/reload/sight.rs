//! What one look at a file shows.

use std::fs::{self, File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A file written this recently may be written again without another time stamp: they are as coarse as a second
/// on some network mounts and two on FAT. Its content is looked at, too.
const YOUNG: Duration = Duration::from_millis(2500);

/// Bytes of content that are looked at; more than a configuration can have.
const MOST_READ: u64 = 16 << 20;

/// What one look at a file shows. Two that are equal show the same content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// There is no file.
    Missing,
    /// A pipe, a device, a folder: reading it could take away what it holds, so it is left alone.
    NotAFile,
    /// A file, by what tells its states apart.
    File {
        stamp: Stamp,
        /// The content's hash, while the stamp alone cannot be trusted.
        young: Option<u64>,
    },
}

/// What a file system notes about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Device, inode, and when the inode changed: a file put in this one's place, or written by a program that
    /// restores the time of modification.
    #[cfg(unix)]
    inode: [i128; 4],
}

impl Sight {
    /// Looks at `path`, through symbolic links.
    pub(super) fn of(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {
                let stamp = Stamp::of(&metadata);
                let young = stamp.is_young().then(|| content(path)).flatten();
                Self::File { stamp, young }
            }
            Ok(_) => Self::NotAFile,
            Err(_) => Self::Missing,
        }
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: inode(metadata),
        }
    }

    /// Whether another write could leave the same stamp. A clock that is ahead of ours makes it old; a stamp
    /// of the future is not young either, or it would be for long.
    fn is_young(&self) -> bool {
        let now = SystemTime::now();
        let apart = |at: SystemTime| {
            now.duration_since(at)
                .unwrap_or_else(|ahead| ahead.duration())
        };
        self.modified.is_none_or(|at| apart(at) < YOUNG)
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> [i128; 4] {
    use std::os::unix::fs::MetadataExt;
    [
        metadata.dev().into(),
        metadata.ino().into(),
        metadata.ctime().into(),
        metadata.ctime_nsec().into(),
    ]
}

/// A hash of the file's content; `None` when it cannot be read or is no file.
pub(super) fn content(path: &Path) -> Option<u64> {
    // A pipe is not opened: that could wait for ever.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    let mut file = File::open(path).ok()?.take(MOST_READ);
    let mut buffer = [0; 8 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Some(hasher.finish()),
            Ok(count) => buffer[..count].hash(&mut hasher),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}
