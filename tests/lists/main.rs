//! Lists that tools give: cut into pages, and streamed item by item.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod clients;
mod command;
mod pages;
mod refusals;
mod services;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod world;
