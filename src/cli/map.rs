//! `runner map`: one tool over many items.

use std::io::{BufRead, BufReader, Read};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::bar::Bar;
use super::configuration::{self, DEFAULT_CONFIG, ReadOptions};
use super::confirm::YesOption;
use super::exit::Exit;
use super::terminal::Terminal;
use super::{call, logging, runtime};
use crate::batch::{self, CallResult, Cut, Item, MapLimits, Mapped, RunnerCaller};
use crate::runner::Runner;
use crate::tool::{CallContext, Failure, FailureCode, ToolAccess};

/// The longest line that is read, in bytes; the same as the largest message over MCP.
const MAX_LINE: usize = 4 * 1024 * 1024;

/// Items read ahead of the calls.
const READ_AHEAD: usize = 16;

/// Results that wait to be printed.
const UNPRINTED: usize = 64;

#[derive(Debug, Args)]
pub(super) struct MapTool {
    /// The tool to call
    #[arg(value_name = "TOOL")]
    tool: String,
    /// Its arguments, one JSON object a line; - for standard input
    #[arg(value_name = "ITEMS.jsonl")]
    items: String,
    /// The file that has the tool
    #[arg(short, long, value_name = "CONFIG", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Calls at once, if fewer than the file allows
    #[arg(long, value_name = "N")]
    max_parallel: Option<NonZeroU32>,
    /// Seconds for all items
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<NonZeroU32>,
    #[command(flatten)]
    confirm: YesOption,
    #[command(flatten)]
    read: ReadOptions,
}

impl MapTool {
    pub(super) fn run(self, terminal: &Terminal) -> anyhow::Result<Exit> {
        logging::start("warn");
        let Some(loaded) = configuration::load_briefly(&self.config, &self.read, terminal)? else {
            return Ok(Exit::Usage);
        };
        if loaded.catalog.get(&self.tool).is_none() {
            let unknown = loaded.catalog.unknown(&self.tool, &ToolAccess::all());
            terminal.error(&format!("error: {}", unknown.message));
            if let Some(remediation) = &unknown.remediation {
                terminal.error(&format!("\nhint: {remediation}"));
            }
            return Ok(Exit::Usage);
        }
        let tools = std::iter::once(self.tool.as_str());
        if let Some(refusal) = self.confirm.refusal(&loaded.catalog, tools) {
            call::print_failure(&refusal, None, terminal);
            return Ok(Exit::Usage);
        }
        let reader: Box<dyn Read + Send> = if self.items == "-" {
            Box::new(std::io::stdin())
        } else {
            let path = &self.items;
            Box::new(std::fs::File::open(path).with_context(|| format!("could not open `{path}`"))?)
        };
        let cancel = CancellationToken::new();
        let work = async {
            let runner = Arc::new(Runner::new(loaded.catalog));
            let mapped = self
                .map(Arc::clone(&runner), reader, cancel.clone(), terminal)
                .await;
            runner.drain().await;
            mapped
        };
        let Some(mapped) = runtime::until_interrupted(work, &cancel, terminal)? else {
            return Ok(Exit::Failed);
        };
        terminal.error(&summary(mapped));
        let succeeded = mapped.cut.is_none() && mapped.counts.failed + mapped.counts.skipped == 0;
        Ok(if succeeded { Exit::Done } else { Exit::Failed })
    }

    async fn map(
        &self,
        runner: Arc<Runner>,
        reader: Box<dyn Read + Send>,
        cancel: CancellationToken,
        terminal: &Terminal,
    ) -> Mapped {
        let (item, items) = mpsc::channel(READ_AHEAD);
        // Reading a terminal or a pipe may block for ever; the thread ends with the program.
        drop(tokio::task::spawn_blocking(move || {
            read_items(reader, &item);
        }));
        let (result, mut results) = mpsc::channel::<CallResult>(UNPRINTED);
        let context = CallContext {
            client: "runner map".to_owned(),
            is_confirmed: self.confirm.yes,
            ..CallContext::default()
        };
        let limits = MapLimits {
            max_parallel: self.max_parallel,
            timeout: self
                .timeout
                .map(|seconds| Duration::from_secs(seconds.get().into())),
        };
        let caller = Arc::new(RunnerCaller::new(runner, context));
        let mapping = batch::map(&self.tool, items, caller, limits, cancel.clone(), result);
        let mut progress = Bar::new(terminal, None);
        let showing = async {
            loop {
                let result = tokio::select! {
                    result = results.recv() => result,
                    () = progress.beat() => {
                        progress.draw();
                        continue;
                    }
                };
                let Some(result) = result else { break };
                progress.clear();
                terminal.line(&result.to_json().to_string());
                if terminal.lost().is_some() {
                    cancel.cancel();
                }
                progress.advance(result.succeeded());
            }
            progress.clear();
        };
        tokio::join!(mapping, showing).0
    }
}

fn summary(mapped: Mapped) -> String {
    let counts = mapped.counts;
    let total = counts.succeeded + counts.failed + counts.skipped;
    let end = match mapped.cut {
        None => "",
        Some(Cut::Cancelled) => "; cancelled, and the items after them were not read",
        Some(Cut::TimedOut) => "; out of time, and the items after them were not read",
    };
    format!("{} of {total} succeeded{end}", counts.succeeded)
}

/// Reads items until there are no more or nobody wants them. Empty lines are none.
fn read_items(reader: impl Read, items: &mpsc::Sender<Item>) {
    let mut reader = BufReader::new(reader);
    for number in 1_usize.. {
        let mut line = Vec::new();
        let mut bounded = (&mut reader).take(MAX_LINE as u64 + 1);
        let item = match bounded.read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) if line.len() > MAX_LINE => {
                let long = invalid(number, &format!("has more than {MAX_LINE} bytes"));
                drop(items.blocking_send(Err(long)));
                return;
            }
            Ok(_) if line.trim_ascii().is_empty() => continue,
            Ok(_) => serde_json::from_slice(&line)
                .map_err(|error| invalid(number, &format!("is not a JSON object: {error}"))),
            Err(error) => {
                drop(
                    items.blocking_send(Err(invalid(number, &format!("cannot be read: {error}")))),
                );
                return;
            }
        };
        if items.blocking_send(item).is_err() {
            return;
        }
    }
}

fn invalid(line: usize, what: &str) -> Failure {
    Failure::new(FailureCode::InvalidArguments, format!("line {line} {what}")).with("line", line)
}
