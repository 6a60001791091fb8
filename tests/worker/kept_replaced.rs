//! Kept workers that are replaced while others load, or while calls come faster than that.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use runner::executor::ScriptExecutor;
use tokio::time::{Instant, sleep};

use crate::calls::{Draft, argv, eventually};
use crate::kept::{kept, one, room, run, text, with};

/// A call of `script.py` as it is by now.
fn as_it_is(folder: &Path) -> Draft {
    let mut draft = argv("/usr/bin/python3", &["script.py"]);
    folder.clone_into(&mut draft.working_dir);
    draft.worker = Some(runner::tool::Worker::Persistent(one()));
    draft.timeout(Duration::from_mins(1))
}

/// Loads no further than to a place where the test can change a file.
const WAITS: &str = "
import os, time
open('loading', 'w').close()
while not os.path.exists('go'): time.sleep(0.005)
";

/// Has `file` changed to `text` while the script loads, which then answers with `old`, and waits for `new`.
async fn changed_meanwhile(folder: &Path, executor: &ScriptExecutor, file: &str, text_: &str) {
    let first = as_it_is(folder).call();
    let running = executor.clone();
    let first = tokio::spawn(async move { running.run(&first, ()).await });
    eventually("it loads", || folder.join("loading").exists()).await;
    // The clock of the file system has gone on as well.
    sleep(Duration::from_millis(30)).await;
    fs::write(folder.join(file), text_).unwrap();
    fs::write(folder.join("go"), "").unwrap();
    assert_eq!(first.await.unwrap().result.unwrap().text, "old");
    let deadline = Instant::now() + Duration::from_secs(20);
    while text(executor, as_it_is(folder)).await != "new" {
        assert!(Instant::now() < deadline, "it stays as it was");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_script_that_changes_while_it_loads_is_loaded_again() {
    let (folder, executor) = room();
    let script = |answer: &str| format!("{WAITS}\ndef main(arguments): return '{answer}'\n");
    fs::write(folder.path().join("script.py"), script("old")).unwrap();
    changed_meanwhile(folder.path(), &executor, "script.py", &script("new")).await;
    executor.drain(None).await;
}

#[tokio::test]
async fn a_module_that_changes_while_the_script_loads_is_loaded_again() {
    let (folder, executor) = room();
    let script = format!("import own\n{WAITS}\ndef main(arguments): return own.ANSWER\n");
    fs::write(folder.path().join("script.py"), script).unwrap();
    fs::write(folder.path().join("own.py"), "ANSWER = 'old'\n").unwrap();
    changed_meanwhile(
        folder.path(),
        &executor,
        "own.py",
        "ANSWER = 'new'  # of another length: Python looks at no more than seconds\n",
    )
    .await;
    executor.drain(None).await;
}

/// Else it would be started again and again.
#[tokio::test]
async fn a_script_that_writes_its_own_modules_comes_to_rest() {
    let (folder, executor) = room();
    let script = "import time
open('starts', 'a').write('x')
open('made.py', 'w').write('ANSWER = %r' % time.time())
import made
def main(arguments): return 1
";
    fs::write(folder.path().join("script.py"), script).unwrap();
    text(&executor, as_it_is(folder.path())).await;
    let starts = || {
        fs::read_to_string(folder.path().join("starts"))
            .unwrap()
            .len()
    };
    let mut before = (0, Instant::now());
    let deadline = Instant::now() + Duration::from_mins(1);
    // Looked at four times a second.
    while before.1.elapsed() < Duration::from_secs(3) {
        assert!(Instant::now() < deadline, "{} starts", starts());
        if starts() != before.0 {
            before = (starts(), Instant::now());
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert!(before.0 <= 6, "{} starts", before.0);
    executor.drain(None).await;
}

const PID: &str = "import os\ndef main(arguments): return os.getpid()\n";

/// Where calls come faster than a worker starts, they wait for it then.
#[tokio::test]
async fn none_answers_more_than_twice_its_calls() {
    let (folder, executor) = room();
    for most in [1, 7] {
        let draft = || {
            with(kept(folder.path(), PID), |worker| {
                worker.max_calls = Some(most.try_into().unwrap());
            })
        };
        let mut answered: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..40 {
            *answered.entry(text(&executor, draft()).await).or_default() += 1;
        }
        assert!(
            answered.values().all(|calls| *calls <= 2 * most),
            "{answered:?}"
        );
    }
    executor.drain(None).await;
}

/// Better one that is worn than none.
#[tokio::test]
async fn one_whose_successor_does_not_load_answers_on() {
    let (folder, executor) = room();
    let script = "import os
if os.path.exists('once'): raise ValueError('loads once')
open('once', 'w').close()
def main(arguments): return os.getpid()
";
    let draft = || {
        with(kept(folder.path(), script), |worker| {
            worker.max_calls = Some(1.try_into().unwrap());
        })
    };
    let first = text(&executor, draft()).await;
    for _ in 0..10 {
        let run = run(&executor, draft()).await;
        assert_eq!(run.result.unwrap().text, first);
    }
    executor.drain(None).await;
}
