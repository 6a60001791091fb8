//! From an answer to a result or a failure.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::exchange::{Head, Received};
use super::redirect::Refused;
use super::trouble::shown;
use crate::executor::output::{Capture, Captured, Kept, Recorded, excerpt, interpret, parse_json};
use crate::executor::script::{READ_IN_PLACE, bug};
use crate::executor::verdict::near_timeout;
use crate::tool::{
    Call, Failure, FailureCode, Http, JsonPath, Output, OutputFormat, OutputRules, Secrets,
    ToolName, remedy,
};

/// The part of a failure's body that is shown, in bytes.
const BODY_SHOWN: usize = 4 * 1024;

/// The longest wait that is passed on.
const LONGEST_WAIT: Duration = Duration::from_hours(30 * 24);

/// What came of a request that was answered, and what deserves a look.
pub(super) async fn judge(
    call: &Call,
    http: &Http,
    received: Received,
    ran: Duration,
    timeout: Duration,
) -> (Result<Output, Failure>, Vec<String>) {
    let (head, recorded) = received.finish().await;
    let Some(head) = head else {
        return (Err(bug("an answer came without its head")), Vec::new());
    };
    let mut warnings: Vec<String> = near_timeout(call, ran, timeout).into_iter().collect();
    if !head.status.is_success() {
        return (
            Err(status(&call.tool.name, http, &head, &recorded.captured)),
            warnings,
        );
    }
    let read = if recorded.captured.total <= READ_IN_PLACE {
        read(&recorded, http.extract.as_ref(), &call.tool.output)
    } else {
        let (extract, tool) = (http.extract.clone(), call.tool.clone());
        spawn_blocking(move || read(&recorded, extract.as_ref(), &tool.output))
            .await
            .unwrap_or_else(|_| (Err(bug("reading the answer failed")), Vec::new()))
    };
    warnings.extend(read.1.into_iter().map(|warning| of_a_service(&warning)));
    let result = read
        .0
        .map_err(|failure| as_a_service_s(failure, http, &head));
    (result, warnings)
}

fn read(
    recorded: &Recorded,
    extract: Option<&JsonPath>,
    rules: &OutputRules,
) -> (Result<Output, Failure>, Vec<String>) {
    let body = &recorded.captured;
    let Some(path) = extract.filter(|_| body.missing() == 0) else {
        let rules = match extract {
            // A part of a document that is not whole cannot be had.
            Some(_) => &OutputRules {
                format: OutputFormat::Json,
                ..rules.clone()
            },
            None => rules,
        };
        let interpreted = interpret(body, &recorded.kept, recorded.lines.as_ref(), rules);
        return (interpreted.result, interpreted.warnings);
    };
    match part(body, path, rules) {
        Ok(part) => {
            let interpreted = interpret(&part, &Kept::Nowhere, None, rules);
            (interpreted.result, interpreted.warnings)
        }
        Err(message) => {
            let inline = rules.inline_bytes;
            let shown = excerpt(body, inline - inline / 2, inline / 2);
            let failure =
                Failure::new(FailureCode::OutputInvalid, message).with("body", shown.text);
            (Err(failure), Vec::new())
        }
    }
}

/// The part of the answer that `path` leads to, as the tool would have got it from a service that answers with it.
fn part(body: &Captured, path: &JsonPath, rules: &OutputRules) -> Result<Captured, String> {
    let document = parse_json(&String::from_utf8_lossy(&body.head))
        .map_err(|broken| format!("the answer is not JSON, so it has no `{path}`: {broken}"))?;
    let found = path
        .find(&document)
        .map_err(|why| format!("the answer has no `{path}`: {why}"))?;
    let is_text = match rules.format {
        OutputFormat::Text => true,
        OutputFormat::Auto => rules.schema.is_none(),
        OutputFormat::Json | OutputFormat::Jsonl | OutputFormat::Mcp => false,
    };
    let text = match found {
        Value::String(text) if is_text => text.clone(),
        other => other.to_string(),
    };
    let mut capture = Capture::halves(rules.max_bytes.max(text.len()));
    capture.push(text.as_bytes());
    Ok(capture.finish())
}

