//! When a call becomes a task: a handle that is given out at once, and polled until the result is there.

use std::time::Duration;

/// Calls that are expected to take at least this long become tasks where `task: auto` leaves it open. As long as the
/// longest silence between two signs of life on a call that is waited for.
pub const LONG_CALL: Duration = Duration::from_secs(10);

/// Whether a call becomes a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskMode {
    /// Never.
    #[default]
    Never,
    /// Where it is expected to take [`LONG_CALL`] or longer.
    Auto,
    /// Always, for clients that know tasks; others wait for the answer.
    Always,
    /// Always; clients that do not know tasks are refused.
    Required,
}

/// When calls of a tool become tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskRules {
    /// Whether they do.
    pub mode: TaskMode,
    /// How long a call usually takes.
    pub expected_duration: Option<Duration>,
}

impl TaskRules {
    /// Whether a call becomes a task where the client knows tasks.
    pub fn makes_tasks(&self) -> bool {
        match self.mode {
            TaskMode::Never => false,
            TaskMode::Auto => self.expected_duration >= Some(LONG_CALL),
            TaskMode::Always | TaskMode::Required => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_to_take_long_becomes_a_task() {
        let makes_tasks = |mode, seconds: Option<u64>| {
            let expected_duration = seconds.map(Duration::from_secs);
            TaskRules {
                mode,
                expected_duration,
            }
            .makes_tasks()
        };
        assert!(!makes_tasks(TaskMode::Auto, None));
        assert!(!makes_tasks(TaskMode::Auto, Some(9)));
        assert!(makes_tasks(TaskMode::Auto, Some(10)));
        assert!(!makes_tasks(TaskMode::Never, Some(1000)));
        assert!(makes_tasks(TaskMode::Always, None));
        assert!(makes_tasks(TaskMode::Required, None));
    }
}
