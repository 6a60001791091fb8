//! Calls with expectations: what `runner test` runs and reports.
//!
//! | file | from | to |
//! |---|---|---|
//! | `choose` | a catalog, names, a filter | the cases to run |
//! | `run` | cases | a verdict on each, as its call ends |
//! | `judge` | an expectation and what came | what is different |
//! | `lines`, `members` | two texts, two JSON values | where they differ |
//! | `verdict` | | what is said of one case |
//! | `junit` | verdicts | the report that CI servers read |
//!
//! The calls are a batch like any other: they run side by side under their tools' own limits, wait patiently, and never
//! meet a full queue.

mod choose;
mod judge;
mod junit;
mod lines;
mod members;
mod run;
mod verdict;

pub use choose::{Case, NoCases, choose};
pub use junit::junit;
pub use run::run;
pub use verdict::{Mismatch, State, Tally, Verdict};
