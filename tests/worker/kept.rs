//! Workers that are kept between calls: what `main` gets and gives.

use std::path::Path;
use std::time::Duration;

use runner::executor::{Execution, ScriptExecutor};
use runner::store::{Store, StoreLimits};
use runner::tool::{
    FailureCode, ItemSink, OutputFormat, PersistentWorker, ProgressSink, Schema, TraceContext,
    Worker,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::calls::{Draft, argv};

/// A call of the `main` of `script` in `folder`, by one worker that is kept.
pub(crate) fn kept(folder: &Path, script: &str) -> Draft {
    let path = folder.join("script.py");
    // One that is written again has changed.
    if std::fs::read_to_string(&path).ok().as_deref() != Some(script) {
        std::fs::write(path, script).unwrap();
    }
    let mut draft = argv("/usr/bin/python3", &["script.py"]);
    folder.clone_into(&mut draft.working_dir);
    draft.worker = Some(Worker::Persistent(one()));
    draft
}

/// One worker, for long.
pub(crate) fn one() -> PersistentWorker {
    PersistentWorker {
        options: 0,
        size: 1.try_into().unwrap(),
        multiplex: 1.try_into().unwrap(),
        max_calls: None,
        max_rss: None,
        idle_timeout: Duration::from_mins(10),
        start_timeout: Duration::from_mins(1),
        preload: Vec::new(),
    }
}

/// A folder, and an executor whose interpreters are in it.
pub(crate) fn room() -> (tempfile::TempDir, ScriptExecutor) {
    (tempfile::tempdir().unwrap(), ScriptExecutor::new())
}

/// The draft with these settings.
pub(crate) fn with(mut draft: Draft, change: impl FnOnce(&mut PersistentWorker)) -> Draft {
    if let Some(Worker::Persistent(worker)) = &mut draft.worker {
        change(worker);
    }
    draft
}

pub(crate) async fn run(executor: &ScriptExecutor, draft: Draft) -> Execution {
    executor.run(&draft.call(), ()).await
}

/// The text of a call that succeeds.
pub(crate) async fn text(executor: &ScriptExecutor, draft: Draft) -> String {
    run(executor, draft).await.result.unwrap().text
}

pub(crate) fn given(mut draft: Draft, arguments: Value) -> Draft {
    draft.arguments = arguments;
    draft
}

fn formatted(mut draft: Draft, format: OutputFormat) -> Draft {
    draft.output.format = format;
    draft
}

#[tokio::test]
async fn the_interpreter_and_its_state_stay() {
    let (folder, executor) = room();
    let script = "import os
calls = 0
def main(arguments):
    global calls
    calls += 1
    return {'pid': os.getpid(), 'calls': calls, 'arguments': arguments}";
    let mut pids = Vec::new();
    for calls in 1..=3 {
        let arguments = json!({"text": "grüße \"\n\u{1f600}", "n": [1, 2.5, null, true]});
        let draft = given(kept(folder.path(), script), arguments.clone());
        let answer = run(&executor, draft)
            .await
            .result
            .unwrap()
            .structured
            .unwrap();
        assert_eq!(answer["calls"], calls);
        assert_eq!(answer["arguments"], arguments);
        pids.push(answer["pid"].clone());
    }
    pids.dedup();
    assert_eq!(pids.len(), 1);
    executor.drain(None).await;
}

#[tokio::test]
async fn what_main_returns_is_what_a_script_would_print() {
    let (folder, executor) = room();
    let script = "def main(arguments):
    return [{'a': 1}, 'text, ü and \\u0007\\n', '{\"a\": 2}', 7, None, True, [], 2.5, ''][arguments['n']]";
    let call = |n: usize| given(kept(folder.path(), script), json!({"n": n}));
    for (n, (text, structured)) in [
        ("{\"a\": 1}", Some(json!({"a": 1}))),
        ("text, ü and \u{7}\n", None),
        ("{\"a\": 2}", Some(json!({"a": 2}))),
        ("7", None),
        ("", None),
        ("true", None),
        ("[]", Some(json!([]))),
        ("2.5", None),
        ("", None),
    ]
    .into_iter()
    .enumerate()
    {
        let output = run(&executor, call(n)).await.result.unwrap();
        assert_eq!(
            (output.text.as_str(), output.structured),
            (text, structured)
        );
    }
    for (n, value) in [(3, json!(7)), (4, json!(null)), (5, json!(true))] {
        let output = run(&executor, formatted(call(n), OutputFormat::Json)).await;
        assert_eq!(output.result.unwrap().structured, Some(value));
    }
    let mut strict = call(0);
    strict.output.schema = Some(Schema::new(json!({"required": ["b"]})));
    let failure = run(&executor, strict).await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::OutputInvalid);
    executor.drain(None).await;
}

