//! Everything at once, for a bounded time: calls, cancels, disconnects, reloads, scripts that crash, hang,
//! flood and leave processes behind. Afterwards nothing may be left over and nothing may be missing.
//!
//! The seed is printed; `RUNNER_CHAOS_SEED` repeats a run and `RUNNER_CHAOS_SECONDS` makes it longer.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use support::Server;
use tokio::time::{Instant, sleep, timeout};

const VERSION: &str = "2026-07-28";
const CLIENTS: u64 = 40;
const RUNNING: usize = 12;
const WAITING: usize = 60;
const SURPLUS: usize = 15;

/// Codes a call may end with here, beside success.
const EXPECTED_FAILURES: [&str; 9] = [
    "TIMEOUT",
    "EXIT_STATUS",
    "KILLED_BY_SIGNAL",
    "QUEUE_FULL",
    "QUEUE_TIMEOUT",
    "RATE_LIMITED",
    "INVALID_ARGUMENTS",
    "UNKNOWN_TOOL",
    "CANCELLED",
];

fn config(mark: &str, turn: u64) -> String {
    format!(
        r#"
name: chaos
env: {{ RUNNER_CHAOS: {mark} }}
concurrency: {{ max_parallel: {RUNNING}, queue_size: {WAITING}, queue_timeout: 30s }}
tools:
  - name: quick
    description: Say it back, turn {turn}
    parameters: [{{ name: text, type: string, required: true }}]
    script: {{ shell: "printf %s \"{{{{text}}}}\"" }}
  - name: paced
    description: A rate, turn {turn}
    concurrency: {{ requests_per_second: {rate}, burst: 5 }}
    script: {{ shell: "echo paced" }}
  - name: slow
    description: Takes a moment
    concurrency: {{ max_parallel: {parallel} }}
    script: {{ shell: "sleep 0.2; echo slow" }}
  - name: crash
    description: Ends badly
    script: {{ shell: "echo half; kill -SEGV $$" }}
  - name: hang
    description: Cannot be asked to end
    timeout: 300ms
    kill_grace: 200ms
    script: {{ shell: "trap '' TERM; (trap '' TERM; sleep 60) & echo part; sleep 60" }}
  - name: flood
    description: Prints without end
    timeout: 200ms
    kill_grace: 200ms
    script: {{ shell: "yes" }}
  - name: leaves
    description: Leaves a process behind
    script: {{ shell: "sleep 60 >/dev/null 2>&1 & echo left" }}
  - name: escapes
    description: Leaves a process behind in a session of its own
    script: {{ shell: "setsid sleep 60 >/dev/null 2>&1 & echo left" }}
  - name: gate
    description: Waits for a file
    parameters: [{{ name: file, type: string, required: true }}]
    timeout: 120s
    concurrency: {{ queue_size: {WAITING} }}
    script: {{ shell: "while [ ! -e \"{{{{file}}}}\" ]; do sleep 0.05; done; echo open" }}
"#,
        rate = 50 + turn % 50,
        parallel = 2 + turn % 3,
    )
}

/// A small generator (xorshift64*), so that a seed repeats a run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % bound
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }

    fn moment(&mut self) -> Duration {
        Duration::from_millis(self.below(150))
    }
}

#[derive(Default)]
struct Counts {
    answered: AtomicU64,
    left: AtomicU64,
    cancelled: AtomicU64,
}

struct World {
    server: Server,
    config: PathBuf,
    mark: String,
    counts: Counts,
}

impl World {
    fn start(folder: &Path, seed: u64) -> Self {
        let mark = format!("chaos-{}-{seed}", std::process::id());
        let config = folder.join("gantz.yaml");
        fs::write(&config, self::config(&mark, 0)).unwrap();
        Self {
            server: Server::start(&config),
            config,
            mark,
            counts: Counts::default(),
        }
    }

