//! `runner validate`: every problem of every file, and an exit code for scripts.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::configuration::{DEFAULT_CONFIG, ReadOptions};
use super::exit::Exit;
use super::terminal::Terminal;
use super::{Format, configuration};
use crate::config::{self, LoadError, Loaded};

#[derive(Debug, Args)]
pub(super) struct Validate {
    /// The files to check
    #[arg(value_name = "CONFIG", default_value = DEFAULT_CONFIG)]
    configs: Vec<PathBuf>,
    /// How to print the problems
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    read: ReadOptions,
}

impl Validate {
    pub(super) fn run(self, terminal: &Terminal) -> anyhow::Result<Exit> {
        let options = self.read.load_options()?;
        let mut sound = true;
        let mut reports = Vec::new();
        for path in &self.configs {
            let result = config::load(path, &options);
            sound &= result.is_ok();
            match self.format {
                Format::Text => print(path, &result, terminal),
                Format::Json => reports.push(report(path, &result)),
            }
        }
        if self.format == Format::Json {
            terminal.line(&format!("{:#}", json!({"sound": sound, "files": reports})));
        }
        Ok(if sound { Exit::Done } else { Exit::Failed })
    }
}

fn print(path: &std::path::Path, result: &Result<Loaded, LoadError>, terminal: &Terminal) {
    match result {
        Err(error) => configuration::show(error, terminal),
        Ok(loaded) => {
            if !loaded.diagnostics.is_empty() {
                terminal.rendered(&loaded.diagnostics.render(&loaded.source, terminal.color()));
            }
            let tools = loaded.catalog.tools().len();
            let plural = if tools == 1 { "" } else { "s" };
            terminal.line(&format!("{}: sound, {tools} tool{plural}", path.display()));
        }
    }
}

fn report(path: &std::path::Path, result: &Result<Loaded, LoadError>) -> Value {
    let problems = match result {
        Ok(loaded) => loaded.diagnostics.to_json(&loaded.source),
        Err(error) => error.to_json(),
    };
    json!({"path": path.display().to_string(), "sound": result.is_ok(), "problems": problems})
}
