//! `runner explain`: where each limit of a tool comes from, and what a call runs.
//!
//! | file | owns |
//! |---|---|
//! | `limits` | each limit, its figure, and who set it |
//! | `action` | what a call runs, sends or asks |

mod action;
mod limits;

use std::path::PathBuf;

use clap::Args;

use super::configuration::{self, DEFAULT_CONFIG, ReadOptions};
use super::exit::Exit;
use super::terminal::Terminal;
use crate::tool::ToolAccess;

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The tool to explain
    #[arg(value_name = "TOOL")]
    tool: String,
    /// The file that has the tool
    #[arg(short, long, value_name = "CONFIG", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    #[command(flatten)]
    read: ReadOptions,
}

impl Explain {
    pub(super) fn run(self, terminal: &Terminal) -> anyhow::Result<Exit> {
        let Some(loaded) = configuration::load_briefly(&self.config, &self.read, terminal)? else {
            return Ok(Exit::Usage);
        };
        let Some(tool) = loaded.catalog.get(&self.tool) else {
            let failure = loaded.catalog.unknown(&self.tool, &ToolAccess::all());
            let hint = failure.remediation.unwrap_or_default();
            terminal.error(&format!("error: {}\n\nhint: {hint}", failure.message));
            return Ok(Exit::Usage);
        };
        terminal.line(&format!("{}: {}\n", tool.name, tool.description.trim_end()));
        terminal.print(&limits::shown(tool, &loaded.catalog, &self.config));
        terminal.print(&action::shown(&tool.action));
        let own = tool.parameters.schema().value();
        let shown = tool.paging.as_ref().map(|rules| rules.input_schema(own));
        terminal.line(&format!(
            "input schema\n{:#}",
            shown.as_ref().unwrap_or(own)
        ));
        Ok(Exit::Done)
    }
}
