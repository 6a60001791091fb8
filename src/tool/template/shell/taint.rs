//! The author's own variables that carry a caller's text.
//!
//! The flow is followed without order: a variable that carries such text anywhere carries it
//! everywhere. That is more than true and never less.

use std::collections::HashSet;

use super::super::placeholder::{Filter, Placeholder};
use super::syntax::{Body, Command, Node, Operation, Part, Script, Tree, Word};

/// What a script does to its variables.
#[derive(Debug, Default)]
pub(super) struct Taint {
    carriers: HashSet<String>,
    /// Those whose value is a caller's text itself, and not what a program made of it.
    direct: HashSet<String>,
    /// Functions the script defines.
    pub(super) functions: HashSet<String>,
    /// Variables declared as integers or references, whose assignments are evaluated, and with
    /// `[]` behind the name those that are lists.
    pub(super) evaluated: HashSet<String>,
}

/// Variables the shell itself fills from arguments, matches and input.
const SPECIAL: [&str; 5] = ["_", "BASH_REMATCH", "OPTARG", "BASH_ARGV", "BASH_COMMAND"];

/// One variable and what flows into it.
struct Flow {
    name: String,
    sources: Vec<String>,
    open: bool,
    /// The same without what passes through a program.
    direct_sources: Vec<String>,
    direct_open: bool,
}

impl Taint {
    /// Follows the values of `placeholders` through the script; `mirrors` are the variables that
    /// carry a caller's text from the start.
    pub(super) fn follow(tree: &Tree, placeholders: &[Placeholder], mirrors: &[String]) -> Self {
        let mut taint = Self {
            carriers: mirrors.iter().cloned().collect(),
            direct: mirrors.iter().cloned().collect(),
            ..Self::default()
        };
        tree.walk(&tree.script, &mut |node| {
            if let Node::Command(command) = node
                && let Body::Function { name, .. } = &command.body
            {
                taint.functions.insert(name.clone());
            }
        });
        let mut flows = Vec::new();
        taint.fed_reads(tree, placeholders);
        let any_open = placeholders.iter().any(is_open);
        tree.walk(&tree.script, &mut |node| match node {
            Node::Command(command) => {
                taint.command(tree, placeholders, command, any_open, &mut flows);
            }
            Node::Part(Part::Parameter(parameter)) if parameter.operation == Operation::Assign => {
                flows.push(flow(
                    tree,
                    placeholders,
                    &parameter.name,
                    &parameter.operands,
                ));
            }
            Node::Part(_) | Node::Pipeline(_) => {}
        });
        if any_open || taint.carries("@") {
            taint.carriers.extend(SPECIAL.map(str::to_owned));
        }
        taint.spread(&flows);
        taint
    }

    fn spread(&mut self, flows: &[Flow]) {
        loop {
            let before = self.carriers.len() + self.direct.len();
            for flow in flows {
                let name = plain_name(&flow.name);
                if flow.open || flow.sources.iter().any(|source| self.carries(source)) {
                    self.carriers.insert(name.to_owned());
                }
                let mut sources = flow.direct_sources.iter();
                if flow.direct_open || sources.any(|source| self.is_direct(source)) {
                    self.direct.insert(name.to_owned());
                }
            }
            if self.carriers.len() + self.direct.len() == before {
                return;
            }
        }
    }

    /// Whether its value is a caller's text itself.
    pub(super) fn is_direct(&self, name: &str) -> bool {
        self.direct.contains(plain_name(name))
    }

