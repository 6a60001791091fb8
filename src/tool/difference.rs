//! What is different between two catalogs, for those who were told of the first.

use super::{
    Action, Catalog, Confirmation, Invocation, KeyLimits, Script, Stdin, Tool, ToolLimits, ToolName,
};

/// What a second catalog changes about a first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Tools only the second has, in its order.
    pub added: Vec<ToolName>,
    /// Tools of both that are not the same, in the second's order.
    pub changed: Vec<ToolName>,
    /// Tools only the first has, in its order.
    pub removed: Vec<ToolName>,
    /// Whether what all tools share is not the same: the name and description of the set, or its limits.
    pub shared: bool,
}

impl Difference {
    /// What `after` changes about `before`. The order of the tools does not count.
    pub fn between(before: &Catalog, after: &Catalog) -> Self {
        let mut difference = Self {
            shared: !shares_the_same(before, after),
            ..Self::default()
        };
        for tool in after.tools() {
            match before.get(tool.name.as_str()) {
                None => difference.added.push(tool.name.clone()),
                Some(earlier) if !earlier.is_same_as(tool) => {
                    difference.changed.push(tool.name.clone());
                }
                Some(_) => {}
            }
        }
        difference.removed = before
            .tools()
            .filter(|tool| after.get(tool.name.as_str()).is_none())
            .map(|tool| tool.name.clone())
            .collect();
        difference
    }

    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn shares_the_same(before: &Catalog, after: &Catalog) -> bool {
    let (old, new) = (&before.limits, &after.limits);
    before.name == after.name
        && before.description == after.description
        && before.version == after.version
        && before.describe_limits == after.describe_limits
        && before.builtin_tools == after.builtin_tools
        && (old.max_parallel, old.queue_size) == (new.max_parallel, new.queue_size)
        && old.thread_pool_size == new.thread_pool_size
        && old.groups == new.groups
}

impl Tool {
    /// Whether both are the same tool to whoever calls it. Where in the file its settings stand does not count.
    pub fn is_same_as(&self, other: &Self) -> bool {
        // Taken apart by name, so that a field that is new is not forgotten here.
        let Self {
            name,
            title,
            description,
            annotations,
            icons,
            parameters,
            limits,
            retry,
            circuit_breaker,
            cache,
            confirmation,
            paging,
            task,
            action,
            output,
            tests: _,
            origins: _,
        } = self;
        *name == other.name
            && *title == other.title
            && *description == other.description
            && *annotations == other.annotations
            && *icons == other.icons
            // The schema is made of all that is known of the parameters.
            && parameters.schema() == other.parameters.schema()
            && has_same_limits(limits, &other.limits)
            && (retry, circuit_breaker, cache)
                == (&other.retry, &other.circuit_breaker, &other.cache)
            && asks_the_same(confirmation.as_ref(), other.confirmation.as_ref())
            && *paging == other.paging
            && *task == other.task
            && does_the_same(action, &other.action)
            && *output == other.output
    }
}

fn asks_the_same(one: Option<&Confirmation>, other: Option<&Confirmation>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one.is_same_as(other),
        _ => false,
    }
}

fn has_same_limits(one: &ToolLimits, other: &ToolLimits) -> bool {
    let ToolLimits {
        max_parallel,
        buckets,
        group,
        queue_size,
        queue_timeout,
        per_key,
        timeout,
        connect,
        max_timeout,
        progress_extends_timeout,
        total,
        kill_grace,
    } = one;
    let keys = match (per_key, &other.per_key) {
        (None, None) => true,
        (Some(one), Some(other)) => has_same_keys(one, other),
        _ => false,
    };
    keys && (max_parallel, group) == (&other.max_parallel, &other.group)
        && *buckets == other.buckets
        && (queue_size, queue_timeout) == (&other.queue_size, &other.queue_timeout)
        && (timeout, connect) == (&other.timeout, &other.connect)
        && (total, kill_grace) == (&other.total, &other.kill_grace)
        && (max_timeout, progress_extends_timeout)
            == (&other.max_timeout, &other.progress_extends_timeout)
}

fn has_same_keys(one: &KeyLimits, other: &KeyLimits) -> bool {
    let KeyLimits {
        key,
        max_parallel,
        rate,
        queue_size,
        max_keys,
    } = one;
    key.written() == other.key.written()
        && (max_parallel, rate) == (&other.max_parallel, &other.rate)
        && (queue_size, max_keys) == (&other.queue_size, &other.max_keys)
}

/// Templates are compared by their texts: what these compile to depends on the parameters alone.
fn does_the_same(one: &Action, other: &Action) -> bool {
    let (one, other) = match (one, other) {
        (Action::Script(one), Action::Script(other)) => (one, other),
        (Action::Http(one), Action::Http(other)) => return one == other,
        (Action::Sql(one), Action::Sql(other)) => return one == other,
        _ => return false,
    };
    let Script {
        invocation,
        stdin,
        working_dir,
        environment,
        worker,
        could_be_warm: _,
    } = one;
    is_started_alike(invocation, &other.invocation)
        && reads_the_same(stdin, &other.stdin)
        && *working_dir == other.working_dir
        && *environment == other.environment
        && *worker == other.worker
}

fn is_started_alike(one: &Invocation, other: &Invocation) -> bool {
    match (one, other) {
        (
            Invocation::Argv { program, arguments },
            Invocation::Argv {
                program: other_program,
                arguments: other_arguments,
            },
        ) => program == other_program && arguments.written() == other_arguments.written(),
        (
            Invocation::Shell {
                interpreter,
                script,
            },
            Invocation::Shell {
                interpreter: other_interpreter,
                script: other_script,
            },
        ) => interpreter == other_interpreter && script.compiled() == other_script.compiled(),
        _ => false,
    }
}

fn reads_the_same(one: &Stdin, other: &Stdin) -> bool {
    match (one, other) {
        (Stdin::None, Stdin::None) | (Stdin::Json, Stdin::Json) => true,
        (Stdin::Text(one), Stdin::Text(other)) => one.written() == other.written(),
        _ => false,
    }
}
