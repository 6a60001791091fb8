//! SQL tools against real databases: SQLite in files, and a PostgreSQL that these tests start themselves.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests start the server they test with"
)]

mod binding;
mod endings;
mod injection;
mod postgres;
mod reading;
mod server;
mod sqlite;
#[path = "../support/mod.rs"]
mod support;
mod troubles;
mod world;
