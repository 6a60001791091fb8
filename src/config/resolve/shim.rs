//! The shims of version managers: what they start is asked once, so that no call has to go through them.
//!
//! A shim is a small program in a folder named `shims` that looks at the working directory and the environment, chooses
//! a version and starts it, at the cost of several interpreters. It is asked by having it start the interpreter with a
//! few lines that print which program that is and what environment it was given. That works for every manager alike,
//! and shows what the manager itself cannot be asked: what a script would see.
//!
//! Asking runs a program, so it must not be the file that chooses which, or what it does:
//! - Only a shim in a folder of the runner's own `PATH` is asked.
//! - It is given what the tool's environment shares with the runner's own, and the versions that the tool chooses.
//! - A tool that sets what a shim is led by otherwise is left alone, and each of its calls goes through the shim.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::shim_probe::{Answer, Language};
use crate::config::ask::{Ask, Question};
use crate::config::env::Env;
use crate::diagnostic::{Diagnostic, Span};
use crate::tool::{Environment, Program};

/// How long the shims of one file are asked, all together. What has not been asked by then is run as it is.
const ALL_WITHIN: Duration = Duration::from_secs(10);

/// What chooses where a shim looks, what the shell runs that it is written for, and what it starts.
const LEADING: [&str; 8] = [
    "PATH",
    "HOME",
    "ENV",
    "BASH_ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
];

/// Starts of the names of variables that lead a version manager.
const MANAGERS: [&str; 7] = [
    "PYENV_", "_PYENV_", "RBENV_", "NODENV_", "ASDF_", "MISE_", "__MISE_",
];

/// The shims met while a file is loaded.
pub(super) struct Shims<'a> {
    /// The environment of the runner itself.
    own: &'a Env,
    ask: Option<Ask>,
    asked: Mutex<Asked>,
}

/// A shim, and the folder it runs in.
type Place = (PathBuf, PathBuf);

#[derive(Default)]
struct Asked {
    places: HashMap<Place, AtPlace>,
    /// How long it took, all together.
    spent: Duration,
}

/// What came of one shim in one folder.
#[derive(Default)]
struct AtPlace {
    /// With which environment it was asked, and what it said.
    answers: Vec<(Environment, Option<Arc<Answer>>)>,
    /// What a tool was given last, before and after: most tools of a file share theirs.
    changed: Option<(Environment, Environment)>,
}

impl<'a> Shims<'a> {
    pub(super) fn new(own: &'a Env, ask: Option<Ask>) -> Self {
        Self {
            own,
            ask,
            asked: Mutex::default(),
        }
    }

    /// Puts what it starts in the place of a shim, and what a script is to see of it into `environment`. `folder` is
    /// where the script will run.
    pub(super) fn look_behind(
        &self,
        program: &mut Program,
        environment: &mut Environment,
        folder: &Path,
    ) -> Result<(), Reason> {
        let Ok(shim) = program.resolved.clone() else {
            return Ok(());
        };
        let Some(language) = Language::of(&shim).filter(|_| self.is_shim(&shim)) else {
            return Ok(());
        };
        if let Some(name) = self.led_by(environment) {
            return Err(Reason::Led(name));
        }
        let Some(ask) = self.ask.filter(|_| folder.is_dir()) else {
            return Ok(());
        };
        let question = self.shared(environment);
        // Nothing in here leaves what it guards half changed.
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (shim, folder.to_owned());
        let answer = asked
            .answer(&place, question, language, ask)
            .ok_or(Reason::Silent)?;
        program.resolved = Ok(answer.program.clone());
        asked.change(place, environment, &answer);
        Ok(())
    }

    /// Whether the program is a script, or a link to a program of another name, in a folder named `shims` that is on the
    /// runner's own PATH.
    fn is_shim(&self, program: &Path) -> bool {
        let Some(folder) = program.parent() else {
            return false;
        };
        folder.file_name() == Some(OsStr::new("shims"))
            && std::env::split_paths(self.own.get("PATH").unwrap_or_default())
                .any(|listed| listed == folder)
            && (is_script(program) || is_renamed_link(program))
    }

