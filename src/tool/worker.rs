//! Processes that are kept warm between calls.

/// How a Python script is kept warm. Its arguments up to the script hold no placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worker {
    /// A warm interpreter forks for each call.
    Fork(ForkWorker),
}

/// An interpreter that has loaded its modules, and forks for each call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkWorker {
    /// How many of the arguments are options of the interpreter; they come first.
    pub options: usize,
    /// How many of the arguments are the same for every call: the options and what names the script.
    pub fixed: usize,
    /// The modules it imports.
    pub preload: Vec<String>,
}
