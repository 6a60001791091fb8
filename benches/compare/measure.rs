//! What is measured, in which order.

mod chart;
mod floor;
mod http;
mod minimal;
mod report;
mod setting;
mod stdio;
mod subject;
mod waiting;

use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::{Instant, sleep};

use self::report::{Idle, Least, PeerRow, Report};
use self::setting::Setting;
use self::subject::{Recipe, Subject, own_cpu};

/// Calls under way where it is about throughput.
const MANY: usize = 64;

/// A call that is made again and again.
#[derive(Clone)]
pub(crate) struct Work {
    tool: &'static str,
    arguments: &'static str,
    /// Part of every right answer.
    expected: &'static str,
}

const fn work(tool: &'static str, arguments: &'static str, expected: &'static str) -> Work {
    Work {
        tool,
        arguments,
        expected,
    }
}

const ECHO: Work = work("echo", "{}", r#""text":"hi"#);
const NOTHING: Work = work("nothing_1", "{}", r#""text":"hi"#);
const REPORT: Work = work("report", r#"{"count":3}"#, "[0, 1, 2]");
const REPORT_FORK: Work = work("report_fork", r#"{"count":3}"#, "[0, 1, 2]");
const REPORT_PERSISTENT: Work = work(
    "report_persistent",
    r#"{"count":3}"#,
    r#""numbers":[0,1,2]"#,
);
const HEAVY: Work = work("heavy", r#"{"count":3}"#, "[0, 1, 2]");
const HEAVY_FORK: Work = work("heavy_fork", r#"{"count":3}"#, "[0, 1, 2]");
const FLOOD: Work = work("flood", "{}", "xxxxxxxx");
const GIGABYTE: Work = work("gigabyte", "{}", "1073741824");

/// What a load came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    pub(crate) calls_per_second: f64,
    pub(crate) p50_micros: f64,
    /// CPU time of the server and its processes for one call.
    pub(crate) cpu_micros: f64,
    /// CPU time of this program for one call, which the server does not get.
    pub(crate) client_micros: f64,
}

/// CPU time used so far.
pub(crate) struct Used {
    server: Duration,
    client: Duration,
}

impl Used {
    /// By the processes of a server, and by this one.
    pub(crate) fn by(subject: &Subject) -> Self {
        Self {
            server: subject.cpu(),
            client: own_cpu(),
        }
    }

    /// What was used from then on.
    pub(crate) fn since(&self, subject: &Subject) -> Self {
        let now = Self::by(subject);
        Self {
            server: now.server.saturating_sub(self.server),
            client: now.client.saturating_sub(self.client),
        }
    }
}

impl Load {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn of(latencies: &Histogram<u64>, elapsed: Duration, used: &Used) -> Self {
        let calls = latencies.len().max(1) as f64;
        Self {
            calls_per_second: calls / elapsed.as_secs_f64(),
            p50_micros: latencies.value_at_percentile(50.0) as f64,
            cpu_micros: used.server.as_secs_f64() * 1e6 / calls,
            client_micros: used.client.as_secs_f64() * 1e6 / calls,
        }
    }
}

/// Times in microseconds up to a minute, to three digits.
pub(crate) fn latencies() -> Histogram<u64> {
    Histogram::new_with_max(60_000_000, 3).expect("sound bounds")
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Measures everything, and writes it down.
pub(crate) fn main() {
    minimal::serve_if_asked();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let setting = Setting::prepare();
    let report = runtime.block_on(measure(&setting));
    print!("{}", report.markdown());
    if setting.is_quick {
        eprintln!("measured for a moment only: nothing is written");
    } else {
        report.write();
    }
}

async fn measure(setting: &Setting) -> Report {
    let mut report = Report {
        waiting: waiting::bytes_of_a_call().await,
        ..Report::default()
    };
    for round in 1..=setting.rounds {
        eprintln!("round {round} of {}", setting.rounds);
        against_the_floor(setting, &mut report).await;
    }
    eprintln!("warm Python");
    python(setting, &mut report).await;
    eprintln!("the least server of the SDK");
    report.least = least(setting).await;
    for recipe in setting.recipes() {
        eprintln!("{}", recipe.name);
        report.peers.push(peer(setting, &recipe).await);
    }
    eprintln!("long output");
    gigabyte(setting, &mut report).await;
    report
}

/// The floor and the runner in turns, so that what the machine does beside falls on both.
async fn against_the_floor(setting: &Setting, report: &mut Report) {
    let echo = ["/bin/echo", "hi"];
    let floor_one = floor::load(&setting.floor, &echo, 1, setting.duration);
    let floor_many = floor::load(&setting.floor, &echo, MANY, setting.duration);
    let recipe = setting.runner("gantz.yaml");
    let subject = recipe.serve().await;
    let http_one = http::load(&subject, &ECHO, 1, setting.duration).await;
    let http_many = http::load(&subject, &ECHO, MANY, setting.duration).await;
    subject.end().await;
    let mut subject = recipe.speak().await;
    let stdio_one = stdio::load(&mut subject, &ECHO, 1, setting.duration).await;
    subject.end().await;
    let floor_again = floor::load(&setting.floor, &echo, MANY, setting.duration);
    let floor_rate = f64::midpoint(floor_many.calls_per_second, floor_again.calls_per_second);
    let floor_cpu = f64::midpoint(floor_many.cpu_micros, floor_again.cpu_micros);
    report
        .throughput
        .push(http_many.calls_per_second / floor_rate);
    report.cpu.push(http_many.cpu_micros / floor_cpu);
    report
        .own_http
        .push(http_one.p50_micros - floor_one.p50_micros);
    report
        .own_stdio
        .push(stdio_one.p50_micros - floor_one.p50_micros);
    report.floor_one = floor_one;
    report.floor_many = floor_many;
}

async fn python(setting: &Setting, report: &mut Report) {
    let subject = setting.runner("gantz.yaml").serve().await;
    for (name, work) in [
        ("spawn", &REPORT),
        ("fork", &REPORT_FORK),
        ("persistent", &REPORT_PERSISTENT),
        ("spawn, heavy imports", &HEAVY),
        ("fork, heavy imports", &HEAVY_FORK),
    ] {
        let one = http::load(&subject, work, 1, setting.duration).await;
        let many = http::load(&subject, work, MANY, setting.duration).await;
        report.python.push((name, one, many));
    }
    subject.end().await;
}

async fn peer(setting: &Setting, recipe: &Recipe) -> PeerRow {
    let mut row = PeerRow {
        name: recipe.name,
        idle: idle(recipe).await,
        ready: ready(setting, recipe).await,
        ..PeerRow::default()
    };
    let subject = recipe.serve().await;
    row.http_one = http::load(&subject, &ECHO, 1, setting.duration).await;
    row.http_many = http::load(&subject, &ECHO, MANY, setting.duration).await;
    row.python = http::load(&subject, &REPORT, MANY, setting.duration).await;
    (row.flood, row.flood_memory) = flood(&subject).await;
    subject.end().await;
    let mut subject = recipe.speak().await;
    row.stdio_one = stdio::load(&mut subject, &ECHO, 1, setting.duration).await;
    row.stdio_many = stdio::load(&mut subject, &ECHO, MANY, setting.duration).await;
    subject.end().await;
    let subject = setting.with_many_tools(recipe).speak().await;
    row.many_ready = subject.ready;
    sleep(Duration::from_secs(1)).await;
    row.many_memory = subject.resident();
    subject.end().await;
    row
}

/// What the SDK costs by itself.
async fn least(setting: &Setting) -> Least {
    let recipe = minimal::recipe();
    let idle = idle(&recipe).await;
    let ready = ready(setting, &recipe).await;
    let subject = recipe.serve().await;
    let http_one = http::load(&subject, &ECHO, 1, setting.duration).await;
    let http_many = http::load(&subject, &ECHO, MANY, setting.duration).await;
    let nothing = http::load(&subject, &NOTHING, MANY, setting.duration).await;
    subject.end().await;
    let mut subject = recipe.speak().await;
    let stdio_one = stdio::load(&mut subject, &ECHO, 1, setting.duration).await;
    subject.end().await;
    Least {
        idle,
        ready,
        http_one,
        http_many,
        stdio_one,
        nothing,
    }
}

/// What a server takes up that has listed its tools once and does nothing.
async fn idle(recipe: &Recipe) -> Idle {
    let subject = recipe.serve().await;
    sleep(Duration::from_secs(1)).await;
    let idle = Idle {
        resident: subject.resident(),
        proportional: subject.proportional(),
    };
    subject.end().await;
    idle
}

/// From a start to the first list of tools, in the middle of several.
async fn ready(setting: &Setting, recipe: &Recipe) -> Duration {
    let mut times = Vec::new();
    for _ in 0..setting.starts {
        let subject = recipe.speak().await;
        times.push(subject.ready);
        subject.end().await;
    }
    times.sort();
    times[times.len() / 2]
}

/// How long 50 MB of output take, and the most memory above idle meanwhile.
async fn flood(subject: &Subject) -> (Duration, u64) {
    let idle = subject.resident();
    let begin = Instant::now();
    let (_, most) = watched(subject, http::once(subject, &FLOOD)).await;
    (begin.elapsed(), most.saturating_sub(idle))
}

/// The result of `work`, and the most memory that was resident meanwhile.
async fn watched<T>(subject: &Subject, work: impl Future<Output = T>) -> (T, u64) {
    tokio::pin!(work);
    let mut most = 0;
    loop {
        most = most.max(subject.resident());
        tokio::select! {
            result = &mut work => return (result, most),
            () = sleep(Duration::from_millis(5)) => {}
        }
    }
}

/// 1 GiB of output, stored, against the same through a pipe into a file.
async fn gigabyte(setting: &Setting, report: &mut Report) {
    let recipe = setting.runner("gantz.yaml");
    for _ in 0..setting.rounds {
        let pipe = setting.gigabyte_through_a_pipe();
        let subject = recipe.serve().await;
        let idle = subject.resident();
        let begin = Instant::now();
        let (_, most) = watched(&subject, http::once(&subject, &GIGABYTE)).await;
        report
            .gigabyte
            .push(pipe.as_secs_f64() / begin.elapsed().as_secs_f64());
        report.gigabyte_memory = report.gigabyte_memory.max(most.saturating_sub(idle));
        subject.end().await;
    }
}
