//! From a changed file to a changed server.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::hangup::{Hangup, Hung};
use super::watch::FileWatch;
use crate::config::Loaded;
use crate::diagnostic::{Diagnostics, Source};
use crate::runner::Runner;
use crate::tool::Difference;

/// Reads the file anew. Called where blocking is allowed.
type Load<E> = dyn Fn() -> Result<Loaded, E> + Send + Sync;

/// Takes its part of a file that was loaded, or refuses the file.
type OnLoaded<E> = dyn Fn(&Loaded) -> Result<(), E> + Send + Sync;

/// Puts the file's catalog in the place of the served one whenever the file changes or SIGHUP asks for it.
/// `E` says why a file cannot be used.
pub struct Reloader<E> {
    load: Arc<Load<E>>,
    on_loaded: Arc<OnLoaded<E>>,
    watch: Option<FileWatch>,
    hangup: Hangup,
    running: Fixed,
    latest: Fixed,
}

/// What came of a reload.
#[derive(Debug)]
pub enum Event<E> {
    /// The file is served as it is now.
    Reloaded(Reloaded),
    /// The file cannot be used; what was served before still is.
    Refused(E),
    /// The reload itself went wrong, by a bug of ours; what was served before still is.
    Failed,
    /// The terminal that the program was started in is gone: time to end.
    Abandoned,
}

/// A file that is served anew.
#[derive(Debug)]
pub struct Reloaded {
    /// How many tools there are now.
    pub tools: usize,
    /// What is different.
    pub difference: Difference,
    /// What deserves a look; warnings only.
    pub diagnostics: Diagnostics,
    /// The text, for rendering the diagnostics.
    pub source: Source,
    /// Keys of the file that changed and take effect after a restart only.
    pub needs_restart: Vec<&'static str>,
}

/// What is set once, when a server starts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fixed {
    host: String,
    port: u16,
    allowed_origins: Vec<String>,
    thread_pool_size: NonZeroUsize,
}

impl Fixed {
    fn of(loaded: &Loaded) -> Self {
        Self {
            host: loaded.server.host.clone(),
            port: loaded.server.port,
            allowed_origins: loaded.server.allowed_origins.clone(),
            thread_pool_size: loaded.catalog.limits.thread_pool_size,
        }
    }

    /// The keys of the file in which the two differ.
    fn keys_apart(&self, other: &Self) -> Vec<&'static str> {
        [
            ("server.host", self.host != other.host),
            ("server.port", self.port != other.port),
            (
                "server.allowed_origins",
                self.allowed_origins != other.allowed_origins,
            ),
            (
                "concurrency.thread_pool_size",
                self.thread_pool_size != other.thread_pool_size,
            ),
        ]
        .into_iter()
        .filter_map(|(key, differs)| differs.then_some(key))
        .collect()
    }
}

impl<E: Send + 'static> Reloader<E> {
    /// Reloads by `load` in a server made of `first`. Takes over SIGHUP; needs a runtime of tokio around it.
    ///
    /// # Errors
    /// When the system refuses the handler of the signal.
    pub fn new(
        first: &Loaded,
        load: impl Fn() -> Result<Loaded, E> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let running = Fixed::of(first);
        Ok(Self {
            load: Arc::new(load),
            on_loaded: Arc::new(|_| Ok(())),
            watch: None,
            hangup: Hangup::listen()?,
            latest: running.clone(),
            running,
        })
    }

    /// Reloads also when `watch` sees a change.
    #[must_use]
    pub fn watching(mut self, watch: FileWatch) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Shows each file that was loaded to `on_loaded` before its catalog is swapped in: whoever took something
    /// else than the catalog from the first one, such as tokens, takes it anew here, or refuses the file as a
    /// whole. Called where blocking is allowed.
    #[must_use]
    pub fn on_loaded(
        mut self,
        on_loaded: impl Fn(&Loaded) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        self.on_loaded = Arc::new(on_loaded);
        self
    }

    /// Waits for the next occasion, reloads `runner`, and says what came of it. A reload that SIGHUP asks for
    /// takes place even when the file is the same: programs may have been installed since.
    pub async fn next(&mut self, runner: &Arc<Runner>) -> Event<E> {
        tokio::select! {
            () = changed(self.watch.as_mut()) => {}
            hung = self.hangup.next() => if hung == Hung::TerminalGone {
                return Event::Abandoned;
            }
        }
        let (load, on_loaded) = (Arc::clone(&self.load), Arc::clone(&self.on_loaded));
        let runner = Arc::clone(runner);
        let swapped = spawn_blocking(move || swap(&*load, &*on_loaded, &runner)).await;
        match swapped {
            Ok(Ok((mut reloaded, latest))) => {
                reloaded.needs_restart = self.running.keys_apart(&latest);
                let news = self.latest.keys_apart(&latest);
                reloaded.needs_restart.retain(|key| news.contains(key));
                self.latest = latest;
                Event::Reloaded(reloaded)
            }
            Ok(Err(error)) => Event::Refused(error),
            Err(_) => Event::Failed,
        }
    }
}

