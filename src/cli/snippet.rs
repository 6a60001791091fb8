//! `runner snippet`: what to paste into a client so that it finds the tools of a file.

use std::path::PathBuf;

use clap::Args;

use super::clients::{Client, Server};
use super::configuration::{self, DEFAULT_CONFIG, ReadOptions};
use super::exit::Exit;
use super::terminal::Terminal;

#[derive(Debug, Args)]
pub(super) struct Snippet {
    /// The client
    #[arg(value_enum)]
    client: Client,
    /// The file whose tools it is to find
    #[arg(value_name = "CONFIG", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// The address of a running server; without it the client starts one itself
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    read: ReadOptions,
}

impl Snippet {
    pub(super) fn run(self, terminal: &Terminal) -> anyhow::Result<Exit> {
        let Some(loaded) = configuration::load_to_look(&self.config, &self.read, terminal)? else {
            return Ok(Exit::Usage);
        };
        let name = &loaded.catalog.name;
        let server = if let Some(url) = &self.url {
            Server::running(name, url, loaded.server.auth.is_some())
        } else {
            let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("runner"));
            let config = std::path::absolute(&self.config)?;
            Server::started(name, &program, &config, self.read.words())
        };
        let snippet = self.client.snippet(&server)?;
        terminal.error(&format!("for {}:", self.client.place()));
        terminal.print(&snippet);
        Ok(Exit::Done)
    }
}
