//! A request to a service: where it goes, what it carries, and what of the answer is given back.

use std::fmt;

use ::http::{HeaderMap, HeaderValue, Method, header};
use ::url::Url;

use super::template::{
    BodyTemplate, HeaderTemplate, PairTemplate, UrlTemplate, ValueError, percent_encode,
};
use super::{Arguments, JsonPath, MissingVariable};

/// A request to send.
#[derive(Debug, PartialEq)]
pub struct Http {
    /// What is asked of the service.
    pub method: Method,
    /// The URL as the file writes it, without what might be a secret.
    pub shown_url: String,
    /// The request, or the variable that was missing when the file was loaded.
    pub request: Result<RequestTemplate, MissingVariable>,
    /// Where else an answer may send it.
    pub redirects: Redirects,
    /// The part of a JSON answer that is given back; the whole when absent.
    pub extract: Option<JsonPath>,
    /// What no message may show.
    pub secrets: Secrets,
}

/// The parts of a request, with placeholders.
#[derive(Debug, PartialEq)]
pub struct RequestTemplate {
    /// Where it goes.
    pub url: UrlTemplate,
    /// Pairs after those of the URL.
    pub query: Vec<PairTemplate>,
    /// Its headers.
    pub headers: Vec<HeaderTemplate>,
    /// What it carries.
    pub body: Option<BodyTemplate>,
}

/// A request with the values in their places.
#[derive(Clone)]
pub struct Request {
    /// What is asked of the service.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// Its headers.
    pub headers: HeaderMap,
    /// What it carries.
    pub body: Option<String>,
}

/// Where else an answer may send a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// Nowhere: a redirect is the answer.
    None,
    /// To the same host and port, or from `http` to `https` on their usual ports.
    #[default]
    SameHost,
    /// Anywhere, without the headers of the file when the host changes, and never from `https` to `http`.
    Any,
}

/// Texts that no message may show, with the names that stand in for them.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Secrets(Vec<(String, String)>);

/// A text shorter than this is no secret, and would be found everywhere.
const SHORTEST_SECRET: usize = 4;

impl Http {
    /// The request with the values of `arguments` in their places, or the value that cannot stand where the file
    /// puts it.
    ///
    /// # Errors
    /// The variable that was missing when the file was loaded.
    pub fn request(
        &self,
        arguments: &Arguments,
    ) -> Result<Result<Request, ValueError>, &MissingVariable> {
        let template = self.request.as_ref()?;
        Ok(template.render(&self.method, arguments))
    }
}

impl RequestTemplate {
    fn render(&self, method: &Method, arguments: &Arguments) -> Result<Request, ValueError> {
        let mut headers = HeaderMap::new();
        for header in &self.headers {
            for value in header.render(arguments)? {
                headers.append(header.header().clone(), value);
            }
        }
        let mut body = None;
        if let Some(template) = &self.body {
            body = Some(template.render(arguments)?);
            headers
                .entry(header::CONTENT_TYPE)
                .or_insert(HeaderValue::from_static(template.content_type()));
        }
        Ok(Request {
            method: method.clone(),
            url: self.url.render(arguments, &self.query)?,
            headers,
            body,
        })
    }
}

impl fmt::Debug for Request {
    /// Headers and query may hold secrets: neither is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.url.path())
            .finish_non_exhaustive()
    }
}

impl Secrets {
    /// Keeps `value` out of messages, which say `name` in its place.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        if value.len() >= SHORTEST_SECRET {
            // A service may say it back in JSON or as a part of a URL.
            let in_json = serde_json::Value::from(value.as_str()).to_string();
            let in_json = in_json[1..in_json.len() - 1].to_owned();
            let in_url = percent_encode(&value);
            for written in [in_json, in_url] {
                if written != value {
                    self.0.push((name.clone(), written));
                }
            }
            self.0.push((name, value));
            // A secret inside another must not leave the rest of it behind.
            self.0
                .sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        }
    }

    /// `text` without them.
    pub fn hide(&self, text: &str) -> String {
        let mut hidden = text.to_owned();
        for (name, value) in &self.0 {
            if hidden.contains(value) {
                hidden = hidden.replace(value, name);
            }
        }
        hidden
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_whole_and_in_no_debug_output() {
        let mut secrets = Secrets::default();
        secrets.add("${SHORT}", "hunter");
        secrets.add("${LONG}", "hunter2hunter");
        secrets.add("${TINY}", "v1");
        secrets.add("${ODD}", "a\"b/c");
        assert_eq!(secrets.hide(r#"a\"b/c a%22b%2Fc"#), "${ODD} ${ODD}");
        assert_eq!(
            secrets.hide("v1 hunter2hunter hunter"),
            "v1 ${LONG} ${SHORT}"
        );
        assert!(!format!("{secrets:?}").contains("hunter"));
    }
}
