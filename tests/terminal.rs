//! What a person's terminal gets of what scripts and callers wrote.

#![expect(
    clippy::disallowed_methods,
    reason = "a terminal is a program of its own"
)]

mod support;

use std::fs;
use std::process::{Command, Stdio};

use support::{RUNNER, command, runner, texts};

const TOOLS: &str = r#"
name: terminal
tools:
  - name: loud
    description: Print control sequences to both streams
    script: { shell: "printf 'out \\033]0;title\\007 \\033[2J\\n'; printf 'err \\033[31m\\n' >&2; exit 3" }
  - name: echo
    description: Print the text
    parameters: [{ name: text, required: true }]
    script: { shell: "printf '%s' {{text}}" }
"#;

/// Runs the program with a terminal on its standard output and standard error.
const ON_A_TERMINAL: &str = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";

#[test]
fn a_terminal_gets_control_sequences_spelled_out_and_a_pipe_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gantz.yaml"), TOOLS).unwrap();
    let shown = Command::new("python3")
        .args(["-c", ON_A_TERMINAL, RUNNER, "call", "loud"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains(r"out \u{1b}]0;title\u{7} \u{1b}[2J"),
        "{shown:?}"
    );
    assert!(shown.contains(r"err \u{1b}[31m"), "{shown:?}");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");

    let (out, err) = texts(&runner(folder.path(), &["call", "loud"]));
    assert_eq!(out, "out \u{1b}]0;title\u{7} \u{1b}[2J\n");
    assert!(err.contains("err \u{1b}[31m"), "{err:?}");
}

#[test]
fn no_argument_is_logged_however_much_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gantz.yaml"), TOOLS).unwrap();
    let mut call = command(folder.path(), &["call", "echo", "text=hunter2"]);
    let (out, err) = texts(&call.env("RUNNER_LOG", "trace").output().unwrap());
    assert_eq!(out, "hunter2");
    assert!(!err.contains("hunter2"), "{err}");

    let lines = concat!(
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}"#,
        "\n",
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hunter2"}}}"#,
        "\n",
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"nobody"}}"#,
        "\n",
        r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"echo","arguments":{"hunter2":1}}}"#,
        "\n"
    );
    let mut serve = command(folder.path(), &["serve", "--stdio"])
        .env("RUNNER_LOG", "trace")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = serve.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, lines.as_bytes()).unwrap();
    // The end of the input ends the calls; these need a moment to be answered.
    std::thread::sleep(std::time::Duration::from_secs(1));
    drop(input);
    let (out, err) = texts(&serve.wait_with_output().unwrap());
    assert_eq!(out.lines().count(), 4, "{out}");
    assert!(out.contains("hunter2"), "{out}");
    assert!(!err.contains("hunter2"), "{err}");
}
