//! Forks of kept workers, which are no workers.

use std::fs;

use runner::tool::OutputFormat;

use crate::kept::{kept, room, run};

/// A fork that comes to the end of `main` writes into no file that has the number of what it was answered by, and ends.
#[tokio::test]
async fn a_fork_that_returns_ends_and_says_nothing() {
    for (kind, gives) in [
        ("def", "return"),
        ("def", "yield"),
        ("async def", "return"),
        ("async def", "yield"),
    ] {
        let (folder, executor) = room();
        let script = format!(
            "import os, sys
{kind} main(arguments):
    pid = os.fork()
    if pid == 0:
        sys.kept = [open(name, 'w+') for name in ('one', 'two', 'three')]
    else:
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    {gives} 'in the fork' if pid == 0 else [pid != os.getpid(), status]"
        );
        let mut draft = kept(folder.path(), &script);
        draft.output.format = OutputFormat::Text;
        let answer = run(&executor, draft).await.result.unwrap();
        assert_eq!(answer.text.trim_end(), "[true, 0]", "{kind} {gives}");
        for name in ["one", "two", "three"] {
            let text = fs::read_to_string(folder.path().join(name)).unwrap();
            assert_eq!(text, "", "{kind} {gives}");
        }
        executor.drain(None).await;
    }
}

/// As a script would that was started for it alone.
#[tokio::test]
async fn a_fork_that_fails_says_so_with_its_status() {
    let (folder, executor) = room();
    let script = "import os, sys
def main(arguments):
    statuses = []
    for how in ('raise', 'exit', 'quit'):
        pid = os.fork()
        if pid == 0:
            if how == 'raise': raise ValueError('in the fork')
            sys.exit(5 if how == 'exit' else 'bye')
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    if arguments == {}: raise KeyError(statuses)";
    let failure = run(&executor, kept(folder.path(), script)).await;
    let failure = failure.result.unwrap_err();
    let stderr = failure.data["stderr"].as_str().unwrap();
    assert!(
        stderr.contains("ValueError: in the fork\nbye\n"),
        "{stderr}"
    );
    assert!(stderr.ends_with("KeyError: [1, 5, 1]\n"), "{stderr}");
    executor.drain(None).await;
}
