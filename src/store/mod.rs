//! Output that is too large for an answer, kept in files until it has been read.
//!
//! | file | owns |
//! |---|---|
//! | `store` | [`Store`]: the face of all of it, for those who write and those who read |
//! | `folder` | the state directory, and the locked folder of this instance in it |
//! | `index` | which outputs there are, whose they are, and how much room they take |
//! | `writer` | the thread that writes, and [`Sink`]: one output on its way to it |
//! | `page`, `search` | reading a part; finding lines |
//! | `items`, `scan` | reading some items of a list; finding where they are |
//!
//! Nothing is created before the first output has to be kept, everything is removed at the end, and what an
//! instance that was killed has left is removed by the next. Nothing here knows processes or protocols.

mod folder;
mod index;
mod items;
mod page;
mod scan;
mod search;
#[expect(
    clippy::module_inception,
    reason = "a file is named after its main type"
)]
mod store;
mod writer;

pub(crate) use folder::{private_file, private_folder};
pub use index::StoreLimits;
pub use items::{ItemPage, ItemsError, ItemsWanted, LargeItem};
pub use page::{Page, ReadError};
pub use scan::{ListShape, NoList};
pub use search::{InvalidPattern, Pattern};
pub use store::{About, Listed, Store};
pub use writer::{Receipt, Sink};
