//! The limits of a tool: what each is called, its figure, and who set it.

use std::path::Path;

use crate::tool::{
    BucketUse, Catalog, ConfirmFallback, KeyLimits, OnLimit, OnOverflow, Origin, Rate, RetryPolicy,
    TIMEOUT_ARGUMENT, TaskMode, TaskRules, Tool, spoken,
};

/// A row for each limit: what it is called, its figure, and who said so.
pub(super) fn shown(tool: &Tool, catalog: &Catalog, config: &Path) -> String {
    let limits = &tool.limits;
    let mut rows = vec![
        row(
            "max_parallel",
            "concurrency.max_parallel",
            limits.max_parallel.to_string(),
        ),
        row(
            "queue_size",
            "concurrency.queue_size",
            limits.queue_size.to_string(),
        ),
        row(
            "queue_timeout",
            "concurrency.queue_timeout",
            spoken(limits.queue_timeout),
        ),
    ];
    if let Some(group) = &limits.group {
        let places = catalog
            .limits
            .groups
            .get(group)
            .map_or(0, |places| places.get());
        rows.push(row(
            "group",
            "concurrency.group",
            format!("{group}, {places} at once"),
        ));
    }
    rows.extend(limits.buckets.iter().map(|used| {
        let key = if used.bucket.ends_with("/concurrency") {
            "concurrency.requests_per_second"
        } else {
            "rate_limit"
        };
        row("rate", key, rate(used))
    }));
    if let Some(per_key) = &limits.per_key {
        rows.push(row("per_key", "concurrency.per_key", keys(per_key)));
    }
    rows.push(row("timeout", "timeout", spoken(limits.timeout)));
    if let Some(longest) = limits.max_timeout {
        let figure = format!("up to {}, with `{TIMEOUT_ARGUMENT}`", spoken(longest));
        rows.push(row("callers may ask for", "max_timeout", figure));
    }
    if let Some(longest) = limits.progress_extends_timeout {
        let figure = format!("up to {}", spoken(longest));
        rows.push(row(
            "progress extends it",
            "progress_extends_timeout",
            figure,
        ));
    }
    if let Some(connect) = limits.connect {
        rows.push(row("connect", "timeouts.connect", spoken(connect)));
    }
    if let Some(total) = limits.total {
        rows.push(row("total", "timeouts.total", spoken(total)));
    }
    rows.push(row("kill_grace", "kill_grace", spoken(limits.kill_grace)));
    rows.extend(resilience(tool));
    rows.extend(person(tool));
    rows.push(row(
        "output.max_bytes",
        "output.max_bytes",
        tool.output.max_bytes.to_string(),
    ));
    rows.push(row(
        "output.inline_bytes",
        "output.inline_bytes",
        tool.output.inline_bytes.to_string(),
    ));
    let overflow = match tool.output.on_overflow {
        OnOverflow::Spill => "spill",
        OnOverflow::Truncate => "truncate",
        OnOverflow::Error => "error",
    };
    rows.push(row(
        "output.on_overflow",
        "output.on_overflow",
        overflow.to_owned(),
    ));
    let width = rows
        .iter()
        .map(|row| row.figure.len())
        .max()
        .unwrap_or_default();
    let lines = rows.iter().map(|row| {
        let origin = origin(tool.origins.of(row.key), config);
        format!("  {:<20} {:<width$}  {origin}\n", row.name, row.figure)
    });
    format!("limits\n{}\n", lines.collect::<String>())
}

