//! Tools without processes: each call takes as long as its parameters say, on the paused clock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runner::batch::{Caller, Ended, Plan};
use runner::tool::{Failure, FailureCode, Output, Timing};
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Runs `{"id", "ms", "fails", "gives"}`, where `fails: "late"` is a refusal after a first attempt; notes when each call was placed, started and ended.
#[derive(Default)]
pub(crate) struct Fake {
    /// Places of each tool; a tool that is not here has as many as it likes.
    places: HashMap<String, Arc<Semaphore>>,
    /// Refusals that are still to be given to the calls of a tool.
    refusals: Mutex<HashMap<String, u32>>,
    notes: Mutex<Notes>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    pub(crate) params: HashMap<String, Value>,
    pub(crate) started: HashMap<String, Instant>,
    pub(crate) ended: HashMap<String, Instant>,
    pub(crate) waiting: HashMap<String, u32>,
    pub(crate) most_waiting: u32,
    pub(crate) starts: u32,
    pub(crate) running: u32,
    pub(crate) most_running: u32,
}

impl Fake {
    pub(crate) fn with_places(places: &[(&str, usize)]) -> Self {
        let places = places
            .iter()
            .map(|(tool, count)| ((*tool).to_owned(), Arc::new(Semaphore::new(*count))));
        Self {
            places: places.collect(),
            ..Self::default()
        }
    }

    pub(crate) fn refusing(tool: &str, times: u32) -> Self {
        let fake = Self::default();
        fake.refusals.lock().unwrap().insert(tool.to_owned(), times);
        fake
    }

    pub(crate) fn notes(&self) -> Notes {
        self.notes.lock().unwrap().clone()
    }

    fn note(&self, write: impl FnOnce(&mut Notes)) {
        write(&mut self.notes.lock().unwrap());
    }

    fn refuses(&self, tool: &str) -> bool {
        let mut refusals = self.refusals.lock().unwrap();
        match refusals.get_mut(tool) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    fn waits(&self, tool: &str, by: i32) {
        self.note(|notes| {
            let waiting = notes.waiting.entry(tool.to_owned()).or_default();
            *waiting = waiting.checked_add_signed(by).unwrap();
            notes.most_waiting = notes.most_waiting.max(*waiting);
        });
    }
}

impl Caller for Fake {
    async fn call(
        &self,
        tool: &str,
        params: Map<String, Value>,
        started: Arc<Notify>,
        cancel: CancellationToken,
    ) -> Ended {
        let arrived = Instant::now();
        if tool == "unknown" {
            return Failure::new(FailureCode::UnknownTool, "no tool is named `unknown`").into();
        }
        if self.refuses(tool) {
            return Failure::new(FailureCode::QueueFull, "no room")
                .retry_after(Duration::from_millis(50))
                .into();
        }
        let cancelled = || Ended::from(Failure::new(FailureCode::Cancelled, "called off"));
        self.waits(tool, 1);
        let place = match self.places.get(tool) {
            Some(places) => {
                match cancel
                    .run_until_cancelled(Arc::clone(places).acquire_owned())
                    .await
                {
                    Some(place) => Some(place.unwrap()),
                    None => return cancelled(),
                }
            }
            None => None,
        };
        self.waits(tool, -1);
        started.notify_one();
        let id = params["id"].as_str().unwrap().to_owned();
        self.note(|notes| {
            notes
                .params
                .insert(id.clone(), Value::Object(params.clone()));
            notes.started.insert(id.clone(), Instant::now());
            notes.starts += 1;
            notes.running += 1;
            notes.most_running = notes.most_running.max(notes.running);
        });
        let began = Instant::now();
        let millis = params.get("ms").and_then(Value::as_u64).unwrap_or(0);
        let slept = cancel
            .run_until_cancelled(sleep(Duration::from_millis(millis)))
            .await;
        drop(place);
        self.note(|notes| {
            notes.ended.insert(id, Instant::now());
            notes.running -= 1;
        });
        let timing = Timing {
            queued: began - arrived,
            ran: began.elapsed(),
            timeout: Duration::from_secs(30),
            ..Timing::default()
        };
        let result = match (slept, params.get("fails")) {
            (None, _) => {
                Err(Failure::new(FailureCode::Cancelled, "called off").with("stdout", "half"))
            }
            (_, Some(Value::String(_))) => {
                let late = Failure::new(FailureCode::QueueTimeout, "no room for another attempt");
                Err(late.retry_after(Duration::from_millis(50)))
            }
            (_, Some(Value::Bool(true))) => Err(Failure::new(FailureCode::ExitStatus, "exit 1")),
            _ => Ok(output(params.get("gives").cloned().unwrap_or(json!({})))),
        };
        Ended {
            result,
            timing,
            warnings: Vec::new(),
        }
    }

    fn max_parallel(&self) -> u32 {
        1000
    }
}

/// A text is only text; anything else is what its JSON means.
fn output(value: Value) -> Output {
    match value {
        Value::String(text) => Output {
            text,
            ..Output::default()
        },
        value => Output {
            text: value.to_string(),
            structured: Some(value),
            ..Output::default()
        },
    }
}

/// A plan that must be sound.
pub(crate) fn plan(request: Value) -> Plan {
    Plan::parse(request, false).unwrap()
}

/// `{call_id, tool_name: "t", params: {id, ms}}`, with more members.
pub(crate) fn call(id: &str, millis: u64, more: Value) -> Value {
    let mut call = json!({"call_id": id, "tool_name": "t", "params": {"id": id, "ms": millis}});
    merge(&mut call, more);
    call
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}
