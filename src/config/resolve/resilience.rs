//! What a tool does about failures: `retry`, `circuit_breaker`, `cache`.

use std::num::NonZeroU32;
use std::time::Duration;

use super::Context;
use crate::config::decode::{Given, Problems};
use crate::config::document::{CacheRule, Document, Retry, Switch, Tool};
use crate::config::quantity::Count;
use crate::config::text::AnyText;
use crate::config::unknown;
use crate::diagnostic::{Diagnostic, Span};
use crate::tool::{BreakerRules, CacheRules, FailureCode, Origins, RetryPolicy};

/// The file's retry rules that apply to tools without their own.
const DEFAULT_RULES: &str = "default";

/// Checks what the top of the file says.
pub(super) fn document(document: &Document, problems: &mut Problems) {
    for (name, rules) in document.retry.iter().flat_map(|rules| &rules.0) {
        check_retry(rules, problems);
        if name != DEFAULT_RULES {
            problems.push(
                Diagnostic::warning(rules.key, format!("`retry.{name}` has no effect: no tool can name it"))
                    .hint("write the rules under `retry.default`, or under `retry` of the tools they are for"),
            );
        }
    }
    check_reads(document, problems);
    let tools = document.tools.iter().flat_map(|tools| &tools.0);
    if let Some(cache) = &document.cache
        && !tools.into_iter().any(|tool| tool.cache.is_some())
    {
        problems.push(
            Diagnostic::warning(cache.key, "`cache` has no effect: no tool caches")
                .hint("the file gives defaults only: write `cache: true` at the tools whose answers may be kept"),
        );
    }
}

/// A class's `read` is for one of several attempts: without any `retry`, its `total` is all that counts.
fn check_reads(document: &Document, problems: &mut Problems) {
    let mut tools = document.tools.iter().flat_map(|tools| &tools.0);
    if document.retry.is_some() || tools.any(|tool| tool.retry.is_some()) {
        return;
    }
    let classes = document.timeouts.iter();
    for class in classes.flat_map(|classes| classes.0.values()) {
        if let (Some(read), Some(_)) = (&class.read, &class.total) {
            problems.push(
                Diagnostic::warning(read.key, "`read` has no effect without `retry`")
                    .hint("`total` bounds the one attempt a call has"),
            );
        }
    }
}

/// The retry rules of a tool, the first to set a figure winning. A tool's own rules always apply, and take what
/// they leave open from the file's; the file's alone apply to tools marked idempotent, because a call
/// that may have run is never repeated otherwise.
fn rules<'a>(context: &Context<'a>, tool: &'a Tool) -> Vec<&'a Given<Retry>> {
    let declared = context.document.retry.as_ref();
    let files = declared.and_then(|rules| rules.0.get(DEFAULT_RULES));
    let hints = tool.annotations.as_ref();
    let is_idempotent = hints
        .and_then(|hints| hints.idempotent.as_ref())
        .is_some_and(|given| given.value);
    let files = files.filter(|_| tool.retry.is_some() || is_idempotent);
    tool.retry.as_deref().into_iter().chain(files).collect()
}

fn max_attempts(rules: &[&Given<Retry>]) -> NonZeroU32 {
    let set = rules.iter().find_map(|rules| rules.max_attempts.as_ref());
    set.map_or(RetryPolicy::DEFAULT_ATTEMPTS, |given| given.0)
}

/// Whether a call of the tool may take more than one attempt.
pub(super) fn is_retried(context: &Context<'_>, tool: &Tool) -> bool {
    let rules = rules(context, tool);
    !rules.is_empty() && max_attempts(&rules).get() > 1
}

