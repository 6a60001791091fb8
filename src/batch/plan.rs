//! A batch that is known to be sound: every name found, every reference bound, no ring.

use std::cell::Cell;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use indexmap::IndexSet;
use serde_json::{Map, Value};

use super::cycle::{cycles, spelled};
use super::problem::{InvalidBatch, Problems};
use super::reference::Reference;
use super::request::{self, DEFAULT_TIMEOUT, Entry, LONGEST_ID, Named, OnError, Request};
use super::template::{Node, Template};
use crate::tool::BuiltinTool;

/// Unknown ids for which a close one is named.
const SUGGESTIONS: u8 = 10;

/// Dependencies in one batch, at most: each call's, references included.
const MAX_EDGES: usize = 1_000_000;

/// Thirty years stand for ever.
const FOR_EVER: Duration = Duration::from_hours(24 * 365 * 30);

/// Many calls, what waits for what, and the limits of the whole.
///
/// The nodes of its graph are the calls in the order of the request, then one for each `for_each`, which runs
/// nothing: it is done when its calls are, so that a thousand calls may wait for a thousand others at the cost
/// of two thousand edges.
#[derive(Debug)]
pub struct Plan {
    pub(super) calls: Vec<PlannedCall>,
    pub(super) groups: Vec<Group>,
    /// Names of the tools, each once.
    pub(super) tools: Vec<String>,
    /// For each node, the nodes it waits for.
    pub(super) dependencies: Vec<Vec<Node>>,
    edges: usize,
    pub(super) max_parallel: Option<NonZeroU32>,
    pub(super) timeout: Duration,
    pub(super) on_error: OnError,
}

/// One call of a plan.
#[derive(Debug)]
pub(super) struct PlannedCall {
    pub(super) id: String,
    /// The place of its tool in [`Plan::tools`].
    pub(super) tool: usize,
    pub(super) params: Template,
    /// The node of the `for_each` it is one of.
    pub(super) group: Option<Node>,
}

/// The calls of one `for_each`.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) members: std::ops::Range<Node>,
}

impl Plan {
    /// Checks a batch. `batch` names the built-in tool unless `has_batch` says that a tool of the file has
    /// that name.
    ///
    /// # Errors
    /// Every mistake of the request at once, with its place.
    pub fn parse(request: Value, has_batch: bool) -> Result<Self, InvalidBatch> {
        let mut problems = Problems::default();
        let request = request::read(request, &mut problems);
        let names = Names::collect(&request.calls, &mut problems);
        let plan = Drafting {
            names: &names,
            problems: &mut problems,
            has_batch,
        }
        .plan(request);
        // Where two calls bear one name, what looks like a ring may be none.
        if !names.has_duplicates {
            for ring in cycles(&plan.dependencies) {
                let pointer = names.pointer(plan.name(ring[0]));
                let spelled = spelled(&ring, |node| plan.name(node));
                problems.push(
                    pointer,
                    format!("these calls wait for each other: {spelled}"),
                );
            }
        }
        problems.none_or(plan)
    }

    /// Calls that want nothing of each other, with their ids and tools, and no end to the time of the whole. What
    /// looks like a reference in their parameters is none.
    pub fn independent(
        calls: impl IntoIterator<Item = (String, String, Map<String, Value>)>,
    ) -> Self {
        let mut tools = IndexSet::new();
        let calls: Vec<PlannedCall> = calls
            .into_iter()
            .map(|(id, tool, params)| PlannedCall {
                id,
                tool: tools.insert_full(tool).0,
                params: Template::Constant(Value::Object(params)),
                group: None,
            })
            .collect();
        Self {
            dependencies: vec![Vec::new(); calls.len()],
            calls,
            groups: Vec::new(),
            tools: tools.into_iter().collect(),
            edges: 0,
            max_parallel: None,
            timeout: FOR_EVER,
            on_error: OnError::Continue,
        }
    }

    /// Calls in it.
    pub const fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether it has no call, as with a `for_each` over nothing.
    pub const fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The tools it calls, each once.
    pub fn tools(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().map(String::as_str)
    }