    fn post(&self, method: &str, mut params: Value, id: u64) -> RequestBuilder {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let name = params["name"].as_str().unwrap_or_default().to_owned();
        self.client()
            .header("Mcp-Protocol-Version", VERSION)
            .header("Mcp-Method", method)
            .header("Mcp-Name", name)
            .json(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
    }

    fn client(&self) -> RequestBuilder {
        // A connection of its own each time, so that to leave is to close it.
        let client = Client::builder().pool_max_idle_per_host(0).build().unwrap();
        client
            .post(&self.server.url)
            .header(ACCEPT, "application/json, text/event-stream")
    }

    /// Pids of processes that carry the mark of this run: what scripts started.
    fn marked(&self) -> Vec<u32> {
        let mark = format!("RUNNER_CHAOS={}", self.mark);
        pids()
            .filter(|pid| {
                let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                environment
                    .split(|byte| *byte == 0)
                    .any(|variable| variable == mark.as_bytes())
            })
            .collect()
    }

    /// The server's own processes: its guards and itself.
    fn own(&self) -> Vec<u32> {
        let program = fs::read_link(format!("/proc/{}/exe", self.server.pid())).unwrap();
        let mut own = vec![self.server.pid()];
        let mut next = 0;
        while let Some(pid) = own.get(next) {
            let children = format!("/proc/{pid}/task/{pid}/children");
            let children = fs::read_to_string(children).unwrap_or_default();
            let children = children.split_whitespace().map(|pid| pid.parse().unwrap());
            own.extend(children.filter(|pid: &u32| {
                fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program)
            }));
            next += 1;
        }
        own
    }

    fn descriptors(&self) -> usize {
        let count = |pid: &u32| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        self.own().iter().map(count).sum()
    }

    fn resident_kib(&self) -> usize {
        let of = |pid: &u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("VmRSS:"))
                .unwrap_or("0");
            line.trim()
                .split(' ')
                .next()
                .unwrap()
                .parse::<usize>()
                .unwrap()
        };
        self.own().iter().map(of).sum()
    }
}

fn pids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_over_and_nothing_is_missing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("RUNNER_CHAOS_SEED").unwrap_or_else(|| u64::from(std::process::id()) + 1);
    let seconds = number("RUNNER_CHAOS_SECONDS").unwrap_or(8);
    eprintln!("RUNNER_CHAOS_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::start(folder.path(), seed));

    storm(&world, seed, Duration::from_secs(1)).await;
    assert_quiet(&world).await;
    let (descriptors, resident) = (world.descriptors(), world.resident_kib());

    storm(&world, seed.wrapping_mul(31), Duration::from_secs(seconds)).await;
    assert_quiet(&world).await;
    assert_every_place_is_there(&world, folder.path()).await;
    assert_quiet(&world).await;
    eventually("descriptors are back", || {
        world.descriptors() <= descriptors + 4
    })
    .await;
    let grown = world.resident_kib().saturating_sub(resident);
    assert!(
        grown < 32 * 1024,
        "memory grew by {grown} KiB from {resident} KiB"
    );

    let Counts {
        answered,
        left,
        cancelled,
    } = &world.counts;
    let clients = [answered, left, cancelled].map(|counter| counter.load(Ordering::Relaxed));
    eprintln!("answered, left, cancelled: {clients:?}");
    assert!(
        clients.iter().all(|count| *count > 0),
        "every kind of client took part: {clients:?}"
    );
}

/// Clients of every kind, and a file that keeps changing, for a time.
async fn storm(world: &Arc<World>, seed: u64, time: Duration) {
    let end = Instant::now() + time;
    let mut tasks = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let world = Arc::clone(world);
        let mut random = Random(seed.wrapping_add(client * 7919) | 1);
        tasks.spawn(async move {
            while Instant::now() < end {
                act(&world, &mut random).await;
            }
        });
    }
    let reloading = Arc::clone(world);
    tasks.spawn(async move {
        for turn in 1.. {
            if Instant::now() >= end {
                break;
            }
            fs::write(&reloading.config, config(&reloading.mark, turn)).unwrap();
            sleep(Duration::from_millis(400)).await;
        }
    });
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

async fn act(world: &World, random: &mut Random) {
    match random.below(10) {
        0..5 => answered(world, random).await,
        5..7 => left(world, random).await,
        7..9 => in_a_session(world, random).await,
        _ => nonsense(world, random).await,
    }
}

fn a_call(random: &mut Random) -> Value {
    let name = random.one_of(&[
        "quick", "paced", "slow", "crash", "hang", "flood", "leaves", "escapes", "none",
    ]);
    let arguments = match name {
        "quick" => json!({"text": format!("{}; $(id) '", random.below(1000))}),
        _ => json!({}),
    };
    json!({"name": name, "arguments": arguments})
}

/// Waits for its answer, which comes exactly once and is one that the tool can have.
async fn answered(world: &World, random: &mut Random) {
    let call = a_call(random);
    let id = random.below(1_000_000);
    let answer = world
        .post("tools/call", call.clone(), id)
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["id"], id, "{answer}");
    if call["name"] == "quick" && answer["result"]["isError"] == false {
        assert_eq!(
            answer["result"]["content"][0]["text"],
            call["arguments"]["text"]
        );
    }
    assert_expected(&answer);
    world.counts.answered.fetch_add(1, Ordering::Relaxed);
}

