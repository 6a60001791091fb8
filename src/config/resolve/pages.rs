//! `pagination`: lists cut into pages.

use std::num::NonZeroU32;

use super::Context;
use crate::config::decode::{Given, Problems};
use crate::config::document::{Document, FormatChoice, PaginationRule, Switch, Tool};
use crate::config::quantity::Count;
use crate::diagnostic::Diagnostic;
use crate::tool::{Origins, PageRules, Parameters, Schema};

/// Figures of the whole file that contradict each other.
pub(super) fn document(document: &Document, problems: &mut Problems) {
    let Some(pages) = &document.pagination else {
        return;
    };
    if let (Some(default), Some(max)) = (&pages.default_page_size, &pages.max_page_size)
        && default.0 > max.0
    {
        problems.push(Diagnostic::error(
            default.span,
            "`default_page_size` is larger than `max_page_size`",
        ));
    }
}

/// How the tool pages. A tool opts in; the file gives the figures it leaves out.
pub(super) fn rules(
    context: &Context<'_>,
    tool: &Tool,
    parameters: &Parameters,
    schema: Option<&Schema>,
    origins: &mut Origins,
    problems: &mut Problems,
) -> Option<PageRules> {
    let given = tool.pagination.as_ref()?;
    let nothing = PaginationRule::default();
    let own = match &given.value {
        Switch::Plain(false) => return None,
        Switch::Plain(true) => &nothing,
        Switch::Figures(own) => own,
    };
    if own.enabled.as_ref().is_some_and(|enabled| !enabled.value) {
        return None;
    }
    if let Some(why) = useless(tool, parameters, schema) {
        problems.push(why.at(given.key));
        return None;
    }
    origins.set("pagination", context.origin(given.key));
    let files = context.document.pagination.as_ref();
    let figure = |given: &Option<Box<Given<Count>>>| given.as_ref().map(|given| figure(given.0));
    let files_default = files.and_then(|files| figure(&files.default_page_size));
    let files_max = files.and_then(|files| figure(&files.max_page_size));
    let default = figure(&own.default_size).or(files_default);
    let max = files_max.unwrap_or_else(|| PageRules::DEFAULT_MAX_SIZE.max(default.unwrap_or(0)));
    if let Some(size) = own
        .default_size
        .as_ref()
        .filter(|size| figure_of(size) > max)
    {
        problems.push(
            Diagnostic::error(size.span, "`default_size` is larger than `max_page_size`")
                .hint(format!("`max_page_size` is {max} in this file")),
        );
    }
    let default = default.unwrap_or_else(|| PageRules::DEFAULT_SIZE.min(max));
    Some(PageRules::new(default, max, schema))
}

fn figure(count: NonZeroU32) -> u64 {
    u64::from(count.get())
}

fn figure_of(given: &Given<Count>) -> u64 {
    figure(given.0)
}

/// Why there can be no pages of a tool.
struct Useless {
    message: String,
    hint: &'static str,
}

impl Useless {
    fn at(self, key: crate::diagnostic::Span) -> Diagnostic {
        Diagnostic::warning(key, self.message).hint(self.hint)
    }
}

fn useless(tool: &Tool, parameters: &Parameters, schema: Option<&Schema>) -> Option<Useless> {
    let clash = PageRules::ARGUMENTS
        .iter()
        .find(|name| parameters.get(name).is_some());
    if let Some(name) = clash {
        return Some(Useless {
            message: format!(
                "`pagination` has no effect here: the tool has a parameter `{name}` of its own"
            ),
            hint: "a tool that pages by itself needs no pages of ours; rename the parameter to have them",
        });
    }
    let format = tool
        .output
        .as_ref()
        .and_then(|output| output.format.as_ref());
    match format.map(|given| given.value) {
        Some(FormatChoice::Text | FormatChoice::Mcp) => {
            return Some(Useless {
                message: "`pagination` has no effect here: pages are cut from a list, and `output.format` promises none".to_owned(),
                hint: "let the tool print a JSON list, with `format: json`, `jsonl` or `auto`",
            });
        }
        None | Some(FormatChoice::Auto | FormatChoice::Json | FormatChoice::Jsonl) => {}
    }
    let kind = schema.and_then(|schema| schema.value().get("type"));
    kind.is_some_and(|kind| kind.as_str().is_some_and(|kind| kind != "array"))
        .then(|| Useless {
            message: "`pagination` has no effect here: pages are cut from a list, and `output.schema` promises something else".to_owned(),
            hint: "let the tool print the list alone; of an HTTP answer, `extract_json` gives it",
        })
}
