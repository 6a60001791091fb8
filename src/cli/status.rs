//! `runner status`: limits and load of a running server.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use reqwest::{StatusCode, Url, redirect};

use super::exit::Exit;
use super::list::table;
use super::terminal::Terminal;
use super::{Format, runtime};
use crate::runner::{Status, ToolStatus};
use crate::tool::spoken;

/// The variable that has the token where none is given.
const TOKEN: &str = "RUNNER_TOKEN";

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest answer, in bytes: some 40,000 tools.
const MAX_BYTES: usize = 64 << 20;

#[derive(Debug, Args)]
pub(super) struct ShowStatus {
    /// The server, as `runner serve` prints it
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:3000")]
    url: String,
    /// The token to send; better left to the variable `RUNNER_TOKEN`, as other users see command lines
    #[arg(long)]
    token: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl ShowStatus {
    pub(super) fn run(self, terminal: &Terminal) -> anyhow::Result<Exit> {
        let url = status_url(&self.url)?;
        let token = self.token.or_else(|| std::env::var(TOKEN).ok());
        let text = runtime::block_on(fetch(url, token))??;
        let not_ours = "the answer is not a runner's status";
        match self.format {
            Format::Json => {
                let status: serde_json::Value = serde_json::from_str(&text).context(not_ours)?;
                terminal.line(&format!("{status:#}"));
            }
            Format::Text => {
                let status: Status = serde_json::from_str(&text).context(not_ours)?;
                terminal.print(&shown(&status));
            }
        }
        Ok(Exit::Done)
    }
}

/// Where the status is, for the address of a server or of its protocol's endpoint.
fn status_url(text: &str) -> anyhow::Result<Url> {
    let whole = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let mut url = Url::parse(&whole).with_context(|| format!("`{text}` is no URL"))?;
    let path = url.path().trim_end_matches('/');
    let before = ["/mcp", "/status"]
        .iter()
        .find_map(|end| path.strip_suffix(end))
        .unwrap_or(path);
    let path = format!("{before}/status");
    url.set_path(&path);
    Ok(url)
}

async fn fetch(url: Url, token: Option<String>) -> anyhow::Result<String> {
    // A token is meant for the server it was given for.
    let client = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(PATIENCE)
        .build()?;
    let mut request = client.get(url.clone());
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let sent = request.send().await;
    let mut response = sent.with_context(|| format!("no runner answers at {url}"))?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => {
            bail!("the server asks for a token that it knows: set `{TOKEN}`, or give `--token`")
        }
        status => bail!("{url} answers with {status}"),
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        anyhow::ensure!(body.len() <= MAX_BYTES, "the answer has no end");
    }
    String::from_utf8(body).context("the answer is no text")
}

/// The status for people.
fn shown(status: &Status) -> String {
    let Status {
        name,
        running,
        max_parallel,
        waiting,
        queue_size,
        ..
    } = status;
    let stopping = if status.stopping { ", stopping" } else { "" };
    let mut text = format!(
        "{name}: {running} of {max_parallel} running, {waiting} of {queue_size} waiting{stopping}\n\n"
    );
    let rows: Vec<[String; 6]> = status.tools.iter().map(row).collect();
    let head = [
        "TOOL",
        "RUNNING",
        "WAITING",
        "RATE LEFT",
        "LONGEST RUN",
        "LONGEST WAIT",
    ];
    text.push_str(&table(head, &rows));
    let lines = shared(status);
    if !lines.is_empty() {
        text.push('\n');
        text.extend(lines.into_iter().flat_map(|line| [line, "\n".to_owned()]));
    }
    if !status.recommendations.is_empty() {
        text.push_str("\nrecommendations:\n");
        let advice = status.recommendations.iter();
        text.extend(advice.map(|advice| format!("- {}\n", advice.text)));
    }
    text
}

fn row(tool: &ToolStatus) -> [String; 6] {
    let rates: Vec<String> = tool
        .rates
        .iter()
        .map(|rate| format!("{} of {}", rate.left, rate.burst))
        .collect();
    let millis = |millis: u64| spoken(Duration::from_millis(millis));
    let observed = &tool.observed;
    let longest_run = match observed.runs {
        0 => "-".to_owned(),
        _ => format!(
            "{} of {}",
            millis(observed.longest_run_ms),
            millis(tool.timeout_ms)
        ),
    };
    let longest_wait = match observed.asked {
        0 => "-".to_owned(),
        _ => millis(observed.longest_wait_ms),
    };
    [
        tool.name.clone(),
        format!("{} of {}", tool.running, tool.max_parallel),
        format!("{} of {}", tool.waiting, tool.queue_size),
        if rates.is_empty() {
            "-".to_owned()
        } else {
            rates.join(", ")
        },
        longest_run,
        longest_wait,
    ]
}

/// What is warm and what tools share, a line each.
fn shared(status: &Status) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(status.tools.iter().filter_map(|tool| {
        let warm = tool.warm?;
        let processes = if warm.processes == 1 {
            "1 process".to_owned()
        } else {
            format!("{} processes", warm.processes)
        };
        Some(format!(
            "warm {}: {processes}, {} started, {} calls",
            tool.name, warm.starts, warm.calls
        ))
    }));
    lines.extend(status.groups.iter().map(|group| {
        format!(
            "group {}: {} of {} running",
            group.name, group.running, group.max_parallel
        )
    }));
    lines.extend(status.circuit_breakers.iter().map(|breaker| {
        let left = breaker.retry_after_ms.map(Duration::from_millis);
        let left = left.map_or_else(String::new, |left| format!(" for {}", spoken(left)));
        let state = breaker.state.replace('_', " ");
        format!("circuit breaker {}: {state}{left}", breaker.name)
    }));
    let cache = &status.cache;
    if cache.hits + cache.misses > 0 {
        lines.push(format!(
            "cache: {} answers, {} bytes, {} hits, {} misses",
            cache.entries, cache.bytes, cache.hits, cache.misses
        ));
    }
    lines.extend(status.stuck.iter().map(|stuck| {
        let pid = stuck
            .pid
            .map_or_else(|| "?".to_owned(), |pid| pid.to_string());
        format!("stuck: {} (call {}, pid {pid})", stuck.tool, stuck.call_id)
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_server_leads_to_its_status() {
        for (given, expected) in [
            ("127.0.0.1:3000", "http://127.0.0.1:3000/status"),
            ("http://localhost:3000/", "http://localhost:3000/status"),
            ("http://localhost:3000/mcp", "http://localhost:3000/status"),
            ("http://[::1]:3000/status", "http://[::1]:3000/status"),
            (
                "https://tools.example/team/mcp",
                "https://tools.example/team/status",
            ),
        ] {
            assert_eq!(status_url(given).unwrap().as_str(), expected);
        }
        assert!(status_url("http://").is_err());
    }
}
