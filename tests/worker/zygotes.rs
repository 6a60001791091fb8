//! Warm interpreters themselves: what they are started anew for, what becomes of them, and what happens when they cannot be.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use runner::executor::ScriptExecutor;
use runner::tool::{FailureCode, ForkWorker, Worker};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use crate::calls::{Draft, alive, argv, eventually, mark};
use crate::forking::{forked, warm};
use crate::support::command;

const PARENT: &str = "import os; print(os.getppid())";

async fn text(executor: &ScriptExecutor, draft: Draft) -> String {
    let run = executor.run(&draft.call(), ()).await;
    run.result.unwrap().text.trim_end().to_owned()
}

fn preloading(folder: &Path, script: &str, modules: &[&str]) -> Draft {
    let mut draft = forked(folder, script);
    draft.worker = Some(Worker::Fork(ForkWorker {
        options: 0,
        fixed: 1,
        preload: modules.iter().map(ToString::to_string).collect(),
    }));
    draft
}

fn kill(pid: &str) {
    let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

#[tokio::test]
async fn one_interpreter_serves_all_calls_and_reads_the_script_anew() {
    let folder = tempfile::tempdir().unwrap();
    let executor = warm(folder.path()).await;
    let first = text(&executor, forked(folder.path(), PARENT)).await;
    let again = format!("{PARENT}  # and changed");
    assert_eq!(text(&executor, forked(folder.path(), &again)).await, first);
    assert_eq!(
        text(&executor, forked(folder.path(), "print('other')")).await,
        "other"
    );
}

#[tokio::test]
async fn nothing_of_one_call_is_seen_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let executor = warm(folder.path()).await;
    let script = "import os, sys, builtins
print('LEFT' in os.environ, hasattr(builtins, 'left'), os.getcwd() == '/', sys.argv[1:])
os.environ['LEFT'] = '1'; builtins.left = 1; os.chdir('/'); sys.argv.append('x')";
    for _ in 0..2 {
        assert_eq!(
            text(&executor, forked(folder.path(), script)).await,
            "False False False []"
        );
    }
}

#[tokio::test]
async fn modules_are_loaded_once_and_again_when_they_change() {
    let folder = tempfile::tempdir().unwrap();
    let executor = ScriptExecutor::new();
    let script = "import own, sys, os; print(own.VALUE, own.LOADED_BY == os.getpid())";
    let module = |value: u32| format!("import os\nVALUE = {value}\nLOADED_BY = os.getpid()\n");
    fs::write(folder.path().join("own.py"), module(1)).unwrap();
    for _ in 0..2 {
        let draft = preloading(folder.path(), script, &["own"]);
        assert_eq!(text(&executor, draft).await, "1 False");
    }
    fs::write(folder.path().join("own.py"), module(20)).unwrap();
    let draft = preloading(folder.path(), script, &["own"]);
    assert_eq!(text(&executor, draft).await, "20 False");
}

#[tokio::test]
async fn a_module_that_changes_while_it_is_loaded_is_loaded_again() {
    let folder = tempfile::tempdir().unwrap();
    let executor = ScriptExecutor::new();
    let module = "VALUE = 'old'
import os, time
open('loading', 'w').close()
while not os.path.exists('go'): time.sleep(0.005)
";
    fs::write(folder.path().join("own.py"), module).unwrap();
    let draft = || preloading(folder.path(), "import own; print(own.VALUE)", &["own"]);
    let (running, first) = (executor.clone(), draft().call());
    let first = tokio::spawn(async move { running.run(&first, ()).await });
    eventually("it loads", || folder.path().join("loading").exists()).await;
    // The clock of the file system has gone on as well.
    tokio::time::sleep(Duration::from_millis(30)).await;
    fs::write(folder.path().join("own.py"), "VALUE = 'new'\n").unwrap();
    fs::write(folder.path().join("go"), "").unwrap();
    assert_eq!(first.await.unwrap().result.unwrap().text, "new\n");
    assert_eq!(text(&executor, draft()).await, "new");
}

