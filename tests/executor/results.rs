//! What scripts are given, and what becomes of what they print.

use std::time::Duration;

use runner::executor::ScriptExecutor;
use runner::tool::template::{ArgvTemplate, Safety, TextSurface, TextTemplate};
use runner::tool::{Action, Invocation, TraceContext};
use runner::tool::{FailureCode, MissingVariable, OnOverflow, OutputFormat, Program, Stdin};
use serde_json::{Value, json};

use crate::support::{argv, bash, none, one, python, sh};

#[tokio::test]
async fn a_script_s_words_are_the_answer() {
    let run = sh("echo hi; echo log >&2").run().await;
    let output = run.result.unwrap();
    assert_eq!(output.text, "hi\n");
    assert_eq!(output.structured, None);
    assert!(run.ran > Duration::ZERO);
    assert!(run.warnings.is_empty(), "{:?}", run.warnings);
}

#[tokio::test]
async fn json_is_recognised_and_the_text_stays() {
    let run = python("import json; print(json.dumps({'a': [1, 2]}))")
        .run()
        .await;
    let output = run.result.unwrap();
    assert_eq!(output.structured, Some(json!({"a": [1, 2]})));
    assert_eq!(output.text, "{\"a\": [1, 2]}\n");
}

#[tokio::test]
async fn arguments_come_as_one_json_line() {
    let mut draft = python("import json,sys; print(json.dumps(json.loads(sys.stdin.readline())))");
    draft.stdin = Stdin::Json;
    draft.arguments = json!({"n": 1, "text": "ü\n\"x\""});
    let output = draft.run().await.result.unwrap();
    assert_eq!(output.structured, Some(json!({"n": 1, "text": "ü\n\"x\""})));
}

#[tokio::test]
async fn a_text_can_be_read_and_nothing_is_the_null_device() {
    let mut draft = argv("/bin/cat", &[]);
    let text = TextTemplate::compile("as it stands", TextSurface::Stdin, &none());
    draft.stdin = Stdin::Text(text.unwrap().template);
    assert_eq!(draft.run().await.result.unwrap().text, "as it stands");
    let nothing = argv("/bin/readlink", &["/proc/self/fd/0"]).run().await;
    assert_eq!(nothing.result.unwrap().text, "/dev/null\n");
}

#[tokio::test]
async fn input_is_written_while_output_floods() {
    // 10 MiB in, and as much out before the first byte is read and after the last: either way alone would block.
    let mut draft = python(
        "import sys\nsys.stdout.write('x' * (10 << 20))\ndata = sys.stdin.read()\nsys.stdout.write('y' * (10 << 20))\nprint(len(data))",
    );
    draft.stdin = Stdin::Json;
    draft.arguments = json!({"big": "z".repeat(10 << 20)});
    let run = draft.run().await;
    let text = run.result.unwrap().text;
    let read = (10 << 20) + "{\"big\":\"\"}\n".len();
    assert!(
        text.ends_with(&format!("{read}\n")),
        "{}",
        &text[text.len() - 50..]
    );
    let printed = (20 << 20) + read.to_string().len() + 1;
    let left_out = printed - (64 << 10);
    assert!(text.contains(&format!("[... {left_out} bytes left out ...]")));
    assert!(
        run.warnings
            .iter()
            .any(|warning| warning.contains("max_bytes"))
    );
}

#[tokio::test]
async fn input_that_nobody_reads_is_no_error() {
    let mut draft = sh("echo done");
    draft.stdin = Stdin::Json;
    draft.arguments = json!({"big": "z".repeat(10 << 20)});
    assert_eq!(draft.run().await.result.unwrap().text, "done\n");
    let mut closes = bash("exec 0<&-; sleep 0.2; echo done");
    closes.stdin = Stdin::Json;
    closes.arguments = json!({"big": "z".repeat(10 << 20)});
    assert_eq!(closes.run().await.result.unwrap().text, "done\n");
}

#[tokio::test]
async fn the_environment_is_the_tool_s_and_the_call_s_and_nothing_else() {
    let mut draft = argv("/usr/bin/env", &["-0"]);
    draft.environment.set("PYTHONUTF8", "0");
    draft.context.client = "inspector".to_owned();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    draft.context.trace = TraceContext::new(Some(parent), Some("a=1"), Some("user=7"));
    let call = draft.call();
    let run = ScriptExecutor::new().run(&call, ()).await;
    let text = run.result.unwrap().text;
    let mut names: Vec<&str> = text
        .split_terminator('\0')
        .map(|line| line.split_once('=').unwrap().0)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "BAGGAGE",
            "GANTZ_CALL_ID",
            "GANTZ_CLIENT",
            "GANTZ_DEADLINE_MS",
            "PATH",
            "PYTHONUNBUFFERED",
            "PYTHONUTF8",
            "TRACEPARENT",
            "TRACESTATE"
        ]
    );
    assert!(text.contains(&format!("GANTZ_CALL_ID={}\0", call.id)));
    assert!(text.contains("GANTZ_CLIENT=inspector\0"));
    assert!(
        text.contains("PYTHONUTF8=0\0"),
        "the file has the last word"
    );
    let deadline = text.split("GANTZ_DEADLINE_MS=").nth(1).unwrap();
    let deadline: u128 = deadline.split('\0').next().unwrap().parse().unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    assert!((now + 20_000..=now + 30_000).contains(&deadline));
}

