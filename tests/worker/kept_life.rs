//! How long kept workers live, what they are replaced for, and what happens when they cannot be started.

use std::fs;
use std::path::Path;
use std::time::Duration;

use runner::executor::{ScriptExecutor, WarmLoad};
use runner::tool::FailureCode;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::calls::{Draft, eventually};
use crate::kept::{kept, room, run, text, with};

const PID: &str = "import os\ndef main(arguments): return os.getpid()\n";

fn load(executor: &ScriptExecutor) -> WarmLoad {
    executor.warm_loads().remove(0)
}

fn ends(executor: &ScriptExecutor, why: &str) -> u64 {
    let ends = load(executor).ends;
    ends.iter()
        .find(|(word, _)| *word == why)
        .map_or(0, |(_, count)| *count)
}

/// Calls until the text is another than `before`; no call fails meanwhile.
async fn until_another(
    executor: &ScriptExecutor,
    before: &str,
    draft: impl Fn() -> Draft,
) -> String {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let now = text(executor, draft()).await;
        if now != before {
            return now;
        }
        assert!(Instant::now() < deadline, "it stays as it was");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn after_max_calls_another_comes_and_no_call_waits_for_it() {
    let (folder, executor) = room();
    let draft = || {
        with(kept(folder.path(), PID), |worker| {
            worker.max_calls = Some(5.try_into().unwrap());
        })
    };
    let first = text(&executor, draft()).await;
    for _ in 1..5 {
        assert_eq!(text(&executor, draft()).await, first);
    }
    until_another(&executor, &first, draft).await;
    eventually("the first is gone", || {
        !Path::new(&format!("/proc/{first}/exe")).exists()
    })
    .await;
    eventually("that is counted", || ends(&executor, "max_calls") >= 1).await;
    executor.drain(None).await;
    assert_eq!(load(&executor).living, 0);
}

#[tokio::test]
async fn one_that_has_grown_is_replaced() {
    let (folder, executor) = room();
    let script = "import os
kept = []
def main(arguments):
    kept.append(bytearray(b'x' * arguments['grow']))
    return os.getpid()";
    let draft = |grow: u32| {
        let mut draft = with(kept(folder.path(), script), |worker| {
            worker.max_rss = Some(100 << 20);
        });
        draft.arguments = json!({ "grow": grow });
        draft
    };
    let first = text(&executor, draft(1)).await;
    assert_eq!(text(&executor, draft(1)).await, first);
    assert_eq!(
        text(&executor, draft(200 << 20)).await,
        first,
        "it ends no call"
    );
    // It is not looked at more often than twenty times a second.
    until_another(&executor, &first, || draft(1)).await;
    eventually("that is counted", || ends(&executor, "max_rss") == 1).await;
    executor.drain(None).await;
}

#[tokio::test]
async fn one_without_calls_ends_and_the_next_call_starts_another() {
    let (folder, executor) = room();
    let draft = || {
        with(kept(folder.path(), PID), |worker| {
            worker.idle_timeout = Duration::from_millis(300);
        })
    };
    let first = text(&executor, draft()).await;
    eventually("it ends", || load(&executor).living == 0).await;
    assert_eq!(ends(&executor, "idle"), 1);
    assert_ne!(text(&executor, draft()).await, first);
    executor.drain(None).await;
}

/// However long the call before took.
#[tokio::test]
async fn one_that_was_busy_for_long_ends_when_it_has_been_idle() {
    let (folder, executor) = room();
    let script = "import time\ndef main(arguments): time.sleep(arguments['seconds'])\n";
    let draft = |seconds: f32| {
        let mut draft = with(kept(folder.path(), script), |worker| {
            worker.idle_timeout = Duration::from_millis(300);
        });
        draft.arguments = json!({ "seconds": seconds });
        draft.timeout(Duration::from_mins(10))
    };
    text(&executor, draft(0.0)).await;
    text(&executor, draft(1.0)).await;
    eventually("it ends", || load(&executor).living == 0).await;
    assert_eq!(ends(&executor, "idle"), 1);
    executor.drain(None).await;
}

#[tokio::test]
async fn a_changed_file_starts_another() {
    let (folder, executor) = room();
    let own = |value: u32| format!("VALUE = {value}\n# {}\n", "x".repeat(value as usize));
    fs::write(folder.path().join("own.py"), own(1)).unwrap();
    let script = "import own\ndef main(arguments): return [own.VALUE, 1]\n";
    let draft = || kept(folder.path(), script);
    assert_eq!(text(&executor, draft()).await, "[1, 1]");
    fs::write(folder.path().join("own.py"), own(20)).unwrap();
    assert_eq!(until_another(&executor, "[1, 1]", draft).await, "[20, 1]");
    let draft = || {
        kept(
            folder.path(),
            "import own\ndef main(arguments): return [own.VALUE, 'changed']\n",
        )
    };
    let now = until_another(&executor, "[20, 1]", draft).await;
    assert_eq!(now, "[20, \"changed\"]");
    eventually("both are counted", || ends(&executor, "changed") == 2).await;
    executor.drain(None).await;
}

/// As with the file of the tools: what was there before stays, and says so.
#[tokio::test]
async fn a_changed_file_that_does_not_load_leaves_the_one_before_it() {
    let (folder, executor) = room();
    assert!(
        text(&executor, kept(folder.path(), PID))
            .await
            .parse::<u32>()
            .is_ok()
    );
    let broken = "import not_there\ndef main(arguments): return 'new'\n";
    let deadline = Instant::now() + Duration::from_mins(1);
    let warning = loop {
        let mut run = run(&executor, kept(folder.path(), broken)).await;
        assert!(run.result.unwrap().text.parse::<u32>().is_ok());
        if let Some(warning) = run.warnings.pop() {
            break warning;
        }
        assert!(Instant::now() < deadline);
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(
        warning,
        "a file of the script has changed and does not load, so the one before it answered: \
         its worker failed: ModuleNotFoundError: No module named 'not_there'"
    );
    fs::write(folder.path().join("not_there.py"), "").unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while text(&executor, kept(folder.path(), broken)).await != "new" {
        assert!(Instant::now() < deadline);
        sleep(Duration::from_millis(50)).await;
    }
    executor.drain(None).await;
}

#[tokio::test]
async fn a_script_that_cannot_be_a_worker_says_why() {
    for (script, message, stderr) in [
        (
            "import not_there\n",
            "its worker failed: ModuleNotFoundError: No module named 'not_there'",
            "line 1, in <module>\n    import not_there\nModuleNotFoundError",
        ),
        (
            "def man(arguments): pass\n",
            "its worker failed: `script.py` defines no `main`: a worker calls `main(arguments)`",
            "",
        ),
        (
            "def main(): pass\n",
            "its worker failed: `main` of `script.py` must take one argument: the arguments, as a dict",
            "",
        ),
        (
            "print('before')\nimport sys\nsys.exit('never mind')\n",
            "its worker failed: SystemExit: never mind",
            "before\n",
        ),
        (
            "import os\nos.write(2, b'last words\\n')\nos._exit(3)\n",
            "its worker failed: it ended early: last words",
            "last words\n",
        ),
        (
            "def main(:\n",
            "its worker failed: SyntaxError: invalid syntax",
            "script.py\", line 1",
        ),
    ] {
        let (folder, executor) = room();
        let failure = run(&executor, kept(folder.path(), script))
            .await
            .result
            .unwrap_err();
        assert_eq!(failure.code, FailureCode::SpawnFailed);
        assert_eq!(
            failure.message,
            format!("`subject` could not start `/usr/bin/python3`: {message}")
        );
        let said = failure.data.get("stderr").and_then(|said| said.as_str());
        assert!(said.unwrap_or_default().contains(stderr), "{said:?}");
        assert!(!said.unwrap_or_default().contains("<worker>"), "{said:?}");
        assert_eq!(
            failure.remediation.unwrap(),
            "see that the script loads and defines `main(arguments)`: `stderr` has what it said"
        );
        executor.drain(None).await;
    }
}

#[tokio::test]
async fn multiplex_needs_async() {
    let (folder, executor) = room();
    let draft = with(kept(folder.path(), PID), |worker| {
        worker.multiplex = 2.try_into().unwrap();
    });
    let failure = run(&executor, draft).await.result.unwrap_err();
    assert!(
        failure
            .message
            .ends_with("its worker failed: `multiplex` needs `async def main` in `script.py`"),
        "{}",
        failure.message
    );
    executor.drain(None).await;
}

/// One that fails is left alone for a second: calls are refused at once, without a start of theirs.
#[tokio::test]
async fn one_that_fails_to_start_is_left_alone_for_a_while() {
    let (folder, executor) = room();
    let script = "open('starts', 'a').write('x')\nraise ValueError('not yet')\n";
    let starts = || {
        fs::read_to_string(folder.path().join("starts"))
            .unwrap_or_default()
            .len()
    };
    let began = Instant::now();
    let mut calls = 0;
    while calls < 50 {
        calls += 1;
        let failure = run(&executor, kept(folder.path(), script))
            .await
            .result
            .unwrap_err();
        assert_eq!(failure.code, FailureCode::SpawnFailed);
    }
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap();
    assert!(
        starts() <= 2 + seconds,
        "{} starts in {seconds} s",
        starts()
    );
    executor.drain(None).await;
}

#[tokio::test]
async fn one_that_takes_too_long_to_load_is_given_up() {
    let (folder, executor) = room();
    let script = "import time\ntime.sleep(3600)\n";
    let draft = with(kept(folder.path(), script), |worker| {
        worker.start_timeout = Duration::from_millis(300);
    });
    let failure = run(&executor, draft).await.result.unwrap_err();
    assert!(
        failure
            .message
            .ends_with("its worker failed: not ready within 300 ms"),
        "{}",
        failure.message
    );
    // The time of the call itself may be over before that.
    let draft = kept(folder.path(), script).timeout(Duration::from_millis(300));
    let failure = run(&executor, draft).await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    executor.drain(None).await;
    assert!(executor.running().is_empty());
}

#[tokio::test]
async fn what_is_counted_is_what_happened() {
    let (folder, executor) = room();
    for _ in 0..3 {
        text(&executor, kept(folder.path(), PID)).await;
    }
    let now = load(&executor);
    assert_eq!(
        (now.tool.as_str(), now.living, now.starts, now.calls),
        ("subject", 1, 1, 3)
    );
    assert_eq!(now.ends, []);
    executor.drain(None).await;
    let now = load(&executor);
    assert_eq!((now.living, now.ends), (0, vec![("shutdown", 1)]));
}