/// Else it would be started again and again, and no call would ever run.
#[tokio::test]
async fn a_module_that_writes_itself_comes_to_rest() {
    let folder = tempfile::tempdir().unwrap();
    let executor = ScriptExecutor::new();
    let module = "import os
open('starts', 'a').write('x')
os.utime(__file__)
";
    fs::write(folder.path().join("own.py"), module).unwrap();
    let script = "print(len(open('starts').read()))";
    let starts = text(&executor, preloading(folder.path(), script, &["own"])).await;
    assert!(starts.parse::<u32>().unwrap() <= 5, "{starts}");
    let again = preloading(folder.path(), script, &["own"]);
    assert_eq!(text(&executor, again).await, starts);
}

#[tokio::test]
async fn a_module_that_cannot_be_loaded_is_a_clear_failure_until_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let executor = ScriptExecutor::new();
    let draft = || {
        preloading(
            folder.path(),
            "import not_there; print(not_there.X)",
            &["not_there"],
        )
    };
    for _ in 0..2 {
        let failure = executor.run(&draft().call(), ()).await.result.unwrap_err();
        assert_eq!(failure.code, FailureCode::SpawnFailed);
        assert_eq!(
            failure.message,
            "`subject` could not start `/usr/bin/python3`: its warm interpreter failed: \
             ModuleNotFoundError: No module named 'not_there'"
        );
        assert_eq!(
            failure.remediation.unwrap(),
            "see that the modules of `worker.preload` can be imported, or leave `worker` out"
        );
    }
    fs::write(folder.path().join("not_there.py"), "X = 'there'\n").unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match executor.run(&draft().call(), ()).await.result {
            Ok(output) => break assert_eq!(output.text, "there\n"),
            Err(failure) => assert!(Instant::now() < deadline, "{failure:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A program that is called Python and does not come by the part inside it would run the script with no call.
#[tokio::test]
async fn an_interpreter_that_cannot_be_warm_is_started_for_each_call() {
    let folder = tempfile::tempdir().unwrap();
    let python = folder.path().join("python3");
    fs::write(
        &python,
        "#!/bin/sh\nunset PYTHONPATH\nexec /usr/bin/python3 \"$@\"\n",
    )
    .unwrap();
    fs::set_permissions(&python, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let script = "import os; print(os.getppid()); open('runs', 'a').write('x')";
    let mut draft = forked(folder.path(), script);
    draft.invocation = argv(python.to_str().unwrap(), &["script.py"]).invocation;
    let executor = ScriptExecutor::new();
    assert_eq!(text(&executor, draft).await, std::process::id().to_string());
    assert_eq!(fs::read_to_string(folder.path().join("runs")).unwrap(), "x");
}

/// As the shims of version managers do.
#[tokio::test]
async fn what_a_program_in_front_of_the_interpreter_sets_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let python = folder.path().join("python3");
    let shim = "#!/bin/sh\nexport CHOSEN=3 PATH=/opt/chosen:$PATH PYTHONPATH=/opt/own:$PYTHONPATH\nunset SOME_VALUE\nexec /usr/bin/python3 \"$@\"\n";
    fs::write(&python, shim).unwrap();
    fs::set_permissions(&python, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let script = "import os, sys; print(sorted((k, v) for k, v in os.environ.items() if not k.startswith('GANTZ')), sys.path)";
    let executor = ScriptExecutor::new();
    for before in [None, Some("/opt/before")] {
        let draft = || {
            let mut draft = forked(folder.path(), script);
            draft.invocation = argv(python.to_str().unwrap(), &["script.py"]).invocation;
            draft.environment.set("SOME_VALUE", "x");
            if let Some(before) = before {
                draft.environment.set("PYTHONPATH", before);
            }
            draft
        };
        let warm = text(&executor, draft()).await;
        let fresh = Draft {
            worker: None,
            ..draft()
        };
        // An empty part at the end stands for the working directory: what the shim itself does without a value before.
        let fresh = text(&executor, fresh).await;
        if before.is_some() {
            assert_eq!(warm, fresh);
        } else {
            assert!(
                warm.contains("('CHOSEN', '3')") && warm.contains("/opt/chosen:"),
                "{warm}"
            );
        }
        assert!(
            !warm.contains("SOME_VALUE") && !warm.contains("runner-python"),
            "{warm}"
        );
    }
}

#[tokio::test]
async fn a_killed_interpreter_takes_its_calls_with_it_and_another_comes() {
    let folder = tempfile::tempdir().unwrap();
    let mark = mark();
    let executor = warm(folder.path()).await;
    let zygote = text(&executor, forked(folder.path(), PARENT)).await;
    let script = format!("import subprocess\nprint('half')\nsubprocess.run(['sleep', '{mark}'])");
    let call = forked(folder.path(), &script).call();
    let running = executor.clone();
    let run = tokio::spawn(async move { running.run(&call, ()).await });
    eventually("the script runs", || alive(&mark) > 0).await;
    kill(&zygote);
    let failure = run.await.unwrap().result.unwrap_err();
    assert_eq!(failure.code, FailureCode::KilledBySignal);
    assert_eq!(
        failure.message,
        "`subject` was ended: the warm interpreter it was forked from died"
    );
    assert_eq!(failure.data["stdout"], "half\n");
    eventually("it is gone", || alive(&mark) == 0).await;
    let next = text(&executor, forked(folder.path(), PARENT)).await;
    assert_ne!(next, zygote);
}

#[tokio::test]
async fn a_script_that_kills_its_parent_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let executor = warm(folder.path()).await;
    let script = "import os, time; os.kill(os.getppid(), 9); time.sleep(3600)";
    let failure = executor
        .run(&forked(folder.path(), script).call(), ())
        .await
        .result
        .unwrap_err();
    assert_eq!(failure.code, FailureCode::KilledBySignal);
    assert_eq!(
        text(&executor, forked(folder.path(), "print('on')")).await,
        "on"
    );
}

/// Does what its argument says.
const SEVERAL: &str = r"
import os, signal, sys, time
parent = os.getppid()
if sys.argv[1] == 'stop':
    os.kill(parent, signal.SIGSTOP)
if sys.argv[1] == 'fail':
    sys.exit(3)
print(parent, flush=True)
while sys.argv[1] == 'hold' and os.getppid() == parent:
    os.kill(parent, signal.SIGSTOP)
    time.sleep(0.0005)
";

fn several(folder: &Path, what: &str) -> Draft {
    let mut draft = forked(folder, SEVERAL);
    draft.invocation = argv("/usr/bin/python3", &["script.py", what]).invocation;
    draft
}

/// A script that stops its parent costs nobody anything.
#[tokio::test]
async fn a_stopped_interpreter_is_woken() {
    let folder = tempfile::tempdir().unwrap();
    let executor = warm(folder.path()).await;
    let zygote = text(&executor, several(folder.path(), "")).await;
    let calls = ["stop", "", "", "fail"].map(|what| {
        let (executor, call) = (executor.clone(), several(folder.path(), what).call());
        tokio::spawn(async move { executor.run(&call, ()).await.result })
    });
    let [stopper, one, other, fails] = calls;
    for call in [stopper, one, other] {
        assert_eq!(call.await.unwrap().unwrap().text.trim_end(), zygote);
    }
    let failure = fails.await.unwrap().unwrap_err();
    assert_eq!(failure.data["exit_code"], 3, "{failure:?}");
    assert_eq!(text(&executor, several(folder.path(), "")).await, zygote);
    assert!(executor.drain(None).await.is_empty());
}

/// A module that is imported beforehand, and holds the first interpreter up before it forks.
const HANGS_ONCE: &str = "\
import os, time
def hang():
    try:
        os.unlink('hang')
    except OSError:
        return
    time.sleep(3600)
os.register_at_fork(before=hang)
";

/// One that does not answer is given up after ten seconds, and what it has not begun is asked of another.
#[tokio::test]
async fn what_an_interpreter_that_hangs_has_not_begun_another_begins() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("hangs.py"), HANGS_ONCE).unwrap();
    let executor = ScriptExecutor::new();
    let script = "import os; open('runs', 'a').write('x'); print(os.getppid())";
    let draft = || preloading(folder.path(), script, &["hangs"]);
    let first = text(&executor, draft()).await;
    fs::write(folder.path().join("hang"), "").unwrap();
    let calls = [(); 3].map(|()| {
        let (executor, call) = (executor.clone(), draft().call());
        tokio::spawn(async move { executor.run(&call, ()).await.result })
    });
    for call in calls {
        let output = call.await.unwrap().unwrap();
        assert_ne!(output.text.trim_end(), first);
    }
    let runs = fs::read_to_string(folder.path().join("runs")).unwrap();
    assert_eq!(runs, "xxxx", "each once");
    eventually("it is gone", || {
        !Path::new(&format!("/proc/{first}/exe")).exists()
    })
    .await;
    assert!(executor.drain(None).await.is_empty());
}

