//! All tools of a file, side by side where they are many: no tool needs another to be understood.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{self, Scope, ScopedJoinHandle};

use super::{Context, tool};
use crate::config::decode::{Given, Problems};
use crate::config::document;
use crate::tool::{Tool, ToolName};

/// The tools of a file that are worth a thread of their own; fewer are done before it has begun.
const PER_THREAD: usize = 500;

/// The threads that are used at most. Half of the time of a load is the reading of its text, so more gain little.
const MAX_THREADS: usize = 4;

/// Some of the tools that can be served, and the problems of all that were looked at.
type Part = (Vec<Arc<Tool>>, Problems);

/// Every tool that can be served, in the order of the file; so are the problems.
pub(super) fn resolve(
    context: &Context<'_>,
    declared: &[Given<document::Tool>],
    names: &[Option<ToolName>],
    problems: &mut Problems,
) -> Vec<Arc<Tool>> {
    let share = declared.len().div_ceil(threads(declared.len())).max(1);
    let mut shares = declared.chunks(share).zip(names.chunks(share));
    let first = shares.next();
    let parts = thread::scope(|scope| {
        let others: Vec<_> = shares
            .map(|(tools, names)| begin(scope, context, tools, names))
            .collect();
        let first = first.map(|(tools, names)| one_by_one(context, tools, names));
        let others = others.into_iter().map(Work::end);
        first.into_iter().chain(others).collect::<Vec<Part>>()
    });
    let mut resolved = Vec::with_capacity(declared.len());
    for (tools, found) in parts {
        resolved.extend(tools);
        problems.extend(found);
    }
    resolved
}

fn threads(tools: usize) -> usize {
    let worth = (tools / PER_THREAD).min(MAX_THREADS);
    if worth < 2 {
        return 1;
    }
    thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .min(worth)
}

/// A share that a thread is at, or that none could be had for.
enum Work<'scope> {
    Begun(ScopedJoinHandle<'scope, Part>),
    Done(Part),
}

fn begin<'scope>(
    scope: &'scope Scope<'scope, '_>,
    context: &'scope Context<'_>,
    tools: &'scope [Given<document::Tool>],
    names: &'scope [Option<ToolName>],
) -> Work<'scope> {
    let begun = thread::Builder::new()
        .name("resolve".into())
        .spawn_scoped(scope, || one_by_one(context, tools, names));
    match begun {
        Ok(begun) => Work::Begun(begun),
        // The system has no thread left; the work is done all the same.
        Err(_) => Work::Done(one_by_one(context, tools, names)),
    }
}

impl Work<'_> {
    fn end(self) -> Part {
        match self {
            Self::Begun(begun) => begun.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Self::Done(part) => part,
        }
    }
}

fn one_by_one(
    context: &Context<'_>,
    declared: &[Given<document::Tool>],
    names: &[Option<ToolName>],
) -> Part {
    let mut problems = Problems::new();
    let tools = declared
        .iter()
        .zip(names)
        .filter_map(|(tool, name)| tool::resolve(context, &tool.value, name.clone(), &mut problems))
        // A tool is large: a list of them would be copied each time it grows.
        .map(Arc::new)
        .collect();
    (tools, problems)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::path::Path;

    use super::*;
    use crate::config::{LoadError, LoadOptions, load_text};

    /// A file of so many tools, of which each hundredth has a mistake.
    fn file(tools: usize) -> String {
        let mut text = "tools:\n".to_owned();
        for index in 0..tools {
            let name = if index % 100 == 7 { "nobody" } else { "text" };
            writeln!(
                text,
                "  - {{ name: tool_{index}, description: D, parameters: [{{ name: text }}], script: {{ shell: 'echo \"{{{{{name}}}}}\"' }} }}"
            )
            .unwrap();
        }
        text
    }

    fn load(text: &str) -> Result<crate::config::Loaded, LoadError> {
        load_text(
            Path::new("f"),
            text,
            Path::new("/"),
            &LoadOptions::default(),
        )
    }

    #[test]
    fn many_tools_and_their_mistakes_are_in_the_order_of_the_file() {
        let tools = 4 * PER_THREAD + 1;
        let sound = load(&file(tools).replace("nobody", "text")).unwrap();
        let names = sound.catalog.tools().map(|tool| tool.name.to_string());
        let expected: Vec<String> = (0..tools).map(|index| format!("tool_{index}")).collect();
        assert_eq!(names.collect::<Vec<_>>(), expected);

        let refused = load(&file(tools)).unwrap_err();
        let lines: Vec<u64> = refused
            .to_json()
            .as_array()
            .unwrap()
            .iter()
            .map(|problem| problem["line"].as_u64().unwrap())
            .collect();
        let expected: Vec<u64> = (0..tools as u64)
            .filter(|index| index % 100 == 7)
            .map(|index| index + 2)
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn few_tools_start_no_thread() {
        assert_eq!(threads(0), 1);
        assert_eq!(threads(2 * PER_THREAD - 1), 1);
        assert!(threads(1_000_000) <= MAX_THREADS);
    }
}
