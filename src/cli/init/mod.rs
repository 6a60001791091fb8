//! `runner init`: a folder that serves at once.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::exit::Exit;
use super::terminal::Terminal;

/// The files that are written, by name.
const FILES: [(&str, &str); 2] = [
    ("gantz.yaml", include_str!("gantz.yaml")),
    ("greet.py", include_str!("greet.py")),
];

#[derive(Debug, Args)]
pub(super) struct Init {
    /// The folder to write into; made when it is not there
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

impl Init {
    pub(super) fn run(self, terminal: &Terminal) -> anyhow::Result<Exit> {
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("could not make `{}`", self.folder.display()))?;
        // All or nothing: a half-written set would look like a finished one.
        for (name, _) in FILES {
            let path = self.folder.join(name);
            if path.exists() {
                bail!("`{}` is already there; nothing was written", path.display());
            }
        }
        for (name, text) in FILES {
            write_new(&self.folder.join(name), text)?;
            terminal.line(&format!("wrote {}", self.folder.join(name).display()));
        }
        let config = self.folder.join("gantz.yaml");
        let config = config
            .strip_prefix(".")
            .unwrap_or(&config)
            .display()
            .to_string();
        terminal.line(&format!(
            "\ntry it:    runner call greet name=Ada -c {config}"
        ));
        terminal.line(&format!("test it:   runner test {config}"));
        terminal.line(&format!("serve it:  runner serve {config}"));
        terminal.line(&format!(
            "connect:   runner snippet claude-code {config}   (or another client)"
        ));
        Ok(Exit::Done)
    }
}

/// Writes a file that was not there a moment ago; one that has appeared since is left alone.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let opened = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("`{}` has just appeared; it was not touched", path.display())
        }
        Err(error) => {
            return Err(error).with_context(|| format!("could not write `{}`", path.display()));
        }
    };
    file.write_all(text.as_bytes())
        .with_context(|| format!("could not write `{}`", path.display()))
}
