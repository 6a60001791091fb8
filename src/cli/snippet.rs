//! `runner snippet`: what to paste into a client so that it finds the tools of a file.

use std::path::PathBuf;

use clap::Args;
use url::Url;

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
        if let Some(url) = self.url.as_deref()
            && !is_address(url)
        {
            terminal.error(&format!(
                "error: `{url}` is no address of a server\n\nhint: it begins with `http://` or `https://`, as \
                 `http://127.0.0.1:3000/mcp` does"
            ));
            return Ok(Exit::Usage);
        }
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

/// Whether clients find a server at `url`: a parser of URLs forgives spaces and line breaks, which clients do not.
fn is_address(url: &str) -> bool {
    let is_clean = !url.contains(|c: char| c.is_whitespace() || c.is_control());
    is_clean && Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}
