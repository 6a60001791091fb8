//! What is counted, read by Prometheus's own parser.
//!
//! `.ci/run` installs the parser; without it the tests that need it skip and say so.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the parser they test with"
)]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use support::{Server, command, repository, tool_from};

const PYTHON: &str = "RUNNER_TEST_PYTHON_PROMETHEUS";

/// Calls a tool over HTTP as a client of the current revision does.
async fn call(server: &Server, name: &str, arguments: Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": name, "arguments": arguments,
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "0"},
        },
    }});
    let request = Client::new()
        .post(&server.url)
        .header("Accept", "application/json, text/event-stream")
        .header("Mcp-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", "tools/call")
        .header("Mcp-Name", name);
    request
        .json(&body)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

async fn scraped(server: &Server) -> String {
    let response = Client::new()
        .get(server.at("/metrics"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()[CONTENT_TYPE],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    response.text().await.unwrap()
}

/// A sample as the parser sees it.
struct Sample {
    kind: String,
    name: String,
    labels: Value,
    value: f64,
}

fn parsed(python: &str, text: &str) -> Vec<Sample> {
    let mut parser = Command::new(python)
        .arg(repository("tests/figures/parse.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = parser.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = parser.wait_with_output().unwrap();
    assert!(output.status.success(), "refused by the parser:\n{text}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let sample = |line: &str| {
        let sample: Value = serde_json::from_str(line).unwrap();
        Sample {
            kind: sample["type"].as_str().unwrap().to_owned(),
            name: sample["name"].as_str().unwrap().to_owned(),
            labels: sample["labels"].clone(),
            value: sample["value"].as_f64().unwrap_or(f64::INFINITY),
        }
    };
    lines.lines().map(sample).collect()
}

/// The value and the type of the one sample with that name and those labels.
#[track_caller]
fn of(samples: &[Sample], name: &str, labels: &Value) -> (f64, String) {
    let mut found = samples
        .iter()
        .filter(|sample| sample.name == name && sample.labels == *labels);
    let one = found.next().unwrap_or_else(|| panic!("no {name} {labels}"));
    assert!(found.next().is_none(), "two of {name} {labels}");
    (one.value, one.kind.clone())
}

/// A little of everything.
async fn happenings(server: &Server) {
    for _ in 0..3 {
        call(server, "quick", json!({})).await;
    }
    // Two attempts, the second of which opens the breaker; the second call is turned away.
    for _ in 0..2 {
        call(server, "fails", json!({})).await;
    }
    call(server, "quick", json!({"no": "such"})).await;
    call(server, "no_such_tool", json!({})).await;
    call(server, "large", json!({})).await;
    let slow = || call(server, "slow", json!({}));
    let answers = tokio::join!(slow(), slow(), slow());
    let answers = format!("{answers:?}");
    assert!(answers.contains("QUEUE_FULL"), "{answers}");
    call(server, "slow", json!({"seconds": 5})).await;
}

#[tokio::test]
async fn what_happened_is_what_prometheus_reads() {
    let Some(python) = tool_from(PYTHON) else {
        return;
    };
    let server = Server::start(&repository("tests/figures/gantz.yaml"));
    happenings(&server).await;
    let samples = parsed(&python, &scraped(&server).await);
    for (line, kind) in EXPECTED {
        let (name, labels, value) = sample(line);
        let found = of(&samples, name, &labels);
        assert_eq!(found, (value, kind.to_owned()), "{line}");
    }
    let slow = json!({"operation_type": "slow"});
    let waited = of(&samples, "runner_queue_wait_seconds_sum", &slow).0;
    assert!(waited > 0.1, "{waited}");
}

#[tokio::test]
async fn batches_are_counted_with_how_they_and_their_calls_ended() {
    let Some(python) = tool_from(PYTHON) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gantz.yaml");
    let tools = "server: { builtin_tools: [batch] }\n\
        tools:\n  - { name: good, description: Works, script: { shell: 'true' } }\n  \
        - { name: bad, description: Fails, script: { shell: 'exit 1' } }\n  \
        - { name: long, description: Lasts, kill_grace: 100ms, script: { shell: 'sleep 60' } }\n";
    fs::write(&config, tools).unwrap();
    let server = Server::start(&config);
    let mixed = json!({"calls": [
        {"call_id": "g", "tool_name": "good"}, {"call_id": "b", "tool_name": "bad"},
        {"tool_name": "good", "depends_on": ["b"]}, {"tool_name": "good", "depends_on": ["g"]},
    ]});
    call(&server, "batch", mixed).await;
    let late = json!({"calls": [{"tool_name": "long"}], "timeout": "200ms"});
    call(&server, "batch", late).await;
    let samples = parsed(&python, &scraped(&server).await);
    for (name, labels, value, kind) in [
        ("runner_batches_running", json!({}), 0.0, "gauge"),
        (
            "runner_batches_total",
            json!({"outcome": "complete"}),
            1.0,
            "counter",
        ),
        (
            "runner_batches_total",
            json!({"outcome": "timeout"}),
            1.0,
            "counter",
        ),
        (
            "runner_batch_calls_total",
            json!({"outcome": "succeeded"}),
            2.0,
            "counter",
        ),
        (
            "runner_batch_calls_total",
            json!({"outcome": "failed"}),
            2.0,
            "counter",
        ),
        (
            "runner_batch_calls_total",
            json!({"outcome": "skipped"}),
            1.0,
            "counter",
        ),
        (
            "runner_batch_duration_seconds_count",
            json!({}),
            2.0,
            "histogram",
        ),
        (
            "runner_batch_duration_seconds_bucket",
            json!({"le": "+Inf"}),
            2.0,
            "histogram",
        ),
    ] {
        assert_eq!(
            of(&samples, name, &labels),
            (value, kind.to_owned()),
            "{name} {labels}"
        );
    }
    let took = of(&samples, "runner_batch_duration_seconds_sum", &json!({})).0;
    assert!(took >= 0.2, "{took}");
}

/// The name, the labels and the value of a line such as `calls tool=slow,outcome=OK 3`.
fn sample(line: &str) -> (&str, Value, f64) {
    let mut words = line.split(' ');
    let name = words.next().unwrap();
    let value = words.next_back().unwrap().parse().unwrap();
    let labels = words.flat_map(|words| words.split(','));
    let labels = labels.map(|label| {
        let (name, value) = label.split_once('=').unwrap();
        let name = if name == "tool" {
            "operation_type"
        } else {
            name
        };
        (name.to_owned(), json!(value))
    });
    (name, Value::Object(labels.collect()), value)
}

/// What is read after the happenings.
const EXPECTED: [(&str, &str); 32] = [
    ("runner_spilled_bytes_total tool=large 5000", "counter"),
    ("concurrent_operations tool=slow 0", "gauge"),
    ("runner_queue_depth tool=slow 0", "gauge"),
    ("runner_max_parallel tool=slow 1", "gauge"),
    ("operation_duration_seconds_count tool=slow 3", "histogram"),
    (
        "operation_duration_seconds_bucket tool=slow,le=0.25 0",
        "histogram",
    ),
    (
        "operation_duration_seconds_bucket tool=slow,le=1.0 2",
        "histogram",
    ),
    (
        "operation_duration_seconds_bucket tool=slow,le=300.0 3",
        "histogram",
    ),
    (
        "operation_duration_seconds_bucket tool=slow,le=+Inf 3",
        "histogram",
    ),
    ("operation_duration_seconds_count tool=quick 1", "histogram"),
    ("operation_duration_seconds_count tool=fails 2", "histogram"),
    ("operation_errors_total tool=slow 1", "counter"),
    ("operation_errors_total tool=fails 2", "counter"),
    ("operation_errors_total tool=quick 0", "counter"),
    ("runner_retries_total tool=fails 1", "counter"),
    ("runner_retries_total tool=slow 0", "counter"),
    ("runner_calls_total tool=quick,outcome=OK 3", "counter"),
    (
        "runner_calls_total tool=quick,outcome=INVALID_ARGUMENTS 1",
        "counter",
    ),
    (
        "runner_calls_total tool=fails,outcome=EXIT_STATUS 1",
        "counter",
    ),
    (
        "runner_rejections_total tool=fails,code=CIRCUIT_OPEN 1",
        "counter",
    ),
    (
        "runner_rejections_total tool=slow,code=QUEUE_FULL 1",
        "counter",
    ),
    (
        "runner_rejections_total tool=quick,code=INVALID_ARGUMENTS 1",
        "counter",
    ),
    (
        "runner_cache_requests_total tool=quick,result=miss 1",
        "counter",
    ),
    (
        "runner_cache_requests_total tool=quick,result=hit 2",
        "counter",
    ),
    ("runner_kills_total tool=slow,reason=timeout 1", "counter"),
    (
        "runner_limiter_decisions_total tool=slow,decision=admitted 2",
        "counter",
    ),
    (
        "runner_limiter_decisions_total tool=slow,decision=admitted_after_waiting 1",
        "counter",
    ),
    (
        "runner_limiter_decisions_total tool=slow,decision=queue_full 1",
        "counter",
    ),
    ("runner_unknown_tool_calls_total 1", "counter"),
    (
        "runner_circuit_breaker_state circuit_breaker=partner,state=open 1",
        "gauge",
    ),
    (
        "runner_circuit_breaker_state circuit_breaker=odd\"name\"\\,state=closed 1",
        "gauge",
    ),
    (
        "runner_rate_limit_tokens rate_limit=hidden_one/concurrency 7",
        "gauge",
    ),
];

#[tokio::test]
async fn what_runs_and_waits_is_as_of_the_scrape() {
    let Some(python) = tool_from(PYTHON) else {
        return;
    };
    let server = Server::start(&repository("tests/figures/gantz.yaml"));
    let slow = || call(&server, "slow", json!({"seconds": 0.9}));
    let read = async {
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        parsed(&python, &scraped(&server).await)
    };
    let (_, _, samples) = tokio::join!(slow(), slow(), read);
    let tool = json!({"operation_type": "slow"});
    let gauge = |value: f64| (value, "gauge".to_owned());
    assert_eq!(of(&samples, "concurrent_operations", &tool), gauge(1.0));
    assert_eq!(of(&samples, "runner_queue_depth", &tool), gauge(1.0));
    let whole = of(&samples, "runner_running_calls", &json!({}));
    assert_eq!(whole, gauge(1.0));
}

/// A server of the same tools that asks for tokens.
fn guarded(folder: &std::path::Path) -> Server {
    let text = fs::read_to_string(repository("tests/figures/gantz.yaml")).unwrap();
    let auth = "server:\n  auth:\n    bearer_tokens:\n      - { name: all, token: everything }\n      - { name: some, token: a-part, tools: [quick, slow] }\n";
    let config = folder.join("gantz.yaml");
    fs::write(&config, text.replacen("server:\n", auth, 1)).unwrap();
    Server::start(&config)
}

#[tokio::test]
async fn with_tokens_on_nobody_reads_what_a_token_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let server = guarded(folder.path());
    let get = |path: &str, token: &str| {
        let request = Client::new().get(server.at(path));
        request.header(AUTHORIZATION, format!("Bearer {token}"))
    };
    for path in ["/metrics", "/status"] {
        let nobody = Client::new().get(server.at(path)).send().await.unwrap();
        assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
        assert!(nobody.headers().contains_key("www-authenticate"));
        let wrong = get(path, "wrong").send().await.unwrap();
        assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
        let text = |token: &'static str| async move {
            let response = get(path, token).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            response.text().await.unwrap()
        };
        let all = text("everything").await;
        for name in ["quick", "hidden_one", "private", "partner", "odd"] {
            assert!(all.contains(name), "{path} lacks {name}: {all}");
        }
        let part = text("a-part").await;
        assert!(part.contains("quick") && part.contains("slow"));
        for name in ["hidden_one", "fails", "private", "partner", "odd"] {
            assert!(!part.contains(name), "{path} tells {name}: {part}");
        }
    }
}

#[tokio::test]
async fn a_page_with_a_name_of_its_own_reads_nothing() {
    let server = Server::start(&repository("tests/figures/gantz.yaml"));
    for path in ["/metrics", "/status"] {
        let request = Client::new()
            .get(server.at(path))
            .header(HOST, "evil.example");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn over_stdio_the_figures_have_a_port_of_their_own() {
    let folder = repository("tests/figures");
    let mut child = command(&folder, &["serve", "--stdio", "--metrics-port", "0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let told = lines
        .find_map(|line| line.unwrap().strip_prefix("figures at ").map(str::to_owned))
        .unwrap();
    let url = told.split(' ').next().unwrap();
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    assert!(text.contains("concurrent_operations{operation_type=\"quick\"} 0\n"));
    let endpoint = url.replace("/metrics", "/mcp");
    assert_eq!(
        reqwest::get(endpoint).await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
