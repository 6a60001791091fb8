//! Kept workers whose scripts get hold of what is not theirs.

use std::path::Path;
use std::time::Duration;

use runner::tool::FailureCode;
use serde_json::json;

use crate::calls::Draft;
use crate::kept::{kept, room, run, text};

/// Writes to every descriptor it finds: one of them is the way to the runner.
const FORGER: &str = r#"
import os, signal, sys, time
def everywhere(data):
    for descriptor in range(3, 64):
        try: os.write(descriptor, data)
        except OSError: pass
def answer(number, result='"forged"'):
    return b'{"jsonrpc":"2.0","id":%d,"result":%s}\n' % (number, result.encode())
def said(number):
    return b'{"jsonrpc":"2.0","method":"log","params":{"id":%d,"text":"::warning late\\n"}}\n' % number
def yielded(number, item):
    return b'{"jsonrpc":"2.0","method":"item","params":{"id":%d,"item":%s}}\n' % (number, item)
def main(arguments):
    exec(arguments.get('do', ''))
    return os.getpid()
"#;

fn told(folder: &Path, what: &str) -> Draft {
    let mut draft = kept(folder, FORGER);
    draft.arguments = json!({ "do": what });
    draft
}

#[tokio::test]
async fn nonsense_ends_the_worker_and_fails_the_call() {
    let no_sense = "`subject` gave no answer that makes sense, and its worker was ended: ";
    for (what, says) in [
        (
            "everywhere(b'garbage\\n'); time.sleep(3600)",
            "`garbage` is no answer",
        ),
        ("everywhere(b'\\n'); time.sleep(3600)", "`` is no answer"),
        (
            "everywhere(answer(4711)); time.sleep(3600)",
            "there is no call number 4711",
        ),
        (
            "everywhere(answer(2, '1')[:-3] + b'\\n'); time.sleep(3600)",
            "an answer is not whole",
        ),
        (
            "everywhere(answer(2, '{\"a\": {\"b\": }}')); time.sleep(3600)",
            "an answer is not whole",
        ),
        (
            "everywhere(answer(2, '[1, 2]]')); time.sleep(3600)",
            "an answer is not whole",
        ),
        (
            "everywhere(answer(1)); time.sleep(3600)",
            "there is no call number 1",
        ),
        (
            "everywhere(said(3)); time.sleep(3600)",
            "there is no call number 3",
        ),
        (
            "everywhere(b'x' * 100_000); time.sleep(3600)",
            "is no answer",
        ),
    ] {
        let (folder, executor) = room();
        let before = text(&executor, told(folder.path(), "")).await;
        let failure = run(&executor, told(folder.path(), what)).await;
        let failure = failure.result.unwrap_err();
        assert_eq!(failure.code, FailureCode::OutputInvalid, "{what}");
        assert!(
            failure.message.starts_with(no_sense) && failure.message.ends_with(says),
            "{what}: {}",
            failure.message
        );
        assert_ne!(text(&executor, told(folder.path(), "")).await, before);
        executor.drain(None).await;
    }
}

/// A thread of the first call may have begun to speak of it when it ended.
#[tokio::test]
async fn what_is_said_of_a_call_that_has_ended_is_not_heard() {
    let (folder, executor) = room();
    let before = text(&executor, told(folder.path(), "")).await;
    let what =
        "everywhere(said(1) + yielded(1, b'[1]') + yielded(1, b'\"a\"') + yielded(1, b'null'))";
    let second = run(&executor, told(folder.path(), what)).await;
    assert_eq!(second.result.unwrap().text, before);
    assert!(second.warnings.is_empty(), "{:?}", second.warnings);
    // Its own answer is what it can still spoil.
    let what = "everywhere(answer(3) + said(3) + yielded(3, b'1'))";
    assert_eq!(text(&executor, told(folder.path(), what)).await, "forged");
    executor.drain(None).await;
}

/// The first answer counts, and who gives a second is not trusted with another call.
#[tokio::test]
async fn an_answer_given_twice_ends_the_worker() {
    let (folder, executor) = room();
    let before = text(&executor, told(folder.path(), "")).await;
    let forged = text(
        &executor,
        told(folder.path(), "everywhere(answer(2) + answer(2))"),
    )
    .await;
    assert_eq!(forged, "forged");
    assert_ne!(text(&executor, told(folder.path(), "")).await, before);
    executor.drain(None).await;
}

#[tokio::test]
async fn one_that_closes_the_way_is_ended() {
    let (folder, executor) = room();
    let what = "os.closerange(3, 256); time.sleep(3600)";
    let failure = run(&executor, told(folder.path(), what))
        .await
        .result
        .unwrap_err();
    assert_eq!(failure.code, FailureCode::OutputInvalid);
    assert_eq!(
        failure.message,
        "`subject` gave no answer: its worker closed the way to the runner, and was ended"
    );
    assert!(run(&executor, told(folder.path(), "")).await.result.is_ok());
    executor.drain(None).await;
}

/// What a script forks shares the descriptors, and must not hold up the end.
#[tokio::test]
async fn a_fork_that_outlives_its_worker_holds_nobody_up() {
    let (folder, executor) = room();
    let what = "
if os.fork() == 0: time.sleep(3600)
os._exit(3)";
    let failure = run(&executor, told(folder.path(), what))
        .await
        .result
        .unwrap_err();
    assert_eq!(failure.message, "`subject` ended with exit status 3");
    executor.drain(None).await;
}

#[tokio::test]
async fn one_that_stops_itself_is_ended_in_time() {
    let (folder, executor) = room();
    let what = "os.kill(os.getpid(), signal.SIGSTOP)";
    text(&executor, told(folder.path(), "")).await;
    let draft = told(folder.path(), what).timeout(Duration::from_millis(500));
    let failure = run(&executor, draft).await.result.unwrap_err();
    assert_eq!(
        (failure.code, &failure.data["signal"]),
        (FailureCode::Timeout, &json!(15))
    );
    executor.drain(None).await;
}

/// A line without an end is an output that is too long: it is drained, bounded, until the time is up.
#[tokio::test]
async fn an_endless_answer_ends_with_the_time() {
    let (folder, executor) = room();
    let what = "
everywhere(answer(2)[:-4])
while True: everywhere(b'x' * 65536)";
    text(&executor, told(folder.path(), "")).await;
    let draft = told(folder.path(), what).timeout(Duration::from_secs(1));
    let failure = run(&executor, draft).await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert!(
        failure.data["stdout"]
            .as_str()
            .unwrap()
            .contains("bytes left out")
    );
    executor.drain(None).await;
}

#[tokio::test]
async fn endless_words_on_standard_error_hold_up_no_end() {
    let (folder, executor) = room();
    let what = "
while True: os.write(2, b'x' * 65536)";
    text(&executor, told(folder.path(), "")).await;
    let draft = told(folder.path(), what).timeout(Duration::from_secs(1));
    let failure = run(&executor, draft).await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    executor.drain(None).await;
}
