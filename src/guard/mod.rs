//! No orphans: the guard is the parent of the runner, and everything a script leaves behind comes to it.
//!
//! On Linux the program splits before any thread starts (see [`enter`]): the process that was started and its
//! child keep watch, the grandchild is the runner. Both guards are subreapers, so a process that outlives
//! its parent, however it hides (`setsid`, `env -i`, a double fork), becomes a child of the inner guard.
//!
//! | what ends | what happens |
//! |---|---|
//! | a call | what it left behind is killed, see [`Ward::sweep`] |
//! | the runner, in any way | the inner guard kills all it inherits, and the program ends as the runner did |
//! | the inner guard | the outer one inherits everything, the runner too, and kills it |
//! | the outer guard | the inner one kills everything |
//! | both at once | the runner learns it from [`lost`] and ends; who hides from it lives on |
//!
//! | file | owns |
//! |---|---|
//! | `split` | the way from one process to guards and runner |
//! | `fork` | the one system call for that |
//! | `signals` | handing on what the guards are asked |
//! | `keeper` | what a guard does until its child has ended |
//! | `children` | who was adopted, and the end of all of them |
//! | `sweep`, `kin` | who of the adopted belongs to no running call |
//! | `table`, `message`, `link` | what the runner and the inner guard tell each other |
//!
//! Guards have no threads, read no input, print nothing unless something cannot be killed, and know nothing of
//! tools: a call is a mark in the environment, [`MARK_VARIABLE`]. They never touch the runner
//! while it lives, nor a process that is not their child. Elsewhere than on Linux nothing splits, and
//! the same functions do nothing.

#[cfg(target_os = "linux")]
mod children;
#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
mod fork;
#[cfg(target_os = "linux")]
mod keeper;
#[cfg(target_os = "linux")]
mod kin;
#[cfg(target_os = "linux")]
mod link;
#[cfg(target_os = "linux")]
mod message;
#[cfg(target_os = "linux")]
mod signals;
#[cfg(target_os = "linux")]
mod split;
#[cfg(target_os = "linux")]
mod sweep;
#[cfg(target_os = "linux")]
mod table;

#[cfg(not(target_os = "linux"))]
mod absent;
#[cfg(not(target_os = "linux"))]
use absent as platform;

#[cfg(target_os = "linux")]
use link as platform;
pub use platform::{Ward, lost, watch};

/// The variable every process of a call carries unless it takes care not to; its value is the call's mark.
pub const MARK_VARIABLE: &str = "GANTZ_CALL_ID";

/// What became of the processes that a call left behind outside its process group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many were alive and are dead now.
    pub killed: u32,
    /// Those that were killed and live on, for lack of permission or in uninterruptible sleep; at most 16.
    pub stuck: Vec<u32>,
}

/// Why there is no guard.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// Adopted processes could not be found.
    #[error("`/proc` does not show the processes of this program")]
    NoProc,
    /// Splitting would leave threads behind.
    #[error("threads were started before the guard")]
    Threads,
    /// The system refused.
    #[error("could not {0}: {1}")]
    System(&'static str, std::io::Error),
}

/// Splits the program into guards and runner, and returns in the runner; a guard stays in here until the runner
/// and all that scripts left behind have ended, and then ends the way the runner did. To be called
/// once, before any thread starts. Standard streams stay the runner's alone but for standard error: `say` tells the user a
/// line there, and needs no thread for it.
///
/// # Errors
/// When there will be no guard: the program is then whole and can go on, without the promise.
#[cfg(target_os = "linux")]
pub fn enter(say: fn(&str)) -> Result<(), GuardError> {
    keeper::say_by(say);
    split::split()
}

/// Does nothing: processes that leave their group outlive their call on this system.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn enter(_say: fn(&str)) -> Result<(), GuardError> {
    Ok(())
}