/// Whether a failed call of the tool is tried again.
pub(super) fn retry(
    context: &Context<'_>,
    tool: &Tool,
    origins: &mut Origins,
    problems: &mut Problems,
) -> Option<RetryPolicy> {
    if let Some(own) = &tool.retry {
        check_retry(own, problems);
        check_statuses(tool, own, problems);
    }
    let rules = rules(context, tool);
    origins.set("retry", context.origin(rules.first()?.key));
    let mut policy = waits(&rules);
    if let Some(listed) = rules.iter().find_map(|rules| rules.exit_codes.as_ref()) {
        let codes = listed.0.iter();
        policy.exit_codes = codes
            .filter_map(|code| i32::try_from(code.0).ok())
            .collect();
    }
    let errors = rules
        .iter()
        .find_map(|rules| rules.retryable_errors.as_ref());
    for error in errors.iter().flat_map(|errors| &errors.0) {
        match Retryable::parse(&error.0.text) {
            Some(Retryable::Status(status)) => policy.http_statuses.push(status),
            Some(Retryable::Failure(code)) => policy.failures.push(code),
            // That has been said where the rules were checked.
            None => {}
        }
    }
    Some(policy)
}

/// How often and when attempts are made, without a list of what they are for.
fn waits(rules: &[&Given<Retry>]) -> RetryPolicy {
    let first = |field: fn(&Retry) -> Option<Duration>| rules.iter().find_map(|rules| field(rules));
    let initial_delay = first(|rules| Some(rules.initial_delay.as_ref()?.0))
        .unwrap_or(RetryPolicy::DEFAULT_INITIAL_DELAY);
    let base = rules
        .iter()
        .find_map(|rules| rules.exponential_base.as_ref());
    RetryPolicy {
        max_attempts: max_attempts(rules),
        initial_delay,
        max_delay: first(|rules| Some(rules.max_delay.as_ref()?.0))
            .unwrap_or(RetryPolicy::DEFAULT_MAX_DELAY.max(initial_delay)),
        exponential_base: base.map_or(RetryPolicy::DEFAULT_EXPONENTIAL_BASE, |given| given.0),
        exit_codes: Vec::new(),
        http_statuses: Vec::new(),
        failures: Vec::new(),
    }
}

/// One entry of `retryable_errors`.
enum Retryable {
    Status(u16),
    Failure(FailureCode),
}

impl Retryable {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(status) = text.parse::<u16>() {
            return (100..=599)
                .contains(&status)
                .then_some(Self::Status(status));
        }
        let named = RetryPolicy::NAMED_FAILURES.into_iter();
        let mut named = named.filter(|code| code.code().eq_ignore_ascii_case(text));
        named.next().map(Self::Failure)
    }
}

fn unknown_error(span: Span, text: &str) -> Diagnostic {
    let named: Vec<&str> = RetryPolicy::NAMED_FAILURES
        .iter()
        .map(|code| code.code())
        .collect();
    Diagnostic::warning(
        span,
        format!("`{text}` is no error that can be tried again"),
    )
    .hint(format!(
        "name an HTTP status such as `503`, or one of `{}`",
        named.join("`, `")
    ))
}

fn check_retry(retry: &Given<Retry>, problems: &mut Problems) {
    for error in retry.retryable_errors.iter().flat_map(|errors| &errors.0) {
        if Retryable::parse(&error.0.text).is_none() {
            problems.push(unknown_error(error.span, &error.0.text));
        }
    }
    let delays = retry.initial_delay.as_ref().zip(retry.max_delay.as_ref());
    if let Some((initial, max)) = delays
        && initial.0 > max.0
    {
        problems.push(Diagnostic::error(
            initial.span,
            "`initial_delay` is longer than `max_delay`",
        ));
    }
    if let Some(base) = &retry.exponential_base
        && base.0 < 1.0
    {
        problems.push(
            Diagnostic::error(base.span, "`exponential_base` must be at least 1")
                .hint("2 doubles the wait each time"),
        );
    }
    let codes = retry.exit_codes.iter().flat_map(|codes| &codes.0);
    if let Some(zero) = codes.into_iter().find(|code| code.0 == 0) {
        problems.push(
            Diagnostic::error(
                zero.span,
                "exit code 0 is success, which is not tried again",
            )
            .hint("list the codes of failures that may pass, such as 75 (EX_TEMPFAIL)"),
        );
    }
}

