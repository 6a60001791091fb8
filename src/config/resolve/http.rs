//! `http`: a request, with the environment's values in it.

use http::Method;
use serde_json::Value;

use super::{Context, remote, template};
use crate::config::decode::{Given, Named, Problems};
use crate::config::document::{HttpAction, RedirectChoice, Tool};
use crate::config::env::mentioned;
use crate::config::schema::Wire;
use crate::config::text::{AnyText, Json, Text};
use crate::config::yaml::{Kind, Node};
use crate::diagnostic::Diagnostic;
use crate::tool::template::{
    BodyTemplate, HeaderTemplate, InvalidHeaderName, PairTemplate, UrlTemplate, shown_url,
};
use crate::tool::{
    Http, JsonPath, MissingVariable, Parameters, Redirects, RequestTemplate, Secrets,
};

/// A word of a header shorter than this is a scheme such as `Bearer`, or no secret worth the name.
const SHORTEST_LITERAL: usize = 8;

/// The request, or `None` when it is refused, which has been reported. Every part is looked at.
pub(super) fn resolve(
    context: &Context<'_>,
    tool: &Tool,
    given: &Given<HttpAction>,
    parameters: &Parameters,
    problems: &mut Problems,
) -> Option<Http> {
    let reported = problems.len();
    if given.lacks("url") {
        problems.push(
            Diagnostic::error(given.key, "`http` needs a `url`")
                .hint("for example `url: \"https://example.com/{{id}}\"`"),
        );
    }
    if let Some(environment) = &tool.environment {
        problems.push(
            Diagnostic::warning(
                environment.key,
                "`environment` has no effect on an `http` tool",
            )
            .hint("`${NAME}` in `url` and `headers` is taken from the runner's own environment"),
        );
    }
    let method = method(given, problems);
    let mut secrets = Secrets::default();
    let url = url(context, given, parameters, &mut secrets, problems);
    let headers = headers(context, given, parameters, &mut secrets, problems);
    let query = query(context, given.query.as_deref(), parameters, problems);
    let content_type = content_type(given);
    let body = given.body.as_ref().map(|body| {
        warn_of_get(body, &method, problems);
        self::body(context, body, content_type, parameters, problems)
    });
    let extract = given
        .extract_json
        .as_ref()
        .map(|path| extract(path, problems));
    let refused = problems[reported..]
        .iter()
        .any(|problem| problem.severity == crate::diagnostic::Severity::Error);
    if refused {
        return None;
    }
    let request = match (url?, headers) {
        (Ok(url), Ok(headers)) => Ok(RequestTemplate {
            url,
            query,
            headers,
            body: body.flatten(),
        }),
        (Err(missing), _) | (_, Err(missing)) => Err(missing),
    };
    Some(Http {
        method,
        shown_url: given
            .url
            .as_ref()
            .map(|url| shown_url(&url.text))
            .unwrap_or_default(),
        request,
        redirects: match given.follow_redirects.as_ref().map(|given| given.value) {
            Some(RedirectChoice::None) => Redirects::None,
            None | Some(RedirectChoice::SameHost) => Redirects::SameHost,
            Some(RedirectChoice::Any) => Redirects::Any,
        },
        extract: extract.flatten(),
        secrets,
    })
}

/// GET when nothing is said. CONNECT asks a proxy for a tunnel, and TRACE for the secrets it was sent.
fn method(given: &Given<HttpAction>, problems: &mut Problems) -> Method {
    let Some(method) = &given.method else {
        return Method::GET;
    };
    let text = method.text.to_ascii_uppercase();
    let is_method = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic());
    if !is_method || ["CONNECT", "TRACE"].contains(&text.as_str()) {
        problems.push(
            Diagnostic::error(method.span, format!("`{}` is no HTTP method", method.text))
                .hint("use one of GET, POST, PUT, PATCH, DELETE, HEAD and OPTIONS"),
        );
        return Method::GET;
    }
    Method::from_bytes(text.as_bytes()).unwrap_or(Method::GET)
}