/// What the tool does about failures.
fn resilience(tool: &Tool) -> Vec<Row> {
    let retry = tool.retry.as_ref().map(retries);
    let breaker = tool.circuit_breaker.as_ref().map(|rules| {
        format!(
            "{}, opens after {} failures in a row, for {}, then {} to try",
            rules.name,
            rules.failure_threshold,
            spoken(rules.recovery_timeout),
            rules.half_open_requests
        )
    });
    let cache = tool.cache.map(|rules| {
        let whose = if rules.shared {
            "shared by all clients"
        } else {
            "each client its own"
        };
        format!("{}, {whose}", spoken(rules.ttl))
    });
    let pages = tool
        .paging
        .as_ref()
        .map(|rules| format!("{} items, at most {}", rules.default_size, rules.max_size));
    let none = |figure: Option<String>| figure.unwrap_or_else(|| "none".to_owned());
    vec![
        row("retry", "retry", none(retry)),
        row("circuit breaker", "circuit_breaker", none(breaker)),
        row("cache", "cache", none(cache)),
        row("pages", "pagination", none(pages)),
        row("task", "task", task(tool.task)),
    ]
}

/// What a person is asked, and what holds where nobody can be.
fn person(tool: &Tool) -> Vec<Row> {
    let Some(confirmation) = &tool.confirmation else {
        return Vec::new();
    };
    let fallback = match confirmation.fallback {
        ConfirmFallback::Refuse => "refuse",
        ConfirmFallback::Allow => "allow",
    };
    let question = format!("{:?}", confirmation.question.written());
    vec![
        row("asks a person", "confirm", question),
        row("cannot be asked", "confirm_fallback", fallback.to_owned()),
    ]
}

fn task(rules: TaskRules) -> String {
    let mode = match rules.mode {
        TaskMode::Never => "never",
        TaskMode::Auto if rules.makes_tasks() => "auto: yes",
        TaskMode::Auto => "auto: no",
        TaskMode::Always => "always",
        TaskMode::Required => "required",
    };
    match rules.expected_duration {
        Some(expected) => format!("{mode}, expected to take {}", spoken(expected)),
        None => mode.to_owned(),
    }
}

fn retries(policy: &RetryPolicy) -> String {
    let mut words = vec![
        format!("{} attempts", policy.max_attempts),
        format!(
            "waits up to {} × {}, at most {}",
            spoken(policy.initial_delay),
            policy.exponential_base,
            spoken(policy.max_delay)
        ),
    ];
    words.extend(listed("exit codes", &policy.exit_codes));
    words.extend(listed("statuses", &policy.http_statuses));
    let codes: Vec<&str> = policy
        .failures
        .iter()
        .map(|failure| failure.code())
        .collect();
    words.extend(listed("errors", &codes));
    words.join(", ")
}

fn listed(name: &str, figures: &[impl ToString]) -> Option<String> {
    let figures: Vec<String> = figures.iter().map(ToString::to_string).collect();
    (!figures.is_empty()).then(|| format!("{name} {}", figures.join(" ")))
}

struct Row {
    name: &'static str,
    key: &'static str,
    figure: String,
}

const fn row(name: &'static str, key: &'static str, figure: String) -> Row {
    Row { name, key, figure }
}

fn origin(origin: &Origin, config: &Path) -> String {
    match origin {
        Origin::Default => "default".to_owned(),
        Origin::File { line, column } => format!("{}:{line}:{column}", config.display()),
    }
}

fn rate(used: &BucketUse) -> String {
    let shared = if used.bucket.contains('/') {
        String::new()
    } else {
        format!(" (shared: {})", used.bucket)
    };
    let cost = if used.cost.get() == 1 {
        String::new()
    } else {
        format!(", each call takes {}", used.cost)
    };
    let refused = if used.limit.on_limit == OnLimit::Reject {
        ", more is refused"
    } else {
        ""
    };
    format!("{}{cost}{refused}{shared}", figures(used.limit.rate))
}

fn figures(rate: Rate) -> String {
    format!(
        "{} per second, burst {}",
        rate.requests_per_second, rate.burst
    )
}

fn keys(limits: &KeyLimits) -> String {
    let mut words = vec![format!("by `{}`", limits.key.written())];
    words.extend(
        limits
            .max_parallel
            .map(|places| format!("{places} at once")),
    );
    words.extend(limits.rate.map(figures));
    words.extend(
        limits
            .queue_size
            .map(|waiting| format!("{waiting} waiting")),
    );
    words.push(format!("{} keys", limits.max_keys));
    words.join(", ")
}
