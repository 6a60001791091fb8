//! `runner bench`: how fast one tool is, and how many calls of it at once are worth while.
//!
//! | file | owns |
//! |---|---|
//! | `load` | who calls, and when |
//! | `measured` | what that has shown |
//! | `sweep` | more and more callers, until more bring nothing |
//! | `plot` | the figures as text |

mod load;
mod measured;
mod plot;
mod sweep;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use self::load::Subject;
use self::measured::Measured;
use self::sweep::Sweep;
use super::configuration::{self, DEFAULT_CONFIG, ReadOptions};
use super::exit::Exit;
use super::terminal::Terminal;
use super::{Format, arguments, call, logging, runtime};
use crate::runner::Runner;
use crate::tool::{Catalog, Failure, Tool};

/// A throughput of this share of the tool's rate is taken to be bounded by it.
const CLOSE: f64 = 0.8;

#[derive(Debug, Args)]
pub(super) struct Bench {
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
    /// So many callers, each calling again as soon as it has its answer, instead of more and more of them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000), conflicts_with = "rate")]
    callers: Option<u32>,
    /// So many calls a second, whether or not those before have their answers
    #[arg(long, value_name = "CALLS_PER_SECOND", value_parser = rate)]
    rate: Option<f64>,
    /// Seconds for each measurement
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = seconds)]
    duration: f64,
    /// The most callers that are tried
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_callers: u32,
    /// Call a tool that says it is destructive, or that would ask a person
    #[arg(long)]
    yes: bool,
    /// text: figures and plots; json: all figures as one object
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    read: ReadOptions,
}

/// What was measured.
enum Report {
    /// More and more callers, with the tool's `max_parallel` out of the way.
    Sweep(Sweep),
    /// One load under the limits of the file.
    Load(Box<Measured>),
    /// The first call has failed, so there is nothing to measure.
    Useless(Box<Failure>),
}

impl Bench {
    pub(super) fn run(self, terminal: &Terminal) -> anyhow::Result<Exit> {
        logging::start("error");
        let Some(loaded) = configuration::load_briefly(&self.config, &self.read, terminal)? else {
            return Ok(Exit::Usage);
        };
        let mut catalog = loaded.catalog;
        let Some(tool) = catalog.get(&self.tool) else {
            let unknown = catalog.unknown(&self.tool, &crate::tool::ToolAccess::all());
            let hint = unknown.remediation.unwrap_or_default();
            terminal.error(&format!("error: {}\n\nhint: {hint}", unknown.message));
            return Ok(Exit::Usage);
        };
        if let Some(reason) = Self::needs_a_word(tool)
            && !self.yes
        {
            terminal.error(&format!(
                "error: `{}` {reason}, and would be called many times\n\nhint: `--yes` does it all the same",
                self.tool
            ));
            return Ok(Exit::Usage);
        }
        let arguments = self.arguments(tool)?;
        let known = Known::of(tool);
        if self.is_sweep() {
            open_up(&mut catalog, &self.tool, self.max_callers);
        }
        measure_runs(&mut catalog, &self.tool);
        let cancel = CancellationToken::new();
        let work = async {
            let subject = Subject {
                runner: Arc::new(Runner::new(catalog)),
                tool: self.tool.as_str().into(),
                arguments,
                cancel: cancel.clone(),
            };
            let report = self.measure(&subject, terminal).await;
            terminal.erase_status();
            subject.runner.drain().await;
            report
        };
        let Some(report) = runtime::until_interrupted(work, &cancel, terminal)? else {
            return Ok(Exit::Failed);
        };
        Ok(self.print(&report, &known, terminal))
    }