    /// Names read from what a caller's text is fed to directly: a here-document, or `echo`.
    fn fed_reads(&mut self, tree: &Tree, placeholders: &[Placeholder]) {
        let mut names = Vec::new();
        tree.walk(&tree.script, &mut |node| {
            let Node::Command(command) = node else {
                return;
            };
            let is_fed = command.redirects.iter().any(|redirect| {
                let document = redirect
                    .document
                    .and_then(|number| tree.documents.get(number));
                let word = document.or((redirect.operator == "<<<").then_some(&redirect.target));
                word.is_some_and(|word| flow(tree, placeholders, "", [word]).direct_open)
            });
            if is_fed {
                read_names(tree, command, &mut names);
            }
        });
        tree.walk(&tree.script, &mut |node| {
            let Node::Pipeline(pipeline) = node else {
                return;
            };
            let speaks = |command: &Command| match &command.body {
                Body::Simple { words, .. } => {
                    let name = words.first().and_then(Word::known);
                    matches!(name.as_deref(), Some("echo" | "printf"))
                        && flow(tree, placeholders, "", words).direct_open
                }
                _ => false,
            };
            if let Some(first) = pipeline.commands.iter().position(speaks) {
                for command in &pipeline.commands[first + 1..] {
                    read_names(tree, command, &mut names);
                }
            }
        });
        for name in names {
            self.carriers.insert(name.clone());
            self.direct.insert(name);
        }
    }

    /// All names that carry a caller's text.
    pub(super) fn carriers(&self) -> Vec<String> {
        self.carriers.iter().cloned().collect()
    }

    /// Whether the variable carries a caller's text.
    pub(super) fn carries(&self, name: &str) -> bool {
        self.carriers.contains(plain_name(name))
    }

    /// The first variable in the word, at any depth, that carries a caller's text.
    pub(super) fn carrier_in(&self, tree: &Tree, word: &Word) -> Option<String> {
        let mut found = None;
        tree.walk_word(word, &mut |node| self.note(&node, &mut found));
        found
    }

    /// The same for a whole command.
    pub(super) fn carrier_in_command(&self, tree: &Tree, command: &Command) -> Option<String> {
        let mut found = None;
        tree.walk_command(command, &mut |node| self.note(&node, &mut found));
        found
    }

    /// The same for a list of commands.
    pub(super) fn carrier_in_script(&self, tree: &Tree, script: &Script) -> Option<String> {
        let mut found = None;
        tree.walk(script, &mut |node| self.note(&node, &mut found));
        found
    }

    fn note(&self, node: &Node<'_>, found: &mut Option<String>) {
        if let Node::Part(Part::Parameter(parameter)) = node
            && parameter.operation != Operation::Length
            && self.carries(&parameter.name)
        {
            found.get_or_insert_with(|| parameter.name.clone());
        }
    }

    fn command(
        &mut self,
        tree: &Tree,
        placeholders: &[Placeholder],
        command: &Command,
        any_open: bool,
        flows: &mut Vec<Flow>,
    ) {
        match &command.body {
            Body::Simple { assignments, words } => {
                for assignment in assignments {
                    if assignment.is_list || assignment.subscript.is_some() {
                        self.evaluated.insert(format!("{}[]", assignment.name));
                    }
                    flows.push(flow(
                        tree,
                        placeholders,
                        &assignment.name,
                        &assignment.values,
                    ));
                }
                self.builtin(tree, placeholders, words, any_open, flows);
            }
            Body::For { name, words, .. } => flows.push(flow(tree, placeholders, name, words)),
            _ => {}
        }
    }

