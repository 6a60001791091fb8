//! Time as the kernel stamps the birth of processes.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time since the machine started, sleep included. The guard lives outside the runtime, so it has no use for
/// the runtime's clock.
pub(super) fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}

/// The same in the unit of the field `starttime` in `/proc/PID/stat`; see `proc_pid_stat(5)`.
pub(super) fn ticks_since_boot() -> u64 {
    let ticks = since_boot().as_nanos() * u128::from(rustix::param::clock_ticks_per_second());
    u64::try_from(ticks / 1_000_000_000).unwrap_or(u64::MAX)
}
