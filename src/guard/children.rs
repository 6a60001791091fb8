//! Who was adopted, and the end of all of them.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, kill_process_group, wait};

use super::clock::since_boot;
use super::signals::{Ending, Signals};

/// How long a guard waits for the deaths of what it has killed before it looks again.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// How long a guard works at most at killing all it has.
const LONGEST_PATIENCE: Duration = Duration::from_secs(10);

/// The list of a guard's children as the kernel keeps it, oldest first.
///
/// Children leave the list only when the guard reaps them, and new ones come at its end, so that a guard which
/// reads the list to its end has seen everyone who was there when it began.
#[derive(Debug)]
pub(super) struct Children {
    parent: Pid,
    /// Absent on kernels built without such lists.
    list: Option<File>,
}

impl Children {
    /// The children of this process, which has no other thread. The value can be used after a fork, and
    /// still means those of this process.
    pub(super) fn of_this_process() -> Self {
        let parent = getpid();
        let path = format!("/proc/self/task/{parent}/children");
        Self {
            parent,
            list: File::open(path).ok(),
        }
    }

    /// All of them, dead ones too until they are reaped.
    pub(super) fn list(&self) -> Vec<Pid> {
        match self.list.as_ref().map(read_whole) {
            Some(Ok(text)) => numbers(&text),
            Some(Err(_)) | None => self.search(),
        }
    }

    /// Whether `only` is the one child; `None` when that is not cheap to know.
    pub(super) fn is_only(&self, only: Pid) -> Option<bool> {
        let mut buffer = [0; 32];
        let length = self.list.as_ref()?.read_at(&mut buffer, 0).ok()?;
        let text = std::str::from_utf8(&buffer[..length]).ok()?;
        Some(text.trim_ascii_end().parse() == Ok(only.as_raw_nonzero().get()))
    }

    fn search(&self) -> Vec<Pid> {
        let Ok(entries) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
            .filter(|pid| super::kin::parent(*pid) == Some(self.parent))
            .collect()
    }
}

fn read_whole(file: &File) -> std::io::Result<Vec<u8>> {
    let mut text = vec![0; 4096];
    let mut length = 0;
    loop {
        let read = file.read_at(&mut text[length..], length as u64)?;
        if read == 0 {
            text.truncate(length);
            return Ok(text);
        }
        length += read;
        if length == text.len() {
            text.resize(length * 2, 0);
        }
    }
}

fn numbers(text: &[u8]) -> Vec<Pid> {
    text.split(u8::is_ascii_whitespace)
        .filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok())
        .filter_map(Pid::from_raw)
        .collect()
}

/// Takes the status of every child that has ended.
pub(super) fn reap(mut taken: impl FnMut(Pid, Ending)) {
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        let ending = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Ending::Code(code),
            (None, Some(signal)) => Ending::Signal(signal),
            (None, None) => continue,
        };
        taken(pid, ending);
    }
}

/// Kills one child, which has not been reaped, so that its id is nobody else's.
pub(super) fn kill(child: Pid) {
    kill_process(child, Signal::KILL).ok();
}

/// Kills a group of processes at once, those being forked right now too.
pub(super) fn kill_group(group: Pid) {
    kill_process_group(group, Signal::KILL).ok();
}

/// Kills all children and all that come to take their places, as long as somebody dies every now and then within
/// `patience`. Returns who cannot be killed.
pub(super) fn kill_all(children: &Children, signals: &Signals, patience: Duration) -> Vec<Pid> {
    let last = since_boot() + LONGEST_PATIENCE;
    let mut end = since_boot() + patience;
    let mut killed = HashSet::new();
    loop {
        let mut has_died = false;
        reap(|pid, _| {
            killed.remove(&pid);
            has_died = true;
        });
        let now = since_boot();
        if has_died {
            end = last.min(now + patience);
        }
        let left = children.list();
        if left.is_empty() || now > end {
            return left;
        }
        for child in left {
            if killed.insert(child) {
                kill_with_group(child);
            }
        }
        pause(signals, LOOK_AGAIN);
    }
}

/// Kills a child, and its group if it leads one.
fn kill_with_group(child: Pid) {
    let id = child.as_raw_nonzero().get();
    if super::kin::stat(child).is_some_and(|stat| stat.group == id) {
        kill_group(child);
    }
    kill(child);
}

/// Waits for a signal, such as the death of a child, but not long. Signals are taken and dropped.
fn pause(signals: &Signals, longest: Duration) {
    let mut ready = [PollFd::new(signals.descriptor(), PollFlags::IN)];
    poll(&mut ready, Some(&timespec(longest))).ok();
    while let Ok(Some(_)) = signals.descriptor().read_signal() {}
}

/// A duration as system calls take it.
pub(super) fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
