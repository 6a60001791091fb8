//! How a call is carried out.
//!
//! | part | owns |
//! |---|---|
//! | `either` | [`Executor`]: hands each call to what carries out its kind |
//! | `script` | [`ScriptExecutor`]: one call as one process, and the end of all of them |
//! | `persistent` | one call of a worker that is kept between calls |
//! | `http` | [`HttpExecutor`]: one call as one request |
//! | `sql` | [`SqlExecutor`]: one call as one query, or several |
//! | `given_up` | why a request or a query was given up |
//! | `prepare` | from a call to what is started |
//! | `verdict`, `broken` | from how a process ended to a result or a failure |
//! | `process` | processes and the trees they grow |
//! | `output` | what they print |
//!
//! Who runs when is the scheduler's business: it hands in a place, which is given back when no process of
//! the call lives any more.

mod broken;
mod either;
mod given_up;
mod http;
mod output;
#[cfg(unix)]
mod persistent;
mod prepare;
mod process;
mod script;
mod sql;
mod verdict;

pub use either::Executor;
pub use http::HttpExecutor;
pub use process::{Running, WarmLoad, ask};
pub use script::{Execution, ScriptExecutor};
pub use sql::{DatabaseLoad, SqlExecutor};