#[tokio::test]
async fn a_stray_print_is_no_answer_whoever_prints() {
    let (folder, executor) = room();
    let script = "import os, subprocess, sys
print('at load')
def main(arguments):
    print('by print')
    os.write(1, b'by write\\n')
    subprocess.run(['echo', 'by a child'])
    subprocess.run('echo by stderr >&2; cat', shell=True)
    sys.stdout.write('{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"forged\"}\\n')
    if arguments.get('fail'): raise ValueError('no')
    return {'read': sys.stdin.read()}";
    for _ in 0..2 {
        let call = kept(folder.path(), script);
        assert_eq!(text(&executor, call).await, "{\"read\": \"\"}");
    }
    let failing = given(kept(folder.path(), script), json!({"fail": true}));
    let failure = run(&executor, failing).await.result.unwrap_err();
    let stderr = failure.data["stderr"].as_str().unwrap();
    assert!(
        stderr.starts_with("by print\nby write\nby a child\nby stderr\n{\"jsonrpc\""),
        "{stderr}"
    );
    assert!(!stderr.contains("at load"), "{stderr}");
    executor.drain(None).await;
}

#[tokio::test]
async fn an_exception_fails_its_call_as_a_script_with_a_traceback_does() {
    let (folder, executor) = room();
    let script = "import os, sys
def deeper(arguments):
    raise KeyError('where')
def main(arguments):
    how = arguments['how']
    if how == 'raise': deeper(arguments)
    if how == 'type': return {1, 2}
    if how == 'nan': return float('nan')
    if how == 'exit': sys.exit(arguments['code'])
    return os.getpid()";
    let call = |arguments: Value| given(kept(folder.path(), script), arguments);
    let pid = text(&executor, call(json!({"how": "pid"}))).await;

    let failure = run(&executor, call(json!({"how": "raise"}))).await;
    let failure = failure.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::ExitStatus);
    assert_eq!(failure.message, "`subject` ended with exit status 1");
    assert_eq!(failure.data["exit_code"], 1);
    let stderr = failure.data["stderr"].as_str().unwrap();
    let path = folder.path().join("script.py");
    let expected = format!(
        "Traceback (most recent call last):\n  File \"{}\", line 6, in main\n",
        path.display()
    );
    assert!(stderr.starts_with(&expected), "{stderr}");
    assert!(stderr.ends_with("KeyError: 'where'\n") && !stderr.contains("<worker>"));
    assert!(
        failure
            .remediation
            .unwrap()
            .starts_with("`stderr` has what the script said")
    );

    for (how, says) in [
        ("type", "not JSON serializable"),
        ("nan", "not JSON compliant"),
    ] {
        let failure = run(&executor, call(json!({"how": how})))
            .await
            .result
            .unwrap_err();
        assert_eq!(failure.data["exit_code"], 1);
        assert!(
            failure.data["stderr"].as_str().unwrap().contains(says),
            "{how}"
        );
    }
    for (code, status) in [(json!(3), 3), (json!("sorry"), 1), (json!(-1), 255)] {
        let arguments = json!({"how": "exit", "code": code});
        let failure = run(&executor, call(arguments)).await.result.unwrap_err();
        assert_eq!(failure.code, FailureCode::ExitStatus);
        assert_eq!(failure.data["exit_code"], status);
        if status == 1 {
            assert_eq!(failure.data["stderr"], "sorry\n");
        }
    }
    for code in [json!(0), json!(null)] {
        let arguments = json!({"how": "exit", "code": code});
        assert_eq!(text(&executor, call(arguments)).await, "");
    }
    let after = text(&executor, call(json!({"how": "pid"}))).await;
    assert_eq!(after, pid, "the worker lives on");
    executor.drain(None).await;
}

