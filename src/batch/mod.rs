//! Many calls as one.
//!
//! | file | from | to |
//! |---|---|---|
//! | `request` | JSON | a batch of sound form |
//! | `reference`, `template` | `${id.result.path}` in parameters | what is filled in later |
//! | `plan`, `cycle` | names | a graph without rings, or every mistake at once |
//! | `progress`, `ready`, `memory` | the end of a call | what may start, when, and with what |
//! | `run`, `caller` | a plan | one result for each call |
//! | `result`, `report`, `handles` | results | the answer, and where the rest of it is kept |
//! | `map` | a stream of items | a stream of results, for one tool |
//!
//! A batch is a patient source of calls: it holds no place itself, has at most one call waiting in the queue of
//! each tool, and keeps the rest to itself. Whether a call may run is the scheduler's decision, never made here.

mod batches;
mod caller;
mod cycle;
mod handles;
mod map;
mod memory;
mod plan;
mod problem;
mod progress;
mod ready;
mod reference;
mod report;
mod request;
mod result;
mod run;
mod schema;
mod template;

pub use batches::{Batches, TooMany};
pub use caller::{Caller, Ended, RunnerCaller};
pub use handles::Handles;
pub use map::{Item, MapLimits, Mapped, map};
pub use plan::Plan;
pub use problem::{InvalidBatch, Problem};
pub use report::{ANSWER_BYTES, Counts, Cut, HELD_BYTES, Report};
pub use request::{MAX_CALLS, OnError};
pub use result::CallResult;
pub use run::{Watch, run};
pub use schema::{DESCRIPTION, schema};
