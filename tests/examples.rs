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
    fn start() -> Self {
        Self::of("examples/http/service.py")
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "tests run what the example tells a user to run"
    )]
    fn of(script: &str) -> Self {
        let mut child = Command::new("python3")
            .arg(repository(script))
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
fn a_database_is_asked_searched_and_written() {
    // In a folder of its own: the example makes its database beside its file.
    let folder = tempfile::tempdir().unwrap();
    for file in ["gantz.yaml", "make_blog.py"] {
        fs::copy(
            repository("examples/sql").join(file),
            folder.path().join(file),
        )
        .unwrap();
    }
    let config = folder.path().join("gantz.yaml");
    let call = |words: &[&str]| json_of(config.to_str().unwrap(), words);
    assert_eq!(call(&["make_blog"]), json!({"file": "blog.db", "posts": 3}));
    let found = call(&["search_posts", "text=it's", "since=2024-04-01", "limit=2"]);
    assert_eq!(
        found,
        json!([{"id": 2, "title": "What it's like to write", "written_on": "2024-04-02"}])
    );
    let related = call(&["fetch_related", "user_ids=1", "user_ids=2"]);
    assert_eq!(related["1"]["user"][0]["name"], "Ann");
    assert_eq!(related["1"]["posts"].as_array().unwrap().len(), 2);
    assert_eq!(
        related["2"],
        json!({"user": [{"id": 2, "name": "Bob"}], "posts": [], "comments": [{"user_id": 2, "text": "Nice"}]})
    );
    let title = "title='; DROP TABLE posts; --";
    assert_eq!(
        call(&["add_post", "user_id=3", title]),
        json!([{"id": 4, "title": "'; DROP TABLE posts; --"}])
    );
    assert_eq!(
        call(&["search_posts", "text=DROP"])
            .as_array()
            .unwrap()
            .len(),
        1
    );
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
fn a_folder_is_emptied_only_after_a_yes() {
    let config = repository("examples/confirm/gantz.yaml");
    let config = config.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a file"), "").unwrap();
    let argument = format!("folder={}", folder.path().display());
    let words = ["call", "-c", config, "empty_folder", &argument];
    let refused = runner(&repository(""), &words);
    assert_eq!(refused.status.code(), Some(2));
    assert!(folder.path().join("a file").exists());
    let listed = call("examples/confirm/gantz.yaml", &["list_folder", &argument]);
    assert_eq!(listed, "a file\n");
    call(
        "examples/confirm/gantz.yaml",
        &["--yes", "empty_folder", &argument],
    );
    assert!(!folder.path().join("a file").exists());
    let dropped = call("examples/confirm/gantz.yaml", &["drop_cache", &argument]);
    assert_eq!(dropped, "dropped\n");
}

#[test]
fn long_lists_come_in_pages() {
    let state = tempfile::tempdir().unwrap();
    let example = "examples/paging/gantz.yaml";
    let options = ["--state-dir", state.path().to_str().unwrap()];
    let with = |words: &[&str]| call(example, &[&options, words].concat());
    let page: Value = serde_json::from_str(&with(&["inventory", "warehouse=north"])).unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 20);
    assert_eq!(
        (&page["total"], &page["has_more"], &page["next_offset"]),
        (&json!(450), &json!(true), &json!(20))
    );
    let all = with(&["inventory", "warehouse=south", "--all"]);
    assert_eq!(all.lines().count(), 450);
    assert!(
        all.ends_with("{\"article\":\"A-2449\",\"stock\":43}\n"),
        "{all}"
    );
    let page: Value = serde_json::from_str(&with(&["movements"])).unwrap();
    assert_eq!(
        (page["items"].as_array().unwrap().len(), &page["total"]),
        (50, &json!(1000))
    );
    assert_eq!(with(&["movements", "--all"]).lines().count(), 1000);
}

#[test]
fn items_come_one_by_one_and_a_timeout_keeps_them() {
    let example = "examples/streaming/gantz.yaml";
    let folder = repository("examples/streaming");
    let words = format!("folder={}", folder.display());
    for way in [
        &["check_files", &words][..],
        &["check_files", &words, "--stream"],
    ] {
        let items: Vec<Value> = call(example, way)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let files: Vec<_> = items
            .iter()
            .map(|item| item["file"].as_str().unwrap())
            .collect();
        assert_eq!(files, ["check_files.py", "gantz.yaml", "slow_checks.py"]);
        let bytes = fs::metadata(folder.join("gantz.yaml")).unwrap().len();
        assert_eq!(items[1]["bytes"], bytes);
    }
    let config = repository(example);
    let words = [
        "call",
        "-c",
        config.to_str().unwrap(),
        "slow_checks",
        "--format",
        "json",
    ];
    let output = runner(&repository(""), &words);
    assert_eq!(output.status.code(), Some(1));
    let outcome: Value = serde_json::from_str(&texts(&output).0).unwrap();
    let data = &outcome["error"]["data"];
    assert_eq!(data["items"].as_array().unwrap().len(), 5, "{outcome}");
    assert_eq!(
        (&data["items"][4]["site"], &data["complete"]),
        (&json!("epsilon"), &json!(false))
    );
}

#[test]
fn what_is_flaky_is_tried_again_kept_away_and_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let words = format!("folder={}", folder.path().display());
    let example = "examples/resilience/gantz.yaml";
    assert_eq!(call(example, &["flaky", &words]), "here it is\n");
    let attempts = fs::read_to_string(folder.path().join("attempts")).unwrap();
    assert_eq!(attempts.lines().count(), 3);

    let (config, calls) = (
        repository(example),
        repository("examples/resilience/calls.json"),
    );
    let (config, calls) = (config.to_str().unwrap(), calls.to_str().unwrap());
    let output = runner(
        &repository(""),
        &["batch", calls, "-c", config, "--format", "json"],
    );
    assert_eq!(output.status.code(), Some(1), "the partner is down");
    let answer: Value = serde_json::from_str(&texts(&output).0).unwrap();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(
        results[0]["result"], results[1]["result"],
        "one process gave both"
    );
    assert_eq!(results[1]["timing"]["cached"], true);
    assert_ne!(
        results[0]["result"]["process"],
        results[2]["result"]["process"]
    );
    let codes: Vec<_> = results[3..]
        .iter()
        .map(|result| result["error"]["code"].as_str().unwrap())
        .collect();
    let count = |code: &str| codes.iter().filter(|known| **known == code).count();
    // A call may begin between the end of a process and the word of its failure.
    let (failed, turned_away) = (count("EXIT_STATUS"), count("CIRCUIT_OPEN"));
    assert!((2..=3).contains(&failed), "{codes:?}");
    assert_eq!(failed + turned_away, 4, "{codes:?}");
}