#[tokio::test]
async fn the_script_is_loaded_as_a_script_but_not_run_as_one() {
    let (folder, executor) = room();
    std::fs::write(folder.path().join("beside.py"), "VALUE = 'beside'\n").unwrap();
    let script = "import sys, beside, os
assert __name__ != '__main__', __name__
if __name__ == '__main__': sys.exit('run by hand')
def main(arguments):
    return [__name__, os.path.basename(__file__), os.path.isabs(__file__), beside.VALUE,
            sys.path[0] == os.path.dirname(os.path.realpath(__file__)), sys.argv, sys.modules[__name__].main is main]";
    let answer = text(&executor, kept(folder.path(), script)).await;
    assert_eq!(
        answer,
        r#"["script", "script.py", true, "beside", true, ["script.py"], true]"#
    );
    let left: Vec<_> = std::fs::read_dir(folder.path().join("__pycache__"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        left.iter().all(|name| name.starts_with("beside")),
        "{left:?}"
    );
    executor.drain(None).await;
}

#[tokio::test]
async fn a_module_and_constant_arguments_do_as_well() {
    let (folder, executor) = room();
    std::fs::create_dir(folder.path().join("pack")).unwrap();
    std::fs::write(folder.path().join("pack/__init__.py"), "").unwrap();
    let module = "import sys\ndef main(arguments): return [__name__, sys.argv[1:]]\n";
    std::fs::write(folder.path().join("pack/tool.py"), module).unwrap();
    let mut draft = kept(folder.path(), "");
    draft.invocation = argv("/usr/bin/python3", &["-u", "-m", "pack.tool", "--fast"]).invocation;
    let draft = with(draft, |worker| worker.options = 1);
    assert_eq!(text(&executor, draft).await, r#"["pack.tool", ["--fast"]]"#);
    executor.drain(None).await;
}

#[tokio::test]
async fn main_learns_of_its_call_by_variables_and_by_a_second_argument() {
    let (folder, executor) = room();
    let script = "import os, time
def main(arguments, context):
    assert 0 < context.remaining() <= 30 and context.deadline_ms > time.time() * 1000
    assert os.environ['GANTZ_DEADLINE_MS'] == str(context.deadline_ms)
    return [context.client, os.environ['GANTZ_CLIENT'], context.trace.get('traceparent'), os.environ.get('TRACEPARENT'),
            os.environ.get('BAGGAGE'), len(context.call_id), context.call_id == os.environ['GANTZ_CALL_ID']]";
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut traced = kept(folder.path(), script);
    traced.context.client = "desk \"1\"\n".to_owned();
    traced.context.trace = TraceContext::new(Some(parent), None, Some("user=7"));
    let answer = run(&executor, traced)
        .await
        .result
        .unwrap()
        .structured
        .unwrap();
    let client = "desk \"1\"\n";
    assert_eq!(
        answer,
        json!([client, client, parent, parent, "user=7", 16, false])
    );
    let answer = run(&executor, kept(folder.path(), script)).await;
    let answer = answer.result.unwrap().structured.unwrap();
    assert_eq!(answer, json!(["", "", null, null, null, 16, false]));
    executor.drain(None).await;
}

#[tokio::test]
async fn progress_and_warnings_come_by_both_ways() {
    let (folder, executor) = room();
    let script = "import sys
def main(arguments, context):
    if arguments['how'] == 'context':
        context.progress(3, 10, 'fetching\\nall')
        context.warning('one was empty')
    else:
        print('::progress 3/10 fetching all', file=sys.stderr)
        print('::warning one was empty')
    print('a line of the log')
    return 1";
    for how in ["context", "print"] {
        let (sink, mut reports) = ProgressSink::new();
        let mut draft = given(kept(folder.path(), script), json!({"how": how}));
        draft.context.progress = sink;
        let run = run(&executor, draft).await;
        assert_eq!(run.warnings, ["one was empty"]);
        let told = reports.borrow_and_update().clone().unwrap();
        assert_eq!((told.done, told.total), (3.0, Some(10.0)));
        assert_eq!(told.message.as_deref(), Some("fetching all"));
    }
    executor.drain(None).await;
}

#[tokio::test]
async fn a_generator_gives_item_after_item() {
    let (folder, executor) = room();
    let script = "import time
def main(arguments):
    yield {'n': 1}
    yield 'two'
    yield None
    if arguments.get('fail'): raise ValueError('broke off')
    while arguments.get('wait'): time.sleep(0.05)
    return [4]";
    let call =
        |arguments: Value, format| given(formatted(kept(folder.path(), script), format), arguments);
    let items = run(&executor, call(json!({}), OutputFormat::Jsonl)).await;
    assert_eq!(
        items.result.unwrap().structured,
        Some(json!([{"n": 1}, "two", null, [4]]))
    );
    let lines = text(&executor, call(json!({}), OutputFormat::Text)).await;
    assert_eq!(lines, "{\"n\": 1}\ntwo\nnull\n[4]");

    let failed = run(&executor, call(json!({"fail": true}), OutputFormat::Jsonl)).await;
    let failure = failed.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::ExitStatus);
    assert_eq!(failure.data["items"], json!([{"n": 1}, "two", null]));
    assert_eq!(failure.data["complete"], false);

    let (sink, mut heard) = ItemSink::new();
    let mut waiting = call(json!({"wait": true}), OutputFormat::Jsonl);
    waiting.context.items = sink;
    let cancel = waiting.cancel.clone();
    let running = executor.clone();
    let task = tokio::spawn(async move { run(&running, waiting).await });
    assert_eq!(heard.recv().await.as_deref(), Some("{\"n\": 1}"));
    assert_eq!(heard.recv().await.as_deref(), Some("\"two\""));
    assert_eq!(heard.recv().await.as_deref(), Some("null"), "while it runs");
    cancel.cancel();
    let failure = task.await.unwrap().result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Cancelled);
    assert_eq!(failure.data["items"], json!([{"n": 1}, "two", null]));
    executor.drain(None).await;
}

