//! `runner batch`: many calls as one.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::bar::Bar;
use super::configuration::{self, DEFAULT_CONFIG, ReadOptions};
use super::confirm::YesOption;
use super::exit::Exit;
use super::terminal::Terminal;
use super::{Format, call, logging, runtime};
use crate::batch::{self, CallResult, HELD_BYTES, Plan, Report, RunnerCaller, Watch};
use crate::runner::Runner;
use crate::tool::{BuiltinTool, CallContext};

/// Completed calls that wait to be printed.
const UNPRINTED: usize = 64;

/// Characters of a result in a line for people.
const SHOWN: usize = 120;

#[derive(Debug, Args)]
pub(super) struct Batch {
    /// The calls, as one JSON object; - for standard input
    #[arg(value_name = "CALLS.json")]
    calls: String,
    /// The file that has the tools
    #[arg(short, long, value_name = "CONFIG", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Print each call as it completes, and how it went at the end
    #[arg(long)]
    stream: bool,
    /// text: a line for each call; json: the whole answer (with --stream, one object a line)
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    confirm: YesOption,
    #[command(flatten)]
    read: ReadOptions,
}

impl Batch {
    pub(super) fn run(self, terminal: &Terminal) -> anyhow::Result<Exit> {
        logging::start("warn");
        let request = request(&self.calls)?;
        let Some(loaded) = configuration::load_briefly(&self.config, &self.read, terminal)? else {
            return Ok(Exit::Usage);
        };
        let has_batch = loaded.catalog.get(BuiltinTool::Batch.name()).is_some();
        let plan = match Plan::parse(request, has_batch) {
            Ok(plan) => plan,
            Err(invalid) => {
                terminal.error("error: the batch cannot run, and nothing of it did");
                for problem in &invalid.problems {
                    terminal.error(&format!("  {problem}"));
                }
                return Ok(Exit::Usage);
            }
        };
        if let Some(refusal) = self.confirm.refusal(&loaded.catalog, plan.tools()) {
            call::print_failure(&refusal, None, terminal);
            return Ok(Exit::Usage);
        }
        let cancel = CancellationToken::new();
        let work = async {
            let runner = Arc::new(Runner::new(loaded.catalog));
            let report = self
                .calls(plan, Arc::clone(&runner), cancel.clone(), terminal)
                .await;
            runner.drain().await;
            report
        };
        let Some(report) = runtime::until_interrupted(work, &cancel, terminal)? else {
            return Ok(Exit::Failed);
        };
        self.print(&report, terminal);
        Ok(if report.succeeded() {
            Exit::Done
        } else {
            Exit::Failed
        })
    }

    /// Runs the calls; a cancel ends them, and what is done is still answered.
    async fn calls(
        &self,
        plan: Plan,
        runner: Arc<Runner>,
        cancel: CancellationToken,
        terminal: &Terminal,
    ) -> Report {
        let mut progress = Bar::new(terminal, Some(plan.len()));
        let (completed, mut completions) = mpsc::channel::<Arc<CallResult>>(UNPRINTED);
        let watch = Watch {
            cancel: cancel.clone(),
            completed: Some(completed),
        };
        let context = CallContext {
            client: "runner batch".to_owned(),
            is_confirmed: self.confirm.yes,
            ..CallContext::default()
        };
        let running = batch::run(plan, Arc::new(RunnerCaller::new(runner, context)), watch);
        let showing = async {
            loop {
                let result = tokio::select! {
                    result = completions.recv() => result,
                    () = progress.beat() => {
                        progress.draw();
                        continue;
                    }
                };
                let Some(result) = result else { break };
                if self.stream {
                    progress.clear();
                    self.line(&result, terminal);
                    if terminal.lost().is_some() {
                        cancel.cancel();
                    }
                }
                progress.advance(result.succeeded());
            }
            progress.clear();
        };
        tokio::join!(running, showing).0
    }

    fn line(&self, result: &CallResult, terminal: &Terminal) {
        match self.format {
            Format::Json => terminal.line(&result.to_json().to_string()),
            Format::Text => terminal.line(&sentence(result)),
        }
    }

    fn print(&self, report: &Report, terminal: &Terminal) {
        match (self.format, self.stream) {
            (Format::Json, false) => terminal.line(&format!("{:#}", report.to_json(HELD_BYTES))),
            (Format::Json, true) => terminal.line(&report.to_summary_json().to_string()),
            (Format::Text, streamed) => {
                if !streamed {
                    for result in &report.results {
                        terminal.line(&sentence(result));
                    }
                }
                terminal.error(&report.summary());
            }
        }
    }
}

/// One call in one line: its id, how it ended, and the beginning of what it gave.
fn sentence(result: &CallResult) -> String {
    let (word, text) = match &result.ended.result {
        Ok(output) => {
            let text = match &output.structured {
                Some(value) => value.to_string(),
                None => output.text.trim_end().to_owned(),
            };
            ("ok", text)
        }
        Err(failure) => (failure.code.code(), failure.message.clone()),
    };
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    let shown = shown.replace(['\n', '\r', '\t', '\x1b'], " ");
    format!("{}  {word}  {shown}", result.call_id)
        .trim_end()
        .to_owned()
}

fn request(source: &str) -> anyhow::Result<Value> {
    let text = if source == "-" {
        call::bounded(std::io::stdin().lock(), "standard input")?
    } else {
        let file =
            std::fs::File::open(source).with_context(|| format!("could not open `{source}`"))?;
        call::bounded(file, source)?
    };
    serde_json::from_str(&text).with_context(|| format!("`{source}` is not JSON"))
}