    /// Lets the batch take no longer than `timeout`; a caller may tighten what the batch says.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = self.timeout.min(timeout);
        self
    }

    /// Lets at most `calls` of the batch run at once; a caller may tighten what the batch says.
    #[must_use]
    pub fn at_most(mut self, calls: NonZeroU32) -> Self {
        let own = self.max_parallel.unwrap_or(NonZeroU32::MAX);
        self.max_parallel = Some(own.min(calls));
        self
    }

    /// The id of a node.
    pub(super) fn name(&self, node: Node) -> &str {
        match self.calls.get(node) {
            Some(call) => &call.id,
            None => &self.groups[node - self.calls.len()].id,
        }
    }
}

/// Which node bears which id, and where it was written.
struct Names {
    nodes: HashMap<String, (Node, String)>,
    has_duplicates: bool,
    /// Unknown ids for which a close one is still looked for.
    suggestions: Cell<u8>,
}

impl Names {
    fn collect(entries: &[Entry], problems: &mut Problems) -> Self {
        let calls: usize = entries
            .iter()
            .map(|entry| entry.for_each.as_ref().map_or(1, Vec::len))
            .sum();
        let mut names = Self {
            nodes: HashMap::with_capacity(calls),
            has_duplicates: false,
            suggestions: Cell::new(SUGGESTIONS),
        };
        let (mut call, mut group) = (0, calls);
        for entry in entries {
            let Some(items) = &entry.for_each else {
                names.add(entry.id.clone(), call, &entry.pointer, problems);
                call += 1;
                continue;
            };
            names.add(entry.id.clone(), group, &entry.pointer, problems);
            group += 1;
            for index in 0..items.len() {
                // No id of a call has brackets, so these are free when that of the whole is.
                let name = item_id(&entry.id, index);
                let place = format!("{}/for_each/{index}", entry.pointer);
                names.nodes.entry(name).or_insert((call, place));
                call += 1;
            }
        }
        names
    }

    fn add(&mut self, id: String, node: Node, pointer: &str, problems: &mut Problems) {
        if let Some((_, first)) = self.nodes.get(&id) {
            self.has_duplicates = true;
            problems.push(
                format!("{pointer}/call_id"),
                format!("`{id}` is the id of {first} already"),
            );
            return;
        }
        self.nodes.insert(id, (node, pointer.to_owned()));
    }

    fn node(&self, id: &str) -> Option<Node> {
        self.nodes.get(id).map(|(node, _)| *node)
    }

    fn pointer(&self, id: &str) -> &str {
        self.nodes.get(id).map_or("", |(_, pointer)| pointer)
    }

    /// What to say of an id there is not.
    fn unknown(&self, id: &str) -> String {
        let shown: String = id.chars().take(LONGEST_ID).collect();
        // Looking at every id for each of many unknown ones would take for ever.
        let looks = self.suggestions.get();
        self.suggestions.set(looks.saturating_sub(1));
        let near = (self
            .nodes
            .keys()
            .take(if looks > 0 { usize::MAX } else { 0 }))
        .map(|known| (strsim::damerau_levenshtein(&shown, known), known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 3)
        .min();
        match near {
            Some((_, near)) => format!("no call has the id `{shown}`; did you mean `{near}`?"),
            None => format!("no call has the id `{shown}`"),
        }
    }
}

fn item_id(id: &str, index: usize) -> String {
    format!("{id}[{index}]")
}

/// A plan in the making.
struct Drafting<'a> {
    names: &'a Names,
    problems: &'a mut Problems,
    has_batch: bool,
}

