//! When the content of files has become another one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::settling::Settling;
use super::sight::{self, Sight};

/// Between two looks when nothing happens.
const CALM: Duration = Duration::from_millis(250);

/// Between two looks while something changes.
const ALERT: Duration = Duration::from_millis(25);

/// Watches the content of a few files: however they are written, replaced or linked, and whatever they lie on.
/// Only a content that is another one counts; a touched file does not. What is no file, such as a pipe, is
/// never read and never changes.
#[derive(Debug)]
pub struct FileWatch {
    paths: Arc<[PathBuf]>,
    settling: Settling<Vec<Sight>>,
    contents: Vec<Option<u64>>,
}

impl FileWatch {
    /// Watches from now on. Make it before the files are read for use, so that no change falls in between.
    /// Reads the files, so it blocks.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let paths: Arc<[PathBuf]> = paths.into_iter().collect();
        Self {
            settling: Settling::new(each(&paths, Sight::of)),
            contents: each(&paths, sight::content),
            paths,
        }
    }

    /// Waits until the content of a file is another one and has come to rest. May be dropped and called again
    /// at any time.
    pub async fn changed(&mut self) {
        loop {
            let pause = if self.settling.is_changing() {
                ALERT
            } else {
                CALM
            };
            sleep(pause).await;
            let seen = self.elsewhere(Sight::of).await;
            let Some(seen) = seen else { continue };
            let is_missing = seen.contains(&Sight::Missing);
            if !self.settling.see(Instant::now(), seen, is_missing) {
                continue;
            }
            let contents = self.elsewhere(sight::content).await;
            if let Some(contents) = contents.filter(|contents| *contents != self.contents) {
                self.contents = contents;
                return;
            }
        }
    }

    /// Looks where it holds nobody up: a network mount can take its time. `None` when the runtime ends.
    async fn elsewhere<T: Send + 'static>(&self, look: fn(&Path) -> T) -> Option<Vec<T>> {
        let paths = Arc::clone(&self.paths);
        spawn_blocking(move || each(&paths, look)).await.ok()
    }
}

fn each<T>(paths: &[PathBuf], look: fn(&Path) -> T) -> Vec<T> {
    paths.iter().map(|path| look(path)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::fs::File;

    use tempfile::TempDir;
    use tokio::time::timeout;

    use super::*;

    /// A folder with a file `f` of the content `one`, and its watch.
    fn watched() -> (TempDir, PathBuf, FileWatch) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        fs::write(&path, "one").unwrap();
        let watch = FileWatch::new([path.clone()]);
        (folder, path, watch)
    }

    /// Patience with a busy machine.
    async fn is_changed(watch: &mut FileWatch) -> bool {
        let longest = Duration::from_secs(30);
        timeout(longest, watch.changed()).await.is_ok()
    }

    /// For as long as several looks take.
    async fn stays(watch: &mut FileWatch) -> bool {
        let several = Duration::from_millis(1500);
        timeout(several, watch.changed()).await.is_err()
    }

    #[tokio::test]
    async fn a_file_written_in_place_or_replaced_is_seen_once_each() {
        let (folder, path, mut watch) = watched();
        fs::write(&path, "two").unwrap();
        assert!(is_changed(&mut watch).await, "in place, of equal length");
        let beside = folder.path().join("beside");
        fs::write(&beside, "six").unwrap();
        fs::rename(&beside, &path).unwrap();
        assert!(is_changed(&mut watch).await, "replaced");
        assert!(stays(&mut watch).await, "nothing happened since");
    }

    #[tokio::test]
    async fn the_same_content_is_no_change() {
        let (folder, path, mut watch) = watched();
        let beside = folder.path().join("beside");
        fs::write(&beside, "one").unwrap();
        fs::rename(&beside, &path).unwrap();
        assert!(stays(&mut watch).await);
    }

    #[tokio::test]
    async fn a_write_that_keeps_length_and_time_is_seen() {
        let (_folder, path, mut watch) = watched();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "two").unwrap();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(time)
            .unwrap();
        assert!(is_changed(&mut watch).await);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_that_points_elsewhere_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, content) in [("a", "one"), ("b", "two")] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("f"), content).unwrap();
        }
        std::os::unix::fs::symlink("a", at("current")).unwrap();
        let mut watch = FileWatch::new([at("current").join("f")]);
        std::os::unix::fs::symlink("b", at("next")).unwrap();
        fs::rename(at("next"), at("current")).unwrap();
        assert!(is_changed(&mut watch).await);
    }

    #[tokio::test]
    async fn a_file_that_is_gone_and_comes_back_is_seen_twice() {
        let (_folder, path, mut watch) = watched();
        fs::remove_file(&path).unwrap();
        assert!(is_changed(&mut watch).await, "gone");
        fs::write(&path, "one").unwrap();
        assert!(is_changed(&mut watch).await, "back");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_is_no_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let mut watch = FileWatch::new([socket, PathBuf::from("/dev/stdin")]);
        assert!(stays(&mut watch).await);
    }
}
