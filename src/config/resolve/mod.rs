//! The last pass: wire types and the environment become a catalog.

mod confirm;
mod databases;
mod environment;
mod http;
mod icons;
mod interpreter;
mod later;
mod limits;
mod output;
mod pages;
mod parameters;
mod persistent;
mod program;
mod rates;
mod remote;
mod resilience;
mod script;
mod server;
mod shim;
mod shim_probe;
mod sql;
mod task;
mod template;
mod test_cases;
mod timeout;
mod tool;
mod values;
mod worker;

use std::collections::HashMap;
use std::path::Path;

use super::decode::{Given, Problems};
use super::document::{Document, SafetyChoice};
use super::load::LoadOptions;
use super::schema::Wire;
use super::server::ServerSettings;
use super::yaml::Node;
use crate::diagnostic::{Diagnostic, Source, Span};
use crate::tool::template::Safety;
use crate::tool::{Catalog, Origin, ToolName};
use databases::Databases;
use environment::Environments;
use limits::Shared;
use program::Programs;
use shim::Shims;

/// What a file comes to.
pub(super) struct Resolved {
    /// Its tools.
    pub(super) catalog: Catalog,
    /// How they are served.
    pub(super) server: ServerSettings,
}

/// What every part of this pass needs to know.
struct Context<'a> {
    source: &'a Source,
    document: &'a Document,
    folder: &'a Path,
    options: &'a LoadOptions,
    safety: Safety,
    environments: Environments<'a>,
    shared: Shared<'a>,
    programs: Programs,
    shims: Shims<'a>,
    databases: Databases,
}

impl Context<'_> {
    /// Where a key was set, for `explain`.
    fn origin(&self, key: Span) -> Origin {
        let position = self.source.position(key.start);
        Origin::File {
            line: position.line,
            column: position.column,
        }
    }

    /// The place in the file of some bytes of a scalar's value.
    fn place(&self, node: &Node, range: std::ops::Range<usize>) -> Span {
        node.place_of(range, self.source.text())
    }
}

/// Gives the document its meaning. `None` when too little of it could be read to go on.
pub(super) fn resolve(
    document: &Document,
    source: &Source,
    folder: &Path,
    options: &LoadOptions,
    problems: &mut Problems,
) -> Option<Resolved> {
    let in_file = document.safety.as_ref().map(|safety| safety.value);
    let context = Context {
        source,
        document,
        folder,
        options,
        safety: if options.compat || in_file == Some(SafetyChoice::Compat) {
            Safety::Compat
        } else {
            Safety::Strict
        },
        environments: Environments::new(document, &options.env, problems),
        shared: Shared::new(document, problems),
        programs: Programs::default(),
        shims: Shims::new(&options.env, options.ask),
        databases: databases::resolve(document, folder, options, problems),
    };
    later::document(document, problems);
    resilience::document(document, problems);
    confirm::document(document, problems);
    pages::document(document, problems);
    let server = server::settings(&context, problems);
    let tools = tools(&context, problems)?;
    let mut catalog = Catalog::new(name(&context), context.shared.runner_limits(), tools);
    catalog.description = document
        .description
        .as_ref()
        .map(|given| given.text.clone());
    catalog.version = document.version.as_ref().map(|given| given.0.text.clone());
    catalog.describe_limits = document
        .server
        .as_ref()
        .and_then(|server| server.describe_limits.as_ref())
        .is_none_or(|given| given.value);
    catalog.builtin_tools.clone_from(&server.builtin_tools);
    Some(Resolved { catalog, server })
}

/// The name of the set: as the file says, else its folder's.
fn name(context: &Context<'_>) -> String {
    match &context.document.name {
        Some(name) => name.text.clone(),
        None => context.folder.file_name().map_or_else(
            || "runner".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        ),
    }
}

/// Every tool that can be served.
fn tools(context: &Context<'_>, problems: &mut Problems) -> Option<Vec<crate::tool::Tool>> {
    let Some(declared) = &context.document.tools else {
        if context.document.lacks("tools") {
            problems.push(
                Diagnostic::whole_file("the file has no `tools`")
                    .hint("for example `tools: [{ name: hello, description: Greets, script: { shell: echo hello } }]`"),
            );
        }
        return None;
    };
    let names = tool_names(context, problems);
    let tools = declared
        .0
        .iter()
        .zip(names)
        .filter_map(|(tool, name)| tool::resolve(context, &tool.value, name, problems))
        .collect();
    Some(tools)
}

/// The name of each tool, `None` where it has no sound one of its own.
fn tool_names(context: &Context<'_>, problems: &mut Problems) -> Vec<Option<ToolName>> {
    let mut seen: HashMap<ToolName, Span> = HashMap::new();
    let tools = context.document.tools.iter().flat_map(|tools| &tools.0);
    tools
        .map(|tool| tool_name(&tool.value, &mut seen, problems))
        .collect()
}

fn tool_name(
    tool: &super::document::Tool,
    seen: &mut HashMap<ToolName, Span>,
    problems: &mut Problems,
) -> Option<ToolName> {
    let given = tool.name.as_ref()?;
    let name = match ToolName::parse(&given.text) {
        Ok(name) => name,
        Err(error) => {
            problems.push(Diagnostic::error(given.span, error.to_string()));
            return None;
        }
    };
    if let Some(first) = seen.get(&name) {
        problems.push(
            Diagnostic::error(given.span, format!("two tools are named `{name}`"))
                .label("again here")
                .related(*first, "first here")
                .hint("give one of them another name"),
        );
        return None;
    }
    seen.insert(name.clone(), given.span);
    Some(name)
}

/// Reports that two keys, of which one may be set, both are.
fn both<A, B>(first: (&str, &Given<A>), second: (&str, &Given<B>), problems: &mut Problems) {
    problems.push(
        Diagnostic::error(
            second.1.key,
            format!("`{}` and `{}` cannot both be set", first.0, second.0),
        )
        .related(first.1.key, format!("`{}` is set here", first.0))
        .hint("keep one of them"),
    );
}