#[tokio::test]
async fn arguments_reach_a_script_on_every_way() {
    let value = "it's \"$HOME\" `id` $(id) \\ ü\n*";
    let parameters = one("path");
    let elements = ["%s|%s", "{{path}}", "<{{path}}>"].map(str::to_owned);
    let compiled = ArgvTemplate::compile("printf", &elements, &parameters, Safety::Strict);
    let mut draft = argv("/usr/bin/printf", &[]);
    if let Invocation::Argv { arguments, .. } = &mut draft.invocation {
        *arguments = compiled.expect("placeholders may stand there").template;
    }
    draft.parameters = parameters;
    draft.arguments = json!({"path": value});
    let text = draft.run().await.result.unwrap().text;
    assert_eq!(text, format!("{value}|<{value}>"));

    let mut mirrored = sh("printf %s \"$GANTZ_ARG_PATH\"");
    mirrored.parameters = one("path");
    mirrored.arguments = json!({"path": value});
    assert_eq!(mirrored.run().await.result.unwrap().text, value);
}

#[tokio::test]
async fn a_value_its_place_cannot_take_is_named() {
    let parameters = one("a/b");
    let mut draft = argv("/bin/echo", &[]);
    let elements = ["{{a/b}}".to_owned()];
    let compiled = ArgvTemplate::compile("echo", &elements, &parameters, Safety::Strict);
    if let Invocation::Argv { arguments, .. } = &mut draft.invocation {
        *arguments = compiled.expect("placeholders may stand there").template;
    }
    draft.parameters = parameters;
    draft.arguments = json!({"a/b": "a\0b"});
    let failure = draft.run().await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::InvalidArguments);
    assert_eq!(failure.data["violations"][0]["pointer"], "/a~1b");
}

#[tokio::test]
async fn a_script_has_three_files_and_a_group_of_its_own() {
    // What the test itself was started with is not the runner's to give or to take; the runner's own files are.
    let _own = std::fs::File::open("/dev/null").unwrap();
    let mut expected: Vec<u32> = std::fs::read_dir("/proc/self/fdinfo")
        .unwrap()
        .flatten()
        .filter(|entry| !closes_on_exec(&entry.path()))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    // The listing itself opens one more, which it sees: the lowest that is free.
    expected.push((3..1000).find(|fd| !expected.contains(fd)).unwrap());
    expected.sort_unstable();
    let files = argv("/bin/ls", &["/proc/self/fd"]).run().await;
    let mut files: Vec<u32> = files
        .result
        .unwrap()
        .text
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    files.sort_unstable();
    assert_eq!(files, expected);
    let group = sh("echo $$; ps -o pgid= -p $$")
        .run()
        .await
        .result
        .unwrap()
        .text;
    let ids: Vec<&str> = group.split_whitespace().collect();
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn an_exit_status_is_a_failure_with_all_that_was_said() {
    let run = sh("echo '{\"half\": true}'; echo why >&2; exit 3")
        .run()
        .await;
    let failure = run.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::ExitStatus);
    assert_eq!(failure.data["exit_code"], 3);
    assert_eq!(failure.data["stdout"], "{\"half\": true}\n");
    assert_eq!(failure.data["stderr"], "why\n");
    assert!(failure.data["elapsed_ms"].is_u64() && failure.data["timeout_ms"] == 30_000);
    let missing = sh("no-such-program-here").run().await.result.unwrap_err();
    assert_eq!(missing.data["exit_code"], 127);
    assert!(missing.remediation.unwrap().contains("PATH"));
}

#[tokio::test]
async fn a_signal_that_is_not_ours_is_named() {
    let failure = sh("echo before; kill -SEGV $$")
        .run()
        .await
        .result
        .unwrap_err();
    assert_eq!(failure.code, FailureCode::KilledBySignal);
    assert_eq!(failure.data["signal"], 11);
    assert_eq!(failure.data["stdout"], "before\n");
    assert!(failure.message.contains("SIGSEGV"));
}

