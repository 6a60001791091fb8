//! The physical floor: a C program that spawns, reads and waits, and does nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Load;

/// Compiles the floor into `folder`.
pub(crate) fn compile(folder: &Path) -> PathBuf {
    let program = folder.join("floor");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compare/floor.c");
    #[expect(clippy::disallowed_methods, reason = "the compiler of the floor")]
    let compiled = Command::new("cc")
        .args(["-O2", "-Wall", "-pthread", "-o"])
        .args([&program, &source])
        .status();
    assert!(
        compiled.is_ok_and(|status| status.success()),
        "`cc` is needed for the floor"
    );
    program
}

/// `callers` threads, each spawning `command` again as soon as the one before has ended.
pub(crate) fn load(floor: &Path, command: &[&str], callers: usize, duration: Duration) -> Load {
    #[expect(clippy::disallowed_methods, reason = "the floor itself")]
    let output = Command::new(floor)
        .args([callers.to_string(), duration.as_secs_f64().to_string()])
        .args(command)
        .output()
        .expect("the floor runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let figures: Vec<f64> = text
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let [calls_per_second, p50_micros, cpu_micros] = figures[..] else {
        panic!("the floor failed: {output:?}");
    };
    Load {
        calls_per_second,
        p50_micros,
        cpu_micros,
        client_micros: 0.0,
    }
}
