//! The protocol's tasks (extension `io.modelcontextprotocol/tasks`, SEP-2663): a call whose client gets a handle at once
//! and asks for the result when it likes.
//!
//! | file | owns |
//! |---|---|
//! | `start` | which calls become tasks, and what runs one from its creation to its end |
//! | `ending` | what an outcome means for a task |
//! | `requests` | `tasks/get`, `tasks/update`, `tasks/cancel` |
//! | `listen` | `subscriptions/listen` for tasks |
//! | `wire` | tasks as the protocol shows them |

mod ending;
mod listen;
mod requests;
mod start;
mod wire;

pub(super) use listen::{asked, listen, marked};
pub(super) use requests::{cancel, get, update};
pub(super) use start::{Started, is_wanted, start};
