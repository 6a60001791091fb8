//! Where an answer may send a request.

use http::{HeaderMap, Method, StatusCode, header};
use url::Url;

use crate::tool::{Redirects, Request};

/// What follows from an answer.
#[derive(Debug)]
pub(super) enum Next {
    /// It is the answer.
    Stay,
    /// It sends the request elsewhere.
    Follow(Box<Request>),
    /// It sends the request where it may not go.
    Refuse(Refused),
}

/// Why a redirect was not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// To another host or port.
    OtherHost,
    /// From `https` to `http`, where anybody on the way can read.
    Downgrade,
    /// To what is no URL of a web server.
    NoUrl,
}

/// Reads a redirect (RFC 9110, section 15.4).
pub(super) fn next(
    request: &Request,
    status: StatusCode,
    headers: &HeaderMap,
    redirects: Redirects,
) -> Next {
    let is_redirect = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let Some(location) = headers.get(header::LOCATION).filter(|_| is_redirect) else {
        return Next::Stay;
    };
    if redirects == Redirects::None {
        return Next::Stay;
    }
    let target = std::str::from_utf8(location.as_bytes())
        .ok()
        .and_then(|location| request.url.join(location).ok())
        .filter(|target| matches!(target.scheme(), "http" | "https") && target.has_host());
    let Some(mut target) = target else {
        return Next::Refuse(Refused::NoUrl);
    };
    if request.url.scheme() == "https" && target.scheme() == "http" {
        return Next::Refuse(Refused::Downgrade);
    }
    let stays = is_same_host(&request.url, &target);
    if !stays && redirects == Redirects::SameHost {
        return Next::Refuse(Refused::OtherHost);
    }
    let mut request = request.clone();
    keep_user(&request.url, &mut target, stays);
    if !stays {
        request.headers = travelling(&request.headers);
    }
    if becomes_get(status, &request.method) {
        request.method = Method::GET;
        request.body = None;
        request.headers.remove(header::CONTENT_TYPE);
    }
    request.url = target;
    Next::Follow(Box::new(request))
}

/// The same host and port, or the step from `http` to `https` on their usual ports.
fn is_same_host(from: &Url, to: &Url) -> bool {
    from.host_str() == to.host_str()
        && (from.origin() == to.origin()
            || (from.scheme(), to.scheme()) == ("http", "https")
                && from.port().is_none()
                && to.port().is_none())
}

/// The user in the file's URL goes where the request stays; one that a redirect names goes nowhere.
fn keep_user(from: &Url, to: &mut Url, stays: bool) {
    let (user, password) = if stays {
        (from.username(), from.password())
    } else {
        ("", None)
    };
    // Neither fails for a URL with a host.
    let set = to
        .set_username(user)
        .and_then(|()| to.set_password(password));
    debug_assert!(set.is_ok(), "a URL with a host takes a user");
}

/// Headers that another host may see: those that say what the body is and what is wanted back.
fn travelling(headers: &HeaderMap) -> HeaderMap {
    let kept = [
        header::ACCEPT,
        header::ACCEPT_LANGUAGE,
        header::CONTENT_TYPE,
        header::USER_AGENT,
    ];
    headers
        .iter()
        .filter(|(name, value)| kept.contains(name) && !value.is_sensitive())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// As every client does: after 303 always, after 301 and 302 where the request was a POST.
fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status {
        StatusCode::SEE_OTHER => *method != Method::HEAD,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(url: &str) -> Request {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", "secret".parse().unwrap());
        headers.insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
        Request {
            method: Method::POST,
            url: Url::parse(url).unwrap(),
            headers,
            body: Some("body".to_owned()),
        }
    }

    fn sent(url: &str, location: &str, redirects: Redirects, status: u16) -> Next {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, location.parse().unwrap());
        next(
            &from(url),
            StatusCode::from_u16(status).unwrap(),
            &headers,
            redirects,
        )
    }

    #[test]
    fn the_same_host_is_followed_and_no_other() {
        for (url, location, followed) in [
            ("http://h/a/b", "c", true),
            ("http://h/", "http://h:80/x", true),
            ("http://h/", "https://h/x", true),
            ("http://H/", "//h/x", true),
            ("http://h:81/", "https://h/x", false),
            ("http://h/", "http://h:81/", false),
            ("http://h/", "//evil/", false),
            ("http://h/", "http://h.evil/", false),
            ("http://h/", "http://h@evil/", false),
            ("http://h/", "\\\\evil/", false),
            ("https://h/", "http://h/", false),
            ("http://h/", "file:///etc/passwd", false),
            ("http://h/", "javascript:1", false),
        ] {
            let next = sent(url, location, Redirects::SameHost, 307);
            assert_eq!(
                matches!(next, Next::Follow(_)),
                followed,
                "{url} {location}: {next:?}"
            );
        }
    }

    #[test]
    fn another_host_sees_no_header_of_the_file_s() {
        let Next::Follow(request) =
            sent("http://u:p@h/", "http://x:y@other/z", Redirects::Any, 307)
        else {
            panic!("it is followed");
        };
        assert_eq!(request.url.as_str(), "http://other/z");
        assert!(!request.headers.contains_key("x-api-key"));
        assert_eq!(request.body.as_deref(), Some("body"));
        let Next::Follow(request) = sent("http://u:p@h/", "/z", Redirects::SameHost, 302) else {
            panic!("it is followed");
        };
        assert_eq!(request.url.as_str(), "http://u:p@h/z");
        assert!(request.headers.contains_key("x-api-key"));
        assert_eq!((request.method, request.body), (Method::GET, None));
    }

    #[test]
    fn any_host_is_never_any_protocol() {
        let next = sent("https://h/", "http://other/", Redirects::Any, 302);
        assert!(matches!(next, Next::Refuse(Refused::Downgrade)));
        assert!(matches!(
            sent("http://h/", "/x", Redirects::None, 302),
            Next::Stay
        ));
        assert!(matches!(
            sent("http://h/", "/x", Redirects::Any, 304),
            Next::Stay
        ));
    }
}
