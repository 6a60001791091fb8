//! What the file says about tasks, and what is told of it.

use std::fs;

use crate::support::{runner, texts};

fn validated(tool: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let text =
        format!("tools:\n  - name: a\n    description: A\n    script: {{ command: echo }}\n{tool}");
    fs::write(folder.path().join("gantz.yaml"), text).unwrap();
    let (_, said) = texts(&runner(folder.path(), &["validate"]));
    said
}

#[test]
fn settings_without_an_effect_are_told() {
    let said = validated("    task: auto\n");
    assert!(
        said.contains(
            "warning: `task: auto` makes no tasks without `expected_duration`\n --> gantz.yaml:5:11"
        ),
        "{said}"
    );
    assert!(
        said.contains("hint: say how long a call usually takes: from 10s on it becomes a task"),
        "{said}"
    );
    let said = validated("    task: auto\n    expected_duration: 2m\n");
    assert!(
        said.contains(
            "warning: `expected_duration` is longer than the timeout of 30s\n --> gantz.yaml:6:24"
        ),
        "{said}"
    );
    let said = validated("    task: sometimes\n");
    assert!(said.contains("error: "), "{said}");
    let sound = validated("    task: auto\n    expected_duration: 2m\n    timeout: 5m\n");
    assert!(!sound.contains("warning"), "{sound}");
}

#[test]
fn explain_says_whether_calls_become_tasks() {
    let folder = tempfile::tempdir().unwrap();
    let text = "tools:\n  - { name: a, description: A, task: auto, expected_duration: 20s, script: { command: echo } }\n";
    fs::write(folder.path().join("gantz.yaml"), text).unwrap();
    let (said, _) = texts(&runner(folder.path(), &["explain", "a"]));
    let line = said.lines().find(|line| line.starts_with("  task "));
    let words: Vec<&str> = line.unwrap().split_whitespace().collect();
    assert_eq!(
        words.join(" "),
        "task auto: yes, expected to take 20 s gantz.yaml:2:32"
    );
}