    /// Why a tool is not called without `--yes`.
    fn needs_a_word(tool: &Tool) -> Option<&'static str> {
        let is_destructive = tool.annotations.destructive == Some(true);
        is_destructive
            .then_some("says that it is destructive")
            .or_else(|| tool.confirmation.as_ref().map(|_| "asks a person first"))
    }

    const fn is_sweep(&self) -> bool {
        self.callers.is_none() && self.rate.is_none()
    }

    fn arguments(&self, tool: &Tool) -> anyhow::Result<Map<String, Value>> {
        let mut given = match &self.json {
            Some(source) => call::object(source)?,
            None => Map::new(),
        };
        given.extend(arguments::typed(tool, &self.words)?);
        Ok(given)
    }

    async fn measure(&self, subject: &Subject, terminal: &Terminal) -> Report {
        // Also warms up what the first call finds cold.
        match subject.call().await.map(|outcome| outcome.result) {
            Ok(Ok(_)) => {}
            Ok(Err(failure)) | Err(failure) => {
                return Report::Useless(Box::new(failure));
            }
        }
        let duration = Duration::from_secs_f64(self.duration);
        if let Some(rate) = self.rate {
            terminal.status(&format!("{rate} calls a second ..."));
            return Report::Load(Box::new(load::open(subject, rate, duration).await));
        }
        if let Some(callers) = self.callers.and_then(NonZeroU32::new) {
            terminal.status(&format!("{callers} callers ..."));
            return Report::Load(Box::new(load::closed(subject, callers, duration).await));
        }
        let mut sweep = Sweep::default();
        while let Some(callers) = sweep.next(self.max_callers).and_then(NonZeroU32::new) {
            terminal.status(&format!("{callers} callers ..."));
            let measured = load::closed(subject, callers, duration).await;
            sweep.push(callers.get(), measured);
            if subject.cancel.is_cancelled() {
                break;
            }
        }
        Report::Sweep(sweep)
    }

    fn print(&self, report: &Report, known: &Known, terminal: &Terminal) -> Exit {
        match (report, self.format) {
            (Report::Useless(failure), _) => {
                let (code, why) = (failure.code.code(), &failure.message);
                terminal.error(&format!(
                    "error: the first call of `{}` failed, so there is nothing to measure: {code}: {why}",
                    self.tool
                ));
                return call::of_failure(failure);
            }
            (Report::Load(measured), Format::Json) => {
                terminal.line(&format!("{:#}", measured.to_json()));
            }
            (Report::Load(measured), Format::Text) => {
                terminal.print(&plot::figures(measured));
                terminal.print(&plot::histogram(measured));
                terminal.print(&plot::failures(measured));
            }
            (Report::Sweep(sweep), Format::Json) => {
                terminal.line(&format!("{:#}", sweep_json(sweep)));
            }
            (Report::Sweep(sweep), Format::Text) => {
                terminal.print(&plot::levels(sweep));
                for (_, measured) in sweep.levels() {
                    terminal.print(&plot::failures(measured));
                }
                terminal.line("");
                terminal.print(&suggestion(sweep, known));
            }
        }
        Exit::Done
    }
}

/// What the file says of the tool, before the sweep put it aside.
struct Known {
    max_parallel: NonZeroU32,
    /// The lowest of the tool's rates, in calls a second.
    rate: Option<f64>,
}

impl Known {
    fn of(tool: &Tool) -> Self {
        Self {
            max_parallel: tool.limits.max_parallel,
            rate: tool
                .limits
                .buckets
                .iter()
                .map(|used| used.limit.rate.requests_per_second / f64::from(used.cost.get()))
                .reduce(f64::min),
        }
    }
}

/// Lets as many calls of `tool` run as a sweep may ask for. Rates stay: they protect somebody else.
fn open_up(catalog: &mut Catalog, tool: &str, most: u32) {
    let most = NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN);
    catalog.limits.max_parallel = most;
    if let Some(tool) = catalog.get_mut(tool) {
        tool.limits.max_parallel = most;
        tool.limits.group = None;
        tool.limits.per_key = None;
    }
}

/// Each call is a run: none is answered from the cache, tried again, or turned away by a breaker.
fn measure_runs(catalog: &mut Catalog, tool: &str) {
    if let Some(tool) = catalog.get_mut(tool) {
        tool.cache = None;
        tool.retry = None;
        tool.circuit_breaker = None;
    }
}

fn suggestion(sweep: &Sweep, known: &Known) -> String {
    let Some((callers, measured)) = sweep.suggested() else {
        return "no call succeeded\n".to_owned();
    };
    let mut text = format!(
        "suggested: concurrency: {{ max_parallel: {callers} }}, for {:.1} calls a second; the file allows {}\n",
        measured.throughput(),
        known.max_parallel,
    );
    if let Some(rate) = known
        .rate
        .filter(|rate| measured.throughput() >= rate * CLOSE)
    {
        let told =
            format!("the tool's rate of {rate} a second held all the time and bounds this\n");
        text.push_str(&told);
    }
    text.push('\n');
    text.push_str(&plot::figures(measured));
    text.push_str(&plot::histogram(measured));
    text
}

fn sweep_json(sweep: &Sweep) -> Value {
    let levels: Vec<Value> = sweep
        .levels()
        .iter()
        .map(|(callers, measured)| {
            let mut level = measured.to_json();
            level["callers"] = json!(callers);
            level
        })
        .collect();
    let suggested = sweep.suggested().map(|(callers, _)| callers);
    json!({"levels": levels, "suggested_max_parallel": suggested})
}

fn rate(text: &str) -> Result<f64, String> {
    within(text, 0.01, 100_000.0)
}

fn seconds(text: &str) -> Result<f64, String> {
    within(text, 0.1, 3600.0)
}

fn within(text: &str, least: f64, most: f64) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|figure: &f64| (least..=most).contains(figure))
        .ok_or_else(|| format!("a number from {least} to {most} is needed"))
}
