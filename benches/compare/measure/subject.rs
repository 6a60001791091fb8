//! A server that runs: its processes, what they use, and how it is spoken to.

use std::collections::HashMap;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, sleep, timeout};

/// Longer than any start that is still worth measuring.
const PATIENCE: Duration = Duration::from_mins(2);

/// A request of the current revision, as one line.
pub(crate) fn request(id: u64, method: &str, params: &str) -> String {
    let separator = if params.is_empty() { "" } else { "," };
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}{separator}"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    )
}

/// The parameters of a call.
pub(crate) fn call(tool: &str, arguments: &str) -> String {
    format!(r#""name":"{tool}","arguments":{arguments}"#)
}

/// How a server is started.
#[derive(Clone)]
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    pub(crate) program: String,
    /// The words for a server on a port, and those for one on standard input and output.
    pub(crate) on_port: Vec<String>,
    pub(crate) on_stdio: Vec<String>,
}

/// A server's processes. Dropping it ends them.
pub(crate) struct Subject {
    child: Child,
    pub(crate) port: u16,
    /// From its start to the first list of tools.
    pub(crate) ready: Duration,
    /// Standard input and output, where it is spoken to there.
    pub(crate) pipes: Option<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
}

impl Recipe {
    fn command(&self, words: &[String]) -> Command {
        #[expect(clippy::disallowed_methods, reason = "the server that is measured")]
        let mut command = Command::new(&self.program);
        command.args(words).stderr(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Starts it on a port and waits until it lists its tools.
    pub(crate) async fn serve(&self) -> Subject {
        let port = free_port();
        let words: Vec<String> = self
            .on_port
            .iter()
            .map(|word| word.replace("PORT", &port.to_string()))
            .collect();
        let begin = Instant::now();
        let mut command = self.command(&words);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{}: {error}", self.program));
        loop {
            if super::http::answers(port).await {
                break;
            }
            let ended = child.try_wait().ok().flatten();
            assert!(ended.is_none(), "{} has ended: {ended:?}", self.name);
            assert!(begin.elapsed() < PATIENCE, "{} does not answer", self.name);
            sleep(Duration::from_micros(500)).await;
        }
        Subject {
            child,
            port,
            ready: begin.elapsed(),
            pipes: None,
        }
    }

    /// Starts it on standard input and output and waits until it lists its tools.
    pub(crate) async fn speak(&self) -> Subject {
        let begin = Instant::now();
        let mut command = self.command(&self.on_stdio);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{}: {error}", self.program));
        let mut stdin = child.stdin.take().expect("it is piped");
        let stdout = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines();
        let list = request(0, "tools/list", "") + "\n";
        stdin.write_all(list.as_bytes()).await.expect("it reads");
        let line = timeout(PATIENCE, lines.next_line()).await;
        let line = line
            .expect("it answers")
            .expect("it lives")
            .expect("it goes on");
        assert!(line.contains(r#""tools":["#), "{}: {line}", self.name);
        Subject {
            child,
            port: 0,
            ready: begin.elapsed(),
            pipes: Some((stdin, lines)),
        }
    }
}

impl Subject {
    /// CPU time of its processes, of those that have ended, too.
    pub(crate) fn cpu(&self) -> Duration {
        let ticks: u64 = self.processes().iter().map(|pid| ticks(*pid)).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Resident memory of all its processes, in bytes: `VmRSS` of each, so what they share counts in each.
    pub(crate) fn resident(&self) -> u64 {
        self.processes().iter().map(|pid| resident(*pid)).sum()
    }

    /// The same with what processes share divided among those that share it: `Pss`.
    pub(crate) fn proportional(&self) -> u64 {
        let processes = self.processes();
        let sizes = processes
            .iter()
            .map(|pid| kilobytes(&format!("/proc/{pid}/smaps_rollup"), "Pss:"));
        sizes.sum()
    }

    /// It and all its descendants.
    fn processes(&self) -> Vec<u32> {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for entry in fs::read_dir("/proc").expect("Linux").flatten() {
            let pid = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            if let Some(pid) = pid
                && let Some(parent) = stat(pid).and_then(|fields| fields.get(1)?.parse().ok())
            {
                children.entry(parent).or_default().push(pid);
            }
        }
        let mut found = vec![self.child.id().unwrap_or_default()];
        let mut next = 0;
        while let Some(pid) = found.get(next) {
            found.extend(children.remove(pid).unwrap_or_default());
            next += 1;
        }
        found
    }

    /// Ends it politely, so that what it started ends, too.
    pub(crate) async fn end(mut self) {
        drop(self.pipes.take());
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok())
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
        {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        }
        drop(timeout(Duration::from_secs(10), self.child.wait()).await);
    }
}

/// A port that nobody listens on just now.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it is bound").port()
}

/// The fields of `/proc/PID/stat` after the name: the first is the state (proc(5)).
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = text.rsplit(')').next()?.split_whitespace();
    Some(fields.map(str::to_owned).collect())
}

/// User and system time of a process and of its children that have ended, in hundredths of a second.
fn ticks(pid: u32) -> u64 {
    let fields = stat(pid).unwrap_or_default();
    let ticks = fields.iter().skip(11).take(4);
    ticks.filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// CPU time of this process alone.
pub(crate) fn own_cpu() -> Duration {
    let fields = stat(std::process::id()).unwrap_or_default();
    let ticks = fields.iter().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Resident memory of one process, in bytes.
pub(crate) fn resident(pid: u32) -> u64 {
    kilobytes(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// The figure behind `name` in a file of the system, in bytes.
fn kilobytes(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
