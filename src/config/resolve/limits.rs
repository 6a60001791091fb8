//! Limits: of the runner, and the effective ones of each tool.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use indexmap::IndexMap;

use super::rates::{self, Figures};
use super::{Context, persistent, template, timeout};
use crate::config::decode::{Given, Problems};
use crate::config::document::{
    Document, Group, Limit, PerKey, RunnerConcurrency, Tool, ToolConcurrency,
};
use crate::config::quantity::parse_rate;
use crate::config::schema::Wire;
use crate::config::text::Text;
use crate::config::unknown;
use crate::diagnostic::{Diagnostic, Span};
use crate::tool::template::{TextSurface, TextTemplate};
use crate::tool::{
    BucketUse, Groups, KeyLimits, Origins, Parameters, RateLimit, RunnerLimits, ToolLimits,
    ToolName,
};

const DEFAULT_QUEUE_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_KILL_GRACE: Duration = Duration::from_secs(5);
const DEFAULT_RUNNER_QUEUE: u32 = 1000;
const DEFAULT_TOOL_QUEUE: u32 = 100;
const DEFAULT_THREADS: usize = 20;
const DEFAULT_KEYS: usize = 10_000;

/// What the tools share, resolved once.
pub(super) struct Shared<'a> {
    concurrency: Option<&'a RunnerConcurrency>,
    groups: Groups,
    rate_limits: IndexMap<&'a str, (Span, RateLimit)>,
}

impl<'a> Shared<'a> {
    pub(super) fn new(document: &'a Document, problems: &mut Problems) -> Self {
        let concurrency = document.concurrency.as_ref().map(|given| &given.value);
        let groups = concurrency.and_then(|all| all.groups.as_ref());
        let rates = concurrency.and_then(|all| all.rate_limits.as_ref());
        Self {
            concurrency,
            groups: groups
                .iter()
                .flat_map(|groups| &groups.0)
                .filter_map(|(name, group)| Some((name.clone(), places(group, problems)?)))
                .collect(),
            rate_limits: rates
                .iter()
                .flat_map(|rates| &rates.0)
                .filter_map(|(name, limit)| {
                    Some((
                        name.as_str(),
                        (limit.key, shared_rate(name, limit, problems)?),
                    ))
                })
                .collect(),
        }
    }

    /// What all tools share.
    pub(super) fn runner_limits(&self) -> RunnerLimits {
        let all = self.concurrency;
        let threads = all.and_then(|all| all.thread_pool_size.as_ref());
        RunnerLimits {
            max_parallel: self.max_parallel(),
            thread_pool_size: threads
                .and_then(|given| NonZeroUsize::new(usize::try_from(given.0.get()).ok()?))
                .or(NonZeroUsize::new(DEFAULT_THREADS))
                .unwrap_or(NonZeroUsize::MIN),
            queue_size: all
                .and_then(|all| all.queue_size.as_ref())
                .map_or(DEFAULT_RUNNER_QUEUE, |given| given.0),
            groups: self.groups.clone(),
        }
    }

    /// Running calls: as set, else the larger of 8 and four times the cores.
    fn max_parallel(&self) -> NonZeroU32 {
        let set = self.concurrency.and_then(|all| all.max_parallel.as_ref());
        set.map_or_else(
            || {
                let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
                let wanted = u32::try_from(4 * cores).unwrap_or(u32::MAX).max(8);
                NonZeroU32::new(wanted).unwrap_or(NonZeroU32::MIN)
            },
            |given| given.0,
        )
    }
}

fn places(group: &Given<Group>, problems: &mut Problems) -> Option<NonZeroU32> {
    match &group.value {
        Group::Places(count) => Some(count.0),
        Group::Limits(limits) => {
            if limits.lacks("max_parallel") {
                problems.push(
                    Diagnostic::error(group.key, "a group needs `max_parallel`")
                        .hint("for example `db: { max_parallel: 3 }`"),
                );
            }
            limits.max_parallel.as_ref().map(|given| given.0)
        }
    }
}

fn shared_rate(name: &str, limit: &Given<Limit>, problems: &mut Problems) -> Option<RateLimit> {
    if name.contains('/') {
        problems.push(
            Diagnostic::error(
                limit.key,
                format!("`{name}` cannot name a rate limit: `/` is not allowed"),
            )
            .hint("use letters, digits and `_`"),
        );
        return None;
    }
    match &limit.value {
        Limit::Short(text) => {
            let rate = parse_rate(&text.text);
            if rate.is_none() {
                problems.push(bad_rate(text));
            }
            rate.map(rates::short)
        }
        Limit::Figures(figures) => {
            if let Some(cost) = &figures.cost {
                problems.push(
                    Diagnostic::error(
                        cost.key,
                        "`cost` belongs to the tool that uses the rate limit, not to the limit",
                    )
                    .hint("give the tool a `rate_limit` map of its own with `cost`"),
                );
            }
            rates::limit(figures, problems).map(|(limit, _)| limit)
        }
    }
}