/// A body with a GET has no meaning (RFC 9110, section 9.3.1).
fn warn_of_get(body: &Given<Json>, method: &Method, problems: &mut Problems) {
    if *method == Method::GET || *method == Method::HEAD {
        problems.push(
            Diagnostic::warning(
                body.key,
                format!("services may drop the body of a {method} request"),
            )
            .hint("write `method: POST`"),
        );
    }
}

/// The values of the variables in `text`, noted as secrets, or the first that is not set.
fn expanded(
    context: &Context<'_>,
    text: &Text,
    secrets: &mut Secrets,
    problems: &mut Problems,
) -> Result<(), MissingVariable> {
    let env = &context.options.env;
    if let Err(missing) = env.expand(&text.text) {
        let name = &missing.0;
        problems.push(
            Diagnostic::warning(
                text.node.span,
                format!("the variable `{name}` is not set, so calls of this tool fail"),
            )
            .hint(format!("set it, or give a default: `${{{name}:-...}}`")),
        );
        return Err(missing);
    }
    for name in mentioned(&text.text) {
        if let Some(value) = env.get(name) {
            secrets.add(format!("${{{name}}}"), value.to_string_lossy());
        }
    }
    Ok(())
}

/// Puts the values of variables in; all of them are known to be set.
fn expand(context: &Context<'_>, text: &str) -> String {
    match context.options.env.expand(text) {
        Ok(expanded) => expanded.to_string_lossy().into_owned(),
        Err(_) => text.to_owned(),
    }
}

fn url(
    context: &Context<'_>,
    given: &Given<HttpAction>,
    parameters: &Parameters,
    secrets: &mut Secrets,
    problems: &mut Problems,
) -> Option<Result<UrlTemplate, MissingVariable>> {
    let url = given.url.as_ref()?;
    refuse_default(&url.value, problems);
    if let Err(missing) = expanded(context, &url.value, secrets, problems) {
        remote::check_names(context, &url.node, parameters, problems);
        return Some(Err(missing));
    }
    let compiled = UrlTemplate::compile(&url.text, parameters, &|text| expand(context, text));
    template::checked(context, &url.node, compiled, problems).map(Ok)
}

fn headers(
    context: &Context<'_>,
    given: &Given<HttpAction>,
    parameters: &Parameters,
    secrets: &mut Secrets,
    problems: &mut Problems,
) -> Result<Vec<HeaderTemplate>, MissingVariable> {
    let mut compiled = Vec::new();
    let mut missing = None;
    for (written, value) in given.headers.iter().flat_map(|headers| &headers.0) {
        let name = match HeaderTemplate::name(written) {
            Ok(name) => name,
            Err(error) => {
                problems.push(invalid_name(value, &error));
                continue;
            }
        };
        let text = &value.value.0;
        refuse_default(text, problems);
        if let Err(unset) = expanded(context, text, secrets, problems) {
            remote::check_names(context, &text.node, parameters, problems);
            missing.get_or_insert(unset);
            continue;
        }
        let header =
            HeaderTemplate::compile(name, &text.text, parameters, &|text| expand(context, text));
        if let Some(header) = template::checked(context, &text.node, header, problems) {
            // Variables are noted above; what is left is a secret the file itself holds.
            let literal = header.constant().filter(|_| header.is_secret());
            for word in literal.iter().flat_map(|text| text.split_whitespace()) {
                if word.len() >= SHORTEST_LITERAL && mentioned(&text.text).next().is_none() {
                    secrets.add("***", word);
                }
            }
            compiled.push(header);
        }
    }
    missing.map_or(Ok(compiled), Err)
}

fn invalid_name(value: &Given<AnyText>, error: &InvalidHeaderName) -> Diagnostic {
    let diagnostic = Diagnostic::error(value.key, error.to_string());
    match error {
        InvalidHeaderName::Placeholder => {
            diagnostic.hint("write the names out; values may hold placeholders")
        }
        InvalidHeaderName::Characters(_) => diagnostic.hint("use letters, digits and `-`"),
        InvalidHeaderName::Ours(_) => diagnostic.hint("leave it out"),
    }
}

