//! `runner call`: one tool, called as a client would.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::configuration::{self, DEFAULT_CONFIG, ReadOptions};
use super::exit::Exit;
use super::state::StateOptions;
use super::terminal::Terminal;
use super::{Format, arguments, logging, progress, runtime};
use crate::runner::Runner;
use crate::store::Store;
use crate::tool::{CallContext, Catalog, Failure, Outcome, Owner, ProgressSink, StoredOutput};

/// The largest `--json` value that is read, in bytes; the same as the largest message over MCP.
const MAX_JSON: u64 = 4 * 1024 * 1024;

/// The longest stored output that `--format json` gives as one text, in bytes.
const MAX_STORED_TEXT: u64 = 64 * 1024 * 1024;

/// The file of an output that was too long for an answer, as far as it can be read.
type StoredFile = io::Take<File>;

#[derive(Debug, Args)]
pub(super) struct CallTool {
    /// The tool to call
    #[arg(value_name = "TOOL")]
    tool: String,
    /// Arguments, typed by the tool's parameters; a key given twice makes a list
    #[arg(value_name = "KEY=VALUE")]
    words: Vec<String>,
    /// Arguments as one JSON object: the text itself, @FILE, or - for standard input
    #[arg(long, value_name = "JSON")]
    json: Option<String>,
    /// The file that has the tool
    #[arg(short, long, value_name = "CONFIG", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// text: the tool's own output; json: the whole outcome as one object
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    read: ReadOptions,
}

impl CallTool {
    pub(super) fn run(self, terminal: &Terminal) -> anyhow::Result<Exit> {
        logging::start("warn");
        let Some(loaded) = configuration::load_briefly(&self.config, &self.read, terminal)? else {
            return Ok(Exit::Usage);
        };
        let catalog = loaded.catalog;
        let arguments = self.arguments(&catalog)?;
        let store = self.state.store();
        let cancel = CancellationToken::new();
        let work = call(
            catalog,
            store.clone(),
            &self.tool,
            arguments,
            cancel.clone(),
            terminal,
        );
        let Some(called) = runtime::until_interrupted(work, &cancel, terminal)? else {
            store.close();
            return Ok(Exit::Failed);
        };
        let exit = match called {
            Ok(outcome) => {
                self.print(&outcome, &store, terminal);
                if outcome.result.is_ok() {
                    Exit::Done
                } else {
                    Exit::Failed
                }
            }
            Err(refused) => {
                self.print_refusal(&refused, terminal);
                Exit::Usage
            }
        };
        store.close();
        Ok(exit)
    }

    fn arguments(&self, catalog: &Catalog) -> anyhow::Result<Map<String, Value>> {
        let mut arguments = match &self.json {
            Some(source) => object(source)?,
            None => Map::new(),
        };
        // An unknown tool is told when it is called, with the names close to it.
        if let Some(tool) = catalog.get(&self.tool) {
            arguments.extend(arguments::typed(tool, &self.words)?);
        }
        Ok(arguments)
    }

    fn print(&self, outcome: &Outcome, store: &Store, terminal: &Terminal) {
        if self.format == Format::Json {
            return terminal.line(&format!("{:#}", whole(outcome, store)));
        }
        let stored = outcome.stored().and_then(|stored| opened(store, stored));
        match &outcome.result {
            Ok(output) => print_output(stored, &output.text, terminal),
            Err(failure) => print_failure(failure, stored, terminal),
        }
        for warning in &outcome.warnings {
            terminal.error(&format!("warning: {warning}"));
        }
    }

    fn print_refusal(&self, failure: &Failure, terminal: &Terminal) {
        match self.format {
            Format::Json => terminal.line(&format!("{:#}", failure.envelope())),
            Format::Text => print_failure(failure, None, terminal),
        }
    }
}

