//! Admission: which call runs when, and which is turned away.
//!
//! The room owns every limit on running, starting and waiting. It never runs anything itself, reads no
//! configuration and knows nothing of what a call does.
//!
//! - [`Scheduler`] is the async face: [`Scheduler::admit`] gives a [`Permit`] or a [`Refusal`].
//! - Behind it stands `Core`, one synchronous state machine without a clock, a lock or a task, driven by
//!   `arrive`, `cancel`, `finish` and `tick`. It is tested as a model, with random histories.
//!
//! A call needs a place in its key, its tool, its group and the runner, and tokens of its buckets. It
//! starts only when all of it is free and then takes all of it at once; nothing is held while waiting.
//! Calls of one tool and key wait in a lane, first come first served. Tools take turns, and so do the
//! lanes of a tool. The head of a lane that cannot start parks at the one resource that blocks it, and
//! only that resource wakes it, so that the end of a call never looks at those it cannot help. A head
//! passed over [`PASSES_BEFORE_RESERVATION`] times has what it needs kept for it, one head at a time.
//!
//! | file | owns |
//! |---|---|
//! | `face`, `permit`, `timer` | tokio: waiting, waking, giving back |
//! | `core`, `settle`, `reservation`, `expiry`, `reconfigure` | the state machine, by what drives it |
//! | `resource`, `park`, `gcra`, `plan` | what calls need, and who waits for it |
//! | `call`, `lane`, `keys`, `tool_state`, `arena`, `deadlines` | what is remembered of calls, keys and tools |
//! | `limit`, `refusal`, `snapshot` | what people read |

mod arena;
mod call;
mod core;
mod deadlines;
mod expiry;
mod face;
mod gcra;
mod keys;
mod lane;
mod limit;
mod park;
mod permit;
mod plan;
mod reconfigure;
mod refusal;
mod reservation;
mod resource;
mod settle;
mod snapshot;
mod timer;
mod tool_state;

#[cfg(test)]
mod tests;

pub use face::{Demand, Scheduler};
pub use limit::Limit;
pub use permit::Permit;
pub use refusal::Refusal;
pub use reservation::PASSES_BEFORE_RESERVATION;
pub use snapshot::{BucketSnapshot, PlacesSnapshot, Snapshot, ToolSnapshot};

/// Nanoseconds since the scheduler was made: the only notion of time inside the core.
type Nanos = u64;
