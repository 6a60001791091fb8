//! What the integration tests share: the program itself, started as a user would.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the program they test"
)]
#![allow(dead_code, reason = "each test file uses its own part of this")]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

pub(crate) mod calls;
pub(crate) mod lines;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

/// The program under test.
pub(crate) const RUNNER: &str = env!("CARGO_BIN_EXE_runner");

/// A path in the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs the program in `folder` to its end. What this machine sets for Python does not reach its scripts.
pub(crate) fn runner(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// The program, ready to be started in `folder`.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(RUNNER);
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("PYTHONUNBUFFERED")
        .env_remove("RUNNER_LOG")
        .stdin(Stdio::null());
    command
}

/// What a process printed, as text: standard output and standard error.
pub(crate) fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Runs the program in `folder` to its end: exit code, standard output and standard error.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = runner(folder, arguments);
    let (stdout, stderr) = texts(&output);
    (output.status.code().unwrap(), stdout, stderr)
}

/// A server of the program on a free port, ended when dropped.
pub(crate) struct Server {
    child: Child,
    /// The URL of the endpoint.
    pub(crate) url: String,
    said: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves a file and waits until it listens.
    pub(crate) fn start(config: &Path) -> Self {
        Self::start_with(config, &[])
    }

    /// The same, with more options.
    pub(crate) fn start_with(config: &Path, options: &[&str]) -> Self {
        let config_text = config.to_str().unwrap();
        let mut arguments = vec!["serve", config_text, "--port", "0"];
        arguments.extend_from_slice(options);
        let mut child = command(config.parent().unwrap(), &arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let url = lines
            .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned))
            .expect("the server says where it listens");
        // Keep reading, so that the server never blocks on a full pipe.
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        std::thread::spawn(move || lines.for_each(|line| heard.lock().unwrap().push(line)));
        Self { child, url, said }
    }

    /// What it has said on standard error since it listens.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }

    /// The URL of another path of the same server.
    pub(crate) fn at(&self, path: &str) -> String {
        self.url.replace("/mcp", path)
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a test needs beside Rust and Python 3, named by an environment variable; `None`, saying so, where it
/// is absent. `RUNNER_REQUIRE_TOOLS` makes that a failure.
pub(crate) fn tool_from(variable: &str) -> Option<String> {
    let tool = std::env::var(variable).ok();
    if tool.is_none() {
        skipped(&format!("`{variable}` names no program"));
    }
    tool
}

/// Says that a test was skipped and why; a failure where nothing may be skipped.
pub(crate) fn skipped(why: &str) {
    assert!(
        std::env::var_os("RUNNER_REQUIRE_TOOLS").is_none(),
        "not to be skipped here: {why}"
    );
    eprintln!("skipped: {why}");
}
