//! Processes that cannot be killed: they keep their place and are named, and the answer does not wait.
//!
//! Such a process is made by giving another user's id to one: a Python that is set-user-id root,
//! started by a user who may not signal it. That takes root to prepare; others skip.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use runner::executor::ScriptExecutor;
use runner::tool::FailureCode;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::support::{argv, eventually};

/// Names the folder with the prepared Python to the test that runs as somebody else.
const FOLDER: &str = "STUCK_TEST_FOLDER";
const NOBODY: u32 = 65534;

#[test]
fn who_cannot_be_killed_keeps_the_place_and_is_named() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can prepare a process that others cannot kill");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = |from: &Path, name: &str, mode: u32| {
        let to = folder.path().join(name);
        std::fs::copy(from, &to).unwrap();
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(mode)).unwrap();
        to
    };
    copy(Path::new("/usr/bin/python3"), "python3", 0o4755);
    let tests = copy(&std::env::current_exe().unwrap(), "tests", 0o755);
    chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "the test itself, as another user"
    )]
    let output = std::process::Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(tests)
        .args(["--ignored", "--exact", "stuck::as_another_user"])
        .env(FOLDER, folder.path())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("skipped:") {
        println!("{text}");
    }
    assert!(output.status.success(), "{text}");
}

#[tokio::test]
#[ignore = "run by the test above, as another user"]
async fn as_another_user() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let python = Path::new(&folder).join("python3");
    let script = "import os,time\nos.setuid(0)\nprint('up')\ntime.sleep(5)";
    let mut draft = argv(python.to_str().unwrap(), &["-c", script])
        .timeout(Duration::from_secs(1))
        .grace(Duration::from_millis(200));
    draft.working_dir = folder.into();
    let call = draft.call();
    let executor = ScriptExecutor::new();
    let places = Arc::new(Semaphore::new(1));
    let place = Arc::clone(&places).acquire_owned().await.unwrap();
    let started = Instant::now();
    let run = executor.run(&call, place).await;
    let failure = run.result.unwrap_err();
    if failure.code == FailureCode::ExitStatus {
        println!("skipped: set-user-id programs have no effect here: {failure:?}");
        return;
    }
    let took = started.elapsed();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert_eq!(failure.data["stdout"], "up\n");
    assert!(
        took < Duration::from_millis(3700),
        "2 s after the kill: {took:?}"
    );
    assert!(run.warnings[0].contains("live on"), "{:?}", run.warnings);
    let stuck = executor.stuck();
    assert_eq!(stuck.len(), 1);
    assert_eq!(stuck[0].call, call.id);
    assert!(stuck[0].pid.is_some());
    assert_eq!(places.available_permits(), 0, "it still runs");
    let stragglers = executor.drain(Some(Duration::ZERO)).await;
    let name = format!("subject (call {}, pid ", call.id);
    assert!(
        stragglers
            .iter()
            .all(|straggler| straggler.to_string().starts_with(&name))
    );
    assert!(stragglers.len() <= 1, "named, unless it ended meanwhile");
    eventually("it ends at last", || places.available_permits() == 1).await;
    assert!(started.elapsed() >= Duration::from_secs(5));
    assert!(executor.stuck().is_empty());
}
