//! Whose it is what a kept worker prints.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::calls::{Draft, eventually};
use crate::kept::{kept, room, run, text, with};

/// Prints for the first call; dies in another.
const SCRIPT: &str = "
import asyncio, os, threading, time
def wait(name):
    while not os.path.exists(name): time.sleep(0.005)
def late():
    wait('now')
    os.write(2, b'of the first, late\\n')
    open('printed', 'w').close()
async def main(arguments):
    how = arguments['how']
    if how == 'first':
        print('of the first')
        threading.Thread(target=late, daemon=True).start()
    if how == 'wait':
        open('waits', 'w').close()
        while not os.path.exists('go'): await asyncio.sleep(0.005)
        print('of one of two')
        open('both', 'w').close()
        while not os.path.exists('alone'): await asyncio.sleep(0.005)
    if how == 'die':
        print('last words')
        os._exit(5)
    return how
";

fn call(folder: &Path, how: &str) -> Draft {
    let mut draft = with(kept(folder, SCRIPT), |worker| {
        worker.multiplex = 2.try_into().unwrap();
    });
    draft.arguments = json!({ "how": how });
    draft
}

fn exists(folder: &Path, name: &str) -> bool {
    folder.join(name).exists()
}

async fn last_words(executor: &runner::executor::ScriptExecutor, draft: Draft) -> Value {
    let failure = run(executor, draft).await.result.unwrap_err();
    assert_eq!(failure.message, "`subject` ended with exit status 5");
    failure.data["stderr"].clone()
}

#[tokio::test]
async fn what_was_printed_before_a_call_began_is_in_no_answer_of_it() {
    let (folder, executor) = room();
    assert_eq!(text(&executor, call(folder.path(), "first")).await, "first");
    fs::write(folder.path().join("now"), "").unwrap();
    eventually("it is printed", || exists(folder.path(), "printed")).await;
    let said = last_words(&executor, call(folder.path(), "die")).await;
    assert_eq!(said, "last words\n");
    executor.drain(None).await;
}

#[tokio::test]
async fn what_was_printed_while_two_ran_is_in_the_answer_of_neither() {
    let (folder, executor) = room();
    assert_eq!(text(&executor, call(folder.path(), "first")).await, "first");
    let (running, waiting) = (executor.clone(), call(folder.path(), "wait").call());
    let waiting = tokio::spawn(async move { running.run(&waiting, ()).await });
    eventually("one waits", || exists(folder.path(), "waits")).await;
    fs::remove_file(folder.path().join("waits")).unwrap();
    let (running, other) = (executor.clone(), call(folder.path(), "wait").call());
    let other = tokio::spawn(async move { running.run(&other, ()).await });
    eventually("both wait", || exists(folder.path(), "waits")).await;
    fs::write(folder.path().join("go"), "").unwrap();
    eventually("one printed", || exists(folder.path(), "both")).await;
    fs::write(folder.path().join("alone"), "").unwrap();
    for one in [waiting, other] {
        assert_eq!(one.await.unwrap().result.unwrap().text, "wait");
    }
    let said = last_words(&executor, call(folder.path(), "die")).await;
    assert_eq!(said, "last words\n");
    executor.drain(None).await;
}
