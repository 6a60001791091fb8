//! The `runner` program.

use std::process::ExitCode;

/// A call is handed from thread to thread, and what one thread allocates another frees: the allocator of the system has
/// them wait for each other there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    runner::cli::main()
}
