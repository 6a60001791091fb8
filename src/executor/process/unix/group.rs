//! Whether anybody of a group lives.

use rustix::process::Pid;
#[cfg(not(target_os = "linux"))]
use rustix::process::test_kill_process_group;

/// Whether a process of the group lives that is more than a zombie.
#[cfg(target_os = "linux")]
pub(super) async fn living_members(group: Pid) -> bool {
    let group = group.as_raw_nonzero().to_string();
    tokio::task::spawn_blocking(move || search_proc(&group))
        .await
        .unwrap_or(true)
}

/// A group of zombies alone takes no signal on macOS (`EPERM`; `killpg1` in its kernel), and a group of another user's
/// processes answers the same: those are not seen.
#[cfg(not(target_os = "linux"))]
pub(super) async fn living_members(group: Pid) -> bool {
    test_kill_process_group(group).is_ok()
}

/// Searches `/proc/PID/stat`; see proc(5). The name in the second field may hold anything, so
/// the fields are counted from its closing parenthesis: state, parent, group.
#[cfg(target_os = "linux")]
fn search_proc(group: &str) -> bool {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return true;
    };
    entries.flatten().any(|entry| {
        if !entry.file_name().as_encoded_bytes()[0].is_ascii_digit() {
            return false;
        }
        let Ok(stat) = std::fs::read(entry.path().join("stat")) else {
            return false;
        };
        let stat = String::from_utf8_lossy(&stat);
        let mut fields = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_ascii_whitespace();
        let state = fields.next();
        fields.nth(1) == Some(group) && !matches!(state, Some("Z" | "X"))
    })
}
