//! `output`.

use super::{Context, parameters};
use crate::config::decode::{Given, Problems};
use crate::config::document::{FormatChoice, OutputDeclaration, OverflowChoice};
use crate::config::schema::Wire;
use crate::diagnostic::Diagnostic;
use crate::tool::{OnOverflow, Origins, OutputFormat, OutputRules, Schema};

const DEFAULT_MAX_BYTES: usize = 1 << 20;
const DEFAULT_INLINE_BYTES: usize = 64 << 10;

/// What becomes of what a tool prints.
pub(super) fn rules(
    context: &Context<'_>,
    given: Option<&Given<OutputDeclaration>>,
    origins: &mut Origins,
    problems: &mut Problems,
) -> OutputRules {
    let nothing = OutputDeclaration::default();
    let output = given.map_or(&nothing, |given| &given.value);
    for (key, span) in output.given() {
        origins.set(format!("output.{key}"), context.origin(span));
    }
    let schema = output
        .schema
        .as_ref()
        .filter(|given| !given.value.value.is_null());
    if let Some(schema) = schema {
        parameters::check_schema(&schema.value.node, "output.schema", problems);
    }
    let max_bytes = output
        .max_bytes
        .as_ref()
        .map_or(DEFAULT_MAX_BYTES, |given| given.0);
    let inline_bytes = output
        .inline_bytes
        .as_ref()
        .map_or(DEFAULT_INLINE_BYTES.min(max_bytes), |given| given.0);
    if let (Some(inline), true) = (&output.inline_bytes, inline_bytes > max_bytes) {
        problems.push(
            Diagnostic::error(inline.span, "`inline_bytes` is larger than `max_bytes`").hint(
                format!("`max_bytes` is {max_bytes}: what is not kept cannot be sent"),
            ),
        );
    }
    OutputRules {
        format: match output.format.as_ref().map(|given| given.value) {
            None | Some(FormatChoice::Auto) => OutputFormat::Auto,
            Some(FormatChoice::Json) => OutputFormat::Json,
            Some(FormatChoice::Jsonl) => OutputFormat::Jsonl,
            Some(FormatChoice::Text) => OutputFormat::Text,
            Some(FormatChoice::Mcp) => OutputFormat::Mcp,
        },
        schema: schema.map(|given| Schema::new(given.value.value.clone())),
        max_bytes,
        inline_bytes,
        on_overflow: match output.on_overflow.as_ref().map(|given| given.value) {
            None | Some(OverflowChoice::Spill) => OnOverflow::Spill,
            Some(OverflowChoice::Truncate) => OnOverflow::Truncate,
            Some(OverflowChoice::Error) => OnOverflow::Error,
        },
        is_paged: false,
    }
}
