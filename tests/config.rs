//! Diagnostics word for word: each `tests/config/*.yaml` beside the report it gets.

#![cfg(unix)]

use std::path::{Path, PathBuf};

use runner::config::{Env, LoadOptions, load_text};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
    let mut cases: Vec<PathBuf> = folder
        .read_dir()
        .expect("the cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    cases.sort();
    cases
}

/// A folder with these programs and no others, so that reports do not depend on the machine.
fn programs() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        "bash", "echo", "ls", "psql", "python3", "rg", "sqlite3", "ssh", "true",
    ] {
        let program = folder.path().join(name);
        std::fs::write(&program, "").expect("written");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))
            .expect("changed");
    }
    folder
}

/// The report on a text: what went wrong, or the warnings, or that all is well.
fn report(name: &str, text: &str, programs: &Path) -> String {
    let options = LoadOptions {
        compat: text.contains("# --compat"),
        strict: text.contains("# --strict"),
        env: Env::from_pairs([
            ("PATH", programs.to_str().expect("unicode")),
            ("HOME", "/home/ada"),
            ("SECRET", "hunter2"),
        ]),
        ..LoadOptions::default()
    };
    let folder = Path::new("/nonexistent/project");
    match load_text(Path::new(name), text, folder, &options) {
        Ok(loaded) if loaded.diagnostics.is_empty() => "sound\n".to_owned(),
        Ok(loaded) => format!(
            "loads\n\n{}",
            loaded.diagnostics.render(&loaded.source, false)
        ),
        Err(error) => format!("refused\n\n{}", error.render(false)),
    }
}

#[test]
fn reports_are_as_they_were() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("config");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let programs = programs();
    settings.bind(|| {
        for path in cases() {
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let text = std::fs::read_to_string(&path).expect("a readable case");
            let report = report("gantz.yaml", &text, programs.path());
            assert!(
                !report.contains("hunter2"),
                "{name} shows a secret:\n{report}"
            );
            insta::assert_snapshot!(name, report);
        }
    });
}
