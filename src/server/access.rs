//! From the file's `server.auth` and the address to who may call.

use std::net::IpAddr;

use super::StartError;
use crate::config::AuthSettings;
use crate::mcp::Client;
use crate::mcp::http::auth::{Access, InvalidTokens, MustStayClosed, Tokens};
use crate::tool::ToolAccess;

/// Why a change of the file's `server.auth` does not hold; what held before goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The new tokens cannot be used.
    #[error(transparent)]
    Tokens(#[from] InvalidTokens),
    /// There would be none.
    #[error(transparent)]
    Opened(#[from] MustStayClosed),
}

impl AuthError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Tokens(error) => error.hint(),
            Self::Opened(_) => {
                "put a token back into `server.auth.bearer_tokens`, or start again without `server.auth`"
            }
        }
    }
}

/// Who may call at `host`, which is `address`: whoever sends a token that the file names, or everybody where it names none, which
/// must be wanted when other machines reach the address.
pub(super) fn access(
    host: &str,
    address: IpAddr,
    settings: Option<&AuthSettings>,
    insecure: bool,
) -> Result<Access, StartError> {
    let tokens = settings.map(tokens).transpose()?;
    let may_be_open = address.is_loopback() || insecure;
    if tokens.is_none() && !may_be_open {
        return Err(StartError::NotLoopback(host.to_owned()));
    }
    Ok(Access::new(tokens, may_be_open))
}

/// The tokens of a file, and what each of them opens.
fn tokens(settings: &AuthSettings) -> Result<Tokens, InvalidTokens> {
    Tokens::new(settings.bearer_tokens.iter().map(|token| {
        let tools = token
            .tools
            .clone()
            .map_or_else(ToolAccess::all, ToolAccess::only);
        let client = Client::new(token.name.as_str(), tools);
        (client, token.token.expose())
    }))
}

/// Lets a changed `server.auth` hold from the next request on.
///
/// # Errors
/// When its tokens cannot be used, or there are none left and the server must ask for them.
pub fn change_access(access: &Access, settings: Option<&AuthSettings>) -> Result<(), AuthError> {
    let tokens = settings.map(tokens).transpose()?;
    Ok(access.replace(tokens)?)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::config::{BearerToken, Secret};

    fn auth(name: &str, token: &str) -> AuthSettings {
        AuthSettings {
            bearer_tokens: vec![BearerToken {
                name: name.to_owned(),
                token: Secret::new(token),
                tools: None,
            }],
        }
    }

    #[test]
    fn other_machines_need_a_token_unless_it_is_spelled_out() {
        let open = |host: &str, settings, insecure| {
            access(host, host.parse().unwrap(), settings, insecure).map(|access| access.is_open())
        };
        let tokens = auth("ci", "secret");
        assert!(open("127.0.0.1", None, false).unwrap());
        assert!(open("::1", None, false).unwrap());
        assert!(!open("127.0.0.1", Some(&tokens), false).unwrap());
        assert!(!open("0.0.0.0", Some(&tokens), false).unwrap());
        assert!(!open("0.0.0.0", Some(&tokens), true).unwrap());
        assert!(open("0.0.0.0", None, true).unwrap());
        for host in ["0.0.0.0", "::", "192.0.2.7", "::ffff:127.0.0.1"] {
            let error = open(host, None, false).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "`{host}` can be reached from other machines, and nothing here asks who calls"
                )
            );
        }
    }

    #[test]
    fn auth_without_a_usable_token_opens_nothing() {
        let none = AuthSettings::default();
        for settings in [&none, &auth("ci", ""), &auth("ci", "a b")] {
            let refused = access(
                "localhost",
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                Some(settings),
                true,
            );
            assert!(matches!(refused, Err(StartError::Tokens(_))));
        }
    }

    #[test]
    fn a_change_that_cannot_hold_leaves_what_was() {
        let address = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let access = access("0.0.0.0", address, Some(&auth("ci", "old")), false).unwrap();
        assert_eq!(
            change_access(&access, None),
            Err(AuthError::Opened(MustStayClosed))
        );
        assert_eq!(
            change_access(&access, Some(&AuthSettings::default())),
            Err(AuthError::Tokens(InvalidTokens::Empty))
        );
        assert!(!access.is_open());
        change_access(&access, Some(&auth("ci", "new"))).unwrap();
    }
}
