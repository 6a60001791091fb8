//! The command line as a user meets it: exact words and exit codes.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
#[cfg(unix)]
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
#[cfg(unix)]
use support::command;
use support::{Server, repository, run, texts};

const TOOLS: &str = r#"
name: cli
tools:
  - name: say
    description: Say it back
    parameters:
      - { name: text, type: string, required: true }
      - { name: times, type: integer, default: 1 }
    script: { shell: "printf '%s %s\n' \"{{text}}\" {{times}}" }
  - name: fails
    description: Fail with words on both streams
    script: { shell: "echo half; echo reason >&2; exit 3" }
  - name: join
    description: Join a list
    parameters:
      - { name: words, type: array, items: { type: string } }
    script: { shell: "printf '<%s>' {{words}}" }
"#;

fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gantz.yaml"), config).unwrap();
    folder
}

#[test]
fn call_prints_the_tool_s_own_output_and_nothing_else() {
    let folder = folder(TOOLS);
    let result = run(
        folder.path(),
        &["call", "say", "text=a  b;$(echo x)", "times=2"],
    );
    assert_eq!(result, (0, "a  b;$(echo x) 2\n".into(), String::new()));
}

#[test]
fn call_takes_json_and_lists() {
    let folder = folder(TOOLS);
    let (code, stdout, _) = run(
        folder.path(),
        &["call", "say", "--json", r#"{"text": "hi"}"#],
    );
    assert_eq!((code, stdout.as_str()), (0, "hi 1\n"));
    let (_, stdout, _) = run(folder.path(), &["call", "join", "words=a b", "words=c"]);
    assert_eq!(stdout, "<a b><c>");
    let (_, stdout, _) = run(folder.path(), &["call", "join", r#"words=["x","y"]"#]);
    assert_eq!(stdout, "<x><y>");
}

#[test]
fn a_failing_tool_is_exit_code_one_with_everything_it_said() {
    let folder = folder(TOOLS);
    let (code, stdout, stderr) = run(folder.path(), &["call", "fails"]);
    assert_eq!((code, stdout.as_str()), (1, "half\n"));
    assert!(stderr.starts_with("reason\nerror: "), "{stderr}");
}

#[test]
fn the_whole_outcome_is_one_json_object() {
    let folder = folder(TOOLS);
    let (code, stdout, _) = run(folder.path(), &["call", "fails", "--format", "json"]);
    let outcome: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(code, 1);
    assert_eq!(outcome["success"], false);
    assert_eq!(outcome["error"]["code"], "EXIT_STATUS");
    assert_eq!(outcome["error"]["data"]["exit_code"], 3);
    assert_eq!(outcome["timing"]["timeout_ms"], 30000);
}

#[test]
fn mistakes_in_a_call_are_exit_code_two_with_the_fix() {
    let folder = folder(TOOLS);
    let (code, stdout, stderr) = run(folder.path(), &["call", "sya", "text=x"]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert_eq!(
        stderr,
        "error: no tool is named `sya`\n\nhint: did you mean `say`?\n"
    );
    let (code, _, stderr) = run(folder.path(), &["call", "say", "times=soon"]);
    assert_eq!(code, 2);
    assert_eq!(
        stderr,
        "error: `times` takes an integer value, `soon` is none\n"
    );
    let (code, _, stderr) = run(folder.path(), &["call", "say", "tex=x"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("/text: `text` is required"), "{stderr}");
}

/// What `timeout`, a supervisor or a closing desktop sends must not leave the script behind.
#[cfg(unix)]
#[test]
fn a_call_that_is_told_to_end_takes_its_process_with_it() {
    use rustix::process::{Pid, Signal, kill_process, test_kill_process};

    let folder = folder(
        "tools: [{ name: hangs, description: Hangs, script: { shell: echo half; echo $$ > new; mv new pid; exec sleep 300 } }]",
    );
    let child = command(folder.path(), &["call", "hangs"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let written = folder.path().join("pid");
    let is_there = (0..2000).any(|_| {
        sleep(Duration::from_millis(10));
        written.exists()
    });
    assert!(is_there, "the script did not start");
    let script: i32 = fs::read_to_string(written).unwrap().trim().parse().unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = texts(&output);
    assert_eq!((output.status.code(), stdout.as_str()), (Some(1), "half\n"));
    assert!(stderr.starts_with("error: "), "{stderr}");
    assert!(test_kill_process(Pid::from_raw(script).unwrap()).is_err());
}

#[test]
fn validate_counts_tools_or_reports_every_problem() {
    let good = folder(TOOLS);
    let (code, stdout, _) = run(good.path(), &["validate"]);
    assert_eq!((code, stdout.as_str()), (0, "gantz.yaml: sound, 3 tools\n"));
    let bad = folder("tools:\n  - name: a\n    description: x\n    script: { shel: ls }\n");
    let (code, stdout, stderr) = run(bad.path(), &["validate"]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(
        stderr.contains("gantz.yaml:4:15") && stderr.contains("`shell`"),
        "{stderr}"
    );
    let (code, stdout, _) = run(bad.path(), &["validate", "--format", "json"]);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &report["sound"]), (1, &json!(false)));
    assert_eq!(report["files"][0]["problems"][0]["line"], 4);
}

#[test]
fn a_missing_file_points_to_init() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, stderr) = run(folder.path(), &["list"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("gantz.yaml") && stderr.contains("`runner init`"),
        "{stderr}"
    );
}

#[test]
fn an_environment_file_that_cannot_be_used_is_named_once() {
    let folder = folder(TOOLS);
    let (code, _, stderr) = run(folder.path(), &["list", "--env-file", "none.env"]);
    assert_eq!(code, 2);
    assert_eq!(
        stderr,
        "error: cannot read `none.env`: No such file or directory (os error 2)\n"
    );
    fs::write(folder.path().join("odd.env"), "A=1\nhunter2\n").unwrap();
    let (code, _, stderr) = run(folder.path(), &["list", "--env-file", "odd.env"]);
    assert_eq!(code, 2);
    assert_eq!(
        stderr,
        "error: odd.env:2: not a line of the form `NAME=value`\n"
    );
}

#[test]
fn init_writes_what_runs_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, _) = run(folder.path(), &["init", "new"]);
    assert_eq!(code, 0);
    assert!(
        stdout.contains("runner call greet name=Ada -c new/gantz.yaml"),
        "{stdout}"
    );
    let called = run(
        folder.path(),
        &["call", "greet", "name=Ada", "-c", "new/gantz.yaml"],
    );
    assert_eq!(
        called,
        (
            0,
            "{\"greetings\": [\"Hello, Ada!\"]}\n".into(),
            String::new()
        )
    );
    let called = run(
        folder.path(),
        &["call", "disk_free", "-c", "new/gantz.yaml"],
    );
    assert_eq!(called.0, 0);
    let (code, _, stderr) = run(folder.path(), &["init", "new"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("is already there; nothing was written"),
        "{stderr}"
    );
}

#[test]
fn list_shows_limits() {
    let (code, stdout, _) = run(&repository(""), &["list"]);
    assert_eq!(code, 0);
    assert!(
        stdout.contains("slow_report     1 at once, 50/s burst 50, 10 s"),
        "{stdout}"
    );
}

#[test]
fn completions_and_schema_print() {
    let (code, stdout, _) = run(&repository(""), &["completions", "bash"]);
    assert_eq!(code, 0);
    assert!(stdout.contains("_runner"));
    let (code, stdout, _) = run(&repository(""), &["schema"]);
    let schema: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(code, 0);
    assert!(schema["properties"]["tools"].is_object());
}

#[test]
fn an_address_that_others_reach_is_refused() {
    let folder = folder(&format!("server: {{ host: 0.0.0.0 }}\n{TOOLS}"));
    let (code, _, stderr) = run(folder.path(), &["serve"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("error: `0.0.0.0` can be reached from other machines"),
        "{stderr}"
    );
}

#[test]
fn what_is_there_to_paste_has_the_flags_of_the_server() {
    let folder = folder(&format!("env: [ONLY_IN_THE_FILE]\n{}", TOOLS.trim_start()));
    let root = folder.path().canonicalize().unwrap();
    let variables = root.join("some.env");
    fs::write(&variables, "ONLY_IN_THE_FILE=1\n").unwrap();
    let server = Server::start_with(
        &root.join("gantz.yaml"),
        &["--env-file", "some.env", "--strict", "--no-watch"],
    );
    let words = [
        "--stdio",
        "--env-file",
        variables.to_str().unwrap(),
        "--strict",
        "--no-watch",
    ];
    let wanted = words.map(|word| format!("{word:?}")).join(",");
    let is_said = (0..1000).any(|_| {
        sleep(Duration::from_millis(10));
        let said: String = server.said().split_whitespace().collect();
        said.contains(&wanted)
    });
    assert!(is_said, "{}", server.said());
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = folder(TOOLS);
    let (code, _, stderr) = run(folder.path(), &["serve", "--port", &port]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains(&format!("error: `127.0.0.1:{port}` is in use")),
        "{stderr}"
    );
}

const ARGUMENTS: &str = r#"
name: arguments
databases: { main: { url: "sqlite:some.db?mode=rwc" } }
tools:
  - name: echo
    description: Print what comes in, and the number where else it is
    parameters:
      - { name: n, type: integer }
      - { name: l, type: array, items: { type: integer } }
    script:
      command: python3
      args:
        - -c
        - "import os, sys; print(sys.stdin.read().strip(), os.environ.get('GANTZ_ARG_N'), *sys.argv[1:])"
        - "{{n}}"
      stdin: json
  - name: select
    description: Give it back
    parameters: [{ name: t, type: string, required: true }]
    sql: { database: main, query: "select {{t}} as t" }
  - name: get
    description: Get it
    parameters:
      - { name: part, type: string, default: x }
      - { name: header, type: string, default: x }
    http: { url: "http://127.0.0.1:9/{{part}}", headers: { X-It: "{{header}}" } }
"#;

#[test]
fn an_argument_that_its_place_cannot_take_is_exit_code_two() {
    let folder = folder(ARGUMENTS);
    let calls: [(&[&str], &str); 5] = [
        (
            &["echo", "n=99999999999999999999999"],
            "error: `n`: must be a whole number that fits in 64 bits\n\nhint: call again with another `n`\n",
        ),
        (&["echo", "n=1.5"], "error: invalid arguments for `echo`: "),
        (
            &["select", "--json", r#"{"t": "a\u0000b"}"#],
            "error: `t`: ",
        ),
        (&["get", "part=.."], "error: `part`: "),
        (
            &["get", "--json", r#"{"header": "a\r\nb: c"}"#],
            "error: `header`: ",
        ),
    ];
    for (words, expected) in calls {
        let (code, stdout, stderr) = run(folder.path(), &[&["call"], words].concat());
        assert_eq!((code, stdout.as_str()), (2, ""), "{words:?}: {stderr}");
        assert!(stderr.starts_with(expected), "{words:?}: {stderr}");
    }
    let bench = ["bench", "echo", "n=99999999999999999999999", "--callers=1"];
    let (code, _, stderr) = run(folder.path(), &bench);
    assert_eq!(code, 2, "{stderr}");
    // What fails for another reason is no mistake of the caller's.
    assert_eq!(run(folder.path(), &["call", "get"]).0, 1);
}

#[test]
fn a_whole_number_is_an_integer_wherever_it_arrives() {
    let folder = folder(ARGUMENTS);
    let given: [&[&str]; 4] = [
        &["n=1000", "l=1", "l=2"],
        &["n=1e3", "l=1.0", "l=2"],
        &["--json", r#"{"n": 1000.0, "l": [1.0, 2e0]}"#],
        &["--json", r#"{"n": 1E+3, "l": [10e-1, 2]}"#],
    ];
    for words in given {
        let (code, stdout, stderr) = run(folder.path(), &[&["call", "echo"], words].concat());
        assert_eq!(
            (code, stdout.as_str()),
            (0, "{\"n\":1000,\"l\":[1,2]} 1000 1000\n"),
            "{words:?}: {stderr}"
        );
    }
}

#[test]
fn a_snippet_has_the_address_of_a_server_or_is_refused() {
    let folder = folder(TOOLS);
    for wrong in [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "x",
        "",
        "http://",
        "http://a\nb",
        " http://a",
    ] {
        let (code, stdout, stderr) = run(folder.path(), &["snippet", "cursor", "--url", wrong]);
        assert_eq!((code, stdout.as_str()), (2, ""), "{wrong:?}");
        assert_eq!(
            stderr,
            format!(
                "error: `{wrong}` is no address of a server\n\nhint: it begins with `http://` or `https://`, as \
                 `http://127.0.0.1:3000/mcp` does\n"
            )
        );
    }
    for sound in ["http://127.0.0.1:3000/mcp", "HTTPS://tools.example/mcp?a=b"] {
        let (code, stdout, _) = run(folder.path(), &["snippet", "cursor", "--url", sound]);
        assert!(code == 0 && stdout.contains(sound), "{sound}: {stdout}");
    }
}
