//! Files that are too much, or nonsense: refused with a message, quickly, and never a panic.

use std::fmt::Write;
use std::path::Path;
use std::sync::OnceLock;

use proptest::prelude::*;
use runner::config::{Env, LoadError, LoadOptions, load, load_text};
use tokio::time::{Duration, Instant};

fn options() -> LoadOptions {
    LoadOptions {
        env: Env::from_pairs([("PATH", "/usr/bin:/bin")]),
        ..LoadOptions::default()
    }
}

fn refused(text: &str) -> String {
    match load_text(
        Path::new("gantz.yaml"),
        text,
        Path::new("/nonexistent"),
        &options(),
    ) {
        Ok(_) => panic!("loads"),
        Err(error) => error.render(false),
    }
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let uses = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{uses}]").expect("written");
    }
    text += "tools: []\n";
    let report = refused(&text);
    assert!(
        report.contains("the aliases of this file repeat too much"),
        "{report}"
    );
}

#[test]
fn a_deep_nest_is_refused() {
    for open in ["[", "{ a: ", "- "] {
        let report = refused(&format!("tools: {}", open.repeat(100_000)));
        assert!(
            report.contains("nest") || report.contains("not YAML"),
            "{}",
            &report[..report.len().min(500)]
        );
    }
}

#[test]
fn a_huge_file_is_refused_without_being_read() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    file.as_file()
        .set_len(100 << 20)
        .expect("a hole of 100 MiB");
    let error = load(file.path(), &options())
        .expect_err("refused")
        .render(false);
    assert!(error.contains("the file is larger than 8 MiB"), "{error}");
}

#[test]
fn an_unreadable_file_says_why() {
    let error = load(Path::new("/nonexistent/gantz.yaml"), &options()).expect_err("refused");
    assert!(matches!(error, LoadError::Unreadable { .. }));
    let report = error.render(false);
    assert!(
        report.starts_with("error: cannot read `/nonexistent/gantz.yaml`: "),
        "{report}"
    );
    assert!(
        error.to_json()[0]["message"]
            .as_str()
            .is_some_and(|message| message.contains("cannot read"))
    );
}

#[test]
fn text_that_is_not_utf_8_is_refused_at_its_place() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), b"name: caf\xe9\n").expect("written");
    let error = load(file.path(), &options()).expect_err("refused");
    let report = error.to_json();
    assert_eq!(
        (&report[0]["line"], &report[0]["column"]),
        (&1.into(), &10.into()),
        "{report}"
    );
}

#[test]
fn a_byte_order_mark_changes_no_place() {
    let text = "\u{feff}tools: 5\n";
    let error = load_text(Path::new("x"), text, Path::new("/"), &options()).expect_err("refused");
    assert_eq!(error.to_json()[0]["column"], 8);
}

#[test]
fn ten_thousand_tools_load() {
    let mut text = "tools:\n".to_owned();
    for index in 0..10_000 {
        write!(
            text,
            "  - name: tool_{index}\n    description: Searches something\n    parameters:\n      - {{ name: query, required: true }}\n      - {{ name: lines, type: integer, default: 10, validation: {{ min: 1, max: 100 }} }}\n    script:\n      command: python3\n      args: [search.py, \"{{{{query}}}}\", \"{{{{lines}}}}\"]\n",
        )
        .expect("written");
    }
    let started = Instant::now();
    let loaded = load_text(
        Path::new("gantz.yaml"),
        text,
        Path::new("/nonexistent"),
        &options(),
    );
    let loaded = loaded.unwrap_or_else(|error| panic!("{}", error.render(false)));
    assert_eq!(loaded.catalog.tools().len(), 10_000);
    println!("10,000 tools in {:?}", started.elapsed());
    assert!(
        started.elapsed() < Duration::from_mins(1),
        "even unoptimized on a busy machine"
    );
    let report = loaded.diagnostics.render(&loaded.source, false);
    assert!(
        report.lines().count() < 50,
        "one warning for all: {}",
        &report[..500]
    );
}

#[test]
fn ten_thousand_mistakes_are_reported_in_bounds() {
    let text = format!("tools:\n{}", "  - { name: 5 }\n".repeat(10_000));
    let started = Instant::now();
    let report = refused(&text);
    assert!(report.contains("more problems are not shown"));
    assert!(
        started.elapsed() < Duration::from_mins(1),
        "took {:?}",
        started.elapsed()
    );
}

/// Files of this repository, and real ones where the reference folder is there.
fn seeds() -> &'static [String] {
    static SEEDS: OnceLock<Vec<String>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = [
            "tests/config",
            "examples/limits",
            "examples/shell",
            "../shared/wild",
        ];
        let files = folders
            .iter()
            .flat_map(|folder| root.join(folder).read_dir().into_iter().flatten())
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "yaml")
            });
        files
            .map(|path| std::fs::read_to_string(path).expect("a readable file"))
            .collect()
    })
}

/// Pieces that mean something in YAML, in templates, or in the contract.
const PIECES: &[&str] = &[
    "{{", "}}", "${", "}", "[", "]", "{", ": ", "- ", "\n", "\n  ", "\t", "'", "\"", "|", ">-",
    "&a ", "*a", "!!str ", "<<: ", "#", "null", "~", "-1", "1e309", "\\", "\u{0}", "\u{feff}", "é",
    "\r\n", "---\n", "\"\\u",
];

proptest! {
    #[test]
    fn no_mutation_of_a_file_panics(
        seed in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..12usize, 0..PIECES.len()), 1..6),
    ) {
        let mut characters: Vec<char> = seeds()[seed.index(seeds().len())].chars().collect();
        for (place, removed, piece) in edits {
            let at = place.index(characters.len() + 1);
            let end = (at + removed).min(characters.len());
            characters.splice(at..end, PIECES[piece].chars());
        }
        let text: String = characters.into_iter().collect();
        let report = match load_text(Path::new("gantz.yaml"), text, Path::new("/nonexistent"), &options()) {
            Ok(loaded) => loaded.diagnostics.render(&loaded.source, true),
            Err(error) => {
                let rendered = error.render(true);
                prop_assert!(error.to_json().as_array().is_some_and(|problems| !problems.is_empty()));
                rendered
            }
        };
        prop_assert!(!report.contains("more problems"));
    }
}
