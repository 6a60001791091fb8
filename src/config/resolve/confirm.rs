//! Whether a person is asked before each call: `confirm`, `confirm_fallback`.

use super::{Context, template};
use crate::config::decode::{Given, Problems};
use crate::config::document::{Document, FallbackChoice, Tool};
use crate::diagnostic::Diagnostic;
use crate::tool::template::QuestionTemplate;
use crate::tool::{ConfirmFallback, Confirmation, Origins, Parameters};

/// Checks what the top of the file says.
pub(super) fn document(document: &Document, problems: &mut Problems) {
    let mut tools = document.tools.iter().flat_map(|tools| &tools.0);
    if let Some(fallback) = &document.confirm_fallback
        && !tools.any(|tool| tool.confirm.is_some())
    {
        let message = "`confirm_fallback` has no effect: no tool asks a person";
        problems.push(
            Diagnostic::warning(fallback.key, message).hint(
                "write `confirm: \"Delete {{path}}?\"` at the tools that need a person's word",
            ),
        );
    }
}

/// The question of a tool; a mistake in it has been reported.
pub(super) fn resolve(
    context: &Context<'_>,
    declared: &Tool,
    parameters: &Parameters,
    origins: &mut Origins,
    problems: &mut Problems,
) -> Option<Confirmation> {
    let own = declared.confirm_fallback.as_deref();
    let Some(question) = &declared.confirm else {
        if let Some(fallback) = own {
            problems.push(
                Diagnostic::warning(
                    fallback.key,
                    "`confirm_fallback` has no effect without `confirm`",
                )
                .hint("`confirm` is the question to a person: `confirm: \"Delete {{path}}?\"`"),
            );
        }
        return None;
    };
    let compiled = QuestionTemplate::compile(&question.text, parameters);
    let compiled = template::checked(context, &question.node, compiled, problems)?;
    origins.set("confirm", context.origin(question.key));
    let fallback = own.or(context.document.confirm_fallback.as_deref());
    if let Some(given) = fallback {
        origins.set("confirm_fallback", context.origin(given.key));
    }
    Some(Confirmation::new(
        compiled,
        fallback.map_or_else(ConfirmFallback::default, meant),
    ))
}

fn meant(given: &Given<FallbackChoice>) -> ConfirmFallback {
    match given.value {
        FallbackChoice::Refuse => ConfirmFallback::Refuse,
        FallbackChoice::Allow => ConfirmFallback::Allow,
    }
}