fn bad_rate(text: &Text) -> Diagnostic {
    Diagnostic::error(text.node.span, format!("`{}` is no rate", text.text))
        .hint("for example `20/min`, or `{ requests_per_second: 10, burst: 20 }`")
}

/// The limits of one tool, all effective; `origins` notes who set them.
pub(super) fn of_tool(
    context: &Context<'_>,
    tool: &Tool,
    name: &ToolName,
    parameters: &Parameters,
    origins: &mut Origins,
    problems: &mut Problems,
) -> ToolLimits {
    let nothing = ToolConcurrency::default();
    let own = tool
        .concurrency
        .as_ref()
        .map_or(&nothing, |given| &given.value);
    let all = context.shared.concurrency;
    let mut note = |key: &str, set: Option<Span>| {
        if let Some(key_span) = set {
            origins.set(key, context.origin(key_span));
        }
    };
    let max_parallel = own.max_parallel.as_ref();
    let inherited = all.and_then(|all| all.max_parallel.as_ref());
    // What the workers of a tool cannot answer at once would wait for them in a running place.
    let by_workers = persistent::places(tool)
        .filter(|(places, _)| max_parallel.is_none() && *places <= context.shared.max_parallel());
    note(
        "concurrency.max_parallel",
        match by_workers {
            Some((_, given)) => given,
            None => max_parallel.or(inherited).map(|given| given.key),
        },
    );
    let queue_timeout = own
        .queue_timeout
        .as_ref()
        .or_else(|| all.and_then(|all| all.queue_timeout.as_ref()));
    note(
        "concurrency.queue_timeout",
        queue_timeout.map(|given| given.key),
    );
    note(
        "concurrency.queue_size",
        own.queue_size.as_ref().map(|given| given.key),
    );
    note(
        "concurrency.group",
        own.group.as_ref().map(|given| given.key),
    );
    note(
        "concurrency.per_key",
        own.per_key.as_ref().map(|given| given.key),
    );
    note(
        "kill_grace",
        tool.kill_grace.as_ref().map(|given| given.key),
    );
    let times = timeout::effective(context, tool, problems);
    note("timeout", times.attempt_set);
    note("timeouts.total", times.total.map(|given| given.key));
    timeout::check_longest(tool, times.attempt, problems);
    note(
        "max_timeout",
        tool.max_timeout.as_ref().map(|given| given.key),
    );
    let extension = timeout::extension(tool, times.attempt, problems);
    note("progress_extends_timeout", extension.map(|given| given.key));
    ToolLimits {
        max_parallel: max_parallel
            .map(|given| given.0)
            .or(by_workers.map(|(places, _)| places))
            .unwrap_or_else(|| context.shared.max_parallel()),
        buckets: buckets(context, tool, own, name, origins, problems),
        group: group(context, own, problems),
        queue_size: own
            .queue_size
            .as_ref()
            .map_or(DEFAULT_TOOL_QUEUE, |given| given.0),
        queue_timeout: queue_timeout.map_or(DEFAULT_QUEUE_TIMEOUT, |given| given.0),
        per_key: own
            .per_key
            .as_ref()
            .and_then(|given| per_key(context, given, parameters, problems)),
        timeout: times.attempt,
        max_timeout: tool.max_timeout.as_ref().map(|given| given.0),
        total: times.total.map(|given| given.0),
        progress_extends_timeout: extension.map(|given| given.0),
        kill_grace: tool
            .kill_grace
            .as_ref()
            .map_or(DEFAULT_KILL_GRACE, |given| given.0),
    }
}

fn group(context: &Context<'_>, own: &ToolConcurrency, problems: &mut Problems) -> Option<String> {
    let given = own.group.as_ref()?;
    if context.shared.groups.contains_key(&given.text) {
        return Some(given.text.clone());
    }
    let known = context.shared.groups.keys().map(String::as_str);
    problems.push(unknown::reference(
        given.span,
        "group",
        &given.text,
        known,
        "concurrency.groups",
    ));
    None
}