/// One that is stopped again whenever it is woken is given up after ten seconds, with what it had begun.
#[tokio::test]
async fn an_interpreter_that_stays_stopped_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let executor = warm(folder.path()).await;
    let zygote = text(&executor, several(folder.path(), "")).await;
    let mut holds = several(folder.path(), "hold");
    holds.timeout = Duration::from_mins(5);
    let holds = holds.call();
    let running = executor.clone();
    let holder = tokio::spawn(async move { running.run(&holds, ()).await.result });
    let stat = format!("/proc/{zygote}/stat");
    eventually("it is stopped", || {
        fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T "))
    })
    .await;
    // In the moment for which it is awake it may fork once more, and not be able to tell how that ended.
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let call = several(folder.path(), "").call();
        match executor.run(&call, ()).await.result {
            Ok(output) if output.text.trim_end() != zygote => break,
            Ok(_) => {}
            Err(failure) => assert_eq!(failure.code, FailureCode::KilledBySignal, "{failure:?}"),
        }
        assert!(Instant::now() < deadline);
    }
    let failure = holder.await.unwrap().unwrap_err();
    assert_eq!(failure.code, FailureCode::KilledBySignal);
    assert_eq!(failure.data["stdout"], format!("{zygote}\n"));
    eventually("it is gone", || {
        !Path::new(&format!("/proc/{zygote}/exe")).exists()
    })
    .await;
    assert!(executor.drain(None).await.is_empty());
}

