//! What came of it, as a document.

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use super::setting::repository;
use super::{Load, MANY, chart};

const MIB: f64 = 1024.0 * 1024.0;
const MB: f64 = 1e6;

/// All figures of a run.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) floor_one: Load,
    pub(crate) floor_many: Load,
    /// Of each round: calls a second and CPU time of a call as shares of the floor's, and what a call costs beyond a
    /// bare spawn, in microseconds.
    pub(crate) throughput: Vec<f64>,
    pub(crate) cpu: Vec<f64>,
    pub(crate) own_http: Vec<f64>,
    pub(crate) own_stdio: Vec<f64>,
    /// Each way to run a Python script, one call at a time and many.
    pub(crate) python: Vec<(&'static str, Load, Load)>,
    pub(crate) peers: Vec<PeerRow>,
    /// Of each round: the speed of 1 GiB, stored, as a share of a pipe into a file.
    pub(crate) gigabyte: Vec<f64>,
    pub(crate) gigabyte_memory: u64,
    pub(crate) least: Least,
    /// What a waiting call takes up, in bytes.
    pub(crate) waiting: f64,
}

/// Memory of all processes of a server, in bytes: what they share counted in each, and divided among them.
#[derive(Clone, Copy, Default)]
pub(crate) struct Idle {
    pub(crate) resident: u64,
    pub(crate) proportional: u64,
}

/// The least server of the same SDK.
#[derive(Default)]
pub(crate) struct Least {
    pub(crate) idle: Idle,
    pub(crate) ready: Duration,
    pub(crate) http_one: Load,
    pub(crate) http_many: Load,
    pub(crate) stdio_one: Load,
    /// A call that runs nothing.
    pub(crate) nothing: Load,
}

/// One server.
#[derive(Default)]
pub(crate) struct PeerRow {
    pub(crate) name: &'static str,
    pub(crate) ready: Duration,
    pub(crate) idle: Idle,
    pub(crate) http_one: Load,
    pub(crate) http_many: Load,
    pub(crate) stdio_one: Load,
    pub(crate) stdio_many: Load,
    pub(crate) python: Load,
    pub(crate) flood: Duration,
    pub(crate) flood_memory: u64,
    pub(crate) many_ready: Duration,
    pub(crate) many_memory: u64,
}

/// What is aimed at, and what was measured.
struct Target {
    what: &'static str,
    aim: String,
    measured: String,
    is_met: bool,
}