/// Buckets a call takes from: the tool's own, the named or further one, or else a copy of `default`.
fn buckets(
    context: &Context<'_>,
    tool: &Tool,
    own: &ToolConcurrency,
    name: &ToolName,
    origins: &mut Origins,
    problems: &mut Problems,
) -> Vec<BucketUse> {
    let mut buckets = Vec::new();
    let figures = Figures {
        rest: &own.rest,
        per_second: own.requests_per_second.as_ref(),
        per_minute: own.requests_per_minute.as_ref(),
        burst: own.burst.as_ref(),
        burst_size: own.burst_size.as_ref(),
    };
    if let Some(rate) = figures.rate(problems) {
        let key = figures
            .per_second
            .or(figures.per_minute)
            .map_or(own.rest.span, |given| given.key);
        origins.set("concurrency.requests_per_second", context.origin(key));
        let limit = RateLimit {
            rate,
            on_limit: crate::tool::OnLimit::Queue,
        };
        buckets.push(BucketUse {
            bucket: format!("{name}/concurrency"),
            limit,
            cost: NonZeroU32::MIN,
        });
    }
    if let Some(given) = &tool.rate_limit {
        origins.set("rate_limit", context.origin(given.key));
        buckets.extend(further_bucket(context, given, name, problems));
    } else if !figures.is_set()
        && let Some((key, limit)) = context.shared.rate_limits.get("default")
    {
        origins.set("rate_limit", context.origin(*key));
        buckets.push(default_bucket(name, *limit));
    }
    buckets
}

fn default_bucket(name: &ToolName, limit: RateLimit) -> BucketUse {
    BucketUse {
        bucket: format!("{name}/default"),
        limit,
        cost: NonZeroU32::MIN,
    }
}

/// The bucket of `rate_limit`: shared when it is a name, else the tool's.
fn further_bucket(
    context: &Context<'_>,
    given: &Given<Limit>,
    name: &ToolName,
    problems: &mut Problems,
) -> Option<BucketUse> {
    let own = |limit, cost| BucketUse {
        bucket: format!("{name}/rate_limit"),
        limit,
        cost,
    };
    let text = match &given.value {
        Limit::Figures(figures) => {
            return rates::limit(figures, problems).map(|(limit, cost)| own(limit, cost));
        }
        Limit::Short(text) => text,
    };
    if let Some((_, limit)) = context.shared.rate_limits.get(text.text.as_str()) {
        if text.text == "default" {
            return Some(default_bucket(name, *limit));
        }
        return Some(BucketUse {
            bucket: text.text.clone(),
            limit: *limit,
            cost: NonZeroU32::MIN,
        });
    }
    if let Some(rate) = parse_rate(&text.text) {
        return Some(own(rates::short(rate), NonZeroU32::MIN));
    }
    if text.text.contains('/') {
        problems.push(bad_rate(text));
        return None;
    }
    // A limit that could not be read has been reported, and is not unknown.
    let declared = context
        .shared
        .concurrency
        .and_then(|all| all.rate_limits.as_ref());
    if !declared.is_some_and(|declared| declared.0.contains_key(&text.text)) {
        let known = context.shared.rate_limits.keys().copied();
        problems.push(unknown::reference(
            given.span,
            "rate limit",
            &text.text,
            known,
            "concurrency.rate_limits",
        ));
    }
    None
}

fn per_key(
    context: &Context<'_>,
    given: &PerKey,
    parameters: &Parameters,
    problems: &mut Problems,
) -> Option<KeyLimits> {
    let Some(key) = &given.key else {
        if given.lacks("key") {
            problems.push(
                Diagnostic::error(given.rest.span, "`per_key` needs a `key`")
                    .hint("for example `key: \"{{tenant}}\"`"),
            );
        }
        return None;
    };
    if !key.text.contains("{{") {
        problems.push(
            Diagnostic::warning(
                key.span,
                "this key has no placeholder, so all calls share it",
            )
            .hint("for example `key: \"{{tenant}}\"`"),
        );
    }
    let compiled = TextTemplate::compile(&key.text, TextSurface::Key, parameters);
    let figures = Figures {
        rest: &given.rest,
        per_second: given.requests_per_second.as_ref(),
        per_minute: given.requests_per_minute.as_ref(),
        burst: given.burst.as_ref(),
        burst_size: given.burst_size.as_ref(),
    };
    let max_keys = given
        .max_keys
        .as_ref()
        .and_then(|given| NonZeroUsize::new(usize::try_from(given.0.get()).ok()?));
    Some(KeyLimits {
        key: template::checked(context, &key.node, compiled, problems)?,
        max_parallel: given.max_parallel.as_ref().map(|given| given.0),
        rate: figures.rate(problems),
        queue_size: given.queue_size.as_ref().map(|given| given.0),
        max_keys: max_keys
            .or(NonZeroUsize::new(DEFAULT_KEYS))
            .unwrap_or(NonZeroUsize::MIN),
    })
}
