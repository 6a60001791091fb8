//! `server`.

use super::Context;
use crate::config::decode::{Choice as _, Given, Problems};
use crate::config::document::{self, Auth, BuiltinTool as Declared};
use crate::config::quantity::Port;
use crate::config::server::{AuthSettings, BearerToken, BuiltinTool, Secret, ServerSettings};
use crate::config::text::Text;
use crate::config::unknown;
use crate::diagnostic::Diagnostic;
use crate::tool::ToolAccess;

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
    for pattern in given.tools.iter().flat_map(|tools| &tools.value.0) {
        check_pattern(context, pattern, problems);
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

/// A pattern that opens no tool is more often a slip than meant.
fn check_pattern(context: &Context<'_>, pattern: &Given<Text>, problems: &mut Problems) {
    let document = context.document;
    let tools = document.tools.iter().flat_map(|tools| &tools.value.0);
    let own = tools.filter_map(|tool| Some(tool.value.name.as_ref()?.text.as_str()));
    let builtins = document.server.iter();
    let builtins = builtins.filter_map(|server| server.builtin_tools.as_ref());
    let builtins = builtins.flat_map(|list| &list.value.0);
    let names: Vec<&str> = own
        .chain(builtins.map(|given| given.value.word()))
        .collect();
    let opened = ToolAccess::only([pattern.text.as_str()]);
    if names.iter().any(|name| opened.allows(name)) {
        return;
    }
    let problem = Diagnostic::warning(
        pattern.span,
        format!("no tool is named like `{}`", pattern.text),
    );
    problems.push(match unknown::meant(&pattern.text, &names) {
        Some(close) => problem.hint(format!("did you mean `{close}`?")),
        None => problem.hint("a pattern is a tool's name, in which `*` stands for any characters"),
    });
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
