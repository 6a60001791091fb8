//! Tasks: calls whose results outlive the connection, the client's patience, and the runner itself.
//!
//! | file | owns |
//! |---|---|
//! | `task` | [`Task`], its [`Status`], and how it can end |
//! | `ledger` | [`Ledger`]: the face of all of it, and its limits |
//! | `shared` | each step that is taken: bounds, owners, what is under way here |
//! | `entry` | [`Entry`]: a task that is under way, and its end |
//! | `database` | the embedded database: what is written down, and when it is safe |
//! | `rows` | the same, as rows |
//! | `file` | the files of stored outputs, and what their names say |
//! | `instance` | which runners of one file live, by the locks they hold |
//! | `upkeep` | what is done from time to time: partial output, expiry, tasks of runners that died |
//!
//! A task is written down, down to the disk, before its client is told of it, and its end before anybody can see it.
//! All runners of one file share one database under the state directory; what one of them was doing when it died is
//! settled by the next that looks. Nothing here knows how a call runs, or the protocol that asks for it.

mod database;
mod entry;
mod file;
mod instance;
mod ledger;
mod rows;
mod shared;
mod task;
mod upkeep;

pub use database::LedgerError;
pub use entry::Entry;
pub use ledger::{Clock, Ledger, NewTask, TaskLimits, Unavailable};
pub use task::{Ending, Fault, Status, Task, TaskId};
