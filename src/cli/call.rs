//! `runner call`: one tool, called as a client would.

use std::io::Read;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::configuration::{self, DEFAULT_CONFIG, ReadOptions};
use super::confirm::YesOption;
use super::exit::Exit;
use super::result::{self, Missing, StoredFile, opened, stored_text};
use super::state::StateOptions;
use super::terminal::Terminal;
use super::{Format, arguments, logging, pages, progress, runtime};
use crate::runner::Runner;
use crate::store::Store;
use crate::tool::{
    CallContext, Catalog, Failure, FailureCode, ItemSink, Outcome, OutputFormat, ProgressSink,
};

/// The largest `--json` value that is read, in bytes; the same as the largest message over MCP.
const MAX_JSON: u64 = 4 * 1024 * 1024;

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
    /// Print each item of a tool with `output.format: jsonl` as it comes; so it is on a terminal in any case, unless
    /// the tool is tried again when it fails
    #[arg(long)]
    stream: bool,
    /// Print all items of a tool that pages, one a line: one run, and every page of it
    #[arg(long, conflicts_with = "stream")]
    all: bool,
    #[command(flatten)]
    confirm: YesOption,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    read: ReadOptions,
}

/// How the items of a result are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// With the result.
    Together,
    /// As they come.
    AsTheyCome,
    /// Page after page.
    AllPages,
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
        let way = self.way(&catalog, terminal)?;
        let tool = catalog.get(&self.tool);
        let format = tool.map_or(OutputFormat::Auto, |tool| tool.output.format);
        let cancel = CancellationToken::new();
        let work = async {
            let runner = Runner::storing(catalog, store.clone());
            self.call(&runner, arguments, way, &cancel, terminal).await
        };
        let Some(called) = runtime::until_interrupted(work, &cancel, terminal)? else {
            store.close();
            return Ok(Exit::Failed);
        };
        let exit = match called {
            Ok((outcome, printed)) => {
                let missing = self.print(&outcome, printed, format, &store, terminal);
                match &outcome.result {
                    Ok(_) if missing.is_none() => Exit::Done,
                    // A page that is gone is no mistake of the caller's.
                    Err(failure) if printed == 0 => of_failure(failure),
                    _ => Exit::Failed,
                }
            }
            Err(refused) => {
                self.print_refusal(&refused, terminal);
                match refused.code {
                    FailureCode::ConfirmationDeclined | FailureCode::Cancelled => Exit::Failed,
                    _ => Exit::Usage,
                }
            }
        };
        store.close();
        Ok(exit)
    }

    /// Calls the tool, and prints its items where `way` says so; says how many. A cancel calls it off, and its
    /// process is gone before this returns.
    async fn call(
        &self,
        runner: &Runner,
        arguments: Map<String, Value>,
        way: Way,
        cancel: &CancellationToken,
        terminal: &Terminal,
    ) -> Result<(Outcome, usize), Failure> {
        let (progress, reports) = ProgressSink::new();
        let (sink, items) = if way == Way::AsTheyCome {
            let (sink, items) = ItemSink::new();
            (sink, Some(items))
        } else {
            (ItemSink::default(), None)
        };
        let context = CallContext {
            progress,
            items: sink,
            takes_all: way == Way::AllPages,
            client: "runner call".to_owned(),
            ..CallContext::default()
        };
        let mut call = runner
            .prepare(&self.tool, arguments, context, cancel.clone())
            .await?;
        tokio::select! {
            asked = self.confirm.ask(&mut call, terminal) => asked?,
            () = cancel.cancelled() => {
                return Err(Failure::new(FailureCode::Cancelled, "called off"));
            }
        }
        let running = printing(runner.call(call), items, cancel, terminal);
        tokio::pin!(running);
        let mut called = tokio::select! {
            called = &mut running => called,
            () = progress::show(reports, terminal) => running.await,
        };
        terminal.erase_status();
        if way == Way::AllPages {
            called = pages::print_all(runner, called.0, cancel, terminal).await;
        }
        pages::finish(&mut called.0);
        runner.drain().await;
        Ok(called)
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

    /// How items are printed.
    fn way(&self, catalog: &Catalog, terminal: &Terminal) -> anyhow::Result<Way> {
        let Some(tool) = catalog.get(&self.tool) else {
            return Ok(Way::Together);
        };
        anyhow::ensure!(
            self.format == Format::Text || !(self.stream || self.all),
            "`--stream` and `--all` print items, and `--format json` the whole outcome at the end: choose one"
        );
        if self.all {
            anyhow::ensure!(
                tool.paging.is_some(),
                "`--all` is for tools with `pagination`, and `{}` has none: it prints all it has",
                tool.name
            );
            return Ok(Way::AllPages);
        }
        let has_items = tool.output.format == OutputFormat::Jsonl;
        if !self.stream {
            let is_watched = self.format == Format::Text && terminal.shows_results();
            let streams = has_items && is_watched && tool.retry.is_none();
            return Ok(if streams {
                Way::AsTheyCome
            } else {
                Way::Together
            });
        }
        anyhow::ensure!(
            has_items,
            "`--stream` is for tools with `output.format: jsonl`, and `{}` is none",
            tool.name
        );
        Ok(Way::AsTheyCome)
    }

    /// Prints what came of the call, without the items that are `printed` already; says what of the result is missing.
    fn print(
        &self,
        outcome: &Outcome,
        printed: usize,
        format: OutputFormat,
        store: &Store,
        terminal: &Terminal,
    ) -> Option<Missing> {
        if self.format == Format::Json {
            terminal.line(&format!("{:#}", whole(outcome, store)));
            return Missing::of_json(outcome, store).inspect(|missing| missing.tell(terminal));
        }
        let missing = match &outcome.result {
            // Items that were printed as they came are all there were, whatever the answer has of them.
            Ok(_) if printed > 0 && !self.all => None,
            Ok(output) if self.all && pages::is_page(output) => output.lack.map(Missing::gone),
            Ok(output) => {
                let missing = result::print(output, format, store, terminal);
                if let Some(hint) = pages::hint(output) {
                    terminal.error(&hint);
                }
                missing
            }
            // It was called off for what is told at the end.
            Err(failure) if failure.code == FailureCode::Cancelled && terminal.lost().is_some() => {
                None
            }
            Err(failure) if printed > 0 => {
                print_reason(failure, terminal);
                None
            }
            Err(failure) => {
                let stored = outcome.stored().and_then(|stored| opened(store, stored));
                print_failure(failure, stored, terminal);
                None
            }
        };
        for warning in &outcome.warnings {
            terminal.error(&format!("warning: {warning}"));
        }
        missing.inspect(|missing| missing.tell(terminal))
    }

    fn print_refusal(&self, failure: &Failure, terminal: &Terminal) {
        match self.format {
            Format::Json => terminal.line(&format!("{:#}", failure.envelope())),
            Format::Text => print_failure(failure, None, terminal),
        }
    }
}

