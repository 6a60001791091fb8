//! The ledger against a model: whatever happens in whatever order, an end is final, and nothing is lost or invented.

use std::collections::HashMap;

use proptest::prelude::*;
use runner::tasks::{Ending, Entry, Fault, Ledger, Status};
use runner::tool::Owner;
use serde_json::Map;

use crate::ledger::{completed, new, store};

/// Something that happens to the tasks; numbers choose among those there are.
#[derive(Clone, Debug)]
enum Event {
    Create,
    Complete(usize),
    Fail(usize),
    Cancel(usize),
    Tell(usize),
    /// The runner that has them dies, and another comes.
    Restart,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => Just(Event::Create),
        3 => any::<usize>().prop_map(Event::Complete),
        2 => any::<usize>().prop_map(Event::Fail),
        2 => any::<usize>().prop_map(Event::Cancel),
        2 => any::<usize>().prop_map(Event::Tell),
        1 => Just(Event::Restart),
    ];
    proptest::collection::vec(event, 1..25)
}

/// What the model knows of a task: how it stands, and the result it ended with.
type Model = HashMap<String, (Status, Option<Map<String, serde_json::Value>>)>;

async fn run(events: Vec<Event>) {
    let root = tempfile::tempdir().unwrap();
    let store = store(root.path());
    let mut ledger = Ledger::open(&store, "s").await.unwrap();
    let mut open: Vec<Entry> = Vec::new();
    let mut model = Model::new();
    for event in events {
        match event {
            Event::Create => {
                let entry = ledger.create(new(Owner::Bearer)).await.unwrap();
                model.insert(entry.task().id.as_str().to_owned(), (Status::Working, None));
                open.push(entry);
            }
            Event::Complete(_) | Event::Fail(_) | Event::Cancel(_) | Event::Tell(_)
                if open.is_empty() => {}
            Event::Complete(which) => {
                let entry = open.remove(which % open.len());
                end(entry, completed("x"), &mut model).await;
            }
            Event::Fail(which) => {
                let entry = open.remove(which % open.len());
                let fault = Fault {
                    code: -1,
                    message: "m".to_owned(),
                    data: None,
                };
                end(entry, Ending::Failed(fault), &mut model).await;
            }
            Event::Cancel(which) => {
                let entry = open.remove(which % open.len());
                let id = entry.task().id.as_str().to_owned();
                ledger.cancel(&id, &Owner::Bearer).await.unwrap();
                assert!(entry.called_off().is_cancelled());
                end(entry, Ending::Cancelled(Map::new()), &mut model).await;
            }
            Event::Tell(which) => open[which % open.len()].tell("on its way"),
            Event::Restart => {
                open.clear();
                ledger.close().await;
                drop(ledger);
                ledger = Ledger::open(&store, "s").await.unwrap();
                for (status, payload) in model.values_mut() {
                    if *status == Status::Working {
                        // How it reads is the ledger's business; from now on it stays.
                        (*status, *payload) = (Status::Failed, None);
                    }
                }
            }
        }
        for (id, (status, payload)) in &mut model {
            let task = ledger.get(id, &Owner::Bearer).await.unwrap();
            assert_eq!(task.status, *status, "{id}");
            assert_eq!(task.payload.is_some(), status.is_final());
            if payload.is_some() || !status.is_final() {
                assert_eq!(task.payload, *payload);
            }
            *payload = task.payload;
        }
    }
    ledger.close().await;
}

async fn end(entry: Entry, ending: Ending, model: &mut Model) {
    let id = entry.task().id.as_str().to_owned();
    let payload = match &ending {
        Ending::Completed(result) | Ending::Cancelled(result) => result.clone(),
        Ending::Failed(fault) => fault.to_object(),
    };
    model.insert(id, (ending.status(), Some(payload)));
    entry.end(ending, None, None).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn an_end_is_final_and_nothing_is_lost(events in events()) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(run(events));
    }
}
