//! What to make of what was observed: one sentence with figures for each thing worth changing.

use std::time::Duration;

use super::status::{BreakerStatus, Recommendation, StuckProcess};
use crate::metrics::Observed;
use crate::scheduler::ToolSnapshot;
use crate::tool::{TIMEOUT_ARGUMENT, Tool, spoken};

/// Attempts there must have been before a share of them says something.
const ENOUGH: u32 = 5;

/// What to change about a tool, or about how it is called.
pub(super) fn of_tool(
    tool: &Tool,
    load: &ToolSnapshot,
    observed: &Observed,
) -> Vec<Recommendation> {
    let about = |about: &str, text: String| Recommendation {
        tool: Some(tool.name.to_string()),
        about: about.to_owned(),
        text,
    };
    let mut advice = Vec::new();
    advice.extend(batch_size(tool, load, observed).map(|text| about("batch_size", text)));
    advice.extend(timeout(tool, observed).map(|text| about("timeout", text)));
    advice.extend(saturated(tool, load, observed).map(|(limit, text)| about(limit, text)));
    advice.extend(queue_timeout(tool, observed).map(|text| about("queue_timeout", text)));
    advice.extend(rate(tool, observed).map(|text| about("rate", text)));
    advice
}

/// More calls at once than may run and wait.
fn batch_size(tool: &Tool, load: &ToolSnapshot, observed: &Observed) -> Option<String> {
    let refused = observed.queue_full;
    let room = u64::from(load.max_parallel) + u64::from(load.queue_size);
    (refused > 0).then(|| {
        format!(
            "{refused} of the latest {} calls of `{}` found no room to wait: send at most {room} at once \
             (`max_parallel` {} and `queue_size` {}), in smaller batches, or raise `concurrency.queue_size`",
            observed.decisions, tool.name, load.max_parallel, load.queue_size
        )
    })
}

/// A timeout that is used to more than 80 % by at least one run in ten.
fn timeout(tool: &Tool, observed: &Observed) -> Option<String> {
    let (near, runs) = (observed.near_timeout, observed.runs);
    let change = match tool.limits.max_timeout {
        Some(longest) => format!(
            "give `{TIMEOUT_ARGUMENT}` of up to {}",
            longest.as_secs_f64()
        ),
        None => "raise `timeout`".to_owned(),
    };
    (near > 0 && near.saturating_mul(10) >= runs).then(|| {
        format!(
            "{near} of the latest {runs} runs of `{}` used more than 80 % of its timeout of {}, and {} were ended by it: \
             {change}, or ask for less in one call",
            tool.name, spoken(tool.limits.timeout), observed.timeouts
        )
    })
}

/// A limit that makes at least half of the calls wait, and which it is.
fn saturated(
    tool: &Tool,
    load: &ToolSnapshot,
    observed: &Observed,
) -> Option<(&'static str, String)> {
    let (waited, asked) = (observed.waited + observed.queue_timeout, observed.decisions);
    if asked < ENOUGH || waited.saturating_mul(2) < asked {
        return None;
    }
    let (about, change) = if observed.most_running >= load.max_parallel {
        let figure = load.max_parallel;
        (
            "max_parallel",
            format!(
                "all {figure} places of the tool were taken: raise its `concurrency.max_parallel`"
            ),
        )
    } else if !tool.limits.buckets.is_empty() {
        (
            "rate",
            "its rate lets them start later: raise `requests_per_second` or `burst`".to_owned(),
        )
    } else if let Some(group) = &tool.limits.group {
        (
            "group",
            format!("group `{group}` is shared with others: raise its `max_parallel`"),
        )
    } else {
        (
            "runner",
            "other tools hold the places of the whole runner: raise `concurrency.max_parallel` at the top"
                .to_owned(),
        )
    };
    let text = format!(
        "{waited} of the latest {asked} calls of `{}` had to wait, the longest {}; {change}, or send fewer at once",
        tool.name,
        spoken(observed.longest_wait)
    );
    Some((about, text))
}

