//! What is counted, and how Prometheus reads it.
//!
//! | file | owns |
//! |---|---|
//! | `registry` | [`Metrics`]: what is known of each operation, bounded by the operations there are |
//! | `operation` | [`Operation`]: the counters of one |
//! | `observed` | [`Observed`]: what its latest calls were like, for advice |
//! | `batches` | [`Batches`]: what is counted of batches |
//! | `histogram`, `tally` | how often which duration, how often which word |
//! | `exposition` | [`Exposition`]: the text format |
//!
//! It counts what it is told. What runs and what waits at this moment is not counted here, where it could drift,
//! but asked of those who decide it when somebody reads. Nothing here knows tools, clients or limits.

mod batches;
mod exposition;
mod histogram;
mod observed;
mod operation;
mod registry;
mod tally;

pub use batches::{Batches, RunningBatch};
pub use exposition::{CONTENT_TYPE, Exposition, Kind};
pub use histogram::{BOUNDS, Histogram};
pub use observed::Observed;
pub use operation::Operation;
pub use registry::Metrics;
pub use tally::Tally;
