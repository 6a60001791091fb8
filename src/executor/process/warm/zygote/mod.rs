//! Warm interpreters: a Python that has loaded its modules forks for each call.
//!
//! A zygote is an interpreter started as for one call, `python3 [OPTIONS] SCRIPT`, that stops before the first line of the
//! script. For a call it forks, and the fork goes on to the script by itself; so everything a script can see of its
//! interpreter is what a fresh one shows, and the script is read anew. What differs is told in `docs/tools.md`.
//!
//! | file | owns |
//! |---|---|
//! | `zygote.py` | the part inside the interpreter |
//! | `wire` | what is said over the socket |
//! | `birth`, `infant` | from a kind to a zygote that is ready |
//! | `hook_folder` | how the part inside comes in |
//! | `conversation` | the one task that speaks with a zygote, until its end |
//! | `forked` | one process of a call, as the zygote's child |
//! | `pool` | which zygotes there are |
//!
//! A fork belongs to its call like any process: it leads a group of its own and is killed with it, the zygote leaves it
//! unreaped until it is told otherwise, and it shows the mark of its call, so the guard finds what it leaves
//! behind. The zygote itself is a call to the guard, with a mark of its own. A zygote whose runner is gone kills the groups of its forks and ends.

mod birth;
mod conversation;
mod forked;
mod hook_folder;
mod infant;
mod pool;
mod wire;

pub(in crate::executor::process) use forked::Forked;
pub(in crate::executor) use pool::{Fork, Zygotes};