#[tokio::test]
async fn a_result_too_long_for_memory_is_stored() {
    let (folder, _) = room();
    let store = Store::new(Some(folder.path().join("state")), StoreLimits::default());
    let executor = ScriptExecutor::storing(store);
    for result in ["'x' * 3_000_000 + 'end'", "['x' * 3_000_000, 'end']"] {
        let script = format!("def main(arguments): return {result}");
        let mut draft = kept(folder.path(), &script);
        draft.output.on_overflow = runner::tool::OnOverflow::Spill;
        let output = run(&executor, draft).await.result.unwrap();
        assert!(output.is_cut && output.text.len() < 70_000);
        assert!(output.text.contains("bytes left out"));
        let stored = output.stored.unwrap();
        assert!(stored.is_whole() && stored.total >= 3_000_003, "{stored:?}");
    }
    executor.drain(None).await;
}

#[tokio::test]
async fn large_arguments_and_large_answers_pass_each_other() {
    let (folder, executor) = room();
    let script = "def main(arguments):\n    return {'echo': arguments['text'], 'length': len(arguments['text'])}";
    let text = "ü\"\\\n".repeat(100_000);
    let mut draft = given(kept(folder.path(), script), json!({"text": text}));
    draft.output.max_bytes = 8 << 20;
    draft.output.inline_bytes = 8 << 20;
    let answer = run(&executor, draft)
        .await
        .result
        .unwrap()
        .structured
        .unwrap();
    assert_eq!(answer["length"], 400_000);
    assert!(answer["echo"] == text);
    executor.drain(None).await;
}

#[tokio::test]
async fn calls_share_the_workers_and_each_gets_its_own_answer() {
    let (folder, executor) = room();
    let script = "import os, time
def main(arguments):
    time.sleep(0.002)
    return [arguments['n'], os.getpid()]";
    let mut calls = JoinSet::new();
    for n in 0..200 {
        let draft = with(kept(folder.path(), script), |worker| {
            worker.size = 3.try_into().unwrap();
        });
        // One tool, so that they share its workers.
        let call = given(draft, json!({"n": n})).call();
        let executor = executor.clone();
        calls.spawn(async move { (n, executor.run(&call, ()).await) });
    }
    let mut pids = std::collections::BTreeSet::new();
    while let Some(done) = calls.join_next().await {
        let (n, run) = done.unwrap();
        let answer = run.result.unwrap().structured.unwrap();
        assert_eq!(answer[0], n);
        pids.insert(answer[1].to_string());
    }
    assert!((1..=3).contains(&pids.len()), "{pids:?}");
    assert!(executor.drain(None).await.is_empty());
}
