//! Programs that run another program named in their arguments.

use super::{Analyst, Remark, is_code_variable};

/// How a wrapper's own arguments end and the other program's begin.
struct Wrapper {
    names: &'static [&'static str],
    /// Options that take the next word.
    valued: &'static [&'static str],
    /// Operands before the program.
    operands: usize,
    /// Whether `NAME=value` words may come before it.
    assignments: bool,
}

const WRAPPERS: [Wrapper; 17] = [
    wrapper(&["exec"], &["-a"], 0, false),
    wrapper(
        &[
            "command",
            "builtin",
            "nohup",
            "setsid",
            "time",
            "unbuffer",
            "busybox",
            "caffeinate",
            "dbus-run-session",
        ],
        &["-f", "-o"],
        0,
        false,
    ),
    wrapper(
        &["env"],
        &["-u", "--unset", "-C", "--chdir", "-P", "-a"],
        0,
        true,
    ),
    wrapper(
        &["sudo"],
        &[
            "-u", "--user", "-g", "--group", "-h", "--host", "-p", "--prompt", "-C", "-r", "-t",
            "-T", "-U", "-D", "-R", "--chdir", "--chroot",
        ],
        0,
        true,
    ),
    wrapper(&["doas"], &["-u", "-C"], 0, false),
    wrapper(&["nice"], &["-n", "--adjustment"], 0, false),
    wrapper(
        &["ionice"],
        &["-c", "-n", "-p", "--class", "--classdata"],
        0,
        false,
    ),
    wrapper(&["stdbuf"], &["-i", "-o", "-e"], 0, false),
    wrapper(
        &["timeout", "gtimeout"],
        &["-s", "--signal", "-k", "--kill-after"],
        1,
        false,
    ),
    wrapper(
        &["chrt", "taskset", "chroot", "setarch"],
        &["-T", "-P", "-D", "--userspec", "--groups"],
        1,
        false,
    ),
    wrapper(
        &["xargs"],
        &[
            "-I",
            "-i",
            "-n",
            "-P",
            "-d",
            "-L",
            "-s",
            "-a",
            "-E",
            "--max-args",
            "--max-procs",
            "--delimiter",
            "--max-lines",
            "--max-chars",
            "--arg-file",
            "--replace",
        ],
        0,
        false,
    ),
    wrapper(
        &[
            "strace", "ltrace", "perf", "valgrind", "unshare", "nsenter", "prlimit",
        ],
        &["-o", "-e", "-p", "-s", "-u", "-t"],
        0,
        false,
    ),
    wrapper(&["coproc", "!"], &[], 0, false),
    wrapper(&["gosu", "su-exec", "setuidgid", "faketime"], &[], 1, false),
    wrapper(
        &["npx", "bunx", "uvx"],
        &["-p", "--package", "--from", "--with"],
        0,
        false,
    ),
    wrapper(
        &[
            "fakeroot",
            "firejail",
            "tini",
            "dumb-init",
            "pkexec",
            "torsocks",
            "proxychains",
            "rlwrap",
            "xvfb-run",
            "systemd-run",
            "setpriv",
            "numactl",
            "toybox",
            "ccache",
        ],
        &["-u", "-p", "-n", "--user", "--unit"],
        0,
        false,
    ),
    wrapper(
        &["flock"],
        &["-w", "-E", "--timeout", "--conflict-exit-code"],
        1,
        false,
    ),
];

const fn wrapper(
    names: &'static [&'static str],
    valued: &'static [&'static str],
    operands: usize,
    assignments: bool,
) -> Wrapper {
    Wrapper {
        names,
        valued,
        operands,
        assignments,
    }
}

/// Looks at the command at `from` when it is a wrapper, and at the one it runs.
pub(super) fn apply(analyst: &mut Analyst<'_>, base: &str, from: usize) -> bool {
    let Some(wrapper) = WRAPPERS
        .iter()
        .find(|wrapper| wrapper.names.contains(&base))
    else {
        return false;
    };
    let next = analyst.words.get(from + 1).map(|word| word.text.as_str());
    if base == "command"
        && next.is_some_and(|next| next.starts_with("-v") || next.starts_with("-V"))
    {
        return true;
    }
    let program = own_arguments(analyst, wrapper, base, from + 1);
    analyst.command(program);
    true
}

/// The index of the program's name, after the wrapper's own arguments.
fn own_arguments(analyst: &mut Analyst<'_>, wrapper: &Wrapper, base: &str, from: usize) -> usize {
    let mut index = from;
    while let Some(word) = analyst.words.get(index) {
        let start = word.known_start().to_owned();
        if start == "--" && word.is_static() {
            index += 1;
            break;
        }
        if wrapper.assignments && is_assignment(&start) {
            let name = start.split('=').next().unwrap_or_default().to_owned();
            if is_code_variable(&name) {
                analyst.when_open(index, super::super::reasons::code_variable(&name));
            }
            index += 1;
            continue;
        }
        if !start.starts_with('-') || start.len() < 2 {
            break;
        }
        if base == "env" && (start.starts_with("-S") || start.starts_with("--split-string")) {
            analyst.each_open(index, &Remark::Program);
            return analyst.words.len();
        }
        if base == "npx" && (start == "-c" || start.starts_with("--call")) {
            analyst.each_open(index, &Remark::Shell(base.to_owned()));
            return analyst.words.len();
        }
        if base == "sudo"
            && ["-s", "-i", "-e", "--shell", "--login", "--edit"].contains(&start.as_str())
        {
            analyst.each_open(index, &Remark::Shell(base.to_owned()));
            return analyst.words.len();
        }
        let takes_next = word.is_static() && wrapper.valued.contains(&start.as_str());
        index += 1 + usize::from(takes_next);
    }
    for _ in 0..wrapper.operands {
        super::options::guard(analyst, index, base);
        index += 1;
    }
    if base == "flock"
        && analyst
            .words
            .get(index)
            .is_some_and(|word| word.text == "-c")
    {
        analyst.each_open(index, &Remark::Shell(base.to_owned()));
        return analyst.words.len();
    }
    index
}

fn is_assignment(start: &str) -> bool {
    start.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}
