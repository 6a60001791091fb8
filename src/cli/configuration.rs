//! The options of every command that reads a configuration, and how its problems are shown.

use std::path::{Path, PathBuf};

use clap::Args;

use super::terminal::Terminal;
use crate::config::{self, Env, LoadError, LoadOptions, Loaded};
use crate::diagnostic::Diagnostics;
use crate::executor;
use crate::server::AuthError;

/// The file that is read when none is named.
pub(super) const DEFAULT_CONFIG: &str = "gantz.yaml";

/// How a configuration is read.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct ReadOptions {
    /// Read variables from FILE, one NAME=VALUE a line; those already set win
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Accept values in the program text of another language (SQL, awk, Python, ...), with a warning
    #[arg(long)]
    compat: bool,
    /// Treat warnings as errors
    #[arg(long)]
    strict: bool,
}

impl ReadOptions {
    /// The same, as `config` takes them to look at a file: nothing is run for it.
    pub(super) fn load_options(&self) -> anyhow::Result<LoadOptions> {
        let mut env = Env::from_process();
        if let Some(path) = &self.env_file {
            env = env.with_env_file(path)?;
        }
        Ok(LoadOptions {
            compat: self.compat,
            strict: self.strict,
            env,
            ask: None,
        })
    }
}

/// Why a configuration cannot be used.
#[derive(Debug)]
pub(super) enum Unusable {
    /// What it is to be read with cannot be had.
    Options(anyhow::Error),
    /// The file itself.
    File(LoadError),
    /// What it says of who may call.
    Access(AuthError),
}

impl ReadOptions {
    /// Reads the configuration `path`, and whatever else is to be read with it, for its tools to be called. The shims
    /// of version managers are asked what they start.
    pub(super) fn read(&self, path: &Path) -> Result<Loaded, Unusable> {
        let options = LoadOptions {
            ask: Some(executor::ask),
            ..self.load_options().map_err(Unusable::Options)?
        };
        config::load(path, &options).map_err(Unusable::File)
    }

    /// The same only to look at it: nothing is run.
    fn look(&self, path: &Path) -> Result<Loaded, Unusable> {
        let options = self.load_options().map_err(Unusable::Options)?;
        config::load(path, &options).map_err(Unusable::File)
    }

    /// The same as words of a command line that may be run from any folder.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(file) = &self.env_file {
            let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            words.extend(["--env-file".to_owned(), file.to_string_lossy().into_owned()]);
        }
        let flags = [("--compat", self.compat), ("--strict", self.strict)];
        let given = flags.into_iter().filter(|(_, is_given)| *is_given);
        words.extend(given.map(|(flag, _)| flag.to_owned()));
        words
    }

    /// The files that the configuration `path` is made of.
    pub(super) fn files(&self, path: &Path) -> impl Iterator<Item = PathBuf> {
        [path.to_owned()].into_iter().chain(self.env_file.clone())
    }
}

/// Loads `path` and shows every problem of it; `None` when it cannot be used.
pub(super) fn load(
    path: &Path,
    options: &ReadOptions,
    terminal: &Terminal,
) -> anyhow::Result<Option<Loaded>> {
    let loaded = sound(options.read(path), terminal)?;
    if let Some(loaded) = loaded
        .as_ref()
        .filter(|loaded| !loaded.diagnostics.is_empty())
    {
        terminal.rendered(&loaded.diagnostics.render(&loaded.source, terminal.color()));
    }
    Ok(loaded)
}

/// The same for a command whose own answer is what the user waits for: of a file that can be used, its warnings
/// are only counted.
pub(super) fn load_briefly(
    path: &Path,
    options: &ReadOptions,
    terminal: &Terminal,
) -> anyhow::Result<Option<Loaded>> {
    let loaded = sound(options.read(path), terminal)?;
    tell_warnings(path, loaded.as_ref(), terminal);
    Ok(loaded)
}

/// The same for a command that calls no tool: nothing is run.
pub(super) fn load_to_look(
    path: &Path,
    options: &ReadOptions,
    terminal: &Terminal,
) -> anyhow::Result<Option<Loaded>> {
    let loaded = sound(options.look(path), terminal)?;
    tell_warnings(path, loaded.as_ref(), terminal);
    Ok(loaded)
}

/// Counts the warnings that `validate` shows, and shows the others.
fn tell_warnings(path: &Path, loaded: Option<&Loaded>, terminal: &Terminal) {
    let Some(loaded) = loaded else { return };
    let problems = loaded.diagnostics.iter().cloned();
    let (of_machine, of_file): (Vec<_>, Vec<_>) =
        problems.partition(|problem| problem.is_of_machine);
    if let Some(count) = Diagnostics::new(of_file).summary() {
        let path = path.display();
        terminal.error(&format!(
            "{path}: {count}; `runner validate {path}` shows them"
        ));
    }
    if !of_machine.is_empty() {
        let problems = Diagnostics::new(of_machine);
        terminal.rendered(&problems.render(&loaded.source, terminal.color()));
    }
}

fn sound(result: Result<Loaded, Unusable>, terminal: &Terminal) -> anyhow::Result<Option<Loaded>> {
    match result {
        Ok(loaded) => Ok(Some(loaded)),
        Err(Unusable::Options(error)) => Err(error),
        Err(unusable) => {
            show_unusable(&unusable, terminal);
            Ok(None)
        }
    }
}

/// Shows why a configuration cannot be used.
pub(super) fn show_unusable(unusable: &Unusable, terminal: &Terminal) {
    match unusable {
        Unusable::Options(error) => terminal.error(&format!("error: {error:#}")),
        Unusable::File(error) => show(error, terminal),
        Unusable::Access(error) => {
            terminal.error(&format!("error: {error}\n\nhint: {}", error.hint()));
        }
    }
}

/// Shows why a file cannot be used.
pub(super) fn show(error: &LoadError, terminal: &Terminal) {
    terminal.rendered(&error.render(terminal.color()));
}