#[tokio::test]
async fn the_end_of_a_long_log_is_kept() {
    let run = sh("i=0; while [ $i -lt 20000 ]; do echo line $i >&2; i=$((i+1)); done; exit 1");
    let failure = run.run().await.result.unwrap_err();
    let log = failure.data["stderr"].as_str().unwrap();
    assert!(log.starts_with("line 0\n") && log.ends_with("line 19999\n"));
    assert!(log.len() < 17 * 1024);
}

#[tokio::test]
async fn what_cannot_start_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode: u32| {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let remediation = async |draft: crate::support::Draft| {
        let failure = draft.run().await.result.unwrap_err();
        assert_eq!(failure.code, FailureCode::SpawnFailed, "{failure:?}");
        failure.remediation.unwrap()
    };
    let missing = remediation(argv("/no/such/program", &[])).await;
    assert!(missing.contains("install `/no/such/program`"), "{missing}");
    let plain = remediation(argv(&file("plain", "#!/bin/sh\n", 0o644), &[])).await;
    assert!(plain.contains("chmod +x"), "{plain}");
    let orphan = remediation(argv(&file("orphan", "#!/no/such/sh\n", 0o755), &[])).await;
    assert!(orphan.contains("first line"), "{orphan}");
    let bare = remediation(argv(&file("bare", "\0\0\0\0", 0o755), &[])).await;
    assert!(bare.contains("#!/bin/sh"), "{bare}");
    let mut nowhere = sh("true");
    nowhere.working_dir = "/no/such/folder".into();
    let nowhere = remediation(nowhere).await;
    assert!(nowhere.contains("/no/such/folder"), "{nowhere}");
    let large = "x".repeat(3 << 20);
    let large = remediation(argv("/bin/true", &[&large])).await;
    assert!(large.contains("stdin: json"), "{large}");
}

#[tokio::test]
async fn what_was_missing_at_load_fails_at_the_call() {
    let mut draft = sh("true");
    draft.invocation = Invocation::Argv {
        program: Program {
            written: "frobnicate".to_owned(),
            resolved: Err("not found in `PATH`".to_owned()),
        },
        arguments: match argv("/bin/true", &[]).invocation {
            Invocation::Argv { arguments, .. } => arguments,
            Invocation::Shell { .. } => unreachable!("built as argv"),
        },
    };
    let failure = draft.run().await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::SpawnFailed);
    assert!(failure.message.contains("`frobnicate`"));

    let mut call = sh("true").call();
    let tool = std::sync::Arc::get_mut(&mut call.tool).unwrap();
    let Action::Script(script) = &mut tool.action else {
        panic!("the tool is a script")
    };
    script.working_dir = Err(MissingVariable("PROJECT".to_owned()));
    let failure = ScriptExecutor::new()
        .run(&call, ())
        .await
        .result
        .unwrap_err();
    assert!(
        failure.message.contains("`PROJECT`")
            && failure.remediation.unwrap().contains("set `PROJECT`")
    );
}

#[tokio::test]
async fn bytes_that_are_no_text_are_replaced_with_a_warning() {
    let run = bash(r"printf 'a\xffb'").run().await;
    assert_eq!(run.result.unwrap().text, "a\u{fffd}b");
    assert!(run.warnings.iter().any(|warning| warning.contains("UTF-8")));
}

#[tokio::test]
async fn broken_promises_carry_output_and_log() {
    let mut draft = sh("echo '{\"a\": 1} trailing'; echo log >&2");
    draft.output.format = OutputFormat::Json;
    let failure = draft.run().await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::OutputInvalid);
    assert_eq!(failure.data["stdout"], "{\"a\": 1} trailing\n");
    assert_eq!(failure.data["stderr"], "log\n");

    let mut draft = sh("head -c 3000000 /dev/zero | tr '\\0' x");
    draft.output.on_overflow = OnOverflow::Error;
    let failure = draft.run().await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::OutputTooLarge);
    assert_eq!(failure.data["bytes"], Value::from(3_000_000));
}

#[tokio::test]
async fn a_run_close_to_its_timeout_is_warned_about() {
    let run = sh("sleep 1.8; echo ok")
        .timeout(Duration::from_secs(2))
        .run()
        .await;
    assert!(run.result.is_ok());
    assert!(
        run.warnings[0].contains("of its 2 s timeout"),
        "{:?}",
        run.warnings
    );
}

/// `flags` in `/proc/PID/fdinfo` are octal; `O_CLOEXEC` is 02000000.
fn closes_on_exec(info: &std::path::Path) -> bool {
    let text = std::fs::read_to_string(info).unwrap_or_default();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_none_or(|flags| flags & 0o2_000_000 != 0)
}
