//! `runner list`: the tools and what bounds them.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::Format;
use super::configuration::{self, DEFAULT_CONFIG, ReadOptions};
use super::exit::Exit;
use super::terminal::Terminal;
use crate::tool::{Tool, spoken};

#[derive(Debug, Args)]
pub(super) struct List {
    /// The file to read
    #[arg(value_name = "CONFIG", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// How to print the tools
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    read: ReadOptions,
}

impl List {
    pub(super) fn run(self, terminal: &Terminal) -> anyhow::Result<Exit> {
        let Some(loaded) = configuration::load_to_look(&self.config, &self.read, terminal)? else {
            return Ok(Exit::Usage);
        };
        let tools = loaded.catalog.tools();
        match self.format {
            Format::Json => {
                let tools: Vec<Value> = tools.map(|tool| described(tool)).collect();
                terminal.line(&format!("{:#}", json!({"tools": tools})));
            }
            Format::Text => {
                let rows: Vec<[String; 3]> = tools.map(|tool| row(tool)).collect();
                terminal.print(&table(["TOOL", "LIMITS", "DESCRIPTION"], &rows));
            }
        }
        Ok(Exit::Done)
    }
}

fn row(tool: &Tool) -> [String; 3] {
    let summary = tool.description.lines().next().unwrap_or_default();
    [tool.name.to_string(), limits(tool), summary.to_owned()]
}

/// The limits in a few words: `5 at once, 10/s burst 5, 30s`.
fn limits(tool: &Tool) -> String {
    let limits = &tool.limits;
    let mut words = vec![format!("{} at once", limits.max_parallel)];
    for used in &limits.buckets {
        let rate = used.limit.rate;
        words.push(format!(
            "{}/s burst {}",
            rate.requests_per_second, rate.burst
        ));
    }
    words.push(spoken(limits.timeout));
    words.join(", ")
}

fn described(tool: &Tool) -> Value {
    let limits = &tool.limits;
    let rates: Vec<Value> = limits
        .buckets
        .iter()
        .map(|used| {
            json!({
                "bucket": used.bucket,
                "requests_per_second": used.limit.rate.requests_per_second,
                "burst": used.limit.rate.burst,
                "cost": used.cost,
            })
        })
        .collect();
    json!({
        "name": tool.name.as_str(),
        "title": tool.title,
        "description": tool.description,
        "limits": {
            "max_parallel": limits.max_parallel,
            "rates": rates,
            "group": limits.group,
            "queue_size": limits.queue_size,
            "queue_timeout_ms": limits.queue_timeout.as_millis(),
            "timeout_ms": limits.timeout.as_millis(),
            "max_timeout_ms": limits.max_timeout.map(|longest| longest.as_millis()),
            "kill_grace_ms": limits.kill_grace.as_millis(),
        },
        "input_schema": tool.parameters.schema().value(),
    })
}

/// Columns as wide as their widest cell; the last one is not padded.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([head[column].chars().count()])
            .max()
            .unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let padded: Vec<String> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let body = rows
        .iter()
        .map(|row| line(std::array::from_fn(|column| row[column].as_str())));
    std::iter::once(line(head)).chain(body).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["a".into(), "xyz".into()], ["long".into(), "é".into()]];
        assert_eq!(table(["N", "V"], &rows), "N     V\na     xyz\nlong  é\n");
    }
}
