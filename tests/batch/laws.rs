//! What holds for every graph.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use runner::batch::{Report, Watch, run};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::fake::{Fake, Notes, plan};

/// A call: what earlier ones it waits for, how long it takes, whether it fails, and whether it refers or only depends.
type Drawn = (Vec<prop::sample::Index>, u64, bool, bool);

fn drawn(fails: f64) -> impl Strategy<Value = Vec<Drawn>> {
    let one = (
        prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        0_u64..50,
        prop::bool::weighted(fails),
        any::<bool>(),
    );
    prop::collection::vec(one, 1..40)
}

/// The request, in an order of its own, and the edges by id.
fn request(drawn: &[Drawn], reversed: bool) -> (Value, HashMap<String, Vec<String>>) {
    let mut edges = HashMap::new();
    let mut calls = Vec::new();
    for (number, (needs, millis, fails, refers)) in drawn.iter().enumerate() {
        let id = format!("c{number}");
        let needed: Vec<String> = match number {
            0 => Vec::new(),
            _ => needs
                .iter()
                .map(|index| format!("c{}", index.index(number)))
                .collect(),
        };
        let mut call = json!({"call_id": id, "tool_name": "t", "params": {"id": id, "ms": millis, "fails": fails}});
        if *refers {
            let references: Vec<String> = needed
                .iter()
                .map(|id| format!("${{{id}.result}}"))
                .collect();
            call["params"]["x"] = json!(references);
        } else {
            call["depends_on"] = json!(needed);
        }
        calls.push(call);
        edges.insert(id, needed);
    }
    if reversed {
        calls.reverse();
    }
    (json!({"calls": calls}), edges)
}

/// Runs on a clock of its own, which stands still while anything is left to do.
fn ran(fake: Fake, request: Value) -> (Instant, Report, Notes) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let began = Instant::now();
        let fake = Arc::new(fake);
        let report = run(plan(request), Arc::clone(&fake), Watch::default()).await;
        (began, report, fake.notes())
    })
}

fn ids(request: &Value) -> Vec<String> {
    let calls = request["calls"].as_array().unwrap().iter();
    calls
        .map(|call| call["call_id"].as_str().unwrap().to_owned())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_call_starts_exactly_when_its_last_dependency_ends(drawn in drawn(0.0), reversed: bool) {
        let (request, edges) = request(&drawn, reversed);
        let (began, report, notes) = ran(Fake::default(), request.clone());
        prop_assert!(report.succeeded());
        for (id, needed) in &edges {
            let ready = needed.iter().map(|id| notes.ended[id]).max().unwrap_or(began);
            prop_assert_eq!(notes.started[id], ready, "{}", id);
        }
        let answered: Vec<String> = report.results.iter().map(|result| result.call_id.clone()).collect();
        prop_assert_eq!(answered, ids(&request));
    }

    #[test]
    fn under_limits_edges_hold_and_no_place_stays_empty(drawn in drawn(0.2), places in 1_usize..5, bound in 1_u32..5) {
        let (mut request, edges) = request(&drawn, false);
        request["max_parallel"] = json!(bound);
        let (began, report, notes) = ran(Fake::with_places(&[("t", places)]), request.clone());
        let answered: Vec<String> = report.results.iter().map(|result| result.call_id.clone()).collect();
        prop_assert_eq!(answered, ids(&request));
        let limit = places.min(bound as usize);
        prop_assert!(notes.most_running as usize <= limit);
        prop_assert!(notes.most_waiting <= 1);
        for result in &report.results {
            let needed = &edges[&result.call_id];
            let all_gave = needed.iter().all(|id| report.results.iter().any(|other| other.call_id == *id && other.succeeded()));
            prop_assert_eq!(notes.started.contains_key(&result.call_id), all_gave);
            prop_assert_eq!(result.skipped, !all_gave);
            if !all_gave { continue; }
            let ready = needed.iter().map(|id| notes.ended[id]).max().unwrap_or(began);
            let started = notes.started[&result.call_id];
            prop_assert!(started >= ready);
            // From ready to started, every place was taken at every moment.
            let mut moment = ready;
            while moment < started {
                let running = notes.started.iter().filter(|(id, at)| **at <= moment && notes.ended[*id] > moment).count();
                prop_assert_eq!(running, limit, "{} waited at {:?}", result.call_id, moment - began);
                moment += Duration::from_millis(1);
            }
        }
    }
}
