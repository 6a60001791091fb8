//! `server`.

use super::Context;
use crate::config::decode::{Given, Problems};
use crate::config::document::{self, Auth, BuiltinTool as Declared};
use crate::config::quantity::Port;
use crate::config::server::{AuthSettings, BearerToken, BuiltinTool, Secret, ServerSettings};
use crate::config::text::Text;
use crate::diagnostic::Diagnostic;

/// How the tools are served; what could not be read has its default, and has been reported.
pub(super) fn settings(context: &Context<'_>, problems: &mut Problems) -> ServerSettings {
    let mut settings = ServerSettings::default();
    let Some(server) = &context.document.server else {
        return settings;
    };
    if let Some(host) = server
        .host
        .as_ref()
        .and_then(|host| expanded(context, host, problems))
    {
        settings.host = host;
    }
    if let Some(port) = server
        .port
        .as_ref()
        .and_then(|given| port(context, given, problems))
    {
        settings.port = port;
    }
    let origins = server.allowed_origins.iter().flat_map(|list| &list.0);
    settings.allowed_origins = origins
        .filter_map(|origin| expanded(context, origin, problems))
        .collect();
    settings.auth = server
        .auth
        .as_ref()
        .map(|given| auth(context, given, problems));
    settings.builtin_tools = builtin_tools(context, server, problems);
    settings
}

fn expanded(context: &Context<'_>, text: &Given<Text>, problems: &mut Problems) -> Option<String> {
    match context.options.env.expand(&text.text) {
        Ok(value) => Some(value.to_string_lossy().into_owned()),
        Err(missing) => {
            let missing = missing.0;
            problems.push(
                Diagnostic::error(text.span, format!("the variable `{missing}` is not set"))
                    .hint(format!("set it, or give a default: `${{{missing}:-...}}`")),
            );
            None
        }
    }
}

fn port(context: &Context<'_>, given: &Given<Port>, problems: &mut Problems) -> Option<u16> {
    let text = match &given.value {
        Port::Number(port) => return Some(*port),
        Port::Expanded(text) => Given {
            key: given.key,
            span: given.span,
            value: text.clone(),
        },
    };
    let port = expanded(context, &text, problems)?.trim().parse().ok();
    if port.is_none() {
        problems.push(Diagnostic::error(
            given.span,
            format!(
                "`port` must be a port from 0 to 65535, and `{}` does not expand to one",
                text.text
            ),
        ));
    }
    port
}

fn auth(context: &Context<'_>, given: &Auth, problems: &mut Problems) -> AuthSettings {
    let declared = given.bearer_tokens.iter().flat_map(|list| &list.0);
    let bearer_tokens = declared
        .filter_map(|token| bearer_token(context, token, problems))
        .collect();
    AuthSettings { bearer_tokens }
}

fn bearer_token(
    context: &Context<'_>,
    given: &Given<document::BearerToken>,
    problems: &mut Problems,
) -> Option<BearerToken> {
    let (Some(name), Some(token)) = (&given.name, &given.token) else {
        if !given.rest.unread.is_empty() {
            return None;
        }
        problems.push(
            Diagnostic::error(given.span, "a bearer token needs a `name` and a `token`")
                .hint("for example `{ name: ci, token: \"${CI_TOKEN}\" }`"),
        );
        return None;
    };
    let (name, secret) = (
        expanded(context, name, problems),
        expanded(context, token, problems),
    );
    if secret
        .as_ref()
        .is_some_and(|secret| secret.trim().is_empty())
    {
        problems.push(Diagnostic::error(
            token.span,
            "a bearer token must not be empty",
        ));
        return None;
    }
    Some(BearerToken {
        name: name?,
        token: Secret::new(secret?),
        tools: given
            .tools
            .as_ref()
            .map(|tools| tools.0.iter().map(|tool| tool.text.clone()).collect()),
    })
}

fn builtin_tools(
    context: &Context<'_>,
    server: &document::Server,
    problems: &mut Problems,
) -> Vec<BuiltinTool> {
    let mut builtins = Vec::new();
    for given in server.builtin_tools.iter().flat_map(|list| &list.0) {
        let builtin = match given.value {
            Declared::ReadOutput => BuiltinTool::ReadOutput,
            Declared::Batch => BuiltinTool::Batch,
            Declared::Status => BuiltinTool::Status,
        };
        let tools = context.document.tools.iter().flat_map(|tools| &tools.0);
        let clash = tools
            .filter_map(|tool| tool.name.as_ref())
            .find(|name| name.text == builtin.name());
        if let Some(clash) = clash {
            problems.push(
                Diagnostic::error(
                    given.span,
                    format!(
                        "a tool is named like the built-in tool `{}`",
                        builtin.name()
                    ),
                )
                .related(clash.span, "the tool")
                .hint("rename the tool, or leave the built-in one out"),
            );
        }
        if !builtins.contains(&builtin) {
            builtins.push(builtin);
        }
    }
    builtins
}