/// How a command ends whose one call came to this failure.
pub(super) fn of_failure(failure: &Failure) -> Exit {
    match failure.code {
        FailureCode::InvalidArguments => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// What the tool printed before it failed goes where it would have gone; the reason follows.
pub(super) fn print_failure(failure: &Failure, stored: Option<StoredFile>, terminal: &Terminal) {
    let items = failure.data.get("items").and_then(Value::as_array);
    match (partial(failure, "stdout"), items) {
        ("", Some(items)) if stored.is_none() => {
            for item in items {
                terminal.line(&item.to_string());
            }
        }
        (stdout, _) => print_output(stored, stdout, terminal),
    }
    print_reason(failure, terminal);
}

/// What the tool printed on a stream before it failed.
fn partial<'a>(failure: &'a Failure, stream: &str) -> &'a str {
    let text = failure.data.get(stream).and_then(Value::as_str);
    text.unwrap_or_default()
}

/// What it said on standard error, and why it failed.
fn print_reason(failure: &Failure, terminal: &Terminal) {
    let stderr = partial(failure, "stderr");
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

/// The JSON object that `--json` names.
pub(super) fn object(source: &str) -> anyhow::Result<Map<String, Value>> {
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

/// Waits for a call and prints its items meanwhile; says how many. Where they are lost, it is called off.
async fn printing(
    call: impl Future<Output = Outcome>,
    items: Option<mpsc::Receiver<String>>,
    cancel: &CancellationToken,
    terminal: &Terminal,
) -> (Outcome, usize) {
    let Some(mut items) = items else {
        return (call.await, 0);
    };
    let mut printed = 0;
    let mut print = |item: String| {
        printed += 1;
        terminal.erase_status();
        terminal.line(&item);
        if terminal.lost().is_some() {
            cancel.cancel();
        }
    };
    tokio::pin!(call);
    let outcome = loop {
        tokio::select! {
            biased;
            Some(item) = items.recv() => print(item),
            outcome = &mut call => break outcome,
        }
    };
    // All of them are on their way before the outcome is.
    while let Ok(item) = items.try_recv() {
        print(item);
    }
    (outcome, printed)
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
