//! The tokens that clients may send.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::mcp::Client;

/// The tokens that clients may send, and who each of them stands for. Holds digests only.
pub struct Tokens(Vec<Token>);

struct Token {
    digest: [u8; 32],
    client: Client,
}

/// Why a list of tokens cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTokens {
    /// Tokens are asked for, and there are none.
    #[error("`server.auth` has no tokens, so nobody could call")]
    Empty,
    /// A client that cannot be told from one that has no name.
    #[error("a bearer token has an empty name")]
    Unnamed,
    /// A token that fits no header.
    #[error(
        "the bearer token of `{0}` cannot be sent: it is empty, or not all of it is visible ASCII"
    )]
    Unsendable(String),
    /// One token under two entries.
    #[error("`{0}` and `{1}` have the same bearer token, which must tell who calls")]
    Shared(String, String),
}

impl InvalidTokens {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Empty => "add one to `server.auth.bearer_tokens`, or remove `server.auth`",
            Self::Unnamed => "name the client that sends it",
            Self::Unsendable(_) => {
                "look for a space or a line break at its end; `openssl rand -hex 32` makes a good one"
            }
            Self::Shared(..) => "give each client a token of its own",
        }
    }
}

impl Tokens {
    /// Tokens in plain text, each with who sends it. Several may stand for one client, so that a token can be
    /// replaced while the old one is still in use.
    ///
    /// # Errors
    /// When there is none, or one could never be used.
    pub fn new<'a>(
        tokens: impl IntoIterator<Item = (Client, &'a str)>,
    ) -> Result<Self, InvalidTokens> {
        let mut known: Vec<Token> = Vec::new();
        for (client, secret) in tokens {
            if client.name().is_empty() {
                return Err(InvalidTokens::Unnamed);
            }
            let name = || client.name().to_string();
            if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(InvalidTokens::Unsendable(name()));
            }
            let digest = digest(secret);
            if let Some(other) = known.iter().find(|token| token.digest == digest) {
                return Err(InvalidTokens::Shared(
                    other.client.name().to_string(),
                    name(),
                ));
            }
            known.push(Token { digest, client });
        }
        if known.is_empty() {
            return Err(InvalidTokens::Empty);
        }
        Ok(Self(known))
    }

    /// The client that `presented` stands for.
    ///
    /// How long this takes says nothing of the tokens there are: digests of one size are compared, each of them
    /// whole, and all of them also after a match.
    pub(super) fn client(&self, presented: &str) -> Option<&Client> {
        let digest = digest(presented);
        let mut found = None;
        for token in &self.0 {
            // Only who has sent a right token gets here with `true`, and may know that it is.
            if bool::from(token.digest.as_slice().ct_eq(digest.as_slice())) {
                found = Some(&token.client);
            }
        }
        found
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|token| &token.client))
            .finish()
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::ToolAccess;

    fn tokens(given: &[(&str, &str)]) -> Result<Tokens, InvalidTokens> {
        let client = |name: &str| Client::new(name, ToolAccess::all());
        Tokens::new(given.iter().map(|(name, secret)| (client(name), *secret)))
    }

    #[test]
    fn each_token_stands_for_its_client_and_nothing_else_does() {
        let tokens = tokens(&[("ci", "one"), ("desk", "two"), ("ci", "three")]).unwrap();
        let name = |presented| tokens.client(presented).map(|client| &**client.name());
        assert_eq!(name("one"), Some("ci"));
        assert_eq!(name("two"), Some("desk"));
        assert_eq!(name("three"), Some("ci"));
        for wrong in ["", "on", "onee", "One", "ci", "one two"] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_list_that_cannot_work_is_refused_without_showing_a_token() {
        let refused = |given: &[(&str, &str)]| {
            let error: InvalidTokens = tokens(given).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
            error.to_string()
        };
        assert_eq!(
            refused(&[]),
            "`server.auth` has no tokens, so nobody could call"
        );
        assert_eq!(
            refused(&[("", "hunter2")]),
            "a bearer token has an empty name"
        );
        for unsendable in ["", "hunter2\n", "hunter2 x", "hünter2"] {
            assert_eq!(
                refused(&[("ci", unsendable)]),
                "the bearer token of `ci` cannot be sent: it is empty, or not all of it is visible ASCII"
            );
        }
        assert_eq!(
            refused(&[("a", "hunter2"), ("b", "x"), ("c", "hunter2")]),
            "`a` and `c` have the same bearer token, which must tell who calls"
        );
    }

    #[test]
    fn tokens_stay_out_of_debug_output() {
        let shown = format!("{:?}", tokens(&[("ci", "hunter2")]).unwrap());
        assert_eq!(shown, r#"[Client { name: "ci", tools: ToolAccess(None) }]"#);
    }
}
