//! What cannot be killed is named.
//!
//! Such a process is made by giving another user's id to one: a Python that is set-user-id root, started by
//! the program as a user who may not signal it. That takes root to prepare; others skip.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use crate::served::{Folder, send};
use crate::support::{RUNNER, skipped, texts};

const NOBODY: u32 = 65534;

const ESCAPE: &str = "
tools:
  - name: escape
    description: Leave somebody who may not be killed
    script:
      shell: |
        /usr/bin/setsid ./python3 -S -c 'import os, time; os.setuid(0); time.sleep(600)' TOKEN > /dev/null 2>&1 &
        sleep 0.5
        echo left
";

#[test]
fn who_cannot_be_killed_is_named_and_the_answer_does_not_wait() {
    if !rustix::process::geteuid().is_root() {
        return skipped("only root can prepare a process that others cannot kill");
    }
    let folder = Folder::new();
    let path = folder.path();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let token = format!("{}1", folder.token);
    std::fs::write(path.join("gantz.yaml"), ESCAPE.replace("TOKEN", &token)).unwrap();
    for (from, name, mode) in [
        ("/usr/bin/python3", "python3", 0o4755),
        (RUNNER, "runner", 0o755),
    ] {
        let to = path.join(name);
        std::fs::copy(Path::new(from), &to).unwrap();
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    let begin = Instant::now();
    #[expect(clippy::disallowed_methods, reason = "the program, as another user")]
    let output = std::process::Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["./runner", "call", "escape"])
        .current_dir(path)
        .output()
        .unwrap();
    let alive = folder.alive("1");
    let took = begin.elapsed();
    for pid in &alive {
        send(*pid, Signal::KILL);
    }
    let (stdout, stderr) = texts(&output);
    assert_eq!(alive.len(), 1, "it could be killed: {stderr}");
    assert_eq!(stdout, "left\n", "{stderr}");
    assert!(
        stderr.contains("live on; they keep their running place"),
        "{stderr}"
    );
    let named = format!(
        "warning: processes that scripts left behind cannot be ended: {}",
        alive[0]
    );
    assert!(stderr.contains(&named), "{stderr}");
    assert!(took < Duration::from_secs(20), "{took:?}");
}
