//! What `runner serve` says of a file that changes while it is served.

use std::path::Path;

use super::configuration::{self, Unusable};
use super::terminal::Terminal;
use crate::reload::{Event, Reloaded};
use crate::tool::Difference;

/// Says what came of a reload of `config`. Keys in `overridden` are given on the command line, so that the file
/// has no say in them.
pub(super) fn report(
    event: &Event<Unusable>,
    config: &Path,
    overridden: &[&str],
    terminal: &Terminal,
) {
    let file = config.display();
    match event {
        Event::Reloaded(reloaded) => {
            if !reloaded.diagnostics.is_empty() {
                let (diagnostics, source) = (&reloaded.diagnostics, &reloaded.source);
                terminal.error(&diagnostics.render(source, terminal.color()));
            }
            terminal.error(&format!("reloaded {file}: {}", summary(reloaded)));
            for key in &reloaded.needs_restart {
                if !overridden.contains(key) {
                    terminal.error(&format!("`{key}` changed: this needs a restart"));
                }
            }
        }
        Event::Refused(unusable) => {
            configuration::show_unusable(unusable, terminal);
            terminal.error(&format!(
                "{file} was not reloaded; what was served before still is"
            ));
        }
        Event::Failed => terminal.error(&format!(
            "error: a bug of the runner ended the reload of {file}; what was served before still is"
        )),
        Event::Abandoned => {}
    }
}

/// `12 tools, 1 added, 2 changed`
fn summary(reloaded: &Reloaded) -> String {
    let Difference {
        added,
        changed,
        removed,
        shared,
    } = &reloaded.difference;
    let plural = if reloaded.tools == 1 { "" } else { "s" };
    let counts = [(added, "added"), (changed, "changed"), (removed, "removed")];
    let counts = counts.into_iter().filter(|(names, _)| !names.is_empty());
    let mut parts = vec![format!("{} tool{plural}", reloaded.tools)];
    parts.extend(counts.map(|(names, word)| format!("{} {word}", names.len())));
    if *shared {
        parts.push("settings of the whole runner changed".to_owned());
    }
    if reloaded.difference.is_empty() {
        parts.push("none different".to_owned());
    }
    parts.join(", ")
}
