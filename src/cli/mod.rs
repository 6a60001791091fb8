//! The command line: one command per file.
//!
//! Commands read their words, call the rooms below and print. Results go to standard output; everything a
//! person reads beside them goes to standard error. Exit codes are in `exit`.

mod arguments;
mod bar;
mod batch;
mod bench;
mod call;
mod clients;
mod completions;
mod configuration;
mod confirm;
mod exit;
mod explain;
mod init;
mod list;
mod logging;
mod map;
mod pages;
mod progress;
mod reloading;
mod result;
mod runtime;
mod schema;
mod serve;
mod snippet;
mod state;
mod status;
mod terminal;
mod test;
mod validate;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use self::exit::Exit;
use self::terminal::Terminal;

/// Turns the scripts you have into tools an AI agent can call.
#[derive(Debug, Parser)]
#[command(name = "runner", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the tools of a gantz.yaml over MCP
    Serve(serve::Serve),
    /// Check gantz.yaml files and report every problem
    Validate(validate::Validate),
    /// List the tools with their effective limits
    List(list::List),
    /// Call one tool and print what it prints
    Call(call::CallTool),
    /// Run many calls as one, with dependencies between them
    Batch(batch::Batch),
    /// Call one tool for each of many items
    Map(map::MapTool),
    /// Measure how fast a tool is, and how many calls of it at once are worth while
    Bench(bench::Bench),
    /// Run the test cases of the tools
    Test(test::RunTests),
    /// Show limits and load of a running server
    Status(status::ShowStatus),
    /// Write a commented gantz.yaml and a script that run as they are
    Init(init::Init),
    /// Print what to paste into a client so that it finds the tools
    Snippet(snippet::Snippet),
    /// Print the JSON Schema of gantz.yaml
    Schema,
    /// Show where each limit of a tool comes from and what a call runs
    Explain(explain::Explain),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

impl Command {
    /// Whether scripts are started, which the guard has to see.
    const fn runs_tools(&self) -> bool {
        matches!(
            self,
            Self::Serve(_)
                | Self::Call(_)
                | Self::Batch(_)
                | Self::Map(_)
                | Self::Test(_)
                | Self::Bench(_)
        )
    }
}

/// How a command prints its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// Reads the command line, runs the command and gives the exit code.
pub fn main() -> ExitCode {
    let terminal = Terminal::new();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::of_usage(&error, &terminal).into(),
    };
    if let Command::Serve(serve) = &cli.command
        && serve.logs_json()
    {
        logging::say_all_in_json();
    }
    if cli.command.runs_tools()
        && let Err(error) = crate::guard::enter(logging::say_at_once)
    {
        terminal.error(&format!(
            "warning: processes that leave their process group will outlive their call: {error}"
        ));
    }
    let ended = match cli.command {
        Command::Serve(command) => command.run(&terminal),
        Command::Validate(command) => command.run(&terminal),
        Command::List(command) => command.run(&terminal),
        Command::Call(command) => command.run(&terminal),
        Command::Batch(command) => command.run(&terminal),
        Command::Map(command) => command.run(&terminal),
        Command::Bench(command) => command.run(&terminal),
        Command::Test(command) => command.run(&terminal),
        Command::Status(command) => command.run(&terminal),
        Command::Init(command) => command.run(&terminal),
        Command::Snippet(command) => command.run(&terminal),
        Command::Schema => schema::run(&terminal),
        Command::Explain(command) => command.run(&terminal),
        Command::Completions(command) => command.run(&terminal),
    };
    let exit = ended.unwrap_or_else(|error| {
        terminal.error(&format!("error: {error:#}"));
        Exit::Usage
    });
    let exit = exit.having_printed(&terminal);
    logging::finish();
    exit.into()
}
