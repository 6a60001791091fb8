//! A changed file becomes the served one, without a restart and without losing a call.
//!
//! | file | owns |
//! |---|---|
//! | `watch` | when the content of files has become another one |
//! | `sight` | what one look at a file shows |
//! | `settling` | when a file that changes has come to rest |
//! | `hangup` | the signal that asks for a reload |
//! | `reloader` | loading, and the swap |
//!
//! The room never prints and never decides what is served where: it hands on [`Event`]s. What a reload does to
//! calls and limits is the runner's.
//!
//! # Why files are looked at, and not listened to
//! A file is looked at four times a second instead of being watched through inotify or its kin. Notices of the
//! system do not come for files on network mounts, on many mounts of containers, and for those that another
//! machine writes; they are bound to an inode, while editors and configuration managers replace the file or a
//! symbolic link above it; and their number is limited per user. A look is one `stat`, some microseconds, and
//! sees all of these alike.

mod hangup;
mod reloader;
mod settling;
mod sight;
mod watch;

pub use reloader::{Event, Reloaded, Reloader};
pub use watch::FileWatch;
