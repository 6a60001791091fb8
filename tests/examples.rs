//! The examples run as they are, with nothing but Python 3 and a POSIX shell.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use support::{command, repository, runner, texts};

fn configs() -> Vec<PathBuf> {
    let folders = fs::read_dir(repository("examples")).unwrap();
    let mut found: Vec<PathBuf> = folders
        .map(|entry| entry.unwrap().path().join("gantz.yaml"))
        .filter(|path| path.exists())
        .collect();
    found.push(repository("gantz.yaml"));
    assert!(found.len() >= 4, "where have the examples gone?");
    found
}

/// What a call of a tool of an example prints; the call must succeed.
fn call(example: &str, words: &[&str]) -> String {
    let config = repository(example);
    let mut arguments = vec!["call", "-c", config.to_str().unwrap()];
    arguments.extend_from_slice(words);
    let output = runner(&repository(""), &arguments);
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success(), "{words:?}:\n{stderr}");
    stdout
}

fn json_of(example: &str, words: &[&str]) -> Value {
    serde_json::from_str(&call(example, words)).unwrap()
}

#[test]
fn every_example_is_sound_without_a_warning() {
    for config in configs() {
        let output = runner(
            &repository(""),
            &["validate", "--strict", config.to_str().unwrap()],
        );
        assert!(output.status.success(), "{}", texts(&output).1);
    }
}

#[test]
fn pages_are_fetched_side_by_side() {
    for example in ["gantz.yaml", "examples/concurrent-tools/gantz.yaml"] {
        let words = [
            "parallel_fetch",
            "urls=/users",
            "urls=/posts",
            "urls=/comments",
            "urls=ftp://x",
        ];
        let fetched = json_of(example, &words);
        assert_eq!(fetched["summary"], "fetched 3 of 4");
        assert_eq!(fetched["results"][1]["url"], "/posts");
        assert_eq!(fetched["results"][1]["status"], 200);
        assert_eq!(
            fetched["results"][3]["error"],
            "only http and https URLs are fetched"
        );
    }
}

#[test]
fn primes_are_counted() {
    let counted = json_of("gantz.yaml", &["count_primes", "below=1000"]);
    assert_eq!(counted, json!({"below": 1000, "primes": 168}));
}

#[test]
fn text_is_found_literally() {
    let found = call(
        "gantz.yaml",
        &[
            "search_text",
            "text=$(touch /tmp/never)",
            "folder=examples/shell",
        ],
    );
    assert_eq!(found, "");
    let found = call(
        "gantz.yaml",
        &["search_text", "text=name: as_json", "folder=examples/shell"],
    );
    assert!(found.starts_with("examples/shell/gantz.yaml:"), "{found}");
}

#[test]
fn slow_reports_come_in_parts() {
    let report = call("gantz.yaml", &["slow_report", "seconds=0"]);
    assert_eq!(report.lines().count(), 10);
}

#[test]
fn shell_examples_keep_values_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a file; with * signs");
    fs::write(&file, "1\n2\n").unwrap();
    let words = format!("files={}", file.display());
    let counted = call("examples/shell/gantz.yaml", &["count_lines", &words]);
    assert!(counted.trim_end().ends_with(": 2"), "{counted}");

    let letter = call(
        "examples/shell/gantz.yaml",
        &["letter", "name=O'Hara $HOME", "text=LETTER\n`id`"],
    );
    assert_eq!(letter, "Dear O'Hara $HOME,\n\nLETTER\n`id`\n");

    let message = "a \"quoted\" \\ line\nand more";
    let answer = json_of(
        "examples/shell/gantz.yaml",
        &["as_json", &format!("message={message}")],
    );
    assert_eq!(answer, json!({"message": message}));
}

#[test]
fn every_kind_of_limit_can_be_watched() {
    let example = "examples/limits/gantz.yaml";
    assert_eq!(call(example, &["one_at_a_time", "seconds=0.1"]), "done\n");
    assert_eq!(call(example, &["partner"]), "asked\n");
    assert_eq!(call(example, &["daily_report", "seconds=0"]), "done\n");
    assert_eq!(call(example, &["weekly_report", "seconds=0"]), "done\n");
    assert_eq!(
        call(example, &["per_tenant", "tenant=a b", "seconds=0"]),
        "a b\n"
    );
    assert!(call(example, &["paced"]).trim().contains('.'));
}

/// The service of the HTTP example, ended when dropped.
struct Service {
    child: Child,
    url: String,
}

