//! What a part of a request is checked for when it cannot be compiled yet.

use super::{Context, template};
use crate::config::decode::Problems;
use crate::config::yaml::Node;
use crate::tool::Parameters;
use crate::tool::template::{TextSurface, TextTemplate};

/// A placeholder must name a parameter wherever it stands.
pub(super) fn check_names(
    context: &Context<'_>,
    node: &Node,
    parameters: &Parameters,
    problems: &mut Problems,
) {
    if let Some(text) = node.text() {
        let compiled = TextTemplate::compile(text, TextSurface::Question, parameters);
        template::errors_only(context, node, compiled, problems);
    }
}