/// What the tool printed before it failed goes where it would have gone; the reason follows.
fn print_failure(failure: &Failure, stored: Option<StoredFile>, terminal: &Terminal) {
    let partial = |stream: &str| {
        failure
            .data
            .get(stream)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    print_output(stored, partial("stdout"), terminal);
    let stderr = partial("stderr");
    if !stderr.is_empty() {
        terminal.error(stderr);
    }
    terminal.error(&format!("error: {}", failure.message));
    if let Some(remediation) = &failure.remediation {
        terminal.error(&format!("\nhint: {remediation}"));
    }
}

/// All that was printed, from the file it is in, or the text that holds it.
fn print_output(stored: Option<StoredFile>, text: &str, terminal: &Terminal) {
    match stored {
        Some(stored) => terminal.copy(stored),
        None => terminal.print(text),
    }
}

/// The file of an output that the answer could not hold.
fn opened(store: &Store, stored: &StoredOutput) -> Option<StoredFile> {
    let opened = store.open(stored.id.as_str(), &Owner::Bearer);
    opened.ok().map(|(file, bytes)| file.take(bytes))
}

/// The JSON object that `--json` names.
fn object(source: &str) -> anyhow::Result<Map<String, Value>> {
    let text = match source.strip_prefix('@') {
        _ if source == "-" => bounded(std::io::stdin().lock(), "standard input")?,
        Some(path) => {
            let file =
                std::fs::File::open(path).with_context(|| format!("could not open `{path}`"))?;
            bounded(file, path)?
        }
        None => source.to_owned(),
    };
    serde_json::from_str(&text).context("`--json` is not a JSON object")
}

pub(super) fn bounded(reader: impl Read, name: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = reader
        .take(MAX_JSON + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("could not read {name}"))?;
    anyhow::ensure!(
        read as u64 <= MAX_JSON,
        "{name} has more than {MAX_JSON} bytes"
    );
    Ok(text)
}

/// Calls the tool. A cancel calls it off, and its process is gone before this returns.
async fn call(
    catalog: Catalog,
    store: Store,
    tool: &str,
    arguments: Map<String, Value>,
    cancel: CancellationToken,
    terminal: &Terminal,
) -> Result<Outcome, Failure> {
    let runner = Runner::storing(catalog, store);
    let (progress, reports) = ProgressSink::new();
    let context = CallContext {
        progress,
        client: "runner call".to_owned(),
        ..CallContext::default()
    };
    let call = runner.prepare(tool, arguments, context, cancel).await?;
    let running = runner.call(call);
    tokio::pin!(running);
    let outcome = tokio::select! {
        outcome = &mut running => outcome,
        () = progress::show(reports, terminal) => running.await,
    };
    terminal.erase_status();
    runner.drain().await;
    Ok(outcome)
}

/// The outcome as one JSON object, with all that was printed where that is not too long for one.
fn whole(outcome: &Outcome, store: &Store) -> Value {
    let mut object = match &outcome.result {
        Ok(output) => {
            let text = || stored_text(outcome, store).unwrap_or_else(|| output.text.clone());
            json!({"result": output.structured.clone().unwrap_or_else(|| json!(text()))})
        }
        Err(failure) => {
            // Its handle opens nothing any more when this program has ended.
            let mut envelope = failure.clone().stored(None).envelope();
            if let Some(text) = stored_text(outcome, store) {
                envelope["error"]["data"]["stdout"] = json!(text);
            }
            envelope
        }
    };
    object["call_id"] = json!(outcome.call.as_str());
    object["tool"] = json!(outcome.tool.as_str());
    object["success"] = json!(outcome.result.is_ok());
    object["timing"] = outcome.timing.to_json();
    object["warnings"] = json!(outcome.warnings);
    object
}

/// The whole output as text, unless it is longer than is good for one JSON value.
fn stored_text(outcome: &Outcome, store: &Store) -> Option<String> {
    let stored = outcome
        .stored()
        .filter(|stored| stored.bytes <= MAX_STORED_TEXT && stored.is_whole())?;
    let mut bytes = Vec::new();
    opened(store, stored)?.read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
