//! `runner test`: the `test` cases of a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::bar::Bar;
use super::configuration::{self, DEFAULT_CONFIG, ReadOptions};
use super::exit::Exit;
use super::state::StateOptions;
use super::terminal::Terminal;
use super::{Format, logging, runtime};
use crate::cases::{self, Case, State, Tally, Verdict};
use crate::config::Loaded;
use crate::runner::Runner;
use crate::store::Store;
use crate::telemetry::Redactor;
use crate::tool::spoken;

#[derive(Debug, Args)]
pub(super) struct RunTests {
    /// The file, when the first word is one (a path, or a name that ends in .yaml or .yml; gantz.yaml when absent), and
    /// the tools whose cases are to run; all when absent
    #[arg(value_name = "CONFIG] [TOOL")]
    words: Vec<String>,
    /// Only cases with TEXT in `TOOL: NAME`
    #[arg(short = 'k', long, value_name = "TEXT")]
    filter: Option<String>,
    /// text: a line for each case, then what failed; json: one object
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write a report for CI servers, too, in the XML of `JUnit`
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    read: ReadOptions,
}

impl RunTests {
    pub(super) fn run(self, terminal: &Terminal) -> anyhow::Result<Exit> {
        logging::start("warn");
        let (config, tools) = config_and_tools(&self.words);
        let Some(loaded) = configuration::load_briefly(config, &self.read, terminal)? else {
            return Ok(Exit::Usage);
        };
        let chosen = cases::choose(&loaded.catalog, tools, self.filter.as_deref());
        let cases = match chosen {
            Ok(cases) => cases,
            Err(none) => {
                let hint = none.hint();
                terminal.error(&format!(
                    "error: {}: {none}\n\nhint: {hint}",
                    config.display()
                ));
                return Ok(Exit::Usage);
            }
        };
        let began = Instant::now();
        let store = self.state.store();
        let cancel = CancellationToken::new();
        let work = self.judge(cases, loaded, store.clone(), cancel.clone(), terminal);
        let verdicts = runtime::until_interrupted(work, &cancel, terminal)?;
        store.close();
        let Some(verdicts) = verdicts else {
            return Ok(Exit::Failed);
        };
        self.report(config, &verdicts, began.elapsed(), terminal);
        if let Some(path) = &self.junit {
            let xml = cases::junit(&config.to_string_lossy(), &verdicts);
            std::fs::write(path, xml)
                .with_context(|| format!("could not write `{}`", path.display()))?;
        }
        Ok(if Tally::of(&verdicts).is_good() {
            Exit::Done
        } else {
            Exit::Failed
        })
    }

    /// Runs the cases, with a line for each that ends.
    async fn judge(
        &self,
        cases: Vec<Case>,
        loaded: Loaded,
        store: Store,
        cancel: CancellationToken,
        terminal: &Terminal,
    ) -> Vec<Verdict> {
        let secrets = loaded
            .secrets
            .iter()
            .map(|secret| secret.expose().to_owned());
        let hidden = Redactor::new(secrets);
        let runner = Arc::new(Runner::storing(loaded.catalog, store));
        let mut bar = Bar::new(terminal, Some(cases.len()));
        let width = cases.iter().map(|case| case.title().chars().count()).max();
        let judged = |verdict: &Verdict| {
            if self.format == Format::Text {
                bar.clear();
                terminal.line(&line(verdict, width.unwrap_or_default()));
            }
            bar.advance(verdict.state == State::Passed);
        };
        let verdicts = cases::run(cases, Arc::clone(&runner), hidden, cancel, judged).await;
        terminal.erase_status();
        runner.drain().await;
        verdicts
    }

    fn report(&self, config: &Path, verdicts: &[Verdict], took: Duration, terminal: &Terminal) {
        let tally = Tally::of(verdicts);
        if self.format == Format::Json {
            let listed: Vec<_> = verdicts.iter().map(Verdict::to_json).collect();
            let report = json!({
                "file": config.to_string_lossy(), "passed": tally.passed, "failed": tally.failed,
                "not_run": tally.not_run, "cases": listed,
            });
            return terminal.line(&format!("{report:#}"));
        }
        for verdict in verdicts {
            if let State::Failed(_) = verdict.state {
                terminal.line(&failure(config, verdict));
            }
        }
        terminal.line(&format!("\n{} in {}", tally.summary(), spoken(took)));
    }
}

/// The file and the tools that the words name: the first word is the file where it looks like one.
fn config_and_tools(words: &[String]) -> (&Path, &[String]) {
    let is_file = |word: &str| {
        let path = Path::new(word);
        let ending = path.extension().and_then(|ending| ending.to_str());
        matches!(ending, Some("yaml" | "yml")) || word.contains(['/', '\\']) || path.is_file()
    };
    match words.split_first() {
        Some((first, tools)) if is_file(first) => (Path::new(first), tools),
        _ => (Path::new(DEFAULT_CONFIG), words),
    }
}

/// One line for one case.
fn line(verdict: &Verdict, width: usize) -> String {
    let title = one_line(&verdict.title());
    let padding = " ".repeat(width.saturating_sub(title.chars().count()));
    let took = match verdict.state {
        State::NotRun => String::new(),
        _ => format!("  {}", spoken(verdict.ran)),
    };
    format!("{title}{padding}  {}{took}", verdict.word())
}

/// What failed, where it stands in the file, and what is different.
fn failure(config: &Path, verdict: &Verdict) -> String {
    let (line, column) = (verdict.line, verdict.column);
    let mut text = format!(
        "\nFAILED {} ({}:{line}:{column})",
        one_line(&verdict.title()),
        config.display()
    );
    for line in verdict.lines() {
        text.push_str("\n  ");
        text.push_str(&line);
    }
    text
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_the_file_where_it_looks_like_one() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (given, file, tools) in [
            ("other.yaml greet", "other.yaml", vec!["greet"]),
            ("a/b", "a/b", vec![]),
            ("greet count", DEFAULT_CONFIG, vec!["greet", "count"]),
        ] {
            let words = words(given);
            let (found, named) = config_and_tools(&words);
            assert_eq!(
                (found, named.len()),
                (Path::new(file), tools.len()),
                "{given}"
            );
        }
    }
}