fn query(
    context: &Context<'_>,
    given: Option<&Given<Named<AnyText>>>,
    parameters: &Parameters,
    problems: &mut Problems,
) -> Vec<PairTemplate> {
    let mut compiled = Vec::new();
    for (name, value) in given.iter().flat_map(|query| &query.0) {
        refuse_in_key(name, value.key, "query", problems);
        let text = &value.value.0;
        warn_of_variable(text.node.span, &text.text, "query", problems);
        let pair = PairTemplate::compile(name, &text.text, parameters);
        compiled.extend(template::checked(context, &text.node, pair, problems));
    }
    compiled
}

/// The `Content-Type` the file names, where it is a constant.
fn content_type(given: &HttpAction) -> Option<&str> {
    let headers = given.headers.as_ref()?;
    let named = headers
        .0
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    named.map(|(_, value)| value.value.0.text.as_str())
}

fn body(
    context: &Context<'_>,
    given: &Given<Json>,
    content_type: Option<&str>,
    parameters: &Parameters,
    problems: &mut Problems,
) -> Option<BodyTemplate> {
    let (value, node) = (&given.value.value, &given.value.node);
    if let Value::String(text) = value {
        warn_of_variable(node.span, text, "body", problems);
        let compiled = BodyTemplate::of_text(text, content_type, parameters);
        return template::checked(context, node, compiled, problems);
    }
    let mut scalars = Vec::new();
    look_at_tree(node, &mut scalars, problems);
    let compiled = BodyTemplate::of_value(value, content_type, parameters);
    template::checked_list(context, &scalars, compiled, problems)
}

/// Gathers the scalars of a document in their order.
fn look_at_tree<'a>(node: &'a Node, scalars: &mut Vec<&'a Node>, problems: &mut Problems) {
    match &node.kind {
        Kind::Scalar(scalar) => {
            warn_of_variable(node.span, &scalar.text, "body", problems);
            scalars.push(node);
        }
        Kind::List(items) => {
            for item in items {
                look_at_tree(item, scalars, problems);
            }
        }
        Kind::Map(entries) => {
            for (key, value) in entries {
                refuse_in_key(&key.text, key.span, "body", problems);
                look_at_tree(value, scalars, problems);
            }
        }
    }
}

fn refuse_in_key(name: &str, span: crate::diagnostic::Span, place: &str, problems: &mut Problems) {
    if name.contains("{{") {
        problems.push(
            Diagnostic::error(
                span,
                format!("no placeholder may stand in a name of `{place}`"),
            )
            .hint("write the names out; values may hold placeholders"),
        );
    }
}

/// A default is text, and a placeholder in it would be none.
fn refuse_default(text: &Text, problems: &mut Problems) {
    let holds = text.text.match_indices("${").any(|(at, _)| {
        let inside = text.text[at..].split('}').next().unwrap_or_default();
        inside.contains("{{")
    });
    if holds {
        problems.push(
            Diagnostic::error(
                text.node.span,
                "no placeholder may stand in the default of a variable",
            )
            .hint("give the parameter a default instead"),
        );
    }
}

/// Variables are expanded in `url` and `headers` alone.
fn warn_of_variable(
    span: crate::diagnostic::Span,
    text: &str,
    place: &str,
    problems: &mut Problems,
) {
    if let Some(name) = mentioned(text).next() {
        problems.push(
            Diagnostic::warning(
                span,
                format!("`${{{name}}}` is not expanded in `{place}`, and is sent as it is written"),
            )
            .hint("variables are expanded in `url` and `headers`"),
        );
    }
}

fn extract(path: &Given<Text>, problems: &mut Problems) -> Option<JsonPath> {
    JsonPath::parse(&path.text)
        .map_err(|error| {
            problems.push(
                Diagnostic::error(path.span, format!("`extract_json` is {error}"))
                    .hint("for example `data.items[0].name`"),
            );
        })
        .ok()
}
