//! Imports only go down: the rooms of the house and the floors they are on (see `src/lib.rs`).

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

/// The floor of each room. Rooms on one floor do not import each other.
const FLOORS: [(&str, u8); 20] = [
    ("main", 9),
    ("cli", 8),
    ("server", 7),
    ("reload", 7),
    ("mcp", 6),
    ("cases", 6),
    ("batch", 5),
    ("runner", 4),
    ("scheduler", 3),
    ("executor", 3),
    ("tasks", 3),
    ("config", 2),
    ("store", 2),
    ("tool", 1),
    ("diagnostic", 0),
    ("shutdown", 0),
    ("guard", 0),
    ("metrics", 0),
    ("telemetry", 0),
    ("lib", 10),
];

#[test]
fn imports_only_go_down() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut climbs = Vec::new();
    let mut imports = 0;
    for file in rust_files(&source) {
        let room = room_of(file.strip_prefix(&source).unwrap());
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            for imported in imported_rooms(line) {
                imports += 1;
                if imported != room && floor(&imported) >= floor(&room) {
                    climbs.push(format!(
                        "{}:{}: `{room}` imports `{imported}`",
                        file.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(
        imports > 50,
        "only {imports} imports were seen: does this test still read them?"
    );
    assert!(
        climbs.is_empty(),
        "imports that go up or sideways:\n{}",
        climbs.join("\n")
    );
}

fn floor(room: &str) -> u8 {
    let known = FLOORS.iter().find(|(name, _)| *name == room);
    known
        .unwrap_or_else(|| panic!("`{room}` is a new room: give it a floor here and in src/lib.rs"))
        .1
}

fn room_of(path: &Path) -> String {
    let first = path
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The rooms named by `crate::ROOM` in a line of code, and by `crate::{ROOM, ...}`.
fn imported_rooms(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or_default();
    let names = code.split("crate::").skip(1).flat_map(|rest| {
        let listed = rest
            .strip_prefix('{')
            .map_or(rest, |list| list.trim_end_matches("};"));
        let separator = if rest.starts_with('{') { ',' } else { '\0' };
        listed.split(separator).map(first_word).collect::<Vec<_>>()
    });
    names.filter(|name| !name.is_empty()).collect()
}

fn first_word(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                rust_files(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}