/// Calls that waited in vain.
fn queue_timeout(tool: &Tool, observed: &Observed) -> Option<String> {
    let gave_up = observed.queue_timeout;
    (gave_up > 0).then(|| {
        format!(
            "{gave_up} of the latest {} calls of `{}` waited in vain: send fewer at once, or raise `concurrency.queue_timeout` (now {})",
            observed.decisions, tool.name, spoken(tool.limits.queue_timeout)
        )
    })
}

/// Calls that were over a rate.
fn rate(tool: &Tool, observed: &Observed) -> Option<String> {
    let refused = observed.rate_limited;
    (refused > 0).then(|| {
        format!(
            "{refused} of the latest {} calls of `{}` were over its rate: space them out as `retry_after_ms` says",
            observed.decisions, tool.name
        )
    })
}

/// Breakers that let nothing pass.
pub(super) fn of_breakers(breakers: &[BreakerStatus]) -> impl Iterator<Item = Recommendation> {
    let open = breakers.iter().filter(|breaker| breaker.state == "open");
    open.map(|breaker| Recommendation {
        tool: None,
        about: "circuit_breaker".to_owned(),
        text: format!(
            "circuit breaker `{}` is open because what it guards kept failing: do not call its tools for {}",
            breaker.name,
            spoken(Duration::from_millis(breaker.retry_after_ms.unwrap_or_default()))
        ),
    })
}

/// Processes that nothing ends.
pub(super) fn of_stuck(stuck: &[StuckProcess]) -> impl Iterator<Item = Recommendation> {
    stuck.iter().map(|stuck| Recommendation {
        tool: Some(stuck.tool.clone()),
        about: "stuck".to_owned(),
        text: format!(
            "a process of `{}` ({}) was killed and lives on, and keeps its running place: look at it on the machine",
            stuck.tool,
            stuck.pid.map_or_else(|| "its id is not known".to_owned(), |pid| format!("pid {pid}"))
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::tests::tool;

    const SECOND: Duration = Duration::from_secs(1);

    fn load(tool: &Tool) -> ToolSnapshot {
        ToolSnapshot {
            name: tool.name.clone(),
            running: 0,
            waiting: 0,
            max_parallel: tool.limits.max_parallel.get(),
            queue_size: tool.limits.queue_size,
            keys: 0,
        }
    }

    fn topics(observed: Observed) -> Vec<String> {
        let tool = tool();
        let advice = of_tool(&tool, &load(&tool), &observed);
        advice.into_iter().map(|advice| advice.about).collect()
    }

    #[test]
    fn nothing_is_said_of_what_is_well() {
        assert!(topics(Observed::default()).is_empty());
        let well = Observed {
            runs: 100,
            near_timeout: 9,
            decisions: 100,
            waited: 49,
            most_running: 8,
            ..Observed::default()
        };
        assert!(topics(well).is_empty());
    }

    #[test]
    fn each_thing_has_its_advice() {
        let full = Observed {
            decisions: 9,
            queue_full: 1,
            ..Observed::default()
        };
        assert_eq!(topics(full), ["batch_size"]);
        let slow = Observed {
            runs: 20,
            near_timeout: 2,
            ..Observed::default()
        };
        assert_eq!(topics(slow), ["timeout"]);
        let busy = Observed {
            decisions: 10,
            waited: 5,
            most_running: 8,
            ..Observed::default()
        };
        assert_eq!(topics(busy), ["max_parallel"]);
        let others = Observed {
            most_running: 3,
            ..busy
        };
        assert_eq!(topics(others), ["runner"]);
    }

    #[test]
    fn advice_has_the_figures() {
        let tool = tool();
        let observed = Observed {
            decisions: 120,
            queue_full: 12,
            runs: 10,
            near_timeout: 3,
            timeouts: 1,
            longest_wait: SECOND,
            ..Observed::default()
        };
        let texts: Vec<String> = of_tool(&tool, &load(&tool), &observed)
            .into_iter()
            .map(|advice| advice.text)
            .collect();
        assert!(texts[0].contains("12 of the latest 120") && texts[0].contains("at most 108"));
        assert!(texts[1].contains("3 of the latest 10") && texts[1].contains("30 s"));
    }
}
