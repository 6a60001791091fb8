//! A program that is run for what it prints, while no runtime is there yet or on a thread that may block.

use std::io::{self, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Question;

/// How long it may take.
const WITHIN: Duration = Duration::from_secs(5);

/// The most it may print, in bytes: an environment of the largest size, twice.
const MOST: usize = 4 << 20;

/// Runs a program to the end of its standard output and returns what it printed there. It reads nothing, and its group
/// is killed at the end. Blocks the thread for five seconds at most.
///
/// # Errors
/// Where it cannot be started, prints more than 4 MiB, or takes longer.
pub fn ask(question: &Question<'_>) -> io::Result<Vec<u8>> {
    use std::os::unix::process::CommandExt;

    let mut child = Asked(command(question).process_group(0).spawn()?);
    let stdout = child.0.stdout.take();
    read(stdout.ok_or_else(|| io::Error::other("the process has no output pipe"))?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this room is the one that starts processes"
)]
fn command(question: &Question<'_>) -> Command {
    let mut command = Command::new(question.program);
    command
        .args(question.arguments)
        .current_dir(question.working_dir)
        .env_clear()
        .envs(question.environment.iter())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// A process that ends with whoever asked it.
struct Asked(Child);

impl Drop for Asked {
    fn drop(&mut self) {
        use rustix::process::{Pid, Signal, kill_process_group};

        // Not reaped yet, its id is nobody else's.
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            kill_process_group(group, Signal::KILL).ok();
        }
        self.0.wait().ok();
    }
}

/// What comes until the end of the pipe.
fn read(mut stdout: ChildStdout) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + WITHIN;
    let mut printed = Vec::new();
    let mut part = [0; 16 * 1024];
    loop {
        wait(&stdout, deadline)?;
        let length = stdout.read(&mut part)?;
        if length == 0 {
            return Ok(printed);
        }
        printed.extend_from_slice(&part[..length]);
        if printed.len() > MOST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
    }
}

/// Until the pipe can be read.
fn wait(stdout: &ChildStdout, deadline: Instant) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(stdout, PollFlags::IN)], Some(&left)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
