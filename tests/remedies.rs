//! What a model reads when a call fails, word for word: what happened, and what it can do.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::path::Path;
use std::time::Duration;

use runner::config::{Env, LoadOptions, load_text};
use runner::runner::Runner;
use runner::tool::{CallContext, Failure, FailureCode};
use serde_json::{Value, json};
use support::calls::{call, call_as};
use tokio_util::sync::CancellationToken;

const TOOLS: &str = r#"
server: { builtin_tools: [batch] }
timeouts: { both: { read: 60s, total: 300ms } }
circuit_breakers: { fragile: { failure_threshold: 1, recovery_timeout: 1h } }
tools:
  - name: arguments
    description: Takes a number
    max_timeout: 120
    parameters: [{ name: count, type: integer, required: true }]
    script: { command: echo, args: ["{{count}}"] }
  - name: slow
    description: Takes long
    timeout: 200ms
    kill_grace: 100ms
    script: { shell: "echo began; sleep 60" }
  - name: choosing
    description: Takes as long as the caller lets it
    timeout: 200ms
    max_timeout: 500ms
    kill_grace: 100ms
    script: { shell: "echo began; sleep 60" }
  - name: of_class
    description: Has a bound for all attempts
    timeout: both
    kill_grace: 100ms
    retry: { max_attempts: 2, initial_delay: 10ms }
    script: { shell: "sleep 60" }
  - name: said_why
    description: Fails with a reason
    script: { shell: "echo why >&2; exit 3" }
  - name: said_nothing
    description: Fails without a reason
    script: { shell: "exit 3" }
  - name: said_on_stdout
    description: Fails and says why where results go
    script: { shell: "echo why; exit 3" }
  - name: gave_items
    description: Fails after some items
    script: { shell: "echo 1; echo 2; exit 3" }
    output: { format: jsonl }
  - name: not_found
    description: Calls a program there is not
    script: { shell: "no-such-program-anywhere" }
  - name: short_of_memory
    description: Is killed
    script: { shell: "kill -9 $$" }
  - name: crashed
    description: Crashes
    script: { shell: "kill -SEGV $$" }
  - name: hung_up
    description: Is ended by somebody
    script: { shell: "kill -USR1 $$" }
  - name: no_json
    description: Promises JSON
    script: { shell: echo nope }
    output: { format: json }
  - name: too_much
    description: Prints more than it may
    script: { shell: "yes | head -c 5000" }
    output: { max_bytes: 1KiB, inline_bytes: 1KiB, on_overflow: error }
  - name: gone
    description: Calls a service that is not there
    http: { url: "http://127.0.0.1:1/" }
  - name: guarded
    description: Has a breaker
    circuit_breaker: fragile
    script: { shell: "exit 1" }
  - name: narrow
    description: One at a time, and none may wait
    concurrency: { max_parallel: 1, queue_size: 1 }
    script: { shell: "sleep 60" }
  - name: paced
    description: Once an hour
    rate_limit: { requests_per_minute: 0.0166666666666, burst: 1, on_limit: reject }
    script: { shell: "true" }
"#;

fn runner() -> Runner {
    let options = LoadOptions {
        env: Env::from_pairs([("PATH", std::env::var("PATH").unwrap())]),
        ..LoadOptions::default()
    };
    let loaded = load_text(Path::new("gantz.yaml"), TOOLS, Path::new("/"), &options);
    Runner::new(
        loaded
            .unwrap_or_else(|error| panic!("{}", error.render(false)))
            .catalog,
    )
}

async fn failure(runner: &Runner, tool: &str, arguments: Value) -> Failure {
    match call(runner, tool, arguments).await {
        Ok(outcome) => outcome.result.unwrap_err(),
        Err(refused) => refused,
    }
}

const LESS: &str = "ask for less in one call, such as fewer items or a narrower query";

/// Calls each, and holds its code and its advice against what is expected.
async fn expect_advice(expected: &[(&str, Value, &str, &str)]) {
    let runner = runner();
    for (tool, arguments, code, remediation) in expected {
        let failure = failure(&runner, tool, arguments.clone()).await;
        let said = (failure.code.code(), failure.remediation.as_deref());
        assert_eq!(
            said,
            (*code, Some(*remediation)),
            "{tool}: {}",
            failure.message
        );
    }
}

#[tokio::test]
async fn what_was_asked_wrongly_or_took_too_long_says_what_to_do() {
    let raise = format!("{LESS}, or raise `timeout` of tool `slow` in the file (now 200 ms)");
    let choose = format!("call again with `timeout_seconds` of up to 0.5 (it had 0.2), or {LESS}");
    let chosen = format!("{LESS}: `choosing` had all of its `max_timeout` of 500 ms");
    let total = format!("{LESS}, or raise `total` of the tool's class under `timeouts`");
    expect_advice(&[
        (
            "argument",
            json!({}),
            "UNKNOWN_TOOL",
            "did you mean `arguments`?",
        ),
        (
            "nothing_like_it",
            json!({}),
            "UNKNOWN_TOOL",
            "list the tools for the names there are",
        ),
        (
            "arguments",
            json!({"count": "x"}),
            "INVALID_ARGUMENTS",
            "`arguments` takes `count` (integer), `timeout_seconds` (number up to 120, optional)",
        ),
        ("slow", json!({}), "TIMEOUT", raise.as_str()),
        ("choosing", json!({}), "TIMEOUT", choose.as_str()),
        (
            "choosing",
            json!({"timeout_seconds": 0.5}),
            "TIMEOUT",
            chosen.as_str(),
        ),
        ("of_class", json!({}), "TIMEOUT", total.as_str()),
    ])
    .await;
}