/// A status that is no success.
fn status(tool: &ToolName, http: &Http, head: &Head, body: &Captured) -> Failure {
    let status = head.status;
    let shown = shown(body, &http.secrets, BODY_SHOWN, 0);
    let message = match head.refused {
        None => format!("the service of `{tool}` answered with status {status}"),
        Some(refused) => format!(
            "the service of `{tool}` redirects with status {status} {}",
            whither(refused)
        ),
    };
    let wait = retry_after(&head.headers, SystemTime::now());
    let mut failure = Failure::new(FailureCode::HttpStatus, message)
        .remediation(remediation(status, head.refused, wait))
        .with("status", status.as_u16())
        .with("body", shown);
    if let Some(wait) = wait {
        failure = failure.retry_after(wait);
    }
    failure
}

const fn whither(refused: Refused) -> &'static str {
    match refused {
        Refused::OtherHost => "to another host, which is not followed",
        Refused::Downgrade => "from `https` to `http`, which is not followed",
        Refused::NoUrl => "to what is no address of a web server",
    }
}

fn remediation(status: StatusCode, refused: Option<Refused>, wait: Option<Duration>) -> String {
    if let Some(wait) = wait {
        return remedy::come_back(wait);
    }
    let advice = match (status.as_u16(), refused) {
        (_, Some(Refused::OtherHost)) => {
            "write the URL it leads to into the file, or allow it there with `follow_redirects: any`"
        }
        (_, Some(_)) => "mend the URL in the file",
        (401 | 403 | 407, _) => {
            "the service wants other credentials than the file sends, or does not allow this"
        }
        (404 | 410, _) => "what was asked for does not exist: call again with other arguments",
        (408 | 425 | 429 | 502..=504, _) => "call again later",
        (400..=499, _) => {
            "`body` has what the service said about it: call again with other arguments"
        }
        (500..=599, _) => "the service failed: `body` has what it said about it",
        _ => "`body` has what the service said",
    };
    advice.to_owned()
}

/// `Retry-After`, in seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text)
            .ok()?
            .duration_since(now)
            .unwrap_or_default(),
    };
    Some(wait.min(LONGEST_WAIT))
}

/// What is said of a script's output, said of a service's answer.
fn of_a_service(text: &str) -> String {
    match text.strip_prefix("printed ") {
        Some(rest) => format!("answered with {rest}"),
        None => text.to_owned(),
    }
}

/// The same for a failure: the service has a body and a status where a script has output.
fn as_a_service_s(mut failure: Failure, http: &Http, head: &Head) -> Failure {
    failure.message = of_a_service(&failure.message);
    if failure.code == FailureCode::OutputInvalid {
        failure.remediation = Some(
            "the service's answer is not what the file promises: mend `output` or `extract_json` there".to_owned(),
        );
    }
    if let Some(Value::String(text)) = failure.data.shift_remove("stdout") {
        failure = failure.with("body", text);
    }
    for name in ["body", "items"] {
        if let Some(value) = failure.data.get_mut(name) {
            hide(value, &http.secrets);
        }
    }
    failure.with("status", head.status.as_u16())
}

/// Takes secrets out of every text of a value.
pub(super) fn hide(value: &mut Value, secrets: &Secrets) {
    match value {
        Value::String(text) => *text = secrets.hide(text),
        Value::Array(elements) => elements.iter_mut().for_each(|one| hide(one, secrets)),
        Value::Object(members) => {
            let all = std::mem::take(members).into_iter();
            *members = all
                .map(|(name, mut value)| {
                    hide(&mut value, secrets);
                    (secrets.hide(&name), value)
                })
                .collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_seconds_and_as_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("99999999999999999", Some(30 * 24 * 3600)),
            ("-1", None),
            ("soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().unwrap());
            let wait = retry_after(&headers, now).map(|wait| wait.as_secs());
            assert_eq!(wait, seconds, "{text}");
        }
    }
}
