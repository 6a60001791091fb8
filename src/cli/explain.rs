//! `runner explain`: where each limit of a tool comes from, and what a call runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::configuration::{self, DEFAULT_CONFIG, ReadOptions};
use super::exit::Exit;
use super::terminal::Terminal;
use crate::tool::template::{Dialect, PairTemplate};
use crate::tool::{
    Action, BucketUse, Catalog, ConfirmFallback, Http, Invocation, KeyLimits, OnLimit, OnOverflow,
    Origin, PersistentWorker, Program, Rate, Redirects, RetryPolicy, Script, Sql, SqlQueries,
    Stdin, TIMEOUT_ARGUMENT, TaskMode, TaskRules, Tool, ToolAccess, Worker, spoken,
};

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The tool to explain
    #[arg(value_name = "TOOL")]
    tool: String,
    /// The file that has the tool
    #[arg(short, long, value_name = "CONFIG", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    #[command(flatten)]
    read: ReadOptions,
}

impl Explain {
    pub(super) fn run(self, terminal: &Terminal) -> anyhow::Result<Exit> {
        let Some(loaded) = configuration::load_briefly(&self.config, &self.read, terminal)? else {
            return Ok(Exit::Usage);
        };
        let Some(tool) = loaded.catalog.get(&self.tool) else {
            let failure = loaded.catalog.unknown(&self.tool, &ToolAccess::all());
            let hint = failure.remediation.unwrap_or_default();
            terminal.error(&format!("error: {}\n\nhint: {hint}", failure.message));
            return Ok(Exit::Usage);
        };
        terminal.line(&format!("{}: {}\n", tool.name, tool.description.trim_end()));
        terminal.print(&limits(tool, &loaded.catalog, &self.config));
        terminal.print(&action(&tool.action));
        let own = tool.parameters.schema().value();
        let shown = tool.paging.as_ref().map(|rules| rules.input_schema(own));
        terminal.line(&format!(
            "input schema\n{:#}",
            shown.as_ref().unwrap_or(own)
        ));
        Ok(Exit::Done)
    }
}

/// A row for each limit: what it is called, its figure, and who said so.
fn limits(tool: &Tool, catalog: &Catalog, config: &Path) -> String {
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
            shown(limits.queue_timeout),
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
    rows.push(row("timeout", "timeout", shown(limits.timeout)));
    if let Some(longest) = limits.max_timeout {
        let figure = format!("up to {}, with `{TIMEOUT_ARGUMENT}`", shown(longest));
        rows.push(row("callers may ask for", "max_timeout", figure));
    }
    if let Some(longest) = limits.progress_extends_timeout {
        let figure = format!("up to {}", shown(longest));
        rows.push(row(
            "progress extends it",
            "progress_extends_timeout",
            figure,
        ));
    }
    if let Some(total) = limits.total {
        rows.push(row("total", "timeouts.total", shown(total)));
    }
    rows.push(row("kill_grace", "kill_grace", shown(limits.kill_grace)));
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
            shown(rules.recovery_timeout),
            rules.half_open_requests
        )
    });
    let cache = tool.cache.map(|rules| {
        let whose = if rules.shared {
            "shared by all clients"
        } else {
            "each client its own"
        };
        format!("{}, {whose}", shown(rules.ttl))
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
        Some(expected) => format!("{mode}, expected to take {}", shown(expected)),
        None => mode.to_owned(),
    }
}

