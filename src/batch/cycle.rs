//! Calls that wait for each other in a ring.

use super::template::Node;

/// Nodes of a ring that are spelled out; a longer one is shortened in the middle.
const SPELLED: usize = 20;

/// Rings in a graph: at least one for every knot of calls that could never start. `dependencies[node]` are the
/// nodes that `node` waits for. Takes time in proportion to the nodes and edges.
pub(super) fn cycles(dependencies: &[Vec<Node>]) -> Vec<Vec<Node>> {
    let stuck = stuck(dependencies);
    // From every stuck node a way leads to another one it waits for, so any walk ends in a ring.
    let mut walked_in = vec![0_usize; dependencies.len()];
    let mut found = Vec::new();
    for start in (0..dependencies.len()).filter(|node| stuck[*node]) {
        let walk = start + 1;
        let mut way = Vec::new();
        let mut here = start;
        while walked_in[here] == 0 {
            walked_in[here] = walk;
            way.push(here);
            let Some(next) = dependencies[here].iter().find(|next| stuck[**next]) else {
                break;
            };
            here = *next;
        }
        if walked_in[here] == walk
            && let Some(at) = way.iter().position(|node| *node == here)
        {
            found.push(from_the_first(way.split_off(at)));
        }
    }
    found
}

/// What never becomes ready, found as what is left when everything that can end has.
fn stuck(dependencies: &[Vec<Node>]) -> Vec<bool> {
    let mut left: Vec<usize> = dependencies.iter().map(Vec::len).collect();
    let mut dependents = vec![Vec::new(); dependencies.len()];
    for (node, needed) in dependencies.iter().enumerate() {
        for dependency in needed {
            dependents[*dependency].push(node);
        }
    }
    let mut ready: Vec<Node> = (0..left.len()).filter(|node| left[*node] == 0).collect();
    let mut stuck = vec![true; left.len()];
    while let Some(node) = ready.pop() {
        stuck[node] = false;
        for dependent in &dependents[node] {
            left[*dependent] -= 1;
            if left[*dependent] == 0 {
                ready.push(*dependent);
            }
        }
    }
    // A node that only waits for a ring is stuck as well; the walk passes through it.
    stuck
}

/// The same ring, from the call that stands first in the request.
fn from_the_first(mut ring: Vec<Node>) -> Vec<Node> {
    let first = (0..ring.len()).min_by_key(|at| ring[*at]).unwrap_or(0);
    ring.rotate_left(first);
    ring
}

/// `a -> b -> a`: each waits for the next.
pub(super) fn spelled<'a>(ring: &[Node], name: impl Fn(Node) -> &'a str) -> String {
    let mut names: Vec<String> = ring.iter().map(|node| name(*node).to_owned()).collect();
    if names.len() > SPELLED {
        let left_out = names.len() - SPELLED;
        let half = SPELLED / 2;
        names.splice(half..half + left_out, [format!("({left_out} more)")]);
    }
    names.extend(ring.first().map(|node| name(*node).to_owned()));
    names.join(" -> ")
}
