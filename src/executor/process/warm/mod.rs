//! Warm interpreters: a Python that has loaded its modules before a call comes.
//!
//! | part | owns |
//! |---|---|
//! | `zygote` | interpreters that fork for each call (`mode: fork`) |
//! | `worker` | interpreters that answer call after call (`mode: persistent`) |
//! | `kind` | what an interpreter is made for |
//! | `birth_error` | why there is none |
//! | `pause` | how long one that failed is left alone |
//! | `said` | what they print beside their calls |
//! | `stamp` | whether a file is what it was |

mod birth_error;
mod kind;
mod pause;
mod said;
mod stamp;
mod worker;
mod zygote;

pub(in crate::executor) use birth_error::BirthError;
pub(in crate::executor) use kind::Kind;
use said::Said;
use stamp::{OUTDATED, Stamp};
pub(in crate::executor) use worker::{Ask, Closed, Crew, Given, Job, Pool, Reply, Seat};
pub(super) use zygote::Forked;
pub(in crate::executor) use zygote::{Fork, Zygotes};
