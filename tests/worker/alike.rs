//! A fork of a warm interpreter shows what a fresh one shows.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use runner::executor::ScriptExecutor;
use runner::tool::{ForkWorker, OutputFormat, Stdin, Worker};
use serde_json::{Value, json};

use crate::calls::{Draft, argv};
use crate::scripts::{CASES, Case, SIBLING};

/// What is sent to the script.
const INPUT: &str = "one line";

fn draft(python: &str, folder: &Path, case: &Case, preload: &[&str], is_forked: bool) -> Draft {
    let mut arguments = case.options.to_vec();
    arguments.extend(["script.py", "an argument", "", "ünï"]);
    let mut draft = argv(python, &arguments);
    folder.clone_into(&mut draft.working_dir);
    draft
        .environment
        .set("SOME_VALUE", "a value with = and ünï");
    draft.environment.set("HOME", "/nonexistent");
    draft.arguments = json!({"text": INPUT});
    draft.stdin = Stdin::Json;
    draft.output.max_bytes = 4 << 20;
    draft.output.inline_bytes = 4 << 20;
    draft.worker = is_forked.then(|| {
        Worker::Fork(ForkWorker {
            options: case.options.len(),
            fixed: case.options.len() + 1,
            preload: preload.iter().map(ToString::to_string).collect(),
        })
    });
    draft
}

/// Everything that can be seen of a call, but times.
async fn seen(executor: &ScriptExecutor, draft: Draft) -> BTreeMap<&'static str, Value> {
    let run = executor.run(&draft.call(), ()).await;
    let mut seen = BTreeMap::from([("warnings", json!(run.warnings))]);
    match run.result {
        Ok(output) => {
            seen.insert("stdout", json!(output.text));
        }
        Err(failure) => {
            seen.insert("message", json!(failure.message));
            for key in ["exit_code", "signal"] {
                seen.insert(key, failure.data.get(key).cloned().unwrap_or_default());
            }
            for key in ["stdout", "stderr"] {
                let text = failure
                    .data
                    .get(key)
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                seen.insert(key, json!(without_addresses(text)));
            }
        }
    }
    seen
}

/// Where something lies in memory is different in every process.
fn without_addresses(text: &str) -> String {
    let mut parts = text.split(" at 0x");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        whole.push_str(" at 0x...");
        whole.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    whole
}

/// The differences between a spawn and a fork of every case.
async fn differences(python: &str, preload: &[&str]) -> Vec<String> {
    let mut differences = Vec::new();
    for case in CASES {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("script.py"), case.text).unwrap();
        fs::write(folder.path().join("sibling.py"), SIBLING).unwrap();
        // Compiled once, so that both find it compiled.
        let executor = ScriptExecutor::new();
        // As text it shows standard output; as JSON, which it is not, standard error.
        for format in [OutputFormat::Text, OutputFormat::Json] {
            let mut both = Vec::new();
            for is_forked in [false, true] {
                let mut draft = draft(python, folder.path(), case, preload, is_forked);
                draft.output.format = format;
                both.push(seen(&executor, draft).await);
            }
            if both[0] != both[1] {
                differences.push(format!(
                    "{} ({format:?}):\n  spawned {:?}\n  forked  {:?}",
                    case.name, both[0], both[1]
                ));
            }
        }
        executor.drain(None).await;
    }
    differences
}

#[tokio::test]
async fn every_script_does_the_same() {
    let found = differences("/usr/bin/python3", &[]).await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn with_modules_loaded_beforehand_too() {
    let preload = [
        "json",
        "logging",
        "asyncio",
        "subprocess",
        "multiprocessing.pool",
        "concurrent.futures",
    ];
    let found = differences("/usr/bin/python3", &preload).await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Every other version that is installed beside the usual one; none is no failure.
#[tokio::test]
#[ignore = "for machines with many versions: name them in RUNNER_TEST_PYTHONS, with colons between"]
async fn in_every_version() {
    let versions = std::env::var("RUNNER_TEST_PYTHONS").unwrap_or_default();
    let mut found = Vec::new();
    for python in versions.split(':').filter(|path| !path.is_empty()) {
        let differences = differences(python, &["json"]).await;
        found.extend(differences.into_iter().map(|one| format!("{python} {one}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