async fn changed(watch: Option<&mut FileWatch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

/// Loads and swaps, all where it holds no call up: a file can have thousands of tools.
fn swap<E>(
    load: &Load<E>,
    on_loaded: &OnLoaded<E>,
    runner: &Runner,
) -> Result<(Reloaded, Fixed), E> {
    let loaded = load()?;
    on_loaded(&loaded)?;
    let fixed = Fixed::of(&loaded);
    let reloaded = Reloaded {
        tools: loaded.catalog.tools().len(),
        difference: Difference::between(&runner.catalog(), &loaded.catalog),
        diagnostics: loaded.diagnostics,
        source: loaded.source,
        needs_restart: Vec::new(),
    };
    runner.reload(loaded.catalog);
    Ok((reloaded, fixed))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use tempfile::TempDir;
    use tokio::time::timeout;

    use super::*;
    use crate::config::{LoadOptions, load_text};

    /// A file that says how many tools there are, or what else becomes of its load.
    fn load(path: &Path) -> Result<Loaded, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let count: usize = match text.as_str() {
            "panic" => panic!("as the test wants"),
            count => count
                .parse()
                .map_err(|_| format!("`{count}` is no number"))?,
        };
        let tool = "  - {name: tN, description: d, script: {command: echo}}\n";
        let tools: String = (0..count)
            .map(|n| tool.replace('N', &n.to_string()))
            .collect();
        load_text(
            path,
            format!("tools:\n{tools}"),
            Path::new("/"),
            &LoadOptions::default(),
        )
        .map_err(|error| error.render(false))
    }

    struct World {
        _folder: TempDir,
        file: PathBuf,
        runner: Arc<Runner>,
        reloader: Reloader<String>,
    }

    impl World {
        /// One tool, and a file that says so.
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("count");
            fs::write(&file, "1").unwrap();
            let watch = FileWatch::new([file.clone()]);
            let first = load(&file).unwrap();
            let again = file.clone();
            let reloader = Reloader::new(&first, move || load(&again)).unwrap();
            Self {
                _folder: folder,
                file,
                runner: Arc::new(Runner::new(first.catalog)),
                reloader: reloader.watching(watch),
            }
        }

        async fn save(&mut self, text: &str) -> Event<String> {
            fs::write(&self.file, text).unwrap();
            let next = self.reloader.next(&self.runner);
            timeout(Duration::from_secs(5), next).await.unwrap()
        }

        fn tools(&self) -> usize {
            self.runner.catalog().tools().len()
        }
    }

    #[tokio::test]
    async fn a_sound_file_is_swapped_in_and_told_of() {
        let mut world = World::new();
        let mut changes = world.runner.changes();
        let Event::Reloaded(reloaded) = world.save("3").await else {
            panic!("not reloaded");
        };
        assert_eq!((reloaded.tools, reloaded.difference.added.len()), (3, 2));
        assert!(changes.has_changed().unwrap());
        assert_eq!(changes.borrow_and_update().tools().len(), 3);
    }

    #[tokio::test]
    async fn after_a_file_that_cannot_be_used_the_next_one_can() {
        let mut world = World::new();
        let refused = world.save("x").await;
        assert!(matches!(refused, Event::Refused(why) if why == "`x` is no number"));
        assert!(matches!(world.save("panic").await, Event::Failed));
        assert_eq!(world.tools(), 1);
        assert!(matches!(world.save("2").await, Event::Reloaded(_)));
        assert_eq!(world.tools(), 2);
    }

    #[tokio::test]
    async fn whoever_takes_its_part_of_a_file_may_refuse_it() {
        let mut world = World::new();
        world.reloader = world.reloader.on_loaded(|loaded| {
            if loaded.catalog.tools().len() > 2 {
                return Err("too many".to_owned());
            }
            Ok(())
        });
        assert!(matches!(world.save("3").await, Event::Refused(why) if why == "too many"));
        assert_eq!(world.tools(), 1);
        assert!(matches!(world.save("2").await, Event::Reloaded(_)));
        assert_eq!(world.tools(), 2);
    }
}
