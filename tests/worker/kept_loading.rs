//! What kept workers load: the script's own modules where it finds them, and the runner's part by itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use runner::tool::{FailureCode, ForkWorker, Worker};

use crate::calls::{Draft, argv};
use crate::kept::{kept, one, room, run, text};
use crate::support::command;

/// Shows where modules are looked for, as a script and as a worker.
const SHOWS: &str = "
import json, sys
import helper, inspect
def main(arguments=None):
    return [sys.path, helper.__file__, inspect.__file__, getattr(json, 'OWN', False)]
if __name__ == '__main__':
    print(json.dumps(main()) if not hasattr(json, 'OWN') else json.show(main()))
";

/// `scripts/tool.py` in a folder whose own modules have the names of the interpreter's.
fn shadowed(folder: &Path) -> Draft {
    for name in ["json", "types", "inspect", "traceback", "enum", "importlib"] {
        fs::write(
            folder.join(format!("{name}.py")),
            "raise Exception('of the project, not of the script')\n",
        )
        .unwrap();
    }
    fs::create_dir(folder.join("scripts")).unwrap();
    let own = |name: &str, text: &str| fs::write(folder.join("scripts").join(name), text).unwrap();
    own("tool.py", SHOWS);
    own("helper.py", "");
    own("inspect.py", "OWN = True\n");
    own("traceback.py", "raise Exception('nobody asked for it')\n");
    let mut draft = argv("/usr/bin/python3", &["scripts/tool.py"]);
    folder.clone_into(&mut draft.working_dir);
    draft
}

#[expect(clippy::disallowed_methods, reason = "what the interpreter does alone")]
fn by_hand(folder: &Path) -> String {
    let output = Command::new("/usr/bin/python3")
        .arg("scripts/tool.py")
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

#[tokio::test]
async fn modules_of_the_working_directory_stand_in_for_none_of_the_interpreter() {
    for worker in [
        Worker::Persistent(one()),
        Worker::Fork(ForkWorker {
            options: 0,
            fixed: 1,
            preload: Vec::new(),
        }),
    ] {
        let (folder, executor) = room();
        let mut draft = shadowed(folder.path());
        draft.worker = Some(worker);
        let answer = text(&executor, draft).await;
        assert_eq!(answer.trim_end(), by_hand(folder.path()));
        executor.drain(None).await;
    }
}

/// A module beside the script is the script's, whatever its name, as if the script were run by hand.
#[tokio::test]
async fn modules_beside_the_script_are_the_script_s_and_not_the_worker_s() {
    let (folder, executor) = room();
    let own = "OWN = True\ndef show(value): return 'own'\n";
    fs::create_dir(folder.path().join("types")).unwrap();
    fs::write(folder.path().join("types/__init__.py"), own).unwrap();
    fs::write(folder.path().join("json.py"), own).unwrap();
    let script = "import json, types
def main(arguments): return {'own': [json.OWN, types.OWN]}";
    let answer = text(&executor, kept(folder.path(), script)).await;
    assert_eq!(answer, r#"{"own": [true, true]}"#);
    executor.drain(None).await;
}

/// What an `async def main` is answered by is loaded after the script.
#[tokio::test]
async fn modules_beside_the_script_are_none_of_asyncio_s() {
    let (folder, executor) = room();
    for name in ["signal", "queue", "selectors", "asyncio"] {
        let text = "raise Exception('nobody asked for it')\n";
        fs::write(folder.path().join(format!("{name}.py")), text).unwrap();
    }
    let script = "async def main(arguments): return 'done'";
    let answer = text(&executor, kept(folder.path(), script)).await;
    assert_eq!(answer, "done");
    executor.drain(None).await;
}

#[tokio::test]
async fn whatever_an_exception_says_its_traceback_arrives() {
    for (says, message, last) in [
        (
            r"'\udc80 a bad name'",
            "Exception: ? a bad name",
            "Exception: ? a bad name\n".to_owned(),
        ),
        (
            "'m' * 2_000_000",
            &*format!("Exception: {} [...]", "m".repeat(489)),
            " [...]\n".to_owned(),
        ),
        (
            "'first\\n' + 'x' * 70_000 + '\\nlast'",
            "last",
            "\nlast\n".to_owned(),
        ),
    ] {
        let (folder, executor) = room();
        let script = format!("def deep():\n    raise Exception({says})\ndeep()\n");
        let failure = run(&executor, kept(folder.path(), &script)).await;
        let failure = failure.result.unwrap_err();
        assert_eq!(failure.code, FailureCode::SpawnFailed);
        assert_eq!(
            failure.message,
            format!("`subject` could not start `/usr/bin/python3`: its worker failed: {message}")
        );
        let stderr = failure.data["stderr"].as_str().unwrap();
        assert!(
            stderr.contains("script.py\", line 2, in deep\n"),
            "{stderr}"
        );
        assert!(stderr.ends_with(&last), "{stderr}");
        executor.drain(None).await;
    }
}

/// What the file puts into the environment is in the traceback alone, which is the script's own word.
#[test]
fn a_secret_in_an_exception_is_in_no_message_and_in_no_log() {
    for worker in ["mode: persistent", "mode: fork, preload: [own]"] {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "name: secret
env: {{ TOKEN: \"Bearer ${{SECRET}}\" }}
tools:
  - name: fails
    description: Fails
    script: {{ command: /usr/bin/python3, args: [own.py], worker: {{ {worker} }} }}
"
        );
        fs::write(folder.path().join("gantz.yaml"), text).unwrap();
        let script = "import os\nprint('with', os.environ['TOKEN'])\nraise Exception('not with ' + os.environ['TOKEN'])\n";
        fs::write(folder.path().join("own.py"), script).unwrap();
        let output = command(folder.path(), &["call", "fails", "--format", "json"])
            .env("SECRET", "hunter2-and-more")
            .env("RUNNER_LOG", "debug")
            .output()
            .unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains("not with Bearer ${SECRET}"), "{answer}");
        assert!(log.contains("not with Bearer ${SECRET}"), "{log}");
        assert!(!log.contains("hunter2"), "{log}");
    }
}