#[tokio::test]
async fn what_failed_says_what_to_do() {
    let large = format!("{LESS}, or raise `output.max_bytes`");
    expect_advice(&[
        (
            "said_why",
            json!({}),
            "EXIT_STATUS",
            "`stderr` has what the script said about it: where it names the arguments, mend them and call again",
        ),
        (
            "said_nothing",
            json!({}),
            "EXIT_STATUS",
            "it printed nothing at all: look at the script for what ends it so, and let it say why on standard error",
        ),
        (
            "said_on_stdout",
            json!({}),
            "EXIT_STATUS",
            "`stdout` has what the script printed; it said nothing on standard error",
        ),
        (
            "gave_items",
            json!({}),
            "EXIT_STATUS",
            "`items` has what the script printed; it said nothing on standard error",
        ),
        (
            "not_found",
            json!({}),
            "EXIT_STATUS",
            "a program the script calls was not found: see `stderr`, and the `PATH` the tool is given",
        ),
        (
            "short_of_memory",
            json!({}),
            "KILLED_BY_SIGNAL",
            "memory may be short: ask for less in one call, or give the machine more of it",
        ),
        (
            "crashed",
            json!({}),
            "KILLED_BY_SIGNAL",
            "the program crashed: `stderr` may say where; call again with other arguments",
        ),
        (
            "hung_up",
            json!({}),
            "KILLED_BY_SIGNAL",
            "the runner did not send it: look for what ends processes on the machine, such as too little memory",
        ),
        (
            "no_json",
            json!({}),
            "OUTPUT_INVALID",
            "the script must print one JSON value on standard output and anything else to standard error",
        ),
        ("too_much", json!({}), "OUTPUT_TOO_LARGE", large.as_str()),
        (
            "gone",
            json!({}),
            "HTTP_ERROR",
            "the service may be down, or the URL or the proxy variables wrong: try again later",
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_refused_says_when_to_come_back() {
    let runner = runner();
    assert_eq!(
        failure(&runner, "guarded", json!({})).await.code,
        FailureCode::ExitStatus
    );
    let open = failure(&runner, "guarded", json!({})).await;
    assert_eq!(open.code, FailureCode::CircuitOpen);
    assert_eq!(
        open.remediation.unwrap(),
        "call again in 3600 s: until then nothing that `fragile` guards is called"
    );
    let first = call(&runner, "paced", json!({})).await;
    assert!(first.unwrap().result.is_ok());
    let paced = failure(&runner, "paced", json!({})).await;
    assert_eq!(paced.code, FailureCode::RateLimited);
    let remediation = paced.remediation.unwrap();
    assert!(remediation.starts_with("call again in 3"), "{remediation}");
    assert!(
        remediation.ends_with(" s, with fewer calls at once; many calls sent as one `batch` wait for room by themselves"),
        "{remediation}"
    );
}

#[tokio::test]
async fn a_full_queue_and_a_caller_in_a_hurry_are_told_what_helps() {
    let runner = runner();
    let cancel = CancellationToken::new();
    let waiting = || {
        let context = CallContext::default();
        call_as(&runner, "narrow", json!({}), context, cancel.clone())
    };
    let refused = async {
        while runner.load().tools.iter().all(|tool| tool.waiting == 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let full = failure(&runner, "narrow", json!({})).await;
        cancel.cancel();
        full
    };
    let (one, other, full) = tokio::join!(waiting(), waiting(), refused);
    assert_eq!(full.code, FailureCode::QueueFull);
    let remediation = full.remediation.unwrap();
    assert!(remediation.starts_with("call again in "), "{remediation}");
    assert!(remediation.ends_with("; many calls sent as one `batch` wait for room by themselves"));
    let mut ends: Vec<String> = [one, other]
        .map(|ended| ended.unwrap().result.unwrap_err().remediation.unwrap())
        .into();
    ends.sort();
    assert_eq!(
        ends,
        [
            "call again if the answer is still wanted",
            "it had printed nothing until then; call again if the answer is still wanted"
        ]
    );
    let hurried = CallContext {
        budget: Some(Duration::from_millis(100)),
        ..CallContext::default()
    };
    let cancel = CancellationToken::new();
    let late = call_as(&runner, "choosing", json!({}), hurried, cancel).await;
    assert_eq!(
        late.unwrap().result.unwrap_err().remediation.unwrap(),
        format!("grant more time (`timeout_ms`; the tool itself may run 200 ms), or {LESS}")
    );
    runner.drain().await;
    let stopping = failure(&runner, "said_why", json!({})).await;
    assert_eq!(
        (stopping.code, stopping.remediation.as_deref()),
        (
            FailureCode::ShuttingDown,
            Some("call again once the runner is back")
        )
    );
}

#[test]
fn no_failure_is_without_a_remedy() {
    for code in FailureCode::ALL {
        let remediation = Failure::new(code, "it failed").remediation.unwrap();
        assert_eq!(remediation, code.remedy());
        assert!(remediation.len() > 20, "{}: {remediation}", code.code());
        assert_eq!(FailureCode::parse(code.code()), Some(code));
    }
}
