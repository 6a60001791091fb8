//! Why there is no warm interpreter.

use std::io;
use std::sync::Arc;

/// Why there is no warm interpreter.
#[derive(Clone, Debug, thiserror::Error)]
pub(in crate::executor) enum BirthError {
    /// The interpreter cannot be one; calls can be spawned.
    #[error("{0}")]
    Unable(String),
    /// It could not load what it should.
    #[error("its warm interpreter failed: {0}")]
    Failed(String),
    /// It could not load its script.
    #[error("its worker failed: {message}")]
    NotLoaded {
        /// Why, in a line.
        message: String,
        /// What it printed, and the traceback.
        printed: Vec<u8>,
    },
    /// It could not be started.
    #[error("{0}")]
    Start(Arc<io::Error>),
}

impl From<io::Error> for BirthError {
    fn from(error: io::Error) -> Self {
        Self::Start(Arc::new(error))
    }
}

impl From<BirthError> for io::Error {
    fn from(error: BirthError) -> Self {
        match error {
            BirthError::Start(error) => match error.raw_os_error() {
                Some(number) => Self::from_raw_os_error(number),
                None => Self::new(error.kind(), error.to_string()),
            },
            error => Self::other(error),
        }
    }
}