impl Report {
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "# Performance\n\nWritten by `cargo bench --bench compare` on {}.\nAll of it was measured in one run; compare the ratios, \
             not the bare figures.\n\nMachine: {}.\n\nThe floor is a C program that does nothing but `posix_spawn` into a group of its own, read standard output and standard error to the end, and `waitpid`: \
             {} calls of `/bin/echo` a second one at a time\n({} ms each), {} with {MANY} at once, {} ms of CPU time a call.\n",
            date(),
            machine(),
            figure(self.floor_one.calls_per_second),
            figure(self.floor_one.p50_micros / 1e3),
            figure(self.floor_many.calls_per_second),
            figure(self.floor_many.cpu_micros / 1e3),
        );
        text.push_str(&self.targets_table());
        text.push_str(&self.least_table());
        text.push_str(&self.servers_table());
        text.push_str(&self.python_table());
        text
    }

    /// Writes the document and its plots.
    pub(crate) fn write(&self) {
        let folder = repository("docs/performance");
        fs::create_dir_all(&folder).expect("a folder for the plots");
        fs::write(repository("docs/performance.md"), self.markdown()).expect("the document");
        let floor = (
            "C, posix_spawn".to_owned(),
            self.floor_many.calls_per_second,
        );
        let servers = self.peers.iter();
        let rows = servers.map(|peer| {
            (
                format!("{}, HTTP", peer.name),
                peer.http_many.calls_per_second,
            )
        });
        let rows: Vec<_> = std::iter::once(floor).chain(rows).collect();
        let plot = chart::bars("/bin/echo, 64 callers", "calls/s", &rows);
        fs::write(folder.join("echo.svg"), plot).expect("a plot");
        let rows = self.python.iter();
        let rows: Vec<_> = rows
            .map(|(name, one, _)| ((*name).to_owned(), one.calls_per_second))
            .collect();
        let plot = chart::bars("A Python script, one call at a time", "calls/s", &rows);
        fs::write(folder.join("python.svg"), plot).expect("a plot");
    }

    fn targets_table(&self) -> String {
        let mut text =
            "\n## Targets\n\n| what | aim | measured | |\n|---|---|---|---|\n".to_owned();
        for target in self.targets() {
            let word = if target.is_met { "met" } else { "**missed**" };
            let Target {
                what,
                aim,
                measured,
                ..
            } = target;
            writeln!(text, "| {what} | {aim} | {measured} | {word} |").expect("a string");
        }
        text
    }

    fn targets(&self) -> Vec<Target> {
        let of = |name: &str| self.python.iter().find(|(known, ..)| *known == name);
        let one = |name: &str| of(name).map_or(0.0, |(_, one, _)| one.calls_per_second);
        let mut targets = vec![
            at_least(
                "echo over HTTP, 64 callers, share of the floor",
                median(&self.throughput),
                0.92,
                "",
            ),
            at_most(
                "CPU time of a call, as a multiple of the floor's",
                median(&self.cpu),
                1.12,
                "",
            ),
            at_most(
                "own cost of a call over HTTP, p50",
                median(&self.own_http),
                120.0,
                " us",
            ),
            at_most(
                "own cost of a call over stdio, p50",
                median(&self.own_stdio),
                80.0,
                " us",
            ),
            at_least(
                "Python script, `fork` against a spawn",
                one("fork") / one("spawn"),
                6.0,
                "x",
            ),
            at_least(
                "Python script, `persistent` against a spawn",
                one("persistent") / one("spawn"),
                100.0,
                "x",
            ),
            at_least(
                "the same, two workers and 64 callers over HTTP",
                of("persistent").map_or(0.0, |(.., many)| many.calls_per_second),
                15_000.0,
                "/s",
            ),
            at_least(
                "heavy imports, `fork` against a spawn",
                one("fork, heavy imports") / one("spawn, heavy imports"),
                20.0,
                "x",
            ),
            at_least(
                "1 GiB stored, against a pipe into a file",
                median(&self.gigabyte),
                0.7,
                "",
            ),
            at_most(
                "memory above idle meanwhile",
                mib(self.gigabyte_memory),
                32.0,
                " MiB",
            ),
        ];
        targets.push(at_most(
            "100,000 waiting calls, each",
            self.waiting,
            2048.0,
            " bytes",
        ));
        if let Some(ours) = self.peers.first() {
            targets.extend([
                at_most(
                    "10 tools: listed over stdio after",
                    millis(ours.ready),
                    8.0,
                    " ms",
                ),
                at_most(
                    "10 tools: resident when idle, all processes",
                    mb(ours.idle.resident),
                    9.3,
                    " MB",
                ),
                at_most(
                    "the same, against the least server of the same SDK",
                    mb(ours.idle.resident) / mb(self.least.idle.resident),
                    1.2,
                    "x",
                ),
                at_most(
                    "10,000 tools: listed over stdio after",
                    millis(ours.many_ready),
                    200.0,
                    " ms",
                ),
                at_most("10,000 tools: resident", mb(ours.many_memory), 80.0, " MB"),
            ]);
        }
        targets
    }

    fn least_table(&self) -> String {
        let least = &self.least;
        let own = |load: &Load| figure(load.p50_micros - self.floor_one.p50_micros);
        format!(
            "\n## What the SDK costs\n\nThe least server that can be written on the same SDK starts `/bin/echo` and knows no limit, no \
             timeout, no guard and no log. Measured like the runner, it shows what the SDK and a spawn through tokio cost by themselves:\n\n\
             | | measured |\n|---|---|\n\
             | echo over HTTP, {MANY} callers, share of the floor | {} |\n\
             | CPU time of a call, as a multiple of the floor's | {} |\n\
             | own cost of a call over HTTP, p50 | {} us |\n\
             | own cost of a call over stdio, p50 | {} us |\n\
             | a call that runs nothing, {MANY} callers over HTTP | {}/s, {} ms of CPU time each |\n\
             | listed over stdio after | {} ms |\n\
             | resident when idle | {} MB |\n",
            figure(least.http_many.calls_per_second / self.floor_many.calls_per_second),
            figure(least.http_many.cpu_micros / self.floor_many.cpu_micros),
            own(&least.http_one),
            own(&least.stdio_one),
            figure(least.nothing.calls_per_second),
            fine(least.nothing.cpu_micros / 1e3),
            figure(millis(least.ready)),
            figure(mb(least.idle.resident)),
        )
    }

    fn servers_table(&self) -> String {
        let mut text = format!(
            "\n## Servers\n\n`/bin/echo` through each server; `64` is {MANY} callers. The peers start the program with \
             `asyncio.create_subprocess_exec` under a semaphore. The runner is three processes, which share most of \
             their pages. The shares of the floor in this table are of one round, those among the targets the middle of several.\n\n![calls a second](performance/echo.svg)\n\n\
             | | listed after | idle, each process counted whole | idle, shared pages divided among them | HTTP, p50 | HTTP, 64 | of the floor | CPU a call, of the floor | stdio, p50 | stdio, 64 | Python script, 64 | 50 MB of output | memory for it | 10,000 tools | resident |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"
        );
        for peer in &self.peers {
            writeln!(
                text,
                "| {} | {} ms | {} MB | {} MB | {} ms | {}/s | {} | {} | {} ms | {}/s | {}/s | {} ms | {} MiB | {} ms | {} MB |",
                peer.name,
                figure(millis(peer.ready)),
                figure(mb(peer.idle.resident)),
                figure(mb(peer.idle.proportional)),
                figure(peer.http_one.p50_micros / 1e3),
                figure(peer.http_many.calls_per_second),
                figure(peer.http_many.calls_per_second / self.floor_many.calls_per_second),
                figure(peer.http_many.cpu_micros / self.floor_many.cpu_micros),
                figure(peer.stdio_one.p50_micros / 1e3),
                figure(peer.stdio_many.calls_per_second),
                figure(peer.python.calls_per_second),
                figure(millis(peer.flood)),
                figure(mib(peer.flood_memory)),
                figure(millis(peer.many_ready)),
                figure(mb(peer.many_memory)),
            )
            .expect("a string");
        }
        text
    }

    fn python_table(&self) -> String {
        let mut text = "\n## Python\n\nA script that imports `json` and prints an object, in each way to run it. \"Heavy imports\" is the same \
             script with a dozen modules of the standard library more, among them `asyncio` and `unittest.mock`. The last column is the CPU \
             time that the measuring client takes from the same cores.\n\n![calls a second](performance/python.svg)\n\n\
             | | one at a time | p50 | 64 callers | CPU a call | of the client |\n|---|---|---|---|---|---|\n"
            .to_owned();
        for (name, one, many) in &self.python {
            writeln!(
                text,
                "| {name} | {}/s | {} ms | {}/s | {} ms | {} ms |",
                figure(one.calls_per_second),
                figure(one.p50_micros / 1e3),
                figure(many.calls_per_second),
                figure(many.cpu_micros / 1e3),
                fine(many.client_micros / 1e3),
            )
            .expect("a string");
        }
        text
    }
}

fn at_least(what: &'static str, measured: f64, aim: f64, unit: &str) -> Target {
    Target {
        what,
        aim: format!("at least {}{unit}", figure(aim)),
        measured: format!("{}{unit}", figure(measured)),
        is_met: measured >= aim,
    }
}

fn at_most(what: &'static str, measured: f64, aim: f64, unit: &str) -> Target {
    Target {
        what,
        aim: format!("at most {}{unit}", figure(aim)),
        measured: format!("{}{unit}", figure(measured)),
        is_met: measured <= aim,
    }
}

/// Three digits, as far as they say something.
pub(crate) fn figure(figure: f64) -> String {
    match figure.abs() {
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

/// To a microsecond, for what is counted in milliseconds.
fn fine(figure: f64) -> String {
    format!("{figure:.3}")
}

fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn mb(bytes: u64) -> f64 {
    bytes as f64 / MB
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn date() -> String {
    let now = httpdate::fmt_http_date(std::time::SystemTime::now());
    now.split_whitespace()
        .skip(1)
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}

fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors
        .lines()
        .find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{}, {cores} cores, Linux {}",
        model.unwrap_or_else(|| "unknown processor".to_owned()),
        kernel.trim().split('-').next().unwrap_or_default(),
    )
}
