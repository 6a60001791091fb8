//! Templates as an attacker would wish an author to write them, and what becomes of each.
//!
//! `hostile/templates.json` holds pairs: a template, and the message with which it is refused, or
//! null where it is allowed. Every allowed one runs in the real shells with values that would show.

use runner::tool::template::{Safety, Shell};
use serde_json::{Value, json};

use crate::shells::{arguments, compile, installed, run};

const TEMPLATES: &str = include_str!("hostile/templates.json");

/// Values for `x` and `y`, each of which makes a file `P` where something evaluates it.
const VALUES: &[(&str, &str)] = &[
    ("$(touch P)", "`touch P`"),
    ("touch P", "P"),
    ("'; touch P #", "\"; touch P #"),
    ("a[$(touch P)]", "a[$(touch P)]"),
    ("-v", "a[$(touch P)]"),
    ("x\nE\ntouch P\n", "\nE\nB\nRUNNER_END_0\ntouch P\n"),
    ("') ; touch P ; (", "\\"),
    ("-c", "touch P"),
];

/// Programs that reach out of the folder or wait for something.
const NOT_RUN: &[&str] = &[
    "ssh", "kill", "docker", "git", "make", "tar", "read -", "select", "npx", "convert", "sox",
    "less", "vim", "curl",
];

fn templates() -> Vec<(String, Option<String>)> {
    serde_json::from_str(TEMPLATES).expect("the test is written well")
}

fn message(template: &str, shell: Shell) -> Option<String> {
    let described = json!({"x": "string", "y": "string"});
    let problems = compile(template, shell, &described, Safety::Strict).err()?;
    Some(problems[0].message.clone())
}

#[test]
fn each_hostile_template_is_refused_for_its_own_reason() {
    let mut changed = Vec::new();
    for (template, expected) in templates() {
        let found = message(&template, Shell::Bash);
        if found != expected {
            changed.push(format!(
                "{template:?}\n    expected {expected:?}\n    found    {found:?}"
            ));
        }
    }
    assert!(
        changed.is_empty(),
        "{} changed:\n{}",
        changed.len(),
        changed.join("\n")
    );
}

#[test]
fn what_is_allowed_runs_nothing_of_a_value() {
    let mut ran = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    for (template, _) in templates() {
        if NOT_RUN.iter().any(|name| template.contains(name)) {
            continue;
        }
        for shell in [Shell::Posix, Shell::Bash] {
            let described = json!({"x": "string", "y": "string"});
            let Ok((compiled, _)) = compile(&template, shell, &described, Safety::Strict) else {
                continue;
            };
            for (x, y) in VALUES {
                let values: Value = json!({"x": x, "y": y});
                let Ok(mut command) = compiled.render(&arguments(&values)) else {
                    continue;
                };
                command
                    .variables
                    .push(("GANTZ_ARG_X".to_owned(), (*x).to_owned()));
                for installed in installed(shell, compiled.needs_bash()) {
                    let work = tempfile::tempdir_in(folder.path()).unwrap();
                    std::fs::write(work.path().join("f1"), "f1\n").unwrap();
                    run(&installed, &command, work.path());
                    if work.path().join("P").exists() {
                        ran.push(format!("{template:?} with {x:?} in {installed:?}"));
                    }
                }
            }
        }
    }
    assert!(ran.is_empty(), "{} ran:\n{}", ran.len(), ran.join("\n"));
}
