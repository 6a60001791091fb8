//! Who may call over HTTP: bearer tokens (RFC 6750), and the metadata that says so (RFC 9728).
//!
//! A request is judged by its `Authorization` header before anything else of it is read, and goes on without
//! that header: it carries the [`Client`](crate::mcp::Client) instead. This room never stores a token, only its
//! digest, and never names one, neither in answers nor in logs. It issues no tokens and trusts no other issuer.

mod access;
mod challenge;
mod metadata;
mod tokens;

pub use access::{Access, MustStayClosed};
pub use tokens::{InvalidTokens, Tokens};

pub(super) use challenge::{admitted, protect};
pub(super) use metadata::metadata;
