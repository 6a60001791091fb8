//! `max_timeout`: a caller chooses how long its call may run, with the argument `timeout_seconds`.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use runner::config::{Env, LoadOptions, load_text};
use runner::runner::Runner;
use runner::tool::{CallContext, FailureCode};
use serde_json::{Value, json};
use support::calls::{call, call_as};
use support::{runner as program, texts};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const TOOLS: &str = r#"
tools:
  - name: show
    description: Shows what it was given
    timeout: 30
    max_timeout: 120
    parameters: [{ name: word, type: string }]
    script:
      shell: |
        printf '{"stdin": %s, "deadline": %s, "variable": "%s"}' "$(cat)" "$GANTZ_DEADLINE_MS" "${GANTZ_ARG_TIMEOUT_SECONDS-unset}"
      stdin: '{"word": "{{word | json}}"}'
  - name: read
    description: Reads its arguments
    max_timeout: 45.5
    script: { command: cat, args: [], stdin: json }
    parameters: [{ name: word, type: string }]
  - name: sleep
    description: Sleeps
    timeout: 60
    max_timeout: 90
    kill_grace: 100ms
    script: { shell: "echo began; exec sleep 600" }
  - name: short
    description: Needs more than it gets
    timeout: 100ms
    max_timeout: 60
    script: { shell: "sleep 0.5; echo done" }
  - name: whole
    description: Has a whole schema
    max_timeout: 120
    input_schema: { type: object, additionalProperties: false }
    script: { shell: echo done }
  - name: service
    description: Waits for a service
    max_timeout: 120
    http: { url: "URL" }
"#;

fn runner(url: &str) -> Runner {
    let options = LoadOptions {
        env: Env::from_pairs([("PATH", std::env::var("PATH").unwrap())]),
        ..LoadOptions::default()
    };
    let text = TOOLS.replace("URL", url);
    let loaded = load_text(Path::new("gantz.yaml"), text, Path::new("/"), &options);
    Runner::new(
        loaded
            .unwrap_or_else(|error| panic!("{}", error.render(false)))
            .catalog,
    )
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

#[tokio::test]
async fn the_script_gets_the_deadline_and_not_the_argument() {
    let runner = runner("http://127.0.0.1:1/");
    for (asked, seconds) in [(json!(110), 110), (json!(90.0), 90), (Value::Null, 30)] {
        let mut arguments = json!({"word": "x"});
        if !asked.is_null() {
            arguments["timeout_seconds"] = asked;
        }
        let before = now_ms();
        let outcome = call(&runner, "show", arguments).await.unwrap();
        let shown = outcome.result.unwrap().structured.unwrap();
        assert_eq!(
            (&shown["stdin"], &shown["variable"]),
            (&json!({"word": "x"}), &json!("unset"))
        );
        let deadline = shown["deadline"].as_u64().unwrap();
        let range = before + seconds * 1000..=now_ms() + seconds * 1000;
        assert!(range.contains(&deadline), "{range:?} {deadline}");
        assert_eq!(outcome.timing.timeout, Duration::from_secs(seconds));
    }
    let read = call(
        &runner,
        "read",
        json!({"timeout_seconds": 45.5, "word": "x"}),
    )
    .await
    .unwrap();
    assert_eq!(read.result.unwrap().structured, Some(json!({"word": "x"})));
}

#[tokio::test]
async fn less_ends_a_call_sooner_and_more_lets_it_finish() {
    let runner = runner("http://127.0.0.1:1/");
    let ended = call(&runner, "sleep", json!({"timeout_seconds": 0.3}))
        .await
        .unwrap();
    let failure = ended.result.unwrap_err();
    assert_eq!(
        (
            failure.code,
            &failure.data["timeout_ms"],
            &failure.data["stdout"]
        ),
        (FailureCode::Timeout, &json!(300), &json!("began\n"))
    );
    assert_eq!(
        failure.message,
        "`sleep` was ended after its timeout of 300 ms"
    );
    let short = call(&runner, "short", json!({})).await.unwrap();
    assert_eq!(short.result.unwrap_err().code, FailureCode::Timeout);
    let longer = call(&runner, "short", json!({"timeout_seconds": 60}))
        .await
        .unwrap();
    assert_eq!(longer.result.unwrap().text, "done\n");
}

#[tokio::test]
async fn what_is_no_time_or_too_much_is_refused() {
    let runner = runner("http://127.0.0.1:1/");
    for wrong in [json!(121), json!(0), json!(-1), json!("60"), json!(null)] {
        let refused = call(&runner, "show", json!({"timeout_seconds": wrong})).await;
        let failure = refused.map(|_| ()).unwrap_err();
        assert_eq!(failure.code, FailureCode::InvalidArguments, "{wrong}");
        assert_eq!(failure.data["violations"][0]["pointer"], "/timeout_seconds");
    }
    let whole = call(&runner, "whole", json!({"timeout_seconds": 5}))
        .await
        .unwrap();
    assert_eq!(whole.timing.timeout, Duration::from_secs(5));
}

#[tokio::test]
async fn a_callers_budget_is_never_loosened() {
    let runner = runner("http://127.0.0.1:1/");
    let context = CallContext {
        budget: Some(Duration::from_millis(400)),
        ..CallContext::default()
    };
    let (arguments, cancel) = (json!({"timeout_seconds": 90}), CancellationToken::new());
    let ended = call_as(&runner, "sleep", arguments, context, cancel)
        .await
        .unwrap();
    let failure = ended.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert!(
        failure.message.ends_with("all that the caller granted"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_request_is_given_up_after_the_time_that_was_asked_for() {
    // Takes connections and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let runner = runner(&format!("http://{}/", listener.local_addr().unwrap()));
    let ended = call(&runner, "service", json!({"timeout_seconds": 0.2}))
        .await
        .unwrap();
    let failure = ended.result.unwrap_err();
    assert_eq!(
        failure.message,
        "`service` was given up after its timeout of 200 ms"
    );
    assert_eq!(
        failure.remediation.unwrap(),
        "call again with `timeout_seconds` of up to 120 (it had 0.2), or ask for less in one call, such as fewer items or a narrower query"
    );
}

#[test]
fn it_is_explained_listed_and_works_in_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("gantz.yaml"),
        TOOLS.replace("URL", "http://127.0.0.1:1/"),
    )
    .unwrap();
    let (explained, _) = texts(&program(folder.path(), &["explain", "read"]));
    let line = explained
        .lines()
        .find(|line| line.contains("callers may ask for"))
        .unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(
        words.join(" "),
        "callers may ask for up to 45.5 s, with `timeout_seconds` gantz.yaml:14:5"
    );
    assert!(explained.contains("\"maximum\": 45.5"), "{explained}");
    let (listed, _) = texts(&program(folder.path(), &["list", "--format", "json"]));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["tools"][0]["limits"]["max_timeout_ms"], 120_000);
    let calls = json!({"calls": [{"tool_name": "sleep", "params": {"timeout_seconds": 0.2}}]});
    std::fs::write(folder.path().join("calls.json"), calls.to_string()).unwrap();
    let (answer, _) = texts(&program(
        folder.path(),
        &["batch", "calls.json", "--format", "json"],
    ));
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["results"][0]["error"]["data"]["timeout_ms"], 200);
}