    /// The first variable with which the file would lead a shim.
    fn led_by(&self, environment: &Environment) -> Option<String> {
        let given = environment.iter().filter(|(name, value)| {
            name.to_str().is_some_and(is_leading) && self.own.get(name) != Some(value)
        });
        given
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .next()
    }

    /// What `environment` has of the runner's own, and the versions it chooses.
    fn shared(&self, environment: &Environment) -> Environment {
        let shared = environment.iter().filter(|(name, value)| {
            self.own.get(name) == Some(value) || name.to_str().is_some_and(is_choice)
        });
        shared
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

impl Asked {
    /// What is behind the shim, asked once for each environment.
    fn answer(
        &mut self,
        place: &Place,
        environment: Environment,
        language: Language,
        ask: Ask,
    ) -> Option<Arc<Answer>> {
        let answers = &mut self.places.entry(place.clone()).or_default().answers;
        if let Some((_, answer)) = answers.iter().find(|(asked, _)| *asked == environment) {
            return answer.clone();
        }
        if self.spent >= ALL_WITHIN {
            return None;
        }
        let begun = Instant::now();
        let printed = ask(&Question {
            program: &place.0,
            arguments: language.probe(),
            working_dir: &place.1,
            environment: &environment,
        });
        self.spent += begun.elapsed();
        let answer = printed
            .ok()
            .and_then(|printed| Answer::parse(&printed, &environment))
            .filter(|answer| super::program::is_program(&answer.program))
            .map(Arc::new);
        answers.push((environment, answer.clone()));
        answer
    }

    /// Changes the environment of a tool as the shim does; tools with the same one go on sharing it.
    fn change(&mut self, place: Place, environment: &mut Environment, answer: &Answer) {
        let changed = &mut self.places.entry(place).or_default().changed;
        if let Some((before, after)) = changed
            && before == environment
        {
            *environment = after.clone();
            return;
        }
        let before = environment.clone();
        answer.change(environment);
        *changed = Some((before, environment.clone()));
    }
}

/// Why each call goes through a shim.
pub(super) enum Reason {
    /// The file sets this variable, which leads shims.
    Led(String),
    /// It did not answer, or not with a program.
    Silent,
}

impl Reason {
    /// The problem at the place of the program, `written` so.
    pub(super) fn diagnostic(&self, written: &str, span: Span) -> Diagnostic {
        let because = match self {
            Self::Led(name) => format!("because `{name}` is set for it here"),
            Self::Silent => "because it does not say what it starts".to_owned(),
        };
        let hint = match self {
            Self::Led(_) => "name the interpreter itself, with its folder: that saves each call the time of the shim".to_owned(),
            Self::Silent => {
                let name = super::interpreter::base_name(written);
                format!("`{name} --version`, run in the working directory, shows why; or name the interpreter itself, with its folder")
            }
        };
        let problem = Diagnostic::warning(
            span,
            format!(
                "`{written}` is a version manager's shim, through which every call goes {because}"
            ),
        )
        .hint(hint);
        match self {
            Self::Led(_) => problem,
            Self::Silent => problem.of_machine(),
        }
    }
}

/// Whether the variable leads shims in another way than by choosing a version.
fn is_leading(name: &str) -> bool {
    LEADING.contains(&name)
        || (MANAGERS.iter().any(|manager| name.starts_with(manager)) && !is_choice(name))
}

/// Whether the variable chooses a version: `PYENV_VERSION`, `ASDF_PYTHON_VERSION` and their like.
fn is_choice(name: &str) -> bool {
    name.ends_with("_VERSION") && MANAGERS.iter().any(|manager| name.starts_with(manager))
}

fn is_script(program: &Path) -> bool {
    let mut start = [0; 2];
    File::open(program).is_ok_and(|mut file| file.read_exact(&mut start).is_ok()) && &start == b"#!"
}

fn is_renamed_link(program: &Path) -> bool {
    std::fs::read_link(program).is_ok_and(|target| target.file_name() != program.file_name())
}

/// The bytes of a value, as the system has them.
pub(super) fn value(bytes: &[u8]) -> OsString {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        OsStr::from_bytes(bytes).to_owned()
    }
    #[cfg(not(unix))]
    String::from_utf8_lossy(bytes).into_owned().into()
}
