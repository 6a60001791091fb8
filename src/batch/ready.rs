//! Calls that may start, kept here instead of in the queues of their tools.

use std::collections::VecDeque;

use super::template::Node;

/// The ready calls of a batch, by tool. At most one call of each tool is out to wait for a place at a time;
/// among the tools that have none out, turns go round.
#[derive(Debug)]
pub(super) struct Ready {
    tools: Vec<Tool>,
    /// Tools that have a call to place and none that waits, in the order of their turns.
    turns: VecDeque<usize>,
}

#[derive(Debug, Default)]
struct Tool {
    calls: VecDeque<Node>,
    /// Whether one of its calls waits for a place.
    is_waiting: bool,
    has_turn: bool,
}

impl Ready {
    pub(super) fn new(tools: usize) -> Self {
        Self {
            tools: std::iter::repeat_with(Tool::default).take(tools).collect(),
            turns: VecDeque::new(),
        }
    }

    /// A call may start.
    pub(super) fn push(&mut self, tool: usize, call: Node) {
        self.tools[tool].calls.push_back(call);
        self.take_turn(tool);
    }

    /// The next call to be placed. Its tool gets no further one until [`Ready::placed`].
    pub(super) fn next(&mut self) -> Option<Node> {
        let tool = &mut self.tools[self.turns.pop_front()?];
        tool.has_turn = false;
        tool.is_waiting = true;
        tool.calls.pop_front()
    }

    /// The waiting call of `tool` waits no more: it runs, or it never will.
    pub(super) fn placed(&mut self, tool: usize) {
        self.tools[tool].is_waiting = false;
        self.take_turn(tool);
    }

    /// Nothing is placed any more.
    pub(super) fn clear(&mut self) {
        self.turns.clear();
        for tool in &mut self.tools {
            tool.calls.clear();
            tool.has_turn = false;
        }
    }

    fn take_turn(&mut self, index: usize) {
        let tool = &mut self.tools[index];
        if !tool.is_waiting && !tool.has_turn && !tool.calls.is_empty() {
            tool.has_turn = true;
            self.turns.push_back(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_of_each_tool_is_out_and_turns_go_round() {
        let mut ready = Ready::new(2);
        for (tool, call) in [(0, 10), (0, 11), (1, 20), (0, 12)] {
            ready.push(tool, call);
        }
        assert_eq!(
            [ready.next(), ready.next(), ready.next()],
            [Some(10), Some(20), None]
        );
        ready.placed(1);
        assert_eq!(ready.next(), None);
        ready.placed(0);
        assert_eq!([ready.next(), ready.next()], [Some(11), None]);
        ready.clear();
        ready.placed(0);
        assert_eq!(ready.next(), None);
    }
}