/// Statuses say nothing about a process: an author who lists them for a script should know.
fn check_statuses(tool: &Tool, retry: &Retry, problems: &mut Problems) {
    let (Some(listed), Some(_)) = (&retry.retryable_errors, &tool.script) else {
        return;
    };
    let read = |error: &Given<AnyText>| Retryable::parse(&error.0.text);
    let mut errors = listed.0.iter().filter_map(read);
    let has_statuses = errors.any(|error| matches!(error, Retryable::Status(_)));
    if !has_statuses || retry.exit_codes.is_some() {
        return;
    }
    let mut errors = listed.0.iter().filter_map(read);
    let otherwise = if errors.any(|error| matches!(error, Retryable::Failure(_))) {
        "without them only the named errors are"
    } else {
        "without them any failure is"
    };
    problems.push(
        Diagnostic::warning(
            listed.key,
            "`retryable_errors` lists HTTP statuses, and a script ends with an exit code",
        )
        .hint(format!(
            "name the exit codes that are worth another attempt: `retry_exit_codes: [22]`; {otherwise}"
        )),
    );
}

/// The breaker the tool names, with its figures.
pub(super) fn breaker(
    context: &Context<'_>,
    tool: &Tool,
    origins: &mut Origins,
    problems: &mut Problems,
) -> Option<BreakerRules> {
    let given = tool.circuit_breaker.as_ref()?;
    let declared = context.document.circuit_breakers.as_ref();
    let Some(figures) = declared.and_then(|declared| declared.0.get(&given.text)) else {
        let known: Vec<&str> = declared.iter().flat_map(|known| known.names()).collect();
        problems.push(unknown::reference(
            given.span,
            "circuit breaker",
            &given.text,
            known.into_iter(),
            "circuit_breakers",
        ));
        return None;
    };
    origins.set("circuit_breaker", context.origin(figures.key));
    let count = |given: &Option<Box<Given<Count>>>, default: NonZeroU32| {
        given.as_ref().map_or(default, |given| given.0)
    };
    Some(BreakerRules {
        name: given.text.clone(),
        failure_threshold: count(
            &figures.failure_threshold,
            BreakerRules::DEFAULT_FAILURE_THRESHOLD,
        ),
        recovery_timeout: figures
            .recovery_timeout
            .as_ref()
            .map_or(BreakerRules::DEFAULT_RECOVERY_TIMEOUT, |given| given.0),
        half_open_requests: count(
            &figures.half_open_requests,
            BreakerRules::DEFAULT_HALF_OPEN_REQUESTS,
        ),
    })
}

/// How the tool caches. A tool opts in; the file gives defaults, and can turn all of it off.
pub(super) fn cache(
    context: &Context<'_>,
    tool: &Tool,
    origins: &mut Origins,
) -> Option<CacheRules> {
    let given = tool.cache.as_ref()?;
    let files = context.document.cache.as_ref();
    let is_off = files
        .and_then(|files| files.enabled.as_ref())
        .is_some_and(|enabled| !enabled.value);
    let nothing = CacheRule::default();
    let own = match &given.value {
        Switch::Plain(false) => return None,
        Switch::Plain(true) => &nothing,
        Switch::Figures(own) => own,
    };
    if is_off || own.enabled.as_ref().is_some_and(|enabled| !enabled.value) {
        return None;
    }
    origins.set("cache", context.origin(given.key));
    let ttl = own
        .ttl
        .as_ref()
        .or_else(|| files.and_then(|files| files.default_ttl.as_ref()));
    Some(CacheRules {
        ttl: ttl.map_or(CacheRules::DEFAULT_TTL, |given| given.0),
        shared: own.shared.as_ref().is_some_and(|given| given.value),
    })
}
