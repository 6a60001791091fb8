//! What a process shows of where it came from; see `proc_pid_environ(5)` and `proc_pid_stat(5)`.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};

use rustix::process::Pid;

use super::MARK_VARIABLE;
use super::table::Mark;

/// The longest environment that is searched, in bytes. The kernel allows a process less unless its stack may grow
/// beyond the usual.
const LONGEST_ENVIRONMENT: usize = 8 * 1024 * 1024;

/// What `/proc/PID/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) is_zombie: bool,
    pub(super) parent: i32,
    pub(super) group: i32,
    pub(super) session: i32,
    /// In ticks since the machine started.
    pub(super) born: u64,
    /// Where the environment begins and ends in memory; zero while a new program is being entered, at the very end,
    /// and when the process is another user's.
    environment: [u64; 2],
}

/// What the environment of a process says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marking {
    /// It belongs to this call.
    Mark(Mark),
    /// It carries no mark, or does not show it.
    None,
    /// It is just entering a program, and will show more in a moment.
    NotYet,
}

/// What is known of `pid`, unless it is gone.
pub(super) fn stat(pid: Pid) -> Option<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    Stat::parse(&text)
}

/// The parent of `pid`.
pub(super) fn parent(pid: Pid) -> Option<Pid> {
    stat(pid).and_then(|stat| Pid::from_raw(stat.parent))
}

impl Stat {
    /// Of a process that shows nothing: it could belong to any call.
    pub(super) const UNSEEN: Self = Self {
        is_zombie: false,
        parent: 0,
        group: 0,
        session: 0,
        born: u64::MAX,
        environment: [0; 2],
    };

    /// The name in the second field may hold anything, so fields are counted from its closing parenthesis.
    fn parse(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        let fields: Vec<&str> = text.rsplit(')').next()?.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let id = |field: usize| fields.get(field - 3)?.parse::<i32>().ok();
        Some(Self {
            is_zombie: matches!(*fields.first()?, "Z" | "X"),
            parent: id(4)?,
            group: id(5)?,
            session: id(6)?,
            born: number(22)?,
            environment: [50, 51].map(|field| number(field).unwrap_or(0)),
        })
    }

    /// Whether its environment has no variables.
    const fn is_naked(&self) -> bool {
        let [begin, end] = self.environment;
        begin == end && end != 0
    }
}

impl Marking {
    /// The marking of `pid`.
    pub(super) fn of(pid: Pid) -> Self {
        match environment_mark(pid) {
            Ok(Some(mark)) => Marking::Mark(mark),
            // Nothing could be read, and that is not for lack of permission: a new look tells an environment
            // without variables from none at all.
            Err(ErrorKind::UnexpectedEof) if !stat(pid).is_some_and(|now| now.is_naked()) => {
                Marking::NotYet
            }
            Ok(None) | Err(_) => Marking::None,
        }
    }
}

/// The mark in the environment that `pid` was given. An empty environment is an unexpected end.
pub(super) fn environment_mark(pid: Pid) -> Result<Option<Mark>, ErrorKind> {
    let file = File::open(format!("/proc/{pid}/environ")).map_err(|error| error.kind())?;
    let mut environment = Vec::with_capacity(4096);
    file.take(LONGEST_ENVIRONMENT as u64)
        .read_to_end(&mut environment)
        .map_err(|error| error.kind())?;
    if environment.is_empty() {
        return Err(ErrorKind::UnexpectedEof);
    }
    Ok(find_mark(&environment))
}

/// The pipes that `pid` has as standard streams, by the number that both ends share; see `proc_pid_fd(5)`.
pub(super) fn pipes(pid: Pid) -> Vec<u64> {
    let pipe = |descriptor: u8| {
        let link = fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).ok()?;
        let number = link.to_str()?.strip_prefix("pipe:[")?.strip_suffix(']')?;
        number.parse().ok()
    };
    (0..3).filter_map(pipe).collect()
}

fn find_mark(environment: &[u8]) -> Option<Mark> {
    environment
        .split(|byte| *byte == 0)
        .filter_map(|variable| variable.strip_prefix(MARK_VARIABLE.as_bytes()))
        .find_map(|rest| rest.strip_prefix(b"="))
        .map(Mark::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let tail = " S 7 12 11 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        let stat = Stat::parse(format!("5 (a) Z (b c){tail}").as_bytes()).unwrap();
        assert_eq!(
            (stat.parent, stat.group, stat.session, stat.born),
            (7, 12, 11, 4711)
        );
        assert!(!stat.is_zombie);
        assert_eq!(Stat::parse(b"5 (a"), None);
    }

    #[test]
    fn the_mark_is_a_whole_variable() {
        let found = |text: &str| find_mark(text.as_bytes());
        assert_eq!(
            found("A=1\0GANTZ_CALL_ID=ab\0B=2\0"),
            Some(Mark::new(b"ab"))
        );
        assert_eq!(found("X_GANTZ_CALL_ID=ab\0"), None);
        assert_eq!(found("GANTZ_CALL_IDS=ab\0"), None);
    }

    #[test]
    fn this_process_knows_its_parent_and_has_a_past() {
        let own = rustix::process::getpid();
        let stat = stat(own).unwrap();
        assert_eq!(Pid::from_raw(stat.parent), rustix::process::getppid());
        assert!(stat.born <= super::super::clock::ticks_since_boot());
        assert_ne!(Marking::of(own), Marking::NotYet);
        assert!(stat.environment[0] != 0 && !stat.is_naked());
    }
}
