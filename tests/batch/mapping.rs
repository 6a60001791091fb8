//! One tool over a stream of items.

use std::sync::Arc;
use std::time::Duration;

use runner::batch::{CallResult, Cut, Item, MapLimits, Mapped, map};
use runner::tool::{Failure, FailureCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::fake::{Fake, Notes};

async fn mapped(
    fake: Fake,
    items: Vec<Item>,
    limits: MapLimits,
) -> (Mapped, Vec<CallResult>, Notes) {
    let fake = Arc::new(fake);
    let (sender, receiver) = mpsc::channel(4);
    let (result, mut results) = mpsc::channel(4);
    let feeding = async move {
        for item in items {
            if sender.send(item).await.is_err() {
                return;
            }
        }
    };
    let cancel = CancellationToken::new();
    let mapping = map("t", receiver, Arc::clone(&fake), limits, cancel, result);
    let reading = async {
        let mut read = Vec::new();
        while let Some(result) = results.recv().await {
            read.push(result);
        }
        read
    };
    let (mapped, read, ()) = tokio::join!(mapping, reading, feeding);
    (mapped, read, fake.notes())
}

fn item(value: Value) -> Item {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(Failure::new(
            FailureCode::InvalidArguments,
            "line 3 is not a JSON object",
        )),
    }
}

#[tokio::test(start_paused = true)]
async fn results_come_in_the_order_of_the_items() {
    let items = (0..100_u64)
        .map(|n| item(json!({"id": n.to_string(), "ms": (n * 37) % 50, "gives": n})))
        .collect();
    let limits = MapLimits {
        max_parallel: 7.try_into().ok(),
        ..MapLimits::default()
    };
    let (mapped, read, notes) = mapped(Fake::with_places(&[("t", 20)]), items, limits).await;
    assert_eq!((mapped.counts.succeeded, mapped.cut), (100, None));
    let values: Vec<u64> = read
        .iter()
        .map(|result| result.to_json()["result"].as_u64().unwrap())
        .collect();
    assert_eq!(values, (0..100).collect::<Vec<_>>());
    assert_eq!(read[42].call_id, "t[42]");
    assert_eq!(notes.most_running, 7);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_no_item_fails_alone() {
    let items = vec![
        item(json!({"id": "a"})),
        item(json!(1)),
        item(json!({"id": "b", "fails": true})),
    ];
    let (mapped, read, _) = mapped(Fake::default(), items, MapLimits::default()).await;
    assert_eq!((mapped.counts.succeeded, mapped.counts.failed), (1, 2));
    assert_eq!(
        read[1].to_json()["error"]["message"],
        "line 3 is not a JSON object"
    );
}

#[tokio::test(start_paused = true)]
async fn reading_stops_ahead_of_a_slow_item_and_when_time_is_over() {
    let slow = std::iter::once(item(json!({"id": "slow", "ms": 60_000})));
    let items = slow
        .chain((0..5000).map(|n| item(json!({"id": n.to_string()}))))
        .collect();
    let limits = MapLimits {
        timeout: Some(Duration::from_secs(5)),
        ..MapLimits::default()
    };
    let (mapped, read, notes) = mapped(Fake::default(), items, limits).await;
    assert_eq!(mapped.cut, Some(Cut::TimedOut));
    assert_eq!((notes.started.len(), read.len()), (1000, 1000));
    assert_eq!(read[0].to_json()["error"]["code"], "TIMEOUT");
    assert_eq!(mapped.counts.succeeded, 999);
}
