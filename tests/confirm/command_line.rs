//! On the command line: a person at a terminal is asked, a pipe is refused, `--yes` is the word.

#![expect(
    clippy::disallowed_methods,
    reason = "a terminal is a program of its own"
)]

use std::fs;
use std::process::{Command, Output, Stdio};

use crate::support::{RUNNER, runner, texts};
use crate::wire::Folder;

/// Runs the program on a terminal, and types an answer once it has asked.
const ON_A_TERMINAL: &str = r"
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown = b''
typed = False
while True:
    try:
        part = os.read(terminal, 4096)
    except OSError:
        break
    if not part:
        break
    shown += part
    if b'[y/N]' in shown and not typed:
        os.write(terminal, sys.argv[1].encode() + b'\n')
        typed = True
os.write(1, shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

fn on_a_terminal(folder: &Folder, typed: &str, arguments: &[&str]) -> Output {
    Command::new("python3")
        .args(["-c", ON_A_TERMINAL, typed, RUNNER])
        .args(arguments)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn a_person_at_a_terminal_is_asked() {
    let folder = Folder::new();
    let call = ["call", "delete", "path=a\u{1b}[2J b"];
    let no = on_a_terminal(&folder, "n", &call);
    let (shown, _) = texts(&no);
    assert!(
        shown.contains(r#"Delete "a\u{1b}[2J b"? [y/N] "#),
        "{shown:?}"
    );
    assert!(
        shown.contains("error: you did not say yes: `delete` was not run"),
        "{shown:?}"
    );
    assert_eq!(no.status.code(), Some(1));
    assert_eq!(folder.deleted(), [""; 0]);

    let yes = on_a_terminal(&folder, "y", &["call", "delete", "path=a"]);
    let (shown, _) = texts(&yes);
    assert!(
        shown.contains("Delete a? [y/N] ") && shown.contains("gone"),
        "{shown:?}"
    );
    assert_eq!(
        (yes.status.code(), folder.deleted()),
        (Some(0), vec!["a".to_owned()])
    );

    let unasked = on_a_terminal(&folder, "n", &["call", "--yes", "delete", "path=b"]);
    assert!(!texts(&unasked).0.contains("[y/N]"));
    assert_eq!(folder.deleted(), ["a", "b"]);
}

#[test]
fn without_a_terminal_only_the_option_is_the_word() {
    let folder = Folder::new();
    fs::write(folder.path().join("items"), "{\"path\": \"a\"}\n").unwrap();
    let calls =
        r#"{"calls": [{"tool_name": "hi"}, {"tool_name": "delete", "params": {"path": "a"}}]}"#;
    fs::write(folder.path().join("calls"), calls).unwrap();
    let mut deleted = 0;
    for words in [
        &["call", "delete", "path=a"][..],
        &["map", "delete", "items"],
        &["batch", "calls"],
    ] {
        let refused = runner(folder.path(), words);
        let (out, err) = texts(&refused);
        assert_eq!(
            (refused.status.code(), out.as_str()),
            (Some(2), ""),
            "{words:?}"
        );
        assert_eq!(
            err,
            "error: `delete` runs only after a person has said yes, and nobody can be asked here: nothing was run\n\
             \nhint: `--yes` says yes; `runner call` asks on a terminal\n"
        );
        assert_eq!(folder.deleted().len(), deleted);
        let ran = runner(folder.path(), &[words, &["--yes"]].concat());
        assert!(ran.status.success(), "{}", texts(&ran).1);
        deleted += 1;
        assert_eq!(folder.deleted().len(), deleted);
    }
    let invalid = runner(folder.path(), &["call", "delete"]);
    assert!(texts(&invalid).1.starts_with("error: invalid arguments"));
    let allowed = runner(folder.path(), &["call", "lenient"]);
    assert_eq!(texts(&allowed).0, "ran\n");
}

#[test]
fn it_is_explained() {
    let folder = Folder::new();
    let (out, _) = texts(&runner(folder.path(), &["explain", "delete"]));
    let line = |name: &str| {
        let found = out.lines().find(|line| line.trim_start().starts_with(name));
        found.unwrap_or_else(|| panic!("{out}")).to_owned()
    };
    assert!(line("asks a person").contains("\"Delete {{path}}?\""));
    assert!(line("asks a person").ends_with("gantz.yaml:8:5"));
    assert!(line("cannot be asked").contains("refuse"));
    assert!(line("cannot be asked").ends_with("default"));
}
