//! Requests without a valid token, turned away in the words of RFC 6750.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::Value;

use super::Access;
use super::metadata::metadata_url;
use crate::mcp::malformed;

/// Lets only those requests reach `router` that `access` admits. What it serves learns who calls from the
/// request's extensions, as a [`Client`](crate::mcp::Client).
pub(in crate::mcp::http) fn protect(router: Router, access: &Access) -> Router {
    router.layer(from_fn_with_state(access.clone(), admit))
}

async fn admit(State(access): State<Access>, request: Request, next: Next) -> Response {
    admitted(&access, request, |request| next.run(request)).await
}

/// Answers with `next` where `access` admits the request.
pub(in crate::mcp::http) async fn admitted<F: Future<Output = Response>>(
    access: &Access,
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let judged = access.judge(request.headers());
    // What is behind this needs no token, and cannot log or pass on what it never had.
    request.headers_mut().remove(AUTHORIZATION);
    match judged {
        Ok(client) => {
            if let Some(client) = client {
                request.extensions_mut().insert(client);
            }
            next(request).await
        }
        Err(refusal) => {
            tracing::debug!(?refusal, "a request was refused");
            refusal.response(&request)
        }
    }
}

/// What a request says of who sends it. Only the header counts: a token in a query ends up in logs and
/// histories (RFC 6750, section 5.3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presented<'a> {
    /// No token, or another way to authenticate.
    Nothing,
    /// More than one header, which leaves open whose request it is.
    Several,
    /// This token, which may be empty.
    Token(&'a str),
}

impl<'a> Presented<'a> {
    /// The scheme is read without regard to case (RFC 9110, section 11.1), the token is not.
    pub(super) fn in_headers(headers: &'a HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Self::Nothing;
        };
        if values.next().is_some() {
            return Self::Several;
        }
        // A value beyond ASCII is none of our tokens.
        let value = value.to_str().unwrap_or("Bearer");
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("Bearer") {
            Self::Token(token.trim_matches(' '))
        } else {
            Self::Nothing
        }
    }
}

/// Why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Missing,
    Ambiguous,
    Unknown,
}

impl Refusal {
    fn message(self) -> &'static str {
        match self {
            Self::Missing => {
                "this server asks for a token: send it as `Authorization: Bearer TOKEN`"
            }
            Self::Ambiguous => "there is more than one `Authorization` header: send one",
            Self::Unknown => "the bearer token is not one that this server knows",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Missing | Self::Unknown => StatusCode::UNAUTHORIZED,
            Self::Ambiguous => StatusCode::BAD_REQUEST,
        }
    }

    /// RFC 6750, section 3.1. A request that did not try to authenticate is told no error.
    fn error(self) -> Option<&'static str> {
        match self {
            Self::Missing => None,
            Self::Ambiguous => Some("invalid_request"),
            Self::Unknown => Some("invalid_token"),
        }
    }

    /// `WWW-Authenticate` as RFC 6750, section 3, and RFC 9728, section 5.1, have it.
    fn challenge(self, request: &Request) -> String {
        let metadata = metadata_url(request).map(|url| format!("resource_metadata=\"{url}\""));
        let error = self.error().map(|error| format!("error=\"{error}\""));
        let parameters: Vec<String> = metadata.into_iter().chain(error).collect();
        format!("Bearer {}", parameters.join(", "))
            .trim_end()
            .to_owned()
    }

    /// The body has not been read, so the error names no request. New error codes of the protocol lie outside
    /// the range that JSON-RPC reserves (2026-07-28); the status of the response is such a number.
    fn response(self, request: &Request) -> Response {
        let status = self.status();
        let code = i32::from(status.as_u16());
        let error = malformed::error(code, self.message(), &Value::Null);
        let mut response = (status, Json(error)).into_response();
        if let Ok(challenge) = HeaderValue::try_from(self.challenge(request)) {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::header::HOST;
    use axum::routing::get;
    use tokio::net::TcpListener;

    use super::*;
    use crate::mcp::Client;
    use crate::mcp::http::auth::Tokens;
    use crate::tool::ToolAccess;

    fn presented(values: &[&[u8]]) -> HeaderMap {
        let values = values.iter().map(|value| {
            let value = HeaderValue::from_bytes(value).unwrap();
            (AUTHORIZATION, value)
        });
        values.collect()
    }

    #[test]
    fn only_a_bearer_token_in_one_header_counts() {
        for (values, token) in [
            (&[b"Bearer abc".as_slice()][..], "abc"),
            (&[b"bearer abc"], "abc"),
            (&[b"BEARER   abc "], "abc"),
            (&[b"Bearer a b"], "a b"),
            (&[b"Bearer"], ""),
            (&[b"Bearer "], ""),
            (&[b"\xff\xfe"], ""),
        ] {
            assert!(
                Presented::in_headers(&presented(values)) == Presented::Token(token),
                "{values:?}"
            );
        }
        for values in [
            &[][..],
            &[b"Basic abc".as_slice()],
            &[b"Bearerabc"],
            &[b"abc"],
        ] {
            assert!(
                Presented::in_headers(&presented(values)) == Presented::Nothing,
                "{values:?}"
            );
        }
        let twice = presented(&[b"Bearer abc", b"Bearer abc"]);
        assert!(Presented::in_headers(&twice) == Presented::Several);
    }

    #[tokio::test]
    async fn what_is_protected_sees_the_client_and_not_the_token() {
        async fn seen(request: Request) -> String {
            let client = request.extensions().get::<Client>().map(Client::name);
            format!(
                "{client:?} {}",
                request.headers().contains_key(AUTHORIZATION)
            )
        }
        let access = Access::open();
        let router = protect(Router::new().route("/metrics", get(seen)), &access);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/metrics", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        let answer = async || {
            let request = reqwest::Client::new().get(&url).bearer_auth("secret");
            request.send().await.unwrap().text().await.unwrap()
        };
        assert_eq!(answer().await, "None false");
        let ci = Client::new("ci", ToolAccess::all());
        access
            .replace(Some(Tokens::new([(ci, "secret")]).unwrap()))
            .unwrap();
        assert_eq!(answer().await, "Some(\"ci\") false");
        let desk = Client::new("desk", ToolAccess::all());
        access
            .replace(Some(Tokens::new([(desk, "other")]).unwrap()))
            .unwrap();
        assert!(answer().await.contains("401"));
    }

    #[test]
    fn the_challenge_is_exact() {
        let at = |host: &str| {
            let request = Request::builder().header(HOST, host);
            request.body(Body::empty()).unwrap()
        };
        let request = at("tools.example:8080");
        let metadata = "resource_metadata=\"http://tools.example:8080/.well-known/oauth-protected-resource/mcp\"";
        assert_eq!(
            Refusal::Missing.challenge(&request),
            format!("Bearer {metadata}")
        );
        assert_eq!(
            Refusal::Unknown.challenge(&request),
            format!("Bearer {metadata}, error=\"invalid_token\"")
        );
        assert_eq!(
            Refusal::Ambiguous.challenge(&request),
            format!("Bearer {metadata}, error=\"invalid_request\"")
        );
        let strange = at("a\"b");
        assert_eq!(Refusal::Missing.challenge(&strange), "Bearer");
        assert_eq!(
            Refusal::Unknown.challenge(&strange),
            "Bearer error=\"invalid_token\""
        );
    }
}
