//! One call as one request.
//!
//! | file | owns |
//! |---|---|
//! | `client` | the connections all requests share |
//! | `exchange` | a request and its answer, redirects followed |
//! | `redirect` | where an answer may send a request |
//! | `answer` | from an answer to a result or a failure |
//! | `trouble` | from a broken connection to a failure |
//!
//! No message made here holds a URL's query, a header or a variable's value.

mod answer;
mod client;
mod exchange;
mod redirect;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use reqwest::Client;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

use super::Execution;
use super::given_up::{GivenUp, LAST_MOMENT};
use super::output::{Capture, Recording, must_be_whole};
use super::prepare::argument_error;
use super::script::{Time, bug, recording, refusal};
use crate::store::Store;
use crate::tool::{Call, Failure, FailureCode, Http, OnOverflow, Request, TraceContext};
use client::{ClientError, Clients};
use exchange::{Exchange, Received};

/// Sends requests over connections that all tools share. Clones share everything.
#[derive(Clone, Debug, Default)]
pub struct HttpExecutor(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    clients: Clients,
    running: TaskTracker,
    /// The longest grace, once the runner stops.
    draining: watch::Sender<Option<Duration>>,
    store: Store,
}

impl HttpExecutor {
    /// An executor that sends nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that keeps in `store` what answers cannot hold.
    pub fn storing(store: Store) -> Self {
        Self(Arc::new(Shared {
            store,
            ..Shared::default()
        }))
    }

    /// Sends the request of `call`, whose action is `http`. `place` is dropped exactly once, when the answer is
    /// read or the request is given up. Dropping the future gives it up and closes its connection.
    pub async fn run(&self, call: &Call, http: &Http, place: impl Send + 'static) -> Execution {
        let time = Time::of(call);
        let _tracked = self.0.running.token();
        let is_draining = self.0.draining.borrow().is_some();
        let prepared = match refusal(call, &time, is_draining) {
            Some(refusal) => Err(refusal),
            None => request(call, http),
        };
        let prepared = match prepared {
            Ok(request) => self.client(call).await.map(|client| (client, request)),
            Err(failure) => Err(failure),
        };
        let execution = match prepared {
            Ok((client, request)) => self.exchange(call, http, &time, client, request).await,
            Err(failure) => Execution::refused(failure, time.timeout),
        };
        drop(place);
        execution
    }

    async fn exchange(
        &self,
        call: &Call,
        http: &Http,
        time: &Time,
        client: Client,
        request: Request,
    ) -> Execution {
        let started = Instant::now();
        let exchange = Exchange {
            client,
            request,
            redirects: http.redirects,
            max_bytes: call.tool.output.max_bytes,
            whole: is_useless_past(call, http),
        };
        let mut received = Received::new(self.recording(call, http));
        let ended = tokio::select! {
            biased;
            ended = exchange.run(&mut received) => Ok(ended),
            given_up = self.given_up(call, time, grace(http, time)) => Err(given_up),
        };
        let ran = started.elapsed();
        let (result, warnings) = match ended {
            Ok(Ok(())) => answer::judge(call, http, received, ran, time.timeout).await,
            Ok(Err(trouble)) => {
                let failure = trouble::failure(call, http, &trouble)
                    .with("elapsed_ms", super::verdict::millis(ran));
                (Err(failure), Vec::new())
            }
            Err(given_up) => {
                let failure = trouble::given_up(call, http, time, given_up, received, ran).await;
                (Err(failure), Vec::new())
            }
        };
        Execution {
            result,
            ran,
            timeout: time.timeout,
            warnings,
        }
    }

    /// What becomes of the body of an answer. Of one that only a part is given back of, nothing is stored: the
    /// handle would lead to something else than the answer has.
    fn recording(&self, call: &Call, http: &Http) -> Recording {
        if http.extract.is_some() {
            return Recording::new(Capture::halves(call.tool.output.max_bytes));
        }
        recording(&self.0.store, call)
    }

    /// Waits until the request is to be given up.
    async fn given_up(&self, call: &Call, time: &Time, grace: Duration) -> GivenUp {
        let mut draining = self.0.draining.subscribe();
        let stopping = async move {
            let told = draining.wait_for(Option::is_some).await.map(|most| *most);
            match told {
                Ok(most) => sleep(grace.min(most.unwrap_or_default())).await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = call.cancel.cancelled() => GivenUp::Cancelled,
            () = sleep(time.timeout) => GivenUp::Timeout,
            () = stopping => GivenUp::Draining,
        }
    }

    /// The connections; made at the first request.
    async fn client(&self, call: &Call) -> Result<Client, Failure> {
        let made = self.0.clients.get(call.tool.limits.connect).await;
        made.map_err(|error| match error {
            ClientError::Bug => bug(&error.to_string()),
            _ => Failure::new(FailureCode::HttpError, error.to_string())
                .remediation(error.remediation()),
        })
    }

    /// Takes no new calls and waits until all are answered: all get their tools' `kill_grace` but at most `grace`, and
    /// requests that only read a moment of it.
    pub async fn drain(&self, grace: Option<Duration>) {
        self.0
            .draining
            .send_replace(Some(grace.unwrap_or(Duration::MAX)));
        self.0.running.close();
        self.0.running.wait().await;
    }
}

/// How long a request may go on when the runner stops. One that changes nothing (RFC 9110, section 9.2.1) loses nothing by being
/// given up; of any other nobody would know whether it was carried out.
fn grace(http: &Http, time: &Time) -> Duration {
    if http.method.is_safe() {
        time.grace.min(LAST_MOMENT)
    } else {
        time.grace
    }
}

/// Whether a body that is too long for memory is of no use to anybody, so that the rest need not be read.
fn is_useless_past(call: &Call, http: &Http) -> bool {
    let rules = &call.tool.output;
    let is_stored = rules.on_overflow == OnOverflow::Spill || rules.is_paged;
    http.extract.is_some() || must_be_whole(rules) && !is_stored
}

/// Tells the service of the trace the call belongs to; what the file says has precedence.
fn hand_on(trace: &TraceContext, headers: &mut HeaderMap) {
    for (name, text) in trace.pairs() {
        if !headers.contains_key(name)
            && let Ok(text) = HeaderValue::from_str(text)
        {
            headers.insert(name, text);
        }
    }
}

fn request(call: &Call, http: &Http) -> Result<Request, Failure> {
    match http.request(&call.arguments) {
        Ok(rendered) => {
            let mut request = rendered.map_err(|error| argument_error(&error))?;
            hand_on(&call.context.trace, &mut request.headers);
            Ok(request)
        }
        Err(missing) => Err(Failure::new(
            FailureCode::HttpError,
            format!(
                "`{}` needs the environment variable `{}`, which was not set",
                call.tool.name, missing.0
            ),
        )
        .remediation(format!("set `{}` and load the file again", missing.0))),
    }
}
