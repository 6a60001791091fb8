//! All figures of the runner, as Prometheus reads them.

use std::collections::BTreeMap;

use super::Runner;
use super::visible::Visible;
use crate::executor::WarmLoad;
use crate::metrics::{Exposition, Kind};
use crate::scheduler::{Snapshot, ToolSnapshot};
use crate::tool::ToolAccess;

/// The states of a breaker, of which it has one.
const BREAKER_STATES: [&str; 3] = ["closed", "half_open", "open"];

/// A gauge of a tool: its name, what it says, and where it is read.
type ToolGauge = (&'static str, &'static str, fn(&ToolSnapshot) -> u32);

const TOOL_GAUGES: [ToolGauge; 4] = [
    ("concurrent_operations", "Calls that run", |tool| {
        tool.running
    }),
    ("runner_queue_depth", "Calls that wait", |tool| tool.waiting),
    (
        "runner_max_parallel",
        "Calls of a tool that may run at once",
        |tool| tool.max_parallel,
    ),
    (
        "runner_queue_size",
        "Calls of a tool that may wait at once",
        |tool| tool.queue_size,
    ),
];

/// A figure of the warm interpreters of a tool: its name, what it is and says, and where it is read.
type WarmFigure = (&'static str, Kind, &'static str, fn(&WarmLoad) -> u64);

const WARM_FIGURES: [WarmFigure; 3] = [
    (
        "runner_warm_processes",
        Kind::Gauge,
        "Warm interpreters that live",
        |load| load.living,
    ),
    (
        "runner_warm_starts_total",
        Kind::Counter,
        "Warm interpreters that became ready",
        |load| load.starts,
    ),
    (
        "runner_warm_calls_total",
        Kind::Counter,
        "Calls that were given to a warm interpreter",
        |load| load.calls,
    ),
];

impl Runner {
    /// Every figure a caller with `access` may see, in the text format of Prometheus. What runs, waits and is left
    /// is as of now. Tools the caller may not use are not named, nor is what only they share.
    pub fn exposition(&self, access: &ToolAccess) -> String {
        let catalog = self.catalog();
        let load = self.load();
        let mut text = Exposition::default();
        let visible = Visible::to(access, &catalog);
        let tools: Vec<&ToolSnapshot> = load
            .tools
            .iter()
            .filter(|tool| visible.has_tool(tool.name.as_str()))
            .collect();
        for (name, help, read) in TOOL_GAUGES {
            text.family(name, Kind::Gauge, help);
            for tool in &tools {
                let labels = [("operation_type", tool.name.as_str())];
                text.sample("", &labels, read(tool).into());
            }
        }
        self.engine
            .metrics
            .expose(&mut text, |name| visible.has_tool(name));
        whole(&load, &mut text);
        shared(&load, &visible, &mut text);
        self.breaker_states(&visible, &mut text);
        self.stuck_processes(&visible, &mut text);
        self.connections(&visible, &mut text);
        self.warm_processes(&visible, &mut text);
        if let Some(audit) = &self.journal().audit {
            let help = "Calls that the audit log lacks";
            text.family("runner_audit_lost_total", Kind::Counter, help);
            text.sample("", &[], audit.lost());
        }
        let (entries, bytes) = self.cache.size();
        gauge(&mut text, "runner_cache_entries", "Answers kept", entries);
        gauge(
            &mut text,
            "runner_cache_bytes",
            "Bytes of the answers kept",
            bytes,
        );
        text.finish()
    }

    fn breaker_states(&self, visible: &Visible<'_>, text: &mut Exposition) {
        text.family(
            "runner_circuit_breaker_state",
            Kind::Gauge,
            "1 for the state that a circuit breaker has",
        );
        for rules in visible.breakers() {
            let (state, _) = self.engine.breakers.state(rules);
            for possible in BREAKER_STATES {
                let labels = [
                    ("circuit_breaker", rules.name.as_str()),
                    ("state", possible),
                ];
                text.sample("", &labels, u64::from(possible == state));
            }
        }
    }

