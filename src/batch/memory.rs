//! Results that later calls still refer to, for as long as they do.

use std::sync::Arc;

use serde_json::Value;

use super::plan::Plan;
use super::reference::{Step, walk};
use super::result::{CallResult, referred};
use super::template::{Node, Results};

/// Bytes of results kept for references, at most. What comes later is not kept, and what refers to it says so.
const KEPT: usize = 64 * 1024 * 1024;

/// Results by node, and who still reads them.
#[derive(Debug)]
pub(super) struct Memory {
    /// For each call, the nodes it refers to, each once.
    reads: Vec<Vec<Node>>,
    /// For each node, the calls that have yet to read it.
    readers: Vec<usize>,
    kept: Vec<Kept>,
    /// For each call, the node of its `for_each`.
    group: Vec<Option<Node>>,
    /// For each `for_each`, its calls.
    members: Vec<std::ops::Range<Node>>,
    room: usize,
}

#[derive(Clone, Debug, Default)]
enum Kept {
    #[default]
    Nothing,
    Result(Arc<CallResult>),
    TooMuch,
}

impl Memory {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut readers = vec![0; plan.dependencies.len()];
        let reads: Vec<Vec<Node>> = plan
            .calls
            .iter()
            .map(|call| {
                let mut nodes = Vec::new();
                call.params.nodes(&mut nodes);
                nodes.sort_unstable();
                nodes.dedup();
                for node in &nodes {
                    readers[*node] += 1;
                }
                nodes
            })
            .collect();
        Self {
            reads,
            readers,
            kept: vec![Kept::Nothing; plan.calls.len()],
            group: plan.calls.iter().map(|call| call.group).collect(),
            members: plan
                .groups
                .iter()
                .map(|group| group.members.clone())
                .collect(),
            room: KEPT,
        }
    }

    /// Keeps a result if anything refers to it.
    pub(super) fn keep(&mut self, node: Node, result: &Arc<CallResult>) {
        if !self.is_read(node) || !result.succeeded() {
            return;
        }
        self.kept[node] = match self.room.checked_sub(result.bytes()) {
            Some(left) => {
                self.room = left;
                Kept::Result(Arc::clone(result))
            }
            None => Kept::TooMuch,
        };
    }

    /// The call has read what it refers to, or never will.
    pub(super) fn has_read(&mut self, call: Node) {
        for node in std::mem::take(&mut self.reads[call]) {
            self.readers[node] -= 1;
            if self.readers[node] == 0 {
                self.forget(node);
            }
        }
    }

    fn is_read(&self, call: Node) -> bool {
        let of_group = self.group[call].map_or(0, |group| self.readers[group]);
        self.readers[call] + of_group > 0
    }

    fn forget(&mut self, node: Node) {
        let calls = match node.checked_sub(self.kept.len()) {
            Some(group) => self.members[group].clone(),
            None => node..node + 1,
        };
        for call in calls {
            if !self.is_read(call)
                && let Kept::Result(result) = std::mem::take(&mut self.kept[call])
            {
                self.room += result.bytes();
            }
        }
    }

    fn of_call(&self, call: Node, path: &[Step]) -> Result<Value, String> {
        match &self.kept[call] {
            Kept::Result(result) => match &result.ended.result {
                Ok(output) => walk(&referred(output), path).cloned(),
                Err(_) => Err("the call failed".into()),
            },
            Kept::TooMuch => Err(format!(
                "the results that are referred to take more than {KEPT} bytes together"
            )),
            Kept::Nothing => Err("the call has no result".into()),
        }
    }
}

impl Results for Memory {
    fn read(&self, node: Node, path: &[Step]) -> Result<Value, String> {
        let Some(group) = node.checked_sub(self.kept.len()) else {
            return self.of_call(node, path);
        };
        let members = &self.members[group];
        match path.split_first() {
            None => members
                .clone()
                .map(|call| self.of_call(call, &[]))
                .collect(),
            Some((Step::Index(index), rest)) if *index < members.len() => {
                self.of_call(members.start + index, rest)
            }
            Some((step, _)) => Err(format!(
                "`result` is a list of {}, without `{step}`",
                members.len()
            )),
        }
    }
}