fn retries(policy: &RetryPolicy) -> String {
    let mut words = vec![
        format!("{} attempts", policy.max_attempts),
        format!(
            "waits up to {} × {}, at most {}",
            shown(policy.initial_delay),
            policy.exponential_base,
            shown(policy.max_delay)
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

fn shown(duration: Duration) -> String {
    spoken(duration)
}

fn action(action: &Action) -> String {
    match action {
        Action::Script(script) => process(script),
        Action::Http(http) => request(http),
        Action::Sql(sql) => queries(sql),
    }
}

fn request(http: &Http) -> String {
    let to = match http.redirects {
        Redirects::None => "not followed",
        Redirects::SameHost => "followed on the same host",
        Redirects::Any => "followed to any host",
    };
    let mut text = format!(
        "requests\n  {:<9} {}\n  redirects {to}\n",
        http.method.as_str(),
        http.shown_url
    );
    match &http.request {
        Ok(request) => {
            let names = request
                .headers
                .iter()
                .map(|header| header.header().as_str());
            text.push_str(&listed_parts("headers", names));
            let names = request.query.iter().map(PairTemplate::name);
            text.push_str(&listed_parts("query", names));
            if let Some(body) = &request.body {
                text.push_str(&listed_parts("body", [body.content_type()].into_iter()));
            }
        }
        Err(missing) => text.push_str(&listed_parts(
            "not sent",
            [format!("`{}` is not set", missing.0).as_str()].into_iter(),
        )),
    }
    if let Some(path) = &http.extract {
        text.push_str(&listed_parts(
            "gives",
            [path.to_string().as_str()].into_iter(),
        ));
    }
    text.push('\n');
    text
}

/// The statements as the database gets them, and what is bound to them. Never the address.
fn queries(sql: &Sql) -> String {
    let database = &sql.database;
    let pool = &database.pool;
    let mut text = format!(
        "asks\n  database  {} ({}), {} to {} connections, idle ones kept {}\n",
        database.name,
        database.kind(),
        pool.min_size,
        pool.max_size,
        shown(pool.max_idle_time),
    );
    let may = if sql.read_only {
        "read"
    } else {
        "read and write"
    };
    text.push_str(&listed_parts("may", [may].into_iter()));
    let rows = format!("{} at most", sql.max_rows);
    text.push_str(&listed_parts("rows", [rows.as_str()].into_iter()));
    for (name, template) in sql.queries.statements() {
        let statement = template.shown().replace('\n', "\n    ");
        let name = name.map(|name| format!(" {name}")).unwrap_or_default();
        text.extend(["  statement", &name, "\n    ", &statement, "\n"]);
        let mark = match database.dialect() {
            Dialect::Postgres => '$',
            Dialect::Sqlite => '?',
        };
        let bound: Vec<String> = template
            .bound()
            .enumerate()
            .map(|(index, name)| format!("{mark}{} {name}", index + 1))
            .collect();
        text.push_str(&listed_parts("bound", bound.iter().map(String::as_str)));
    }
    if let SqlQueries::Several(queries) = &sql.queries {
        let columns: Vec<String> = queries
            .iter()
            .filter_map(|(name, query)| Some(format!("{name}.{}", query.group_by.as_ref()?)))
            .collect();
        text.push_str(&listed_parts("grouped", columns.iter().map(String::as_str)));
    }
    text.push('\n');
    text
}

/// A row for a part of a request; nothing where there is none.
fn listed_parts<'a>(part: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        return String::new();
    }
    format!("  {part:<9} {}\n", names.join(", "))
}

fn process(script: &Script) -> String {
    let stdin = match &script.stdin {
        _ if matches!(script.worker, Some(Worker::Persistent(_))) => {
            "nothing: `main` gets the arguments as an object".to_owned()
        }
        Stdin::None => "nothing".to_owned(),
        Stdin::Json => "the arguments as one JSON object".to_owned(),
        Stdin::Text(template) => format!("{:?}", template.written()),
    };
    let folder = match &script.working_dir {
        Ok(folder) => folder.display().to_string(),
        Err(missing) => format!("unknown: `{}` is not set", missing.0),
    };
    format!(
        "runs\n{}  in      {folder}\n  reads   {stdin}\n{}\n",
        invocation(script),
        warmth(script)
    )
}

/// How the script is kept warm, or that it could be.
fn warmth(script: &Script) -> String {
    match &script.worker {
        Some(Worker::Fork(worker)) if worker.preload.is_empty() => {
            "  worker  forked from a warm interpreter\n".to_owned()
        }
        Some(Worker::Fork(worker)) => format!(
            "  worker  forked from a warm interpreter that has imported {}\n",
            worker.preload.join(", ")
        ),
        Some(Worker::Persistent(worker)) => workers(worker),
        None if script.could_be_warm => {
            "  hint    `worker: { mode: fork, preload: [...] }` in `script` forks a warm interpreter for each call\n"
                .to_owned()
        }
        None => String::new(),
    }
}

/// The processes that answer the calls, and how long each lives.
fn workers(worker: &PersistentWorker) -> String {
    let mut text = format!("  workers up to {}, kept between calls", worker.size);
    if worker.multiplex.get() > 1 {
        text = format!("{text}, each answers {} at once", worker.multiplex);
    }
    if !worker.preload.is_empty() {
        text = format!("{text}, having imported {}", worker.preload.join(", "));
    }
    let mut ends = vec![format!(
        "after {} without a call",
        shown(worker.idle_timeout)
    )];
    ends.extend(worker.max_calls.map(|calls| format!("after {calls} calls")));
    ends.extend(
        worker
            .max_rss
            .map(|bytes| format!("past {bytes} bytes of memory")),
    );
    format!(
        "{text}\n  each    loads the script within {}, and ends {}\n",
        shown(worker.start_timeout),
        ends.join(", ")
    )
}

fn invocation(script: &Script) -> String {
    match &script.invocation {
        Invocation::Argv { program, arguments } => {
            let words: Vec<String> = arguments
                .written()
                .iter()
                .map(|word| format!("{word:?}"))
                .collect();
            format!(
                "  program {}\n  with    {}\n",
                resolved(program),
                words.join(" ")
            )
        }
        Invocation::Shell {
            interpreter,
            script,
        } => {
            let text = script.compiled().trim_end().replace('\n', "\n    ");
            format!(
                "  shell   {}\n  script\n    {text}\n",
                resolved(interpreter)
            )
        }
    }
}

fn resolved(program: &Program) -> String {
    match &program.resolved {
        Ok(path) => path.display().to_string(),
        Err(why) => format!("{} ({why})", program.written),
    }
}
