//! Where the program stands: against the physical floor, and against what a user would write otherwise. All in one
//! run on one machine; compare the ratios, not the bare figures.
//!
//! `cargo bench --bench compare` writes `docs/performance.md` and its plots. It needs Linux, `cc` and, for the peers, a
//! Python that can install packages; `-- --no-peers` goes without them, `-- --quick` measures for a moment only and
//! writes nothing.
#![cfg_attr(
    target_os = "linux",
    expect(clippy::print_stdout, reason = "figures are all it is for")
)]
#![expect(clippy::print_stderr, reason = "figures are all it is for")]

#[cfg(target_os = "linux")]
mod measure;

#[cfg(target_os = "linux")]
fn main() {
    measure::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("nothing is measured: what a process takes is read from `/proc`, which needs Linux");
}
