//! What `docs/seeds.md` points at is there: each row's test, and each file it links.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

use std::fs;
use std::path::Path;

use regex::Regex;

/// The patterns that must have a row, by the word that names them.
const PATTERNS: [&str; 12] = [
    "ThreadPoolExecutorWrapper",
    "AsyncConcurrentExecutor",
    "AsyncHTTPFetcher",
    "TokenBucketRateLimiter",
    "RateLimitedExecutor",
    "ConcurrentToolExecutor",
    "execute_with_dependencies",
    "fetch_related",
    "MonitoredConcurrentExecutor",
    "Semaphore pattern",
    "Streaming results",
    "Response chunking",
];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rows() -> Vec<String> {
    let text = fs::read_to_string(repository().join("docs/seeds.md")).unwrap();
    let is_row = |line: &&str| line.starts_with("| ") && !line.ends_with("| shown by |");
    text.lines().filter(is_row).map(str::to_owned).collect()
}

#[test]
fn each_row_names_a_test_that_exists() {
    let shown_by = Regex::new(r"\| `([^`]+\.rs)`: `([a-z0-9_]+)` \|$").unwrap();
    let mut wrong = Vec::new();
    for row in rows() {
        let Some(found) = shown_by.captures(&row) else {
            wrong.push(format!("no test: {row}"));
            continue;
        };
        let text = fs::read_to_string(repository().join(&found[1])).unwrap_or_default();
        if !text.contains(&format!("fn {}", &found[2])) {
            wrong.push(format!("`{}` has no test `{}`", &found[1], &found[2]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_pattern_has_a_row() {
    let rows = rows();
    for pattern in PATTERNS {
        assert!(rows.iter().any(|row| row.contains(pattern)), "{pattern}");
    }
}

#[test]
fn each_link_leads_to_a_file() {
    let link = Regex::new(r"\]\(([^)#]+)(?:#[^)]*)?\)").unwrap();
    for row in rows() {
        for found in link.captures_iter(&row) {
            let target = repository().join("docs").join(&found[1]);
            assert!(target.exists(), "{}", target.display());
        }
    }
}
