//! The requests of one client that are under way.
//!
//! The SDK starts a task for each message it is given and keeps the requests under way by their ids: a flood has
//! no bound there, and of two requests with one id the second answer is lost. Both are settled here, before a
//! message is handed over.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{ClientRequest, ErrorCode, GetExtensions, JsonRpcRequest, RequestId};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use tokio_util::sync::CancellationToken;

use super::malformed;

/// What requests under way may take up together, in bytes of their text.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// What a request takes up at least, so that their number is bounded too: to 4,096.
const LEAST: usize = 8 * 1024;

/// The requests of one client that are under way. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight {
    requests: Arc<Mutex<Requests>>,
    ended: CancellationToken,
}

#[derive(Debug, Default)]
struct Requests {
    ids: HashSet<RequestId>,
    bytes: usize,
}

/// A request that is under way until this is dropped.
#[derive(Debug)]
struct Ticket {
    requests: InFlight,
    id: RequestId,
    bytes: usize,
}

impl InFlight {
    /// Counts `request`, of `bytes` of text, until its handler is done with it.
    ///
    /// # Errors
    /// When its id is that of another request under way, or when there is no room.
    pub(super) fn enter(
        &self,
        request: &mut JsonRpcRequest<ClientRequest>,
        bytes: usize,
    ) -> Result<(), ErrorData> {
        let bytes = bytes.max(LEAST);
        let id = request.id.clone();
        {
            let mut requests = self.lock();
            if requests.bytes + bytes > MAX_BYTES {
                return Err(overloaded());
            }
            if !requests.ids.insert(id.clone()) {
                return Err(ErrorData::invalid_request(
                    "another request with this `id` is under way",
                    None,
                ));
            }
            requests.bytes += bytes;
        }
        let requests = self.clone();
        let ticket = Ticket {
            requests,
            id,
            bytes,
        };
        // The SDK hands the extensions to the handler and drops them when it is done.
        request.request.extensions_mut().insert(Arc::new(ticket));
        Ok(())
    }

    /// Says that the client has left: nobody waits for the answers any more. The SDK waits some seconds for the
    /// requests of a session that has ended before it calls them off.
    pub(super) fn end(&self) {
        self.ended.cancel();
    }

    fn lock(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cancelled when the client of a request has left in another way than by closing its connection.
pub(super) fn ended(context: &RequestContext<RoleServer>) -> CancellationToken {
    let ticket = context.extensions.get::<Arc<Ticket>>();
    ticket.map_or_else(CancellationToken::new, |ticket| {
        ticket.requests.ended.clone()
    })
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut requests = self.requests.lock();
        requests.ids.remove(&self.id);
        requests.bytes = requests.bytes.saturating_sub(self.bytes);
    }
}

fn overloaded() -> ErrorData {
    ErrorData::new(
        ErrorCode(malformed::OVERLOADED),
        "too many requests are under way; read their answers first",
        None,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: i64) -> JsonRpcRequest<ClientRequest> {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn an_id_is_free_again_when_its_request_is_done() {
        let in_flight = InFlight::default();
        let (mut first, mut second) = (request(1), request(1));
        in_flight.enter(&mut first, 10).unwrap();
        let refused = in_flight.enter(&mut second, 10).unwrap_err();
        assert_eq!(refused.code, ErrorCode::INVALID_REQUEST);
        drop(first);
        in_flight.enter(&mut second, 10).unwrap();
    }

    #[test]
    fn number_and_size_are_bounded_and_given_back() {
        let in_flight = InFlight::default();
        let fill = |bytes: usize| {
            let mut entered = Vec::new();
            for id in 0.. {
                let mut next = request(id);
                match in_flight.enter(&mut next, bytes) {
                    Ok(()) => entered.push(next),
                    Err(refused) => {
                        assert_eq!(refused.code, ErrorCode(malformed::OVERLOADED));
                        return entered.len();
                    }
                }
            }
            unreachable!("it is bounded")
        };
        assert_eq!(fill(1), 4096);
        assert_eq!(fill(4 * 1024 * 1024), 8);
        assert_eq!(fill(1), 4096);
    }
}
