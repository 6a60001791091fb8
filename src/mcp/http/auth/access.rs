//! Who may call, as it is now.

use std::sync::{Arc, PoisonError, RwLock};

use axum::http::HeaderMap;

use super::Tokens;
use super::challenge::{Presented, Refusal};
use crate::mcp::Client;

/// Who may call, as it is now: a handle that the server asks for each request and that a reload of the file
/// changes. Calls and streams that were let in go on; the next request is judged anew.
#[derive(Clone, Debug)]
pub struct Access(Arc<State>);

#[derive(Debug)]
struct State {
    tokens: RwLock<Option<Arc<Tokens>>>,
    may_be_open: bool,
}

/// Why the tokens stay as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "other machines can reach this server, so it does not stop asking for tokens while it runs"
)]
pub struct MustStayClosed;

impl Access {
    /// Everybody who reaches the server may call, until there are tokens.
    pub fn open() -> Self {
        Self::new(None, true)
    }

    /// Only who sends one of `tokens` may call, if there are any. `may_be_open` tells whether a later change may
    /// take all of them away.
    pub fn new(tokens: Option<Tokens>, may_be_open: bool) -> Self {
        Self(Arc::new(State {
            tokens: RwLock::new(tokens.map(Arc::new)),
            may_be_open,
        }))
    }

    /// From the next request on `tokens` are asked for; `None` asks for none.
    ///
    /// # Errors
    /// When the server must not be open to all; the tokens then stay as they were.
    pub fn replace(&self, tokens: Option<Tokens>) -> Result<(), MustStayClosed> {
        if tokens.is_none() && !self.0.may_be_open {
            return Err(MustStayClosed);
        }
        *self
            .0
            .tokens
            .write()
            .unwrap_or_else(PoisonError::into_inner) = tokens.map(Arc::new);
        Ok(())
    }

    /// Whether no token is asked for.
    pub fn is_open(&self) -> bool {
        self.tokens().is_none()
    }

    /// Who sends a request with these headers; `None` where nobody is asked.
    pub(super) fn judge(&self, headers: &HeaderMap) -> Result<Option<Client>, Refusal> {
        let Some(tokens) = self.tokens() else {
            return Ok(None);
        };
        match Presented::in_headers(headers) {
            Presented::Nothing => Err(Refusal::Missing),
            Presented::Several => Err(Refusal::Ambiguous),
            Presented::Token(token) => tokens
                .client(token)
                .map(|client| Some(client.clone()))
                .ok_or(Refusal::Unknown),
        }
    }

    fn tokens(&self) -> Option<Arc<Tokens>> {
        self.0
            .tokens
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Default for Access {
    fn default() -> Self {
        Self::open()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::ToolAccess;

    fn tokens(secret: &str) -> Tokens {
        Tokens::new([(Client::new("ci", ToolAccess::all()), secret)]).unwrap()
    }

    #[test]
    fn tokens_may_change_but_a_server_that_others_reach_stays_closed() {
        let access = Access::new(Some(tokens("one")), false);
        let shared = access.clone();
        shared.replace(Some(tokens("two"))).unwrap();
        assert!(access.tokens().unwrap().client("two").is_some());
        assert!(access.tokens().unwrap().client("one").is_none());
        assert_eq!(
            access.replace(None).unwrap_err().to_string(),
            "other machines can reach this server, so it does not stop asking for tokens while it runs"
        );
        assert!(!access.is_open());
    }

    #[test]
    fn a_server_of_this_machine_may_open_and_close() {
        let access = Access::open();
        access.replace(Some(tokens("one"))).unwrap();
        assert!(!access.is_open());
        access.replace(None).unwrap();
        assert!(access.is_open());
    }
}
