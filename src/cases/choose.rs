//! Which cases run.

use crate::tool::{Catalog, Failure, TestCase, Tool, ToolAccess};

/// One case that is to run.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its tool.
    pub tool: String,
    /// Its name, or its number among those of the tool: `2`.
    pub name: String,
    /// The case itself.
    pub case: TestCase,
}

/// Why there is nothing to run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoCases {
    /// A name that no tool has.
    #[error("{}", .0.message)]
    UnknownTool(Box<Failure>),
    /// No tool has any.
    #[error("no tool has a `test`")]
    InFile,
    /// The named tools have none.
    #[error("`{}` has no `test`", .0.join("`, `"))]
    OfTools(Vec<String>),
    /// None is left by the filter.
    #[error("none of the {cases} cases has `{filter}` in its name")]
    Filtered {
        /// The filter.
        filter: String,
        /// Cases before it.
        cases: usize,
    },
}

impl NoCases {
    /// What the user can do.
    pub fn hint(&self) -> String {
        match self {
            Self::UnknownTool(failure) => failure.remediation.clone().unwrap_or_default(),
            Self::InFile | Self::OfTools(_) => {
                "give a tool some, for example `test: [{ input: { name: Ada }, expect: { contains: Hello } }]`".to_owned()
            }
            Self::Filtered { .. } => {
                "a case is called `TOOL: NAME`, or `TOOL: NUMBER` where it has no name".to_owned()
            }
        }
    }
}

impl Case {
    /// What it is called: its tool and its name.
    pub fn title(&self) -> String {
        format!("{}: {}", self.tool, self.name)
    }
}

/// The cases of `tools`, or of all tools where none is named, whose titles contain `filter`; in the file's order.
///
/// # Errors
/// Where there are none.
pub fn choose(
    catalog: &Catalog,
    tools: &[String],
    filter: Option<&str>,
) -> Result<Vec<Case>, NoCases> {
    for name in tools {
        if catalog.get(name).is_none() {
            let unknown = catalog.unknown(name, &ToolAccess::all());
            return Err(NoCases::UnknownTool(Box::new(unknown)));
        }
    }
    let is_named =
        |tool: &Tool| tools.is_empty() || tools.iter().any(|name| tool.name.as_str() == name);
    let named = catalog.tools().filter(|tool| is_named(tool));
    let mut cases: Vec<Case> = named.flat_map(|tool| of_tool(tool)).collect();
    match (cases.len(), filter) {
        (0, _) if tools.is_empty() => return Err(NoCases::InFile),
        (0, _) => return Err(NoCases::OfTools(tools.to_vec())),
        (all, Some(filter)) => {
            cases.retain(|case| case.title().contains(filter));
            if cases.is_empty() {
                return Err(NoCases::Filtered {
                    filter: filter.to_owned(),
                    cases: all,
                });
            }
        }
        _ => {}
    }
    Ok(cases)
}

fn of_tool(tool: &Tool) -> impl Iterator<Item = Case> {
    tool.tests.iter().zip(1_usize..).map(|(case, number)| Case {
        tool: tool.name.to_string(),
        name: case.name.clone().unwrap_or_else(|| number.to_string()),
        case: case.clone(),
    })
}
