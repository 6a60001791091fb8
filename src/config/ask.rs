//! What a load may ask a program, and who is able to ask it.

use std::io;
use std::path::Path;

use crate::tool::Environment;

/// A program to run for what it prints.
#[derive(Debug)]
pub struct Question<'a> {
    /// The program, an absolute path.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [&'static str],
    /// Where it runs.
    pub working_dir: &'a Path,
    /// Its whole environment.
    pub environment: &'a Environment,
}

/// Runs the program to its end and returns what it printed on its standard output.
///
/// # Errors
/// Where it cannot be started, prints too much or takes too long.
pub type Ask = fn(&Question<'_>) -> io::Result<Vec<u8>>;
