//! What an interpreter behind a shim is told to print, and what that says.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::interpreter::base_name;
use super::shim::value;
use crate::tool::Environment;

/// Before the answer: whatever else is printed stands outside.
const BEGIN: &[u8] = b"\0runner asks\0";

/// After it.
const END: &[u8] = b"runner asked\0";

/// Prints the interpreter and its environment. Nothing of the working directory, where a module may have any name, is
/// imported, and nothing that a site has set up is run.
const PYTHON: [&str; 5] = [
    "-E",
    "-s",
    "-S",
    "-c",
    "\
import sys
sys.path[:] = [folder for folder in sys.path if folder]
import os
environment = getattr(os, 'environb', os.environ)
said = [b'', b'runner asks', getattr(os, 'fsencode', str)(sys.executable)]
said += [name + b'=' + value for name, value in environment.items()]
getattr(sys.stdout, 'buffer', sys.stdout).write(b'\\0'.join(said + [b'runner asked', b'']))
",
];

const NODE: [&str; 2] = [
    "-e",
    "\
const said = ['', 'runner asks', process.execPath];
for (const name in process.env) said.push(name + '=' + process.env[name]);
process.stdout.write(said.concat(['runner asked', '']).join('\\0'));
",
];

const RUBY: [&str; 3] = [
    "--disable=gems,rubyopt",
    "-e",
    "\
require 'rbconfig'
said = ['', 'runner asks', RbConfig.ruby] + ENV.map { |name, value| name + '=' + value }
$stdout.binmode.write((said + ['runner asked', '']).map(&:b).join(\"\\0\"))
",
];

/// A language whose interpreters can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    Node,
    Ruby,
}

impl Language {
    /// The language of an interpreter, by its name; `python3.12` is Python.
    pub(super) fn of(program: &Path) -> Option<Self> {
        let name = base_name(program.to_str()?);
        match name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
            "python" | "pypy" => Some(Self::Python),
            "node" | "nodejs" => Some(Self::Node),
            "ruby" => Some(Self::Ruby),
            _ => None,
        }
    }

    /// The arguments with which an interpreter answers.
    pub(super) const fn probe(self) -> &'static [&'static str] {
        match self {
            Self::Python => &PYTHON,
            Self::Node => &NODE,
            Self::Ruby => &RUBY,
        }
    }
}

/// What is behind a shim.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The program it starts, an absolute path.
    pub(super) program: PathBuf,
    /// The variables it sets, and those it takes away.
    changes: Vec<(OsString, Option<OsString>)>,
}

impl Answer {
    /// What was printed by an interpreter whose shim was started with `given`. `None` when it is no answer.
    pub(super) fn parse(printed: &[u8], given: &Environment) -> Option<Self> {
        let begin = position(printed, BEGIN)? + BEGIN.len();
        let answer = &printed[begin..];
        let answer = &answer[..position(answer, &[&[0], END].concat())?];
        let mut fields = answer.split(|byte| *byte == 0);
        let program = PathBuf::from(value(fields.next()?));
        let seen: Environment = fields
            .filter_map(|field| {
                let equals = field.iter().skip(1).position(|byte| *byte == b'=')? + 1;
                Some((value(&field[..equals]), value(&field[equals + 1..])))
            })
            .collect();
        let set = seen
            .iter()
            .filter(|(name, value)| given.get(name) != Some(value))
            // Python itself sets it where there is no language.
            .filter(|(name, _)| *name != "LC_CTYPE")
            .map(|(name, value)| (name.to_owned(), Some(value.to_owned())));
        let unset = given
            .iter()
            .filter(|(name, _)| seen.get(name).is_none())
            .map(|(name, _)| (name.to_owned(), None));
        program.is_absolute().then(|| Self {
            changes: set.chain(unset).collect(),
            program,
        })
    }

    /// Does to `environment` what the shim does.
    pub(super) fn change(&self, environment: &mut Environment) {
        for (name, value) in &self.changes {
            match value {
                Some(value) => environment.set(name, value),
                None => environment.remove(name),
            }
        }
    }
}

fn position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> Environment {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    #[test]
    fn an_answer_says_what_is_started_and_what_has_changed() {
        let before = given(&[("PATH", "/bin"), ("KEPT", "1"), ("TAKEN", "2")]);
        let printed = b"noise\0runner asks\0/opt/bin/python3\0PATH=/opt/bin:/bin\0KEPT=1\0NEW=a=b\0LC_CTYPE=C.UTF-8\0runner asked\0noise";
        let answer = Answer::parse(printed, &before).unwrap();
        assert_eq!(answer.program, PathBuf::from("/opt/bin/python3"));
        let mut after = before;
        after.set("OWN", "3");
        answer.change(&mut after);
        let expected = given(&[
            ("PATH", "/opt/bin:/bin"),
            ("KEPT", "1"),
            ("NEW", "a=b"),
            ("OWN", "3"),
        ]);
        assert!(after == expected, "{after:?}");
    }

    #[test]
    fn half_an_answer_is_none() {
        let none = given(&[]);
        for printed in [
            &b""[..],
            b"/opt/bin/python3",
            b"\0runner asks\0/opt/bin/python3\0A=1",
            b"\0runner asks\0bin/python3\0runner asked\0",
            b"\0runner asks\0\0runner asked\0",
        ] {
            assert_eq!(Answer::parse(printed, &none), None, "{printed:?}");
        }
    }

    #[test]
    fn languages_are_known_by_the_names_of_interpreters() {
        let of = |name: &str| Language::of(&Path::new("/shims").join(name));
        assert_eq!(of("python3.12"), Some(Language::Python));
        assert_eq!(of("node"), Some(Language::Node));
        assert_eq!(of("ruby3.3"), Some(Language::Ruby));
        assert_eq!(of("pip3"), None);
        assert_eq!(of("python3-config"), None);
    }
}
