//! What the program writes about its work: lines, in order, without ever waiting for a disk or a reader.
//!
//! | file | owns |
//! |---|---|
//! | `lines` | [`Lines`]: a thread that writes what others hand it |
//! | `audit` | the file of the audit log |
//! | `redactor` | [`Redactor`]: what must not be written |
//! | `moment` | the time, in words |
//!
//! It knows neither calls nor tools; what a line says is decided by `runner`.

mod audit;
mod lines;
mod moment;
mod redactor;

pub use audit::open_audit;
pub use lines::Lines;
pub use moment::timestamp;
pub use redactor::{HIDDEN, Redactor};
