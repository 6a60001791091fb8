//! The README as a test: every snippet in it is run, checked or parsed, so that none of them goes stale.

#![expect(
    clippy::disallowed_methods,
    reason = "tests run what the README tells a user to run"
)]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{RUNNER, Server, command, repository, skipped, texts};

/// A fenced block of the README.
struct Snippet {
    language: String,
    text: String,
    line: usize,
}

fn snippets() -> Vec<Snippet> {
    let readme = fs::read_to_string(repository("README.md")).unwrap();
    let mut found = Vec::new();
    let mut open: Option<Snippet> = None;
    for (number, line) in readme.lines().enumerate() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(language), None) => {
                open = Some(Snippet {
                    language: language.to_owned(),
                    text: String::new(),
                    line: number + 2,
                });
            }
            (None, Some(snippet)) => snippet.text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of the README has no end");
    found
}

fn of_language(language: &str) -> Vec<Snippet> {
    let found: Vec<Snippet> = snippets()
        .into_iter()
        .filter(|snippet| snippet.language == language)
        .collect();
    assert!(
        !found.is_empty(),
        "the README has no `{language}` block any more"
    );
    found
}

#[test]
fn every_configuration_is_sound() {
    for snippet in of_language("yaml") {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("gantz.yaml"), &snippet.text).unwrap();
        let output = command(folder.path(), &["validate"])
            .env("DESK_TOKEN", "for the desk")
            .env("CI_TOKEN", "for the build")
            .output()
            .unwrap();
        let (_, stderr) = texts(&output);
        assert!(
            output.status.success(),
            "README line {}:\n{stderr}",
            snippet.line
        );
    }
}

#[test]
fn every_test_case_passes() {
    let snippets = of_language("yaml");
    let tested = snippets
        .iter()
        .filter(|snippet| snippet.text.contains(" test:\n"));
    let mut ran = 0;
    for snippet in tested {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("gantz.yaml"), &snippet.text).unwrap();
        let output = command(folder.path(), &["test"]).output().unwrap();
        let (stdout, _) = texts(&output);
        assert!(
            output.status.success(),
            "README line {}:\n{stdout}",
            snippet.line
        );
        ran += 1;
    }
    assert!(ran > 0, "no case of the README was run");
}

#[test]
fn every_json_is_json() {
    for snippet in of_language("json") {
        let parsed = serde_json::from_str::<Value>(&snippet.text);
        assert!(parsed.is_ok(), "README line {}: {parsed:?}", snippet.line);
    }
}

#[test]
fn every_command_runs_and_prints_what_follows_it() {
    let server = Server::start(&repository("gantz.yaml"));
    let all = snippets();
    let mut ran = 0;
    for (at, snippet) in all
        .iter()
        .enumerate()
        .filter(|(_, snippet)| snippet.language == "sh")
    {
        if snippet.text.starts_with("curl") && !is_installed("curl") {
            skipped("`curl` is not installed");
            continue;
        }
        let printed = shell(
            &snippet
                .text
                .replace("http://127.0.0.1:3000/mcp", &server.url),
            snippet.line,
        );
        match all.get(at + 1).filter(|next| next.language == "json") {
            Some(expected) => {
                let expected: Value = serde_json::from_str(&expected.text).unwrap();
                assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), expected);
            }
            None => assert!(
                printed.contains(r#""structuredContent":{"below":100,"primes":25}"#),
                "README line {}: {printed}",
                snippet.line
            ),
        }
        ran += 1;
    }
    assert!(ran > 0, "no command of the README was run");
}

/// Runs a snippet as a user would, with the program on the path.
fn shell(text: &str, line: usize) -> String {
    let bin = Path::new(RUNNER).parent().unwrap().to_str().unwrap();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let output = Command::new("/bin/sh")
        .args(["-c", text])
        .current_dir(repository(""))
        .env("PATH", path)
        .output()
        .unwrap();
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success(), "README line {line}:\n{stderr}");
    stdout
}

fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output();
    found.is_ok_and(|output| output.status.success())
}
