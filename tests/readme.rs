//! The README and the pages under `docs` as tests: every snippet in them is run, checked or parsed and every link followed,
//! so that none of them goes stale.

#![expect(
    clippy::disallowed_methods,
    reason = "tests run what the README tells a user to run"
)]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;
use serde_json::Value;
use support::{RUNNER, Server, command, repository, skipped, texts};

/// A fenced block of a page.
struct Snippet {
    language: String,
    text: String,
    /// Where it stands: the page and the line.
    place: String,
}

/// The README, and the pages it leads to.
fn pages() -> Vec<PathBuf> {
    let entries = fs::read_dir(repository("docs")).unwrap();
    let mut pages: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    pages.retain(|page| page.extension().is_some_and(|ending| ending == "md"));
    pages.push(repository("README.md"));
    pages.sort();
    pages
}

/// All of them but those for clients, which `runner snippet` writes and tests of its own hold.
fn snippets() -> Vec<Snippet> {
    let mut pages = pages();
    pages.retain(|page| !page.ends_with("clients.md"));
    pages.iter().flat_map(|page| snippets_of(page)).collect()
}

fn snippets_of(page: &Path) -> Vec<Snippet> {
    let text = fs::read_to_string(page).unwrap();
    let name = page.file_name().unwrap().display();
    let mut found = Vec::new();
    let mut open: Option<Snippet> = None;
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(language), None) => {
                open = Some(Snippet {
                    language: language.to_owned(),
                    text: String::new(),
                    place: format!("{name}, line {}", number + 2),
                });
            }
            (None, Some(snippet)) => snippet.text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of {name} has no end");
    found
}

fn of_language(language: &str) -> Vec<Snippet> {
    let mut found = snippets();
    found.retain(|snippet| snippet.language == language);
    assert!(
        !found.is_empty(),
        "no page has a `{language}` block any more"
    );
    found
}

/// Every link to a file or a heading of the project leads somewhere.
#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    for page in pages().iter().chain([&repository("CONTRIBUTING.md")]) {
        let text = fs::read_to_string(page).unwrap();
        for target in link.captures_iter(&text).map(|found| found[1].to_owned()) {
            if target.starts_with("http") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            assert!(file.exists(), "{}: {target}", page.display());
            assert!(
                anchor.is_empty() || anchors(&file).contains(&anchor.to_owned()),
                "{}: {target}",
                page.display()
            );
        }
    }
}

/// The headings of a page, as links name them.
fn anchors(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
            let words = line.trim_start_matches('#').trim().to_lowercase();
            words
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect()
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
        assert!(output.status.success(), "{}:\n{stderr}", snippet.place);
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
        assert!(output.status.success(), "{}:\n{stdout}", snippet.place);
        ran += 1;
    }
    assert!(ran > 0, "no case of a page was run");
}

#[test]
fn every_json_is_json() {
    for snippet in of_language("json") {
        let parsed = serde_json::from_str::<Value>(&snippet.text);
        assert!(parsed.is_ok(), "{}: {parsed:?}", snippet.place);
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
            &snippet.place,
        );
        match all.get(at + 1).filter(|next| next.language == "json") {
            Some(expected) => {
                let expected: Value = serde_json::from_str(&expected.text).unwrap();
                assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), expected);
            }
            None => assert!(
                printed.contains(r#""structuredContent":{"below":100,"primes":25}"#),
                "{}: {printed}",
                snippet.place
            ),
        }
        ran += 1;
    }
    assert!(ran > 0, "no command of a page was run");
}

/// Runs a snippet as a user would, with the program on the path.
fn shell(text: &str, place: &str) -> String {
    let bin = Path::new(RUNNER).parent().unwrap().to_str().unwrap();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let output = Command::new("/bin/sh")
        .args(["-c", text])
        .current_dir(repository(""))
        .env("PATH", path)
        .output()
        .unwrap();
    let (stdout, stderr) = texts(&output);
    assert!(output.status.success(), "{place}:\n{stderr}");
    stdout
}

fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output();
    found.is_ok_and(|output| output.status.success())
}
