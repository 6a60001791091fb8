//! All tools of a file.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{
    Action, BuiltinTool, Database, Failure, FailureCode, RunnerLimits, Tool, ToolAccess, ToolName,
};

/// All tools of a file, in its order, and what holds for all of them.
#[derive(Debug)]
pub struct Catalog {
    /// The name of the set, shown to clients.
    pub name: String,
    /// What the set is for.
    pub description: Option<String>,
    /// The author's version of the set.
    pub version: Option<String>,
    /// What all tools share.
    pub limits: RunnerLimits,
    /// Whether tool descriptions tell limits and execution to the model.
    pub describe_limits: bool,
    /// Tools the runner brings itself, listed after the file's.
    pub builtin_tools: Vec<BuiltinTool>,
    tools: IndexMap<ToolName, Arc<Tool>>,
}

impl Catalog {
    /// A catalog of `tools`; of two with one name the later is kept.
    pub fn new(name: impl Into<String>, limits: RunnerLimits, tools: Vec<Arc<Tool>>) -> Self {
        Self {
            name: name.into(),
            description: None,
            version: None,
            limits,
            describe_limits: true,
            builtin_tools: Vec::new(),
            tools: tools
                .into_iter()
                .map(|tool| (tool.name.clone(), tool))
                .collect(),
        }
    }

    /// Takes the tools that are the same in `before` from there, so that what is remembered of them, such as
    /// answers and compiled schemas, stays. Only the places of their settings are then those of the older file.
    pub fn keep_what_is_the_same(&mut self, before: &Self) {
        for tool in self.tools.values_mut() {
            let earlier = before.get(tool.name.as_str());
            if let Some(earlier) = earlier.filter(|earlier| earlier.is_same_as(tool)) {
                *tool = Arc::clone(earlier);
            }
        }
    }

    /// The tool of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Tool>> {
        self.tools.get(name)
    }

    /// The same, to be changed: only as long as nobody else holds it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Tool> {
        self.tools.get_mut(name).and_then(Arc::get_mut)
    }

    /// Every tool, in the file's order.
    pub fn tools(&self) -> impl ExactSizeIterator<Item = &Arc<Tool>> {
        self.tools.values()
    }

    /// Every database that a tool uses, once for each tool.
    pub fn databases(&self) -> impl Iterator<Item = &Arc<Database>> {
        self.tools().filter_map(|tool| match &tool.action {
            Action::Sql(sql) => Some(&sql.database),
            Action::Script(_) | Action::Http(_) => None,
        })
    }

    /// The tools that a caller with `access` may know of, in the file's order.
    pub fn visible_to(&self, access: &ToolAccess) -> impl Iterator<Item = &Arc<Tool>> {
        self.tools
            .values()
            .filter(|tool| access.allows(tool.name.as_str()))
    }

    /// The tool of that name, for a caller with `access`.
    ///
    /// # Errors
    /// `UNKNOWN_TOOL` when there is none that the caller may know of.
    pub fn find(&self, name: &str, access: &ToolAccess) -> Result<&Arc<Tool>, Failure> {
        self.get(name)
            .filter(|tool| access.allows(tool.name.as_str()))
            .ok_or_else(|| self.unknown(name, access))
    }

    /// What to say to a caller who names a tool there is not: `UNKNOWN_TOOL` with the nearest names of those
    /// that the caller may know of.
    pub fn unknown(&self, name: &str, access: &ToolAccess) -> Failure {
        let shown: String = name.chars().take(ToolName::MAX_LENGTH).collect();
        let near: Vec<&str> = self
            .nearest(&shown, access)
            .into_iter()
            .map(ToolName::as_str)
            .collect();
        let failure = Failure::new(
            FailureCode::UnknownTool,
            format!("no tool is named `{shown}`"),
        );
        let remediation = match near.as_slice() {
            [] => "list the tools for the names there are".to_owned(),
            [one] => format!("did you mean `{one}`?"),
            several => format!("did you mean one of `{}`?", several.join("`, `")),
        };
        failure.remediation(remediation).with("nearest", near)
    }

    /// Up to three names close to `name`, nearest first.
    fn nearest(&self, name: &str, access: &ToolAccess) -> Vec<&ToolName> {
        let wanted = name.to_lowercase();
        let mut close: Vec<(usize, &ToolName)> = self
            .tools
            .keys()
            .filter(|known| access.allows(known.as_str()))
            // Among ten thousand names few are of a length that is worth the comparison.
            .filter(|known| known.as_str().len().abs_diff(wanted.len()) <= tolerated(known))
            .map(|known| {
                (
                    strsim::damerau_levenshtein(&wanted, &known.as_str().to_lowercase()),
                    known,
                )
            })
            .filter(|(distance, known)| *distance <= tolerated(known))
            .collect();
        close.sort_by_key(|(distance, _)| *distance);
        close.into_iter().take(3).map(|(_, known)| known).collect()
    }
}

/// How many changes still make a name close to `known`.
fn tolerated(known: &ToolName) -> usize {
    1 + known.as_str().len() / 3
}