impl Drafting<'_> {
    fn plan(mut self, request: Request) -> Plan {
        let mut plan = Plan {
            calls: Vec::new(),
            groups: Vec::new(),
            tools: Vec::new(),
            dependencies: Vec::new(),
            edges: 0,
            max_parallel: request.max_parallel,
            timeout: request.timeout.unwrap_or(DEFAULT_TIMEOUT),
            on_error: request.on_error,
        };
        let mut more = self.dependency_map(request.dependencies);
        let total = request
            .calls
            .iter()
            .map(|entry| entry.for_each.as_ref().map_or(1, Vec::len))
            .sum();
        let mut tools = HashMap::new();
        for entry in request.calls {
            let tool = self.tool(&entry, &mut plan, &mut tools);
            let mut needed = self.resolve(&entry.depends_on, &entry.id);
            needed.extend(more.remove(&entry.id).unwrap_or_default());
            self.add(entry, tool, &needed, &mut plan, total);
        }
        for group in &plan.groups {
            plan.dependencies.push(group.members.clone().collect());
        }
        if plan.edges > MAX_EDGES {
            self.problems.push(
                "/calls",
                format!(
                    "{} dependencies are more than the {MAX_EDGES} a batch may have; wait for a `for_each` as a whole",
                    plan.edges
                ),
            );
        }
        plan
    }

    fn tool(
        &mut self,
        entry: &Entry,
        plan: &mut Plan,
        tools: &mut HashMap<String, usize>,
    ) -> usize {
        if entry.tool == BuiltinTool::Batch.name() && !self.has_batch {
            self.problems.push(
                format!("{}/tool_name", entry.pointer),
                "a batch cannot run inside a batch: put its calls into this one",
            );
        }
        *tools.entry(entry.tool.clone()).or_insert_with(|| {
            plan.tools.push(entry.tool.clone());
            plan.tools.len() - 1
        })
    }

    /// Adds the call of an entry, or all calls of its `for_each`.
    fn add(&mut self, entry: Entry, tool: usize, needed: &[Node], plan: &mut Plan, total: usize) {
        let Entry {
            id,
            pointer,
            params,
            for_each,
            ..
        } = entry;
        let Some(items) = for_each else {
            let template = self.compile(params, &format!("{pointer}/params"), &id, &id);
            plan.add(id, tool, template, None, needed);
            return;
        };
        let group = total + plan.groups.len();
        let first = plan.calls.len();
        let shared = self.compile(params, &format!("{pointer}/params"), &id, &id);
        for (index, item) in items.into_iter().enumerate() {
            let own = item_id(&id, index);
            let place = format!("{pointer}/for_each/{index}");
            let item = self.compile(item, &place, &own, &id);
            let template = Template::merged(shared.clone(), item);
            plan.add(own, tool, template, Some(group), needed);
        }
        let members = first..plan.calls.len();
        plan.groups.push(Group { id, members });
    }

    /// Compiles parameters; `own` and `whole` are the ids that must not stand in them.
    fn compile(
        &mut self,
        params: Map<String, Value>,
        pointer: &str,
        own: &str,
        whole: &str,
    ) -> Template {
        let names = self.names;
        let mut find = |reference: &Reference, pointer: &str, problems: &mut Problems| {
            if reference.id == own || reference.id == whole {
                problems.push(pointer, format!("`{reference}` is the call's own result"));
                return None;
            }
            let node = names.node(&reference.id);
            if node.is_none() {
                problems.push(pointer, names.unknown(&reference.id));
            }
            node
        };
        Template::compile(Value::Object(params), pointer, &mut find, self.problems)
    }

    fn dependency_map(&mut self, map: Vec<(String, Vec<Named>)>) -> HashMap<String, Vec<Node>> {
        let mut nodes = HashMap::new();
        for (id, needed) in map {
            let needed = self.resolve(&needed, &id);
            if self.names.node(&id).is_none() || id.ends_with(']') {
                let pointer = format!("/dependencies/{}", super::problem::step(&id));
                self.problems.push(pointer, self.names.unknown(&id));
            }
            nodes.insert(id, needed);
        }
        nodes
    }

    fn resolve(&mut self, needed: &[Named], own: &str) -> Vec<Node> {
        let mut nodes = Vec::new();
        for Named { id, pointer } in needed {
            match self.names.node(id) {
                _ if id == own => self
                    .problems
                    .push(&**pointer, format!("`{id}` cannot wait for itself")),
                Some(node) => nodes.push(node),
                None => self.problems.push(&**pointer, self.names.unknown(id)),
            }
        }
        nodes
    }
}

impl Plan {
    fn add(
        &mut self,
        id: String,
        tool: usize,
        params: Template,
        group: Option<Node>,
        needed: &[Node],
    ) {
        let mut dependencies = needed.to_vec();
        params.nodes(&mut dependencies);
        dependencies.sort_unstable();
        dependencies.dedup();
        self.edges += dependencies.len();
        if self.edges > MAX_EDGES {
            // The plan is refused: it only has to stay small.
            dependencies.clear();
        }
        self.dependencies.push(dependencies);
        self.calls.push(PlannedCall {
            id,
            tool,
            params,
            group,
        });
    }
}
