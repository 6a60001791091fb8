//! What a call does: the request it sends, the query or the program it runs, what the program is given, and what becomes of its output.

use std::path::PathBuf;

use super::environment::Environment;
use super::http::Http;
use super::schema::Schema;
use super::sql::Sql;
use super::template::{ArgvTemplate, ShellTemplate, TextTemplate};
use super::worker::Worker;

/// What a call does.
#[derive(Debug)]
pub enum Action {
    /// Runs a process.
    Script(Script),
    /// Sends a request.
    Http(Http),
    /// Asks a database.
    Sql(Sql),
}

/// A process to run.
#[derive(Debug)]
pub struct Script {
    /// The program and its arguments.
    pub invocation: Invocation,
    /// What it reads.
    pub stdin: Stdin,
    /// Where it runs: an absolute path, or the variable that was missing when the file was loaded.
    pub working_dir: Result<PathBuf, MissingVariable>,
    /// Its environment, whole: nothing else is inherited.
    pub environment: Environment,
    /// How it is kept warm, if it is.
    pub worker: Option<Worker>,
    /// Whether it is a Python script that is not kept warm and could be.
    pub could_be_warm: bool,
}

/// An environment variable a tool needs and does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingVariable(pub String);

/// How the process is started.
#[derive(Debug)]
pub enum Invocation {
    /// A program with a list of arguments; no shell has a say.
    Argv {
        /// The program.
        program: Program,
        /// Its arguments, without the program itself.
        arguments: ArgvTemplate,
    },
    /// A shell script.
    Shell {
        /// The shell, started with `-c`.
        interpreter: Program,
        /// The script's text.
        script: ShellTemplate,
    },
}

/// A program as written in the file, looked up once at load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// As the file says it.
    pub written: String,
    /// Its absolute path, or why there is none. A missing program is a warning at load and
    /// `SPAWN_FAILED` at the call.
    pub resolved: Result<PathBuf, String>,
}

/// What a script reads on its standard input.
#[derive(Debug)]
pub enum Stdin {
    /// `/dev/null`.
    None,
    /// The arguments as one JSON object and a newline.
    Json,
    /// A text made from the arguments.
    Text(TextTemplate),
}

/// What becomes of what a script prints.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputRules {
    /// What standard output is.
    pub format: OutputFormat,
    /// The schema a result must satisfy; becomes `outputSchema`.
    pub schema: Option<Schema>,
    /// Bytes kept in memory, of each stream.
    pub max_bytes: usize,
    /// Bytes sent in the answer.
    pub inline_bytes: usize,
    /// What happens past `max_bytes`.
    pub on_overflow: OnOverflow,
    /// Whether a list is cut into pages, so that what an answer cannot hold is stored in any case.
    pub is_paged: bool,
}

/// What standard output is taken to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputFormat {
    /// JSON when it parses as a whole to an object or array, else text.
    #[default]
    Auto,
    /// JSON; anything else is an error.
    Json,
    /// One JSON value a line.
    Jsonl,
    /// Text, whatever it looks like.
    Text,
    /// An MCP tool result with content blocks.
    Mcp,
}

/// What happens to output past the cap. The stream is drained in every case, so that the script never blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOverflow {
    /// All of it is kept in a file.
    #[default]
    Spill,
    /// Head and tail are kept, with a note of what is missing.
    Truncate,
    /// The call fails with `OUTPUT_TOO_LARGE`.
    Error,
}
