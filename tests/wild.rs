//! Files as people publish them: the sound ones load, the others are refused for their true cause.
//!
//! They lie in the reference folder beside the repository; where that is absent, the tests say so and
//! pass.

use std::path::{Path, PathBuf};

use runner::config::{Env, LoadError, LoadOptions, load};

/// The files that hold real mistakes: the lines of an error that must be reported, and words of it.
const REFUSED: &[(&str, usize, &str)] = &[
    ("agents-state-machines-0", 6, "query"),
    ("over-engineered-3", 5, "path"),
    ("why-every-dev-mcp-0", 4, "query"),
    ("slack-bot-mcp-0", 40, "if filter"),
    ("50-tools-12", 43, "run as a program"),
    ("80-20-rule-3", 40, "run as a program"),
    ("first-agent-0", 40, "run as a program"),
    ("openai-mcp-0", 37, "run as a program"),
    ("agent-loops-0", 47, "run as a program"),
];

/// Sound where paths into object parameters are supported, as they are here.
const OBJECT_PATH: &str = "ai-agent-use-cases-4";

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/wild");
    [
        folder,
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/wild"),
    ]
    .into_iter()
    .find(|folder| folder.is_dir())
}

fn options(compat: bool) -> LoadOptions {
    LoadOptions {
        compat,
        env: Env::from_pairs([("PATH", "/usr/bin:/bin"), ("HOME", "/root")]),
        ..LoadOptions::default()
    }
}

#[test]
fn sound_files_load_with_compat() {
    let Some(folder) = folder() else {
        println!("skipped: the reference folder is absent");
        return;
    };
    let mut loaded = 0;
    let mut failures: Vec<String> = Vec::new();
    for entry in folder.read_dir().expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if name == OBJECT_PATH || REFUSED.iter().any(|(refused, ..)| *refused == name) {
            continue;
        }
        match load(&path, &options(true)) {
            Ok(_) => loaded += 1,
            Err(error) => failures.push(error.render(false)),
        }
    }
    assert!(failures.is_empty(), "{}", failures.concat());
    assert_eq!(loaded, 50);
}

#[test]
fn the_others_are_refused_for_their_true_cause() {
    let Some(folder) = folder() else {
        println!("skipped: the reference folder is absent");
        return;
    };
    let mut failures: Vec<String> = Vec::new();
    for (name, line, words) in REFUSED {
        let path = folder.join(format!("{name}.yaml"));
        for compat in [true, false] {
            match load(&path, &options(compat)) {
                Ok(_) => failures.push(format!(
                    "{name} loads, compat: {compat}
"
                )),
                Err(error) if tells(&error, *line, words) => {}
                Err(error) => failures.push(format!(
                    "{name}:{line} {words}: not told
{}",
                    error.render(false)
                )),
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.concat());
}

#[test]
fn a_path_into_an_object_is_sound() {
    let Some(folder) = folder() else {
        println!("skipped: the reference folder is absent");
        return;
    };
    let path = folder.join(format!("{OBJECT_PATH}.yaml"));
    let loaded =
        load(&path, &options(true)).unwrap_or_else(|error| panic!("{}", error.render(false)));
    assert_eq!(loaded.catalog.tools().len(), 3);
}

/// Whether the report holds an error at that line that says those words.
fn tells(error: &LoadError, line: usize, words: &str) -> bool {
    error.to_json().as_array().is_some_and(|problems| {
        problems.iter().any(|problem| {
            problem["severity"] == "error"
                && problem["line"] == line
                && problem["message"]
                    .as_str()
                    .is_some_and(|message| message.contains(words))
        })
    })
}
