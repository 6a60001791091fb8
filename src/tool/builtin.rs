//! Tools the runner brings itself.

/// A tool the runner brings itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BuiltinTool {
    /// Reads on in a stored output.
    ReadOutput,
    /// Runs many calls as one.
    Batch,
    /// Limits and load.
    Status,
}

impl BuiltinTool {
    /// The name callers use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadOutput => "read_output",
            Self::Batch => "batch",
            Self::Status => "status",
        }
    }
}