    /// Builtins and functions that set variables.
    fn builtin(
        &mut self,
        tree: &Tree,
        placeholders: &[Placeholder],
        words: &[Word],
        any_open: bool,
        flows: &mut Vec<Flow>,
    ) {
        let Some(name) = words.first().and_then(Word::known) else {
            return;
        };
        match name.as_str() {
            "declare" | "typeset" | "local" | "readonly" | "export" => {
                let options: String = words
                    .iter()
                    .filter_map(Word::known)
                    .filter(|word| word.starts_with('-'))
                    .collect();
                let declares = !matches!(name.as_str(), "readonly" | "export");
                for word in &words[1..] {
                    let start = first_text(word);
                    let variable = start
                        .split(['=', '+'])
                        .next()
                        .unwrap_or_default()
                        .to_owned();
                    if declares && options.contains(['i', 'n']) && !start.starts_with('-') {
                        self.evaluated.insert(variable.clone());
                    }
                    if options.contains(['a', 'A']) && !start.starts_with('-') {
                        self.evaluated.insert(format!("{variable}[]"));
                    }
                    flows.push(flow(tree, placeholders, &variable, [word]));
                }
            }
            "read" | "mapfile" | "readarray" | "getopts" => {
                for variable in words[1..].iter().map(first_text) {
                    flows.push(Flow::derived(variable, any_open));
                }
                flows.push(Flow::derived("REPLY".to_owned(), any_open));
            }
            "printf" if first_text(words.get(1).unwrap_or(&words[0])) == "-v" => {
                let variable = words.get(2).map(first_text).unwrap_or_default();
                flows.push(flow(tree, placeholders, &variable, &words[1..]));
            }
            "set" => flows.push(flow(tree, placeholders, "@", &words[1..])),
            called if self.functions.contains(called) => {
                flows.push(flow(tree, placeholders, "@", &words[1..]));
            }
            _ => {}
        }
    }
}

/// Whether any text can come of the placeholder without the author having asked for code.
pub(super) fn is_open(placeholder: &Placeholder) -> bool {
    !placeholder.is_closed() && placeholder.filter != Filter::Raw
}

/// The names that `read` sets anywhere in a command.
fn read_names(tree: &Tree, command: &Command, names: &mut Vec<String>) {
    tree.walk_command(command, &mut |node| {
        if let Node::Command(inner) = node
            && let Body::Simple { words, .. } = &inner.body
            && words.first().and_then(Word::known).as_deref() == Some("read")
        {
            names.extend(
                words[1..]
                    .iter()
                    .map(first_text)
                    .filter(|name| !name.starts_with('-')),
            );
            names.push("REPLY".to_owned());
        }
    });
}

/// All positional parameters are one.
fn plain_name(name: &str) -> &str {
    let is_positional = matches!(name, "@" | "*")
        || (!name.is_empty() && name != "0" && name.bytes().all(|b| b.is_ascii_digit()));
    if is_positional { "@" } else { name }
}

fn first_text(word: &Word) -> String {
    match word.parts.first() {
        Some(Part::Text { text, .. }) => text.clone(),
        _ => String::new(),
    }
}

impl Flow {
    /// What comes out of a program.
    fn derived(name: String, open: bool) -> Self {
        Self {
            name,
            sources: Vec::new(),
            open,
            direct_sources: Vec::new(),
            direct_open: false,
        }
    }
}

fn flow<'a>(
    tree: &Tree,
    placeholders: &[Placeholder],
    name: &str,
    words: impl IntoIterator<Item = &'a Word>,
) -> Flow {
    let mut flow = Flow::derived(name.to_owned(), false);
    for word in words {
        tree.walk_word(word, &mut |node| match node {
            Node::Part(Part::Placeholder { index, .. }) => {
                flow.open |= is_open(&placeholders[*index]);
            }
            Node::Part(Part::Parameter(parameter)) if parameter.operation != Operation::Length => {
                flow.sources.push(parameter.name.clone());
            }
            _ => {}
        });
        direct_flow(placeholders, word, &mut flow);
    }
    flow
}

fn direct_flow(placeholders: &[Placeholder], word: &Word, flow: &mut Flow) {
    for part in &word.parts {
        match part {
            Part::Placeholder { index, .. } => flow.direct_open |= is_open(&placeholders[*index]),
            Part::Parameter(parameter) if parameter.operation != Operation::Length => {
                flow.direct_sources.push(parameter.name.clone());
                for operand in &parameter.operands {
                    direct_flow(placeholders, operand, flow);
                }
            }
            _ => {}
        }
    }
}