fn assert_expected(answer: &Value) {
    let text = answer["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_default();
    let code = if answer["error"].is_object() {
        answer["error"]["data"]["error"]["code"].clone()
    } else if answer["result"]["isError"] == true {
        serde_json::from_str::<Value>(text).unwrap()["error"]["code"].clone()
    } else {
        return;
    };
    assert!(
        EXPECTED_FAILURES.contains(&code.as_str().unwrap_or_default()),
        "{answer}"
    );
}

/// Leaves before or after the answer, without a word.
async fn left(world: &World, random: &mut Random) {
    let call = world.post("tools/call", a_call(random), 1).send();
    drop(timeout(random.moment(), call).await);
    world.counts.left.fetch_add(1, Ordering::Relaxed);
}

/// The older era: a session, a call, a cancel at some moment, and sometimes a goodbye.
async fn in_a_session(world: &World, random: &mut Random) {
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "chaos", "version": "0"}}});
    let response = world.client().json(&hello).send().await.unwrap();
    let session = response.headers()["mcp-session-id"].clone();
    let send = |message: Value| {
        world
            .client()
            .header("mcp-session-id", &session)
            .json(&message)
            .send()
    };
    let mut call = a_call(random);
    call["_meta"] = json!({"progressToken": 1});
    let call = send(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}));
    let cancel = async {
        sleep(random.moment()).await;
        let reason = json!({"requestId": 1, "reason": "chaos"});
        let notice =
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": reason});
        send(notice).await.unwrap();
    };
    let (stream, ()) = tokio::join!(call, cancel);
    // A cancelled call is not answered, and its stream may stay open: nobody waits for it.
    drop(stream);
    if random.below(2) == 0 {
        let client = Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let goodbye = client
            .delete(&world.server.url)
            .header("mcp-session-id", &session);
        goodbye.send().await.unwrap();
    }
    world.counts.cancelled.fetch_add(1, Ordering::Relaxed);
}

async fn nonsense(world: &World, random: &mut Random) {
    let bodies = [
        "",
        "{",
        "[]",
        "7",
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":7}"#,
    ];
    let body = random.one_of(&bodies);
    let request = world
        .client()
        .header("content-type", "application/json")
        .body(body);
    let status = request.send().await.unwrap().status();
    assert!(status.is_client_error() || status.is_success(), "{status}");
}

async fn assert_quiet(world: &World) {
    eventually("no process of a script is left", || {
        world.marked().is_empty()
    })
    .await;
}

/// Fills every running place and every waiting one with calls that a gate holds: exactly as many are accepted
/// as the file says, so none has been lost and none is counted twice.
async fn assert_every_place_is_there(world: &Arc<World>, folder: &Path) {
    fs::write(&world.config, config(&world.mark, 0)).unwrap();
    sleep(Duration::from_secs(1)).await;
    let gate = folder.join("gate");
    let mut calls = tokio::task::JoinSet::new();
    for id in 0..(RUNNING + WAITING + SURPLUS) as u64 {
        let call = json!({"name": "gate", "arguments": {"file": gate.to_str().unwrap()}});
        let request = world.post("tools/call", call, id);
        calls.spawn(async move { request.send().await.unwrap().json::<Value>().await.unwrap() });
    }
    let mut outcomes: HashMap<String, usize> = HashMap::new();
    for _ in 0..SURPLUS {
        let refused = timeout(Duration::from_secs(20), calls.join_next())
            .await
            .unwrap();
        *outcomes
            .entry(kind(&refused.unwrap().unwrap()))
            .or_default() += 1;
    }
    let more = timeout(Duration::from_millis(300), calls.join_next()).await;
    assert!(more.is_err(), "more than the surplus was refused: {more:?}");
    fs::write(&gate, "").unwrap();
    while let Some(answer) = calls.join_next().await {
        *outcomes.entry(kind(&answer.unwrap())).or_default() += 1;
    }
    let expected = [
        ("QUEUE_FULL".to_owned(), SURPLUS),
        ("open\n".to_owned(), RUNNING + WAITING),
    ];
    assert_eq!(outcomes, HashMap::from(expected));
}

fn kind(answer: &Value) -> String {
    let text = answer["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_default();
    match serde_json::from_str::<Value>(text) {
        Ok(failure) => failure["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        Err(_) => text.to_owned(),
    }
}

async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < Duration::from_secs(15),
            "never happened: {what}"
        );
        sleep(Duration::from_millis(50)).await;
    }
}
