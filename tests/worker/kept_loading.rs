//! What kept workers load: the script's own modules where it finds them, and the runner's part by itself.

use std::fs;

use crate::support::command;

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
