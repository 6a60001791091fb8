//! The program as the first process of a container, and as the successor of a shell: children of others are theirs.

use std::process::Command;

use rustix::process::Signal;

use crate::served::{Folder, Served, children, send, within};
use crate::support::{RUNNER, skipped};

/// `words` as a command in the folder.
fn shell(folder: &Folder, words: &[&str], script: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "what comes to be the program")]
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .args(["/bin/sh", "-c", script])
        .current_dir(folder.path());
    command
}

/// A shell starts services, two of which are orphans; then it becomes the program.
fn script(folder: &Folder) -> String {
    let token = &folder.token;
    format!(
        "sleep {token}0 > /dev/null & (sh -c 'setsid sleep {token}0 & setsid sleep {token}0 &' > /dev/null &); sleep 0.3; \
         exec {RUNNER} serve --stdio"
    )
}

#[test]
fn children_of_the_shell_before_it_are_not_touched() {
    let folder = Folder::new();
    let command = shell(&folder, &["/usr/bin/env"], &script(&folder));
    let mut served = Served::started_by(command, folder);
    assert_eq!(served.folder.alive("0").len(), 3);
    let result = served.answer(1, "leave");
    assert!(result.to_string().contains("ended 3 processes"), "{result}");
    assert_eq!(served.folder.alive("0").len(), 3);
    served.close();
    assert!(served.ended().success());
    assert_eq!(
        served.folder.alive("0").len(),
        3,
        "they were there before and stay"
    );
    for pid in served.folder.alive("0") {
        send(pid, Signal::KILL);
    }
}

#[test]
fn the_first_process_of_a_container_buries_everyone() {
    let unshare = [
        "/usr/bin/unshare",
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child",
    ];
    let rootless = [
        "/usr/bin/unshare",
        "-r",
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child",
    ];
    let Some(unshare) = [&unshare[..], &rootless[..]]
        .into_iter()
        .find(|words| works(words))
    else {
        return skipped("no way to make a namespace of process ids");
    };
    let folder = Folder::new();
    let command = shell(&folder, unshare, &script(&folder));
    let mut served = Served::started_by(command, folder);
    let first = children(served.child.id())[0];
    assert_eq!(served.folder.alive("0").len(), 3);
    for id in 1..5 {
        let result = served.answer(id, "leave");
        assert!(result.to_string().contains("ended 3 processes"), "{result}");
    }
    // A service ends whose parent is long gone: the first process is the one to bury it.
    let orphan = served.folder.alive("0")[0];
    assert!(children(first).contains(&orphan));
    send(orphan, Signal::KILL);
    within(crate::served::LONG, "the orphan is buried", || {
        !children(first).contains(&orphan)
    });
    served.hanging(2);
    served.close();
    assert!(served.ended().success());
    assert!(served.folder.alive("12345").is_empty());
    assert_eq!(
        served.folder.alive("0").len(),
        0,
        "a container ends with its first process"
    );
}

/// The numbers in a `/proc` of another world mean strangers: then there is no guard, and it is said.
#[test]
fn a_proc_of_another_world_is_not_used() {
    let words = ["/usr/bin/unshare", "--pid", "--fork", "--kill-child"];
    if !works(&words) {
        return skipped("no way to make a namespace of process ids");
    }
    let folder = Folder::new();
    let output = shell(&folder, &words, &format!("exec {RUNNER} call hi"))
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.stdout, b"hi\n");
    assert!(
        stderr.starts_with("warning: processes that leave their process group will outlive"),
        "{stderr}"
    );
}

fn works(words: &[&str]) -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "to see whether it is allowed here"
    )]
    let tried = Command::new(words[0])
        .args(&words[1..])
        .arg("true")
        .output();
    tried.is_ok_and(|output| output.status.success())
}
