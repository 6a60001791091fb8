//! What a call costs, against the floor and against `xargs`, all in one run: compare the ratios, not
//! the rates, on a machine that others use. Prints only; `cargo bench --bench spawn`.
#![expect(clippy::print_stdout, reason = "figures are all it is for")]

#[expect(dead_code, reason = "shared with the tests of the executor")]
#[path = "../tests/executor/support.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use runner::executor::ScriptExecutor;
use runner::tool::Call;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use support::{argv, sh};

const CALLS: usize = 2000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for _ in 0..200 {
            bare("/bin/true", &[]).await;
        }
        println!(
            "{:<28} {:>9} {:>12} {:>9} {:>12}",
            "", "1 at once", "CPU per call", "8 at once", "CPU per call"
        );
        report("tokio Command, true", |_| bare("/bin/true", &[])).await;
        report(
            "ScriptExecutor, true",
            through(argv("/bin/true", &[]).call()),
        )
        .await;
        report("tokio Command, sh -c echo", |_| {
            bare("/bin/sh", &["-c", "echo hi"])
        })
        .await;
        report("ScriptExecutor, sh -c echo", through(sh("echo hi").call())).await;
        against_xargs().await;
    });
}

/// A function that runs `call` in one executor.
fn through(call: Call) -> impl Fn(usize) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    let executor = ScriptExecutor::new();
    move |_| {
        let (executor, call) = (executor.clone(), call.clone());
        Box::pin(async move {
            executor.run(&call, ()).await.result.expect("it succeeds");
        })
    }
}

async fn report<F>(name: &str, call: impl Fn(usize) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut figures = Vec::new();
    for at_once in [1, 8] {
        let (started, cpu) = (Instant::now(), cpu_time());
        let mut running = JoinSet::new();
        for number in 0..CALLS {
            if running.len() == at_once {
                running.join_next().await;
            }
            running.spawn(call(number));
        }
        running.join_all().await;
        let calls = f64::from(u32::try_from(CALLS).expect("a small number"));
        figures.push(calls / started.elapsed().as_secs_f64());
        figures.push(cpu_time().saturating_sub(cpu).as_secs_f64() * 1000.0 / calls);
    }
    println!(
        "{name:<28} {:>7.0}/s {:>9.2} ms {:>7.0}/s {:>9.2} ms",
        figures[0], figures[1], figures[2], figures[3]
    );
}

#[expect(clippy::disallowed_methods, reason = "the floor to compare with")]
async fn bare_output(program: &str, arguments: &[&str]) -> std::process::Output {
    let mut command = tokio::process::Command::new(program);
    command
        .args(arguments)
        .process_group(0)
        .stdin(std::process::Stdio::null());
    command.output().await.expect("it starts")
}

async fn bare(program: &'static str, arguments: &'static [&'static str]) {
    bare_output(program, arguments).await;
}

/// CPU time of this process and its children that have ended: see times(2), in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

/// A hundred sleeps of 0.2 s under ten at once: 2.0 s is the least.
async fn against_xargs() {
    let (mut ours, mut theirs) = (f64::MAX, f64::MAX);
    for _ in 0..3 {
        let started = Instant::now();
        bare_output(
            "/bin/sh",
            &["-c", "yes 0.2 | head -100 | xargs -n1 -P10 /bin/sleep"],
        )
        .await;
        theirs = theirs.min(started.elapsed().as_secs_f64());

        let started = Instant::now();
        let places = Arc::new(Semaphore::new(10));
        let executor = ScriptExecutor::new();
        let call = argv("/bin/sleep", &["0.2"]).call();
        let mut running = JoinSet::new();
        for _ in 0..100 {
            let (executor, call, places) = (executor.clone(), call.clone(), Arc::clone(&places));
            running.spawn(async move {
                let place = places.acquire_owned().await.expect("never closed");
                executor
                    .run(&call, place)
                    .await
                    .result
                    .expect("it succeeds");
            });
        }
        running.join_all().await;
        ours = ours.min(started.elapsed().as_secs_f64());
    }
    println!(
        "100 x sleep 0.2, 10 at once: ScriptExecutor {ours:.3} s, xargs -P10 {theirs:.3} s, ratio {:.3}",
        ours / theirs
    );
}