impl Service {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests run what the example tells a user to run"
    )]
    fn start() -> Self {
        let mut child = Command::new("python3")
            .arg(repository("examples/http/service.py"))
            .arg("0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut url).unwrap();
        Self {
            child,
            url: url.trim_end().to_owned(),
        }
    }

    /// What a tool of the example answers.
    fn call(&self, words: &[&str]) -> Value {
        let config = repository("examples/http/gantz.yaml");
        let mut arguments = vec!["call", "-c", config.to_str().unwrap()];
        arguments.extend_from_slice(words);
        let output = command(&repository(""), &arguments)
            .env("SERVICE_URL", &self.url)
            .output()
            .unwrap();
        let (stdout, stderr) = texts(&output);
        assert!(output.status.success(), "{words:?}:\n{stderr}");
        serde_json::from_str(&stdout).unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_service_is_called_with_values_in_every_place() {
    let service = Service::start();
    let page = service.call(&["fetch_page", "page=users"]);
    assert_eq!(page, json!({"page": "users", "items": ["ada", "grace"]}));
    let found = service.call(&["search", "q=o"]);
    assert_eq!(found, json!(["posts", "comments"]));
    let note = service.call(&["create_note", "title=A \"note\"", "stars=3"]);
    assert_eq!(note, json!({"id": 1, "title": "A \"note\"", "stars": 3}));
    let note = service.call(&["create_note", "title=B"]);
    assert_eq!(note, json!({"id": 2, "title": "B"}));
}

/// The fetcher of many URLs: as many calls as there are pages, five at a time, over shared connections.
#[tokio::test]
async fn many_pages_are_fetched_five_at_a_time() {
    use runner::config::{Env, LoadOptions, load};
    use runner::runner::Runner;
    use runner::tool::CallContext;
    use tokio_util::sync::CancellationToken;

    let service = Service::start();
    let options = LoadOptions {
        env: Env::from_pairs([("SERVICE_URL", &service.url)]),
        ..LoadOptions::default()
    };
    let loaded = load(&repository("examples/http/gantz.yaml"), &options).unwrap();
    let runner = Runner::new(loaded.catalog);
    let fetch = async |page: &str| {
        let arguments = serde_json::Map::from_iter([("page".to_owned(), json!(page))]);
        let call = runner
            .prepare(
                "fetch_page",
                arguments,
                CallContext::default(),
                CancellationToken::new(),
            )
            .await
            .unwrap();
        runner.call(call).await
    };
    let pages = ["users", "posts", "comments", "../peak"].repeat(5);
    let started = tokio::time::Instant::now();
    let outcomes = futures::future::join_all(pages.iter().map(|page| fetch(page))).await;
    let took = started.elapsed();
    for (page, outcome) in pages.iter().zip(outcomes) {
        match outcome.result {
            Ok(output) => assert_eq!(output.structured.unwrap()["page"], *page),
            Err(failure) => assert_eq!((*page, &failure.data["status"]), ("../peak", &json!(404))),
        }
    }
    // Twenty pages of 100 ms, five at a time.
    assert!(took.as_millis() >= 400, "{took:?}");
    let peak = reqwest::get(format!("{}/peak", service.url)).await.unwrap();
    let peak: Value = peak.json().await.unwrap();
    assert_eq!(peak["peak"], 5);
}

#[test]
fn a_batch_passes_results_from_call_to_call() {
    let config = repository("examples/batch/gantz.yaml");
    let calls = repository("examples/batch/calls.json");
    let (config, calls) = (config.to_str().unwrap(), calls.to_str().unwrap());
    let output = runner(
        &repository(""),
        &["batch", calls, "-c", config, "--format", "json"],
    );
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success(), "{stderr}");
    let answer: Value = serde_json::from_str(&stdout).unwrap();
    let results: Vec<&Value> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| &result["result"])
        .collect();
    assert_eq!(results.len(), 7);
    assert_eq!(results[2], "Hello user 7, see post 71 staff ops\n");
    assert_eq!(results[5]["id"], 3);
    assert_eq!(results[6], "Hello user 3\n");
}

#[test]
fn a_warm_script_answers_like_any_other() {
    let example = "examples/workers/gantz.yaml";
    let words = ["summarize", "numbers=3", "numbers=4", "numbers=5"];
    let known = json!({"mean": 4, "median": 4, "deviation": 1.0});
    assert_eq!(json_of(example, &words), known);
    let config = repository(example);
    let arguments = [
        "call",
        "-c",
        config.to_str().unwrap(),
        "summarize",
        "numbers=3",
    ];
    let output = runner(&repository(""), &arguments);
    assert!(!output.status.success());
    let (_, stderr) = texts(&output);
    assert!(
        stderr.contains("at least two numbers are needed"),
        "{stderr}"
    );
}
