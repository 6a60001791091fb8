//! How far a batch is: what may start now that something has ended. Knows no time and no calls.

use super::template::Node;

/// What follows from the end of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Everything it waits for has succeeded.
    Ready(Node),
    /// Something it waits for gave no result, so it never starts.
    Skipped {
        /// What never starts.
        node: Node,
        /// What it waited for.
        dependency: Node,
        /// The failure at the root of it.
        root: Node,
    },
}

/// The nodes that have not ended, and what each still waits for.
#[derive(Debug)]
pub(super) struct Progress {
    dependents: Vec<Vec<Node>>,
    /// For each node, the dependencies that have not succeeded yet; `None` once it is settled or skipped.
    waits_for: Vec<Option<usize>>,
    /// The calls come first; from here on nodes end by themselves.
    calls: usize,
}

impl Progress {
    /// Everything is still to be done. `dependencies[node]` has no node twice, and there is no ring.
    pub(super) fn new(dependencies: &[Vec<Node>], calls: usize) -> Self {
        let mut dependents = vec![Vec::new(); dependencies.len()];
        for (node, needed) in dependencies.iter().enumerate() {
            for dependency in needed {
                dependents[*dependency].push(node);
            }
        }
        Self {
            dependents,
            waits_for: dependencies
                .iter()
                .map(|needed| Some(needed.len()))
                .collect(),
            calls,
        }
    }

    /// What may start at the beginning.
    pub(super) fn begin(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        for node in 0..self.waits_for.len() {
            if self.waits_for[node] == Some(0) {
                self.reach(node, &mut changes);
            }
        }
        changes
    }

    /// `node` has ended; gives what follows. Each node is named once in the life of a batch.
    pub(super) fn settle(&mut self, node: Node, succeeded: bool) -> Vec<Change> {
        let mut changes = Vec::new();
        self.waits_for[node] = None;
        if succeeded {
            self.succeed(node, &mut changes);
        } else {
            self.fail(node, &mut changes);
        }
        changes
    }

    /// All dependencies of `node` have succeeded.
    fn reach(&mut self, node: Node, changes: &mut Vec<Change>) {
        if node < self.calls {
            changes.push(Change::Ready(node));
        } else {
            self.waits_for[node] = None;
            self.succeed(node, changes);
        }
    }

    fn succeed(&mut self, node: Node, changes: &mut Vec<Change>) {
        // Nobody asks for them again.
        for dependent in std::mem::take(&mut self.dependents[node]) {
            let Some(left) = &mut self.waits_for[dependent] else {
                continue;
            };
            *left -= 1;
            if *left == 0 {
                // Only a `for_each` goes on from here, and none is made of another: this ends.
                self.reach(dependent, changes);
            }
        }
    }

    fn fail(&mut self, root: Node, changes: &mut Vec<Change>) {
        let mut failed = vec![root];
        while let Some(dependency) = failed.pop() {
            for node in std::mem::take(&mut self.dependents[dependency]) {
                if self.waits_for[node].take().is_none() {
                    continue;
                }
                if node < self.calls {
                    changes.push(Change::Skipped {
                        node,
                        dependency,
                        root,
                    });
                }
                failed.push(node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_skips_all_that_hangs_on_it_and_nothing_else() {
        // 1 and 2 wait for 0; 3 for 1; 4 for nothing.
        let mut progress = Progress::new(&[vec![], vec![0], vec![0], vec![1], vec![]], 5);
        assert_eq!(progress.begin(), [Change::Ready(0), Change::Ready(4)]);
        let changes = progress.settle(0, false);
        assert_eq!(changes.len(), 3);
        assert!(changes.contains(&Change::Skipped {
            node: 3,
            dependency: 1,
            root: 0
        }));
        assert_eq!(progress.settle(4, true), []);
    }

    #[test]
    fn a_group_is_done_with_its_calls_and_an_empty_one_at_once() {
        // 2 waits for the group 3 of 0 and 1, and for the empty group 4.
        let mut progress = Progress::new(&[vec![], vec![], vec![3, 4], vec![0, 1], vec![]], 3);
        assert_eq!(progress.begin(), [Change::Ready(0), Change::Ready(1)]);
        assert_eq!(progress.settle(1, true), []);
        assert_eq!(progress.settle(0, true), [Change::Ready(2)]);
    }
}
