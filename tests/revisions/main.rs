//! What each revision of the protocol carries, over the wire and both transports.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

#[path = "../support/mod.rs"]
mod support;

mod arrays;
mod client;
mod features;
mod headers;
mod pictures;
mod trace;

/// Every revision, the oldest first.
pub(crate) const REVISIONS: [&str; 5] = [
    "2024-11-05",
    "2025-03-26",
    "2025-06-18",
    "2025-11-25",
    "2026-07-28",
];

/// The first revision without sessions.
pub(crate) const STATELESS: &str = "2026-07-28";
