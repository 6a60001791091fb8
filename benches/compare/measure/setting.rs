//! What is measured with: a folder of tools, the floor, the servers.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::time::Instant;

use super::floor;
use super::subject::Recipe;

const RUNNER: &str = env!("CARGO_BIN_EXE_runner");

/// Tools of the small catalog, and of the large one.
const FEW_TOOLS: usize = 10;
const MANY_TOOLS: usize = 10_000;

/// The servers a user would write instead, by their package and version.
const PEERS: [(&str, &str, &str); 2] = [
    ("FastMCP", "fastmcp", "fastmcp==4.1.2"),
    ("Python SDK", "sdk", "mcp==2.3.0"),
];

const TOOLS: &str = r#"
name: compare
concurrency: { max_parallel: 64, queue_size: 10000 }
server: { builtin_tools: [read_output] }
tools:
  - name: echo
    description: Say hi
    script: { command: /bin/echo, args: [hi] }
  - name: report
    description: Report some numbers
    timeout: 300
    parameters: [ { name: count, type: integer, required: true } ]
    script: { command: /usr/bin/python3, args: [report.py, "{{count}}"] }
  - name: report_fork
    description: The same, from an interpreter that has json already
    timeout: 300
    parameters: [ { name: count, type: integer, required: true } ]
    script: { command: /usr/bin/python3, args: [report.py, "{{count}}"], worker: { mode: fork, preload: [json] } }
  - name: heavy
    description: The same with heavy imports
    timeout: 300
    parameters: [ { name: count, type: integer, required: true } ]
    script: { command: /usr/bin/python3, args: [heavy.py, "{{count}}"] }
  - name: heavy_fork
    description: The same, from an interpreter that has them already
    timeout: 300
    parameters: [ { name: count, type: integer, required: true } ]
    script:
      command: /usr/bin/python3
      args: [heavy.py, "{{count}}"]
      worker: { mode: fork, preload: [argparse, asyncio, csv, decimal, email.message, http.client, json, logging, multiprocessing, sqlite3, unittest.mock, urllib.request, xml.etree.ElementTree] }
  - name: report_persistent
    description: The same, from a script that stays
    timeout: 300
    parameters: [ { name: count, type: integer, required: true } ]
    script: { command: /usr/bin/python3, args: [persistent.py], worker: { mode: persistent, size: 2 } }
  - name: flood
    description: Print 50 MB
    timeout: 120
    script: { shell: "head -c 50000000 /dev/zero | tr '\\0' x" }
  - name: gigabyte
    description: Print 1 GiB
    timeout: 600
    script: { shell: head -c 1073741824 /dev/zero }
"#;

/// Everything that is needed beside a runtime.
pub(crate) struct Setting {
    /// Whether to measure for a moment only, to see that it works.
    pub(crate) is_quick: bool,
    pub(crate) duration: Duration,
    pub(crate) rounds: usize,
    /// How often a start is measured.
    pub(crate) starts: usize,
    pub(crate) floor: PathBuf,
    has_peers: bool,
    folder: tempfile::TempDir,
}

impl Setting {
    pub(crate) fn prepare() -> Self {
        let has = |word: &str| std::env::args().any(|given| given == word);
        let folder = tempfile::tempdir().expect("a folder");
        let tools = repository("benches/compare/tools");
        for name in ["report.py", "heavy.py", "persistent.py"] {
            fs::copy(tools.join(name), folder.path().join(name)).expect("a copy");
        }
        for (file, tools) in [("gantz.yaml", FEW_TOOLS), ("many.yaml", MANY_TOOLS)] {
            let own = TOOLS.matches("  - name: ").count();
            let text = format!("{TOOLS}{}", filler_tools(tools - own));
            fs::write(folder.path().join(file), text).expect("a file");
        }
        let is_quick = has("--quick");
        Self {
            floor: floor::compile(folder.path()),
            is_quick,
            duration: Duration::from_millis(if is_quick { 300 } else { 4000 }),
            starts: if is_quick { 3 } else { 15 },
            rounds: if is_quick { 1 } else { 5 },
            has_peers: !has("--no-peers"),
            folder,
        }
    }

    /// The runner, serving a file of the folder.
    pub(crate) fn runner(&self, file: &str) -> Recipe {
        let config = self.folder.path().join(file).display().to_string();
        let state = self.folder.path().join("state").display().to_string();
        let words = |more: &[&str]| {
            let begin = ["serve", &config, "--state-dir", &state];
            begin
                .iter()
                .chain(more)
                .map(|word| (*word).to_owned())
                .collect()
        };
        Recipe {
            name: "runner",
            program: RUNNER.to_owned(),
            on_port: words(&["--port", "PORT"]),
            on_stdio: words(&["--stdio"]),
        }
    }

    /// The runner and its peers.
    pub(crate) fn recipes(&self) -> Vec<Recipe> {
        let mut recipes = vec![self.runner("gantz.yaml")];
        if self.has_peers {
            recipes.extend(PEERS.map(|(name, kind, package)| self.peer(name, kind, package)));
        }
        recipes
    }

    fn peer(&self, name: &'static str, kind: &str, package: &str) -> Recipe {
        let script = repository("benches/compare/peers.py").display().to_string();
        let folder = self.folder.path().display().to_string();
        let words = |place: &str| [&script, kind, place, &folder].map(str::to_owned).to_vec();
        Recipe {
            name,
            program: python_with(package).display().to_string(),
            on_port: words("PORT"),
            on_stdio: words("stdio"),
        }
    }

    /// The same server with 10,000 tools.
    pub(crate) fn with_many_tools(&self, recipe: &Recipe) -> Recipe {
        if recipe.name == "runner" {
            return self.runner("many.yaml");
        }
        let mut recipe = recipe.clone();
        for words in [&mut recipe.on_port, &mut recipe.on_stdio] {
            words.push(MANY_TOOLS.to_string());
        }
        recipe
    }

    /// How long 1 GiB takes from the program that prints it through a pipe into a file.
    pub(crate) fn gigabyte_through_a_pipe(&self) -> Duration {
        let file = self.folder.path().join("gigabyte");
        let begin = Instant::now();
        let text = format!("head -c 1073741824 /dev/zero | cat > {}", file.display());
        run("sh", &["-c", &text]);
        let elapsed = begin.elapsed();
        fs::remove_file(file).expect("it was written");
        elapsed
    }
}

fn filler_tools(count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        write!(
            text,
            "  - name: filler_{number}\n    description: Tool number {number}, which nobody calls\n    parameters:\n      \
             - {{ name: text, type: string }}\n      - {{ name: count, type: integer, default: 1 }}\n      \
             - {{ name: folder, type: string, default: \".\" }}\n    script: {{ command: /bin/echo, args: [\"{{{{text}}}}\"] }}\n"
        )
        .expect("a string takes every line");
    }
    text
}

/// A Python with one package, kept under `target` for the next run.
fn python_with(package: &str) -> PathBuf {
    let name = package.replace("==", "-");
    let folder = repository("target/compare").join(name);
    let python = folder.join("bin/python");
    if !folder.join("complete").exists() {
        run("python3", &["-m", "venv", &folder.display().to_string()]);
        let python = python.display().to_string();
        run(
            &python,
            &[
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                package,
            ],
        );
        fs::write(folder.join("complete"), "").expect("the folder was made");
    }
    python
}

fn run(program: &str, words: &[&str]) {
    #[expect(clippy::disallowed_methods, reason = "prepares what is measured")]
    let status = Command::new(program).args(words).status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "{program} {words:?} failed"
    );
}

pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
