//! The names under which the server may be called.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::mcp::malformed;

/// The names of this machine for itself.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The names under which the server may be called, as `Host` has them. A page of the web that has its own name
/// point at this machine is refused by them, although its requests arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Only these.
    Named(Vec<String>),
    /// Any name. Pages of the web are still told by the origin that browsers send along.
    Any,
}

impl Hosts {
    /// The names of a server that listens at `address`, which the file or the command line calls `host`: both of
    /// these, and those of this machine for itself. At the unspecified address it listens on all of the machine's,
    /// under names that only the network knows, so any will do.
    pub fn at(address: IpAddr, host: &str) -> Self {
        if address.is_unspecified() {
            return Self::Any;
        }
        let own = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let mut names = LOCAL.map(str::to_owned).to_vec();
        for name in [own, host.to_owned()] {
            // An address without its brackets is no host of a URL.
            if !names.contains(&name) && (name.starts_with('[') || !name.contains(':')) {
                names.push(name);
            }
        }
        Self::Named(names)
    }

    /// The list of the SDK, in which no names stand for any.
    pub(super) fn allowed(&self) -> Vec<String> {
        match self {
            Self::Named(names) => names.clone(),
            Self::Any => Vec::new(),
        }
    }

    /// Whether a request is addressed to one of these names, at any port.
    fn admit(&self, request: &Request) -> bool {
        let Self::Named(names) = self else {
            return true;
        };
        let header = request.headers().get(HOST);
        let host = header
            .and_then(|host| host.to_str().ok()?.parse::<Authority>().ok())
            .or_else(|| request.uri().authority().cloned());
        host.is_some_and(|host| {
            let mut names = names.iter();
            names.any(|name| name.eq_ignore_ascii_case(host.host()))
        })
    }
}

/// The answer to a request that names its host or its origin more than once: only one of them would be looked at, and
/// another program on the way may have looked at the other (RFC 9112, section 3.2).
pub(super) fn said_twice(request: &Request) -> Option<Response> {
    let names = [(HOST, "Host"), (ORIGIN, "Origin")];
    let (_, name) = names
        .into_iter()
        .find(|(header, _)| request.headers().get_all(header).iter().nth(1).is_some())?;
    let why = format!("a request has one `{name}` header, and this one has more");
    let error = malformed::error(malformed::INVALID_REQUEST, &why, &Value::Null);
    Some((StatusCode::BAD_REQUEST, Json(error)).into_response())
}

/// Turns away what is addressed to another name, as the SDK does at the protocol's endpoint.
pub(super) async fn refuse_other_names(
    State(hosts): State<Hosts>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(refusal) = said_twice(&request) {
        refusal
    } else if hosts.admit(&request) {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "this server has another name\n").into_response()
    }
}

impl Default for Hosts {
    fn default() -> Self {
        Self::Named(LOCAL.map(str::to_owned).to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_called_by_its_address_by_its_name_and_from_its_own_machine() {
        let added = |address: &str, host: &str| {
            let allowed = Hosts::at(address.parse().unwrap(), host).allowed();
            assert_eq!(allowed[..3], LOCAL);
            allowed[3..].join(" ")
        };
        assert_eq!(added("127.0.0.1", "127.0.0.1"), "");
        assert_eq!(added("::1", "::1"), "");
        assert_eq!(added("127.0.0.2", "127.0.0.2"), "127.0.0.2");
        assert_eq!(
            added("192.0.2.7", "tools.example"),
            "192.0.2.7 tools.example"
        );
        assert_eq!(added("2001:db8::7", "2001:db8::7"), "[2001:db8::7]");
        assert_eq!(added("2001:db8::7", "[2001:db8::7]"), "[2001:db8::7]");
    }

    #[test]
    fn at_the_unspecified_address_any_name_will_do() {
        for address in ["0.0.0.0", "::"] {
            let hosts = Hosts::at(address.parse().unwrap(), address);
            assert_eq!(hosts, Hosts::Any);
            assert!(hosts.allowed().is_empty());
        }
    }
}