#[tokio::test]
async fn a_call_that_is_called_off_does_not_wait_for_the_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("slow.py"),
        "import time; time.sleep(3600)\n",
    )
    .unwrap();
    let executor = ScriptExecutor::new();
    let draft =
        preloading(folder.path(), "print('never')", &["slow"]).timeout(Duration::from_millis(300));
    let started = Instant::now();
    let failure = executor.run(&draft.call(), ()).await.result.unwrap_err();
    assert_eq!(failure.code, FailureCode::Timeout);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    executor.drain(None).await;
    eventually("nobody is left", || executor.running().is_empty()).await;
}

#[tokio::test]
async fn all_end_with_the_executor() {
    let folder = tempfile::tempdir().unwrap();
    let executor = warm(folder.path()).await;
    let zygote = text(&executor, forked(folder.path(), PARENT)).await;
    assert!(executor.drain(None).await.is_empty());
    assert!(!Path::new(&format!("/proc/{zygote}")).exists());
}

#[tokio::test]
async fn kinds_are_bounded_and_the_one_called_longest_ago_goes() {
    let executor = ScriptExecutor::new();
    let folders: Vec<_> = (0..34).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut parents = Vec::new();
    for folder in &folders {
        parents.push(text(&executor, forked(folder.path(), PARENT)).await);
    }
    let lives = |pid: &String| Path::new(&format!("/proc/{pid}/exe")).exists();
    eventually("the first are gone", || {
        !lives(&parents[0]) && !lives(&parents[1])
    })
    .await;
    assert_eq!(parents.iter().filter(|pid| lives(pid)).count(), 32);
    executor.drain(None).await;
}

