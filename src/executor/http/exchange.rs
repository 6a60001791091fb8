//! A request and its answer, redirects followed.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use reqwest::Client;
use tokio::time::Instant;

use super::redirect::{Next, Refused, next};
use crate::executor::output::{Capture, Recorded, Recording};
use crate::tool::{Redirects, Request};

/// Redirects followed at most, as browsers and curl set it or lower.
const MOST_REDIRECTS: usize = 10;

/// What is read of the body of an answer that is a failure.
pub(super) const FAILURE_READ: usize = 16 * 1024;

/// What a disk gets to take the last bytes of a body.
const STORED_WITHIN: Duration = Duration::from_secs(1);

/// A request on its way.
pub(super) struct Exchange {
    pub(super) client: Client,
    pub(super) request: Request,
    pub(super) redirects: Redirects,
    /// Bytes kept of the body.
    pub(super) max_bytes: usize,
    /// Whether a body that is longer is of no use, so that the rest need not be read.
    pub(super) whole: bool,
}

/// What has come of the answer so far.
#[derive(Debug)]
pub(super) struct Received {
    /// Absent until its head has come.
    pub(super) head: Option<Head>,
    body: Recording,
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The redirect that was not followed.
    pub(super) refused: Option<Refused>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The connection, or what came over it.
    Connection(reqwest::Error),
    /// One redirect after the other.
    Circles,
}

impl Received {
    pub(super) const fn new(body: Recording) -> Self {
        Self { head: None, body }
    }

    /// What has come of the body, and where all of it is stored. Waits for the disk for a moment.
    pub(super) async fn finish(self) -> (Option<Head>, Recorded) {
        let recorded = self.body.finish(Instant::now() + STORED_WITHIN).await;
        (self.head, recorded)
    }
}

impl Exchange {
    /// Sends the request and reads its answer into `received`, which has what came until then when this future is
    /// dropped.
    pub(super) async fn run(mut self, received: &mut Received) -> Result<(), Trouble> {
        for _ in 0..=MOST_REDIRECTS {
            let response = self.send().await.map_err(Trouble::Connection)?;
            let refused = match next(
                &self.request,
                response.status(),
                response.headers(),
                self.redirects,
            ) {
                Next::Follow(request) => {
                    self.request = *request;
                    continue;
                }
                Next::Refuse(refused) => Some(refused),
                Next::Stay => None,
            };
            return self
                .read(response, refused, received)
                .await
                .map_err(Trouble::Connection);
        }
        Err(Trouble::Circles)
    }

    async fn send(&self) -> Result<reqwest::Response, reqwest::Error> {
        let Request {
            method,
            url,
            headers,
            body,
        } = self.request.clone();
        let mut request = self.client.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        request.send().await
    }

    /// Reads the body. What is past `max_bytes` is counted and dropped, as with a script's output; where that makes
    /// the whole useless, reading ends there and the connection is closed.
    async fn read(
        &self,
        mut response: reqwest::Response,
        refused: Option<Refused>,
        received: &mut Received,
    ) -> Result<(), reqwest::Error> {
        let is_failure = !response.status().is_success();
        let limit = if is_failure {
            received.body = Recording::new(Capture::new(FAILURE_READ, 0));
            Some(FAILURE_READ)
        } else {
            self.whole.then_some(self.max_bytes)
        };
        received.head = Some(Head {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            refused,
        });
        let mut length = 0;
        while let Some(chunk) = response.chunk().await? {
            received.body.push(&chunk);
            if received.body.is_backed_up() {
                received.body.flush().await;
            }
            length += chunk.len();
            if limit.is_some_and(|limit| length > limit) {
                break;
            }
        }
        Ok(())
    }
}
