//! `runner schema`: the JSON Schema of gantz.yaml, for editors.

use super::exit::Exit;
use super::terminal::Terminal;
use crate::config;

#[expect(clippy::unnecessary_wraps, reason = "every command ends the same way")]
pub(super) fn run(terminal: &Terminal) -> anyhow::Result<Exit> {
    terminal.line(&format!("{:#}", config::json_schema()));
    Ok(Exit::Done)
}
