//! What scripts print: kept within bounds, then read.
//!
//! `capture` keeps bytes and counts those it does not keep; `recording` stores all of them beside where an answer
//! cannot hold them; `items` finds the items of a stream as it comes, `jsonl` says what they come to; `directive` and `remarks` find what a script says to the runner; `interpret` turns the bytes into an
//! [`Output`](crate::tool::Output) or says why they are none. Nothing here knows processes.

mod capture;
mod directive;
mod interpret;
mod items;
mod json;
mod jsonl;
mod recording;
mod remarks;
mod text;

pub(super) use capture::{Capture, Captured};
pub(super) use interpret::{interpret, must_be_whole, not_whole};
pub(super) use items::Lines;
pub(super) use json::parse as parse_json;
pub(super) use jsonl::with_items;
pub(super) use recording::{Kept, Recorded, Recording};
pub(super) use text::excerpt;