    /// The connections to the databases that the visible tools use.
    fn connections(&self, visible: &Visible<'_>, text: &mut Exposition) {
        let loads: Vec<_> = self
            .engine
            .carrier
            .databases()
            .into_iter()
            .filter(|load| visible.uses_database(&load.name))
            .collect();
        if loads.is_empty() {
            return;
        }
        let help = "Connections to a database: in use and idle, and the queries that wait for one";
        text.family("runner_database_connections", Kind::Gauge, help);
        for load in &loads {
            for (state, figure) in [
                ("in_use", load.in_use),
                ("idle", load.idle),
                ("waiting", load.waiting),
            ] {
                let labels = [("database", load.name.as_str()), ("state", state)];
                text.sample("", &labels, figure.into());
            }
        }
        let help = "Connections to a database there may be";
        text.family("runner_database_max_connections", Kind::Gauge, help);
        for load in &loads {
            text.sample("", &[("database", load.name.as_str())], load.max.into());
        }
    }

    /// The interpreters that are kept warm for the visible tools.
    fn warm_processes(&self, visible: &Visible<'_>, text: &mut Exposition) {
        let loads = self.engine.carrier.warm_loads();
        let is_shown = |load: &&WarmLoad| visible.has_tool(load.tool.as_str());
        let loads: Vec<&WarmLoad> = loads.iter().filter(is_shown).collect();
        if loads.is_empty() {
            return;
        }
        for (name, kind, help, read) in WARM_FIGURES {
            text.family(name, kind, help);
            for load in &loads {
                text.sample("", &[("operation_type", load.tool.as_str())], read(load));
            }
        }
        let help = "Warm interpreters that ended, by why";
        text.family("runner_warm_ends_total", Kind::Counter, help);
        for load in &loads {
            for (reason, count) in &load.ends {
                let labels = [("operation_type", load.tool.as_str()), ("reason", reason)];
                text.sample("", &labels, *count);
            }
        }
    }

    fn stuck_processes(&self, visible: &Visible<'_>, text: &mut Exposition) {
        text.family(
            "runner_stuck_processes",
            Kind::Gauge,
            "Processes that were killed and live on",
        );
        let mut by_tool: BTreeMap<String, u64> = BTreeMap::new();
        for stuck in self.engine.carrier.stuck() {
            if visible.has_tool(stuck.tool.as_str()) {
                *by_tool.entry(stuck.tool.as_str().to_owned()).or_default() += 1;
            }
        }
        for (tool, count) in by_tool {
            text.sample("", &[("operation_type", &tool)], count);
        }
    }
}

/// The figures of the whole runner. They name nobody.
fn whole(load: &Snapshot, text: &mut Exposition) {
    let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let is_stopping = usize::from(load.closed);
    for (name, help, value) in [
        (
            "runner_running_calls",
            "Calls that run, of all tools",
            count(load.running),
        ),
        (
            "runner_waiting_calls",
            "Calls that wait, of all tools",
            count(load.waiting),
        ),
        (
            "runner_running_calls_limit",
            "Calls that may run at once, of all tools",
            count(load.max_parallel),
        ),
        (
            "runner_waiting_calls_limit",
            "Calls that may wait at once, of all tools",
            count(load.queue_size),
        ),
        (
            "runner_stopping",
            "1 once no new calls are taken",
            is_stopping,
        ),
    ] {
        gauge(text, name, help, value);
    }
}

/// What tools share: groups and rates.
fn shared(load: &Snapshot, visible: &Visible<'_>, text: &mut Exposition) {
    let groups = load.groups.iter();
    let groups: Vec<_> = groups
        .filter(|group| visible.has_group(&group.name))
        .collect();
    text.family(
        "runner_group_running",
        Kind::Gauge,
        "Calls that run in a group",
    );
    for group in &groups {
        text.sample("", &[("group", &group.name)], group.running.into());
    }
    text.family(
        "runner_group_max_parallel",
        Kind::Gauge,
        "Calls that may run at once in a group",
    );
    for group in &groups {
        text.sample("", &[("group", &group.name)], group.max_parallel.into());
    }
    text.family(
        "runner_rate_limit_tokens",
        Kind::Gauge,
        "Calls that may start at once under a rate",
    );
    for bucket in &load.buckets {
        if visible.has_bucket(&bucket.name) {
            text.sample("", &[("rate_limit", &bucket.name)], bucket.tokens.into());
        }
    }
}

fn gauge(text: &mut Exposition, name: &'static str, help: &str, value: usize) {
    text.family(name, Kind::Gauge, help);
    text.sample("", &[], u64::try_from(value).unwrap_or(u64::MAX));
}
