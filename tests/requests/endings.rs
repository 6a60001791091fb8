//! How a request ends before its answer, and what it holds until then.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use runner::tool::FailureCode;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_timeout_gives_up_and_hands_back_what_had_come() {
    let world = World::one(&[], "http: { url: 'http://SERVICE/drip', timeout: 200ms }").await;
    let failure = world.failure(json!({})).await;
    assert_eq!(failure.code, FailureCode::Timeout);
    assert_eq!(
        (&failure.data["timeout_ms"], &failure.data["status"]),
        (&json!(200), &json!(200))
    );
    assert!(
        failure.data["body"]
            .as_str()
            .unwrap()
            .starts_with("drip drip "),
        "{failure:?}"
    );
    timeout(SECOND, world.service.idle()).await.unwrap();

    let world = World::one(
        &[],
        "http: { url: 'http://SERVICE/wait/60000' }\n    timeout: 200ms",
    )
    .await;
    let failure = world.failure(json!({})).await;
    assert_eq!(failure.code, FailureCode::Timeout);
    assert!(!failure.data.contains_key("body"));
    timeout(SECOND, world.service.idle()).await.unwrap();
}

/// A service that takes connections and never says a word, so that TLS does not come about; it counts them.
async fn mute() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, count) = (
        listener.local_addr().unwrap(),
        Arc::new(AtomicUsize::new(0)),
    );
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        let mut taken = Vec::new();
        loop {
            taken.push(listener.accept().await.unwrap());
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, count)
}

#[tokio::test]
async fn connecting_has_a_time_of_its_own() {
    let (address, tried) = mute().await;
    let text = format!(
        "timeouts: {{ slow: {{ connect: 100ms, total: 50s }} }}
retry: {{ default: {{ max_attempts: 2, initial_delay: 1ms }} }}
tools:
  - {{ name: t, description: T, timeout: slow, http: {{ url: 'https://{address}' }} }}
  - {{ name: again, description: A, timeout: slow, annotations: {{ idempotent: true }}, http: {{ url: 'https://{address}' }} }}
  - {{ name: answered, description: A, timeout: slow, http: {{ url: 'http://SERVICE/wait/300' }} }}
"
    );
    let world = World::new(&text).await;
    let failure = world.failure(json!({})).await;
    assert_eq!(failure.code, FailureCode::HttpError);
    assert_eq!(
        failure.message,
        "`t` could not connect to its service within 100 ms"
    );
    assert_eq!(
        failure.remediation.as_deref(),
        Some(
            "the service may be down or busy: try again later, or raise `connect` in the tool's class of `timeouts`"
        )
    );
    assert_eq!(failure.data["connect_timeout_ms"], 100);
    assert_eq!(tried.load(Ordering::SeqCst), 1);
    let call = |tool| world.call_tool(tool, json!({}), CancellationToken::new());
    assert!(call("again").await.result.is_err());
    assert_eq!(tried.load(Ordering::SeqCst), 3);
    // An answer may take longer.
    assert_eq!(call("answered").await.result.unwrap().text, "waited");
}

#[tokio::test]
async fn a_call_that_is_called_off_closes_its_connection() {
    let world = World::one(&[], "http: { url: 'http://SERVICE/wait/60000' }").await;
    let cancel = CancellationToken::new();
    let off = async {
        world.service.busy().await;
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(world.call_tool("t", json!({}), cancel.clone()), off);
    assert_eq!(outcome.result.unwrap_err().code, FailureCode::Cancelled);
    timeout(SECOND, world.service.idle()).await.unwrap();

    let call = world.call_tool("t", json!({}), CancellationToken::new());
    let dropped = timeout(Duration::from_millis(200), call).await;
    assert!(dropped.is_err());
    timeout(SECOND, world.service.idle()).await.unwrap();
}

#[tokio::test]
async fn a_place_is_held_until_the_request_ends() {
    let rest = "http: { url: 'http://SERVICE/wait/50' }\n    concurrency: { max_parallel: 3 }";
    let world = World::one(&[], rest).await;
    let outcomes = join_all((0..12).map(|_| world.outcome(json!({})))).await;
    assert!(outcomes.iter().all(|outcome| outcome.result.is_ok()));
    assert_eq!(world.service.peak(), 3);
}

#[tokio::test]
async fn a_runner_that_stops_lets_requests_that_write_end_within_the_grace() {
    let text = "
tools:
  - { name: short, description: S, kill_grace: 50s, http: { method: POST, url: 'http://SERVICE/wait/300' } }
  - { name: long, description: L, kill_grace: 500ms, http: { method: POST, url: 'http://SERVICE/wait/60000' } }
  - { name: reads, description: R, kill_grace: 50s, http: { url: 'http://SERVICE/wait/60000' } }
";
    let world = Arc::new(World::new(text).await);
    let calls = ["short", "long", "reads"].map(|tool| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            world
                .call_tool(tool, json!({}), CancellationToken::new())
                .await
        })
    });
    while world.service.running() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let started = Instant::now();
    assert!(world.runner.drain().await.is_empty());
    assert!(started.elapsed() < 40 * SECOND, "{:?}", started.elapsed());
    let [short, long, reads] = calls;
    assert_eq!(short.await.unwrap().result.unwrap().text, "waited");
    for ended in [long, reads] {
        let failure = ended.await.unwrap().result.unwrap_err();
        assert_eq!(failure.code, FailureCode::Cancelled);
        assert!(failure.message.contains("stopping"), "{failure:?}");
    }
}