#[tokio::test]
async fn a_server_tells_what_it_does() {
    let server = support::Server::start(&repository("examples/metrics-status/gantz.yaml"));
    let calling = async |tool: &str, arguments: Value| -> Value {
        let params = json!({"name": tool, "arguments": arguments, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }});
        let request = reqwest::Client::new()
            .post(&server.url)
            .header("Accept", "application/json, text/event-stream")
            .header("Mcp-Protocol-Version", "2026-07-28")
            .header("Mcp-Method", "tools/call")
            .header("Mcp-Name", tool)
            .json(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}));
        let mut answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["result"].take()
    };
    let done = calling("work", json!({"seconds": 0})).await;
    assert_eq!(done["content"][0]["text"], "done\n");
    assert_eq!(calling("fail", json!({})).await["isError"], true);

    let read = async |path: &str| {
        let answer = reqwest::get(server.at(path)).await.unwrap();
        answer.text().await.unwrap()
    };
    let metrics = read("/metrics").await;
    for line in [
        "operation_errors_total{operation_type=\"fail\"} 1",
        "runner_calls_total{operation_type=\"work\",outcome=\"OK\"} 1",
        "runner_max_parallel{operation_type=\"work\"} 2",
    ] {
        assert!(
            metrics.lines().any(|told| told == line),
            "{line}:\n{metrics}"
        );
    }
    let status: Value = serde_json::from_str(&read("/status").await).unwrap();
    let told = calling("status", json!({})).await;
    let names = |status: &Value| -> Vec<Value> {
        let tools = status["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].clone()).collect()
    };
    assert_eq!(names(&status), [json!("work"), json!("fail")], "{status}");
    assert_eq!(names(&told["structuredContent"]), names(&status));
    let url = server.at("");
    let output = tokio::task::spawn_blocking(move || runner(&repository(""), &["status", &url]));
    let output = output.await.unwrap();
    let (stdout, stderr) = texts(&output);
    assert!(
        output.status.success() && stdout.contains("work"),
        "{stdout}{stderr}"
    );
}

/// The tour of the README: a script, a database and a service in one batch.
#[test]
fn the_tour_goes_from_a_script_over_a_database_and_a_service_to_a_bill() {
    let service = Service::of("examples/tour/service.py");
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("shop.db");
    let run = |arguments: &[&str]| {
        let output = command(&repository("examples/tour"), arguments)
            .env("RATES_URL", &service.url)
            .env("SHOP_DB", &database)
            .output()
            .unwrap();
        let (stdout, stderr) = texts(&output);
        assert!(output.status.success(), "{stdout}{stderr}");
        stdout
    };
    let answer: Value =
        serde_json::from_str(&run(&["batch", "calls.json", "--format", "json"])).unwrap();
    let result = |call: &str| {
        let results = answer["results"].as_array().unwrap();
        let found = results.iter().find(|result| result["call_id"] == call);
        found.unwrap()["result"].clone()
    };
    assert_eq!(result("dollars"), json!({"items": 2, "total": "15.00 USD"}));
    assert_eq!(result("yen"), json!({"items": 2, "total": "2000.00 JPY"}));
    // A name that would be code anywhere else is a customer here.
    let orders = run(&["call", "orders_of", "customer=O'Brien; DROP TABLE orders"]);
    let orders: Value = serde_json::from_str(&orders).unwrap();
    assert_eq!(orders[0]["item"], "pot");
    assert_eq!(orders.as_array().map(Vec::len), Some(1));
    let told = run(&["test"]);
    assert!(told.contains("1 passed"), "{told}");
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

#[test]
fn a_script_that_stays_answers_call_after_call() {
    let example = "examples/workers/gantz.yaml";
    let known = json!({"word": "quick", "synonyms": ["fast", "rapid", "swift"], "asked": 1});
    assert_eq!(json_of(example, &["synonyms", "word=Quick"]), known);
    let config = repository(example);
    let arguments = ["test", config.to_str().unwrap(), "synonyms"];
    let (stdout, stderr) = texts(&runner(&repository(""), &arguments));
    assert!(stdout.contains("2 passed, 0 failed"), "{stdout}{stderr}");
}
