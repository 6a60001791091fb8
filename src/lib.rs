//! Turns the scripts people already have into tools an AI agent can call.
//!
//! The rooms, from the top floor down; imports only go down, which `tests/layering.rs` holds:
//!
//! | floor | room | owns |
//! |---|---|---|
//! | 8 | `cli` | one command per file |
//! | 7 | `server` | the life of a running server: build, run, drain |
//! | 7 | `reload` | a changed file becomes the served one |
//! | 6 | `mcp` | the protocol adapter |
//! | 6 | `cases` | calls with expectations: what `runner test` runs and reports |
//! | 5 | `batch` | many calls as one: what waits for what, and when each starts |
//! | 4 | `runner` | the one way a call runs |
//! | 3 | `scheduler`, `executor`, `tasks` | who runs when; how a call is carried out; calls that outlive their connection |
//! | 2 | `config`, `store` | from the text of a file to a checked catalog; output too large for an answer |
//! | 1 | `tool` | the vocabulary, without I/O |
//! | 0 | `metrics`, `telemetry` | what is counted, and how Prometheus reads it; what is written about the work |
//! | 0 | `diagnostic`, `shutdown`, `guard` | problems with a place in a file; the signals that ask to stop; the end of what scripts leave behind |

pub mod batch;
pub mod cases;
pub mod cli;
pub mod config;
pub mod diagnostic;
pub mod executor;
pub mod guard;
pub mod mcp;
pub mod metrics;
pub mod reload;
pub mod runner;
pub mod scheduler;
pub mod server;
pub mod shutdown;
pub mod store;
pub mod tasks;
pub mod telemetry;
pub mod tool;
