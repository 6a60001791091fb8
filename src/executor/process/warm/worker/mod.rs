//! Workers: interpreters that have loaded a script and answer call after call with its `main` (`mode: persistent`).
//!
//! | file | owns |
//! |---|---|
//! | `inside/` | the part inside the interpreter, one program: `wire.py`, `script.py`, `calls.py` |
//! | `reader`, `text`, `whole` | what a worker says, read as it comes |
//! | `outgoing` | what is still to be written to it |
//! | `job` | one call on its way through |
//! | `birth` | from a kind of interpreter to a worker that is ready |
//! | `conversation`, `ears` | the one task that speaks with a worker, until its end |
//! | `life` | how long it lives |
//! | `ending` | its end, and that of the calls it has |
//! | `pool` | the workers of one tool: when another is started, and who is replaced |
//! | `seats` | who has a place at which of them |
//! | `seat` | the way to one of them, and a place at it |
//!
//! A worker leads a process group of its own and is a call to the guard, with a mark of its own: what its script starts belongs
//! to it and ends with it. One whose runner is gone sees the end of its input, and ends.

mod birth;
mod conversation;
mod ears;
mod ending;
mod job;
mod life;
mod outgoing;
mod pool;
mod reader;
mod seat;
mod seats;
mod text;
mod whole;

pub(in crate::executor) use job::{Closed, Job, Reply};
pub(in crate::executor) use pool::{Ask, Crew, Pool};
pub(in crate::executor) use seat::{Given, Seat};
