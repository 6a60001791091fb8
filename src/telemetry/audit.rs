//! The file of the audit log.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use super::Lines;

/// Opens the audit log at `path`: lines are appended, and a new file is for its owner only (0600).
///
/// # Errors
/// When it cannot be opened, or is something else than a file.
pub fn open_audit(path: &Path) -> io::Result<Lines> {
    // To open a pipe would wait for its reader.
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other("it is not a file"));
    }
    let file = options().open(path)?;
    let shown = path.display().to_string();
    Lines::start("audit log", Unbuffered(file), move |error| {
        tracing::error!(
            target: "runner",
            file = shown,
            %error,
            "the audit log cannot be written: calls go on, their records are lost and counted"
        );
    })
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Each line is one write, so that several programs may append to one file.
struct Unbuffered(File);

impl io::Write for Unbuffered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