/// What hides in every way there is, and the processes that somebody kills.
const HIDING: &str = r#"
import os, subprocess, sys, time
subprocess.Popen(['setsid', 'sleep', 'TOKEN'])
subprocess.Popen(['env', '-i', '/usr/bin/setsid', '/bin/sh', '-c', '/bin/sleep TOKEN & /bin/sleep TOKEN &'])
def daemon():
    # A fork without an exec: its environment in /proc is that of the interpreter it was forked from.
    if os.fork() == 0:
        os.setsid()
        if os.fork(): os._exit(0)
        null = os.open('/dev/null', os.O_RDWR)
        for n in range(3): os.dup2(null, n)
        subprocess.run(['sleep', 'TOKEN'])
        os._exit(0)
daemon()
while os.popen('pgrep -fc "^(/bin/)?sleep TOKEN"').read().strip() != '4': time.sleep(0.02)
open('ready.%d' % os.getpid(), 'w').write(str(os.getppid()))
if sys.argv[1:] == ['wait']: time.sleep(3600)
print('left')
"#;

fn hiding() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let mark = mark();
    fs::write(
        folder.path().join("hide.py"),
        HIDING.replace("TOKEN", &mark),
    )
    .unwrap();
    let tool = |name: &str, argument: &str| {
        format!(
            "  - name: {name}\n    description: Hide\n    kill_grace: 1\n    timeout: 60\n    script: {{ command: /usr/bin/python3, args: [hide.py{argument}], worker: {{ mode: fork }} }}\n"
        )
    };
    let tools = format!("tools:\n{}{}", tool("leave", ""), tool("hang", ", wait"));
    fs::write(folder.path().join("gantz.yaml"), tools).unwrap();
    (folder, mark)
}

#[test]
fn what_a_call_leaves_behind_is_gone_before_the_answer() {
    let (folder, mark) = hiding();
    let output = command(folder.path(), &["call", "leave"]).output().unwrap();
    assert_eq!(alive(&mark), 0);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "left\n",
        "{stderr}"
    );
    assert!(
        stderr.contains("processes that the script left behind"),
        "{stderr}"
    );
}

/// Kills one of the line runner, guards and warm interpreter in the middle of a call, and looks for survivors.
async fn nobody_survives(victim: fn(outer: u32, zygote: u32) -> u32) {
    let (folder, mark) = hiding();
    let mut child = command(folder.path(), &["serve", "--stdio"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    for line in [
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hang"}}"#,
    ] {
        writeln!(input, "{line}").unwrap();
    }
    let ready = || {
        let files = fs::read_dir(folder.path()).unwrap().flatten();
        files
            .filter(|file| file.file_name().to_string_lossy().starts_with("ready."))
            .find_map(|file| fs::read_to_string(file.path()).ok()?.parse::<u32>().ok())
    };
    let deadline = Instant::now() + Duration::from_mins(1);
    let zygote = loop {
        if let Some(zygote) = ready() {
            break zygote;
        }
        assert!(
            Instant::now() < deadline,
            "the script does not come to its wait"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let runner = child_of(child_of(child.id()));
    assert_eq!(
        children_of(runner),
        [zygote],
        "nothing is left of its start"
    );
    kill(&victim(child.id(), zygote).to_string());
    let is_gone = |pid: u32| {
        fs::read_to_string(format!("/proc/{pid}/cmdline")).map_or(true, |line| line.is_empty())
    };
    eventually("nobody is left", || alive(&mark) == 0).await;
    eventually("no interpreter is left", || is_gone(zygote)).await;
    drop(input);
    child.wait().unwrap();
}

fn child_of(pid: u32) -> u32 {
    children_of(pid)[0]
}

/// Of all threads, dead ones too until they are reaped.
fn children_of(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    threads
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| {
            let pids = list.split_whitespace().map(|pid| pid.parse().unwrap());
            pids.collect::<Vec<u32>>()
        })
        .collect()
}

#[tokio::test]
async fn nobody_survives_the_killed_zygote() {
    nobody_survives(|_, zygote| zygote).await;
}

#[tokio::test]
async fn nobody_survives_the_killed_runner() {
    nobody_survives(|outer, _| child_of(child_of(outer))).await;
}

#[tokio::test]
async fn nobody_survives_the_killed_guards() {
    nobody_survives(|outer, _| child_of(outer)).await;
    nobody_survives(|outer, _| outer).await;
}
