//! Where a caller has a say: placeholders at any depth, and variables that carry their values.

use std::ops::Range;

use super::super::placeholder::Filter;
use super::super::programs::{self, DYNAMIC, HOLE};
use super::check::{Checker, Source};
use super::syntax::{Body, Command, Node, Part, Redirect, Script, Word};
use super::taint::is_open;
use crate::tool::ParameterType;

impl Checker<'_> {
    /// The word as [`programs`] sees it.
    pub(super) fn program_word(&self, word: &Word) -> programs::Word {
        let mut seen = programs::Word::default();
        // A quoted part makes a word whatever it expands to, unless it stands for any number of words.
        let (mut is_nothing, mut is_quoted, mut is_list) = (true, false, false);
        for part in &word.parts {
            match part {
                Part::Text { text, quoted } => {
                    is_nothing &= text.is_empty();
                    is_quoted |= quoted;
                    seen.text.push_str(text);
                }
                Part::Placeholder { index, .. } => {
                    let placeholder = &self.placeholders[*index];
                    is_nothing = false;
                    if seen.text.trim_start_matches('-').is_empty() && seen.holes.is_empty() {
                        seen.may_start =
                            placeholder.filter == Filter::None && placeholder.may_start_with_dash();
                    }
                    seen.holes.push(*index);
                    seen.text.push(HOLE);
                }
                Part::Parameter(parameter) => {
                    is_quoted |= parameter.quoted;
                    is_list |= parameter.may_be_no_word();
                    seen.text.push(DYNAMIC);
                }
                Part::Command { quoted, .. } => {
                    is_quoted |= quoted;
                    seen.text.push(DYNAMIC);
                }
                Part::Process(_) | Part::Arithmetic(_) => seen.text.push(DYNAMIC),
            }
        }
        let source = self.source_in_word(word);
        seen.open = source.as_ref().is_some_and(|source| !source.carried);
        seen.tainted = source
            .filter(|source| source.carried)
            .map(|source| source.name);
        seen.vanishes = is_nothing && (is_list || !is_quoted) && !word.parts.is_empty();
        seen.several = word.bare_placeholder().is_some_and(|index| {
            let placeholder = &self.placeholders[index];
            placeholder.kind == ParameterType::Array && placeholder.filter != Filter::Json
        });
        seen
    }

    /// The first thing in the word, at any depth, in which a caller has a say.
    pub(super) fn source_in_word(&self, word: &Word) -> Option<Source> {
        let mut found = None;
        self.tree
            .walk_word(word, &mut |node| self.note(&node, &mut found));
        found.or_else(|| {
            let name = self.taint.carrier_in(self.tree, word)?;
            Some(Source {
                range: word.range.clone(),
                name,
                carried: true,
            })
        })
    }

    pub(super) fn source_in_command(&self, command: &Command) -> Option<Source> {
        let mut found = None;
        self.tree
            .walk_command(command, &mut |node| self.note(&node, &mut found));
        found.or_else(|| {
            let name = self.taint.carrier_in_command(self.tree, command)?;
            Some(Source {
                range: place_of(command),
                name,
                carried: true,
            })
        })
    }

    pub(super) fn source_in_script(&self, script: &Script) -> Option<Source> {
        let mut found = None;
        self.tree
            .walk(script, &mut |node| self.note(&node, &mut found));
        found.or_else(|| {
            let name = self.taint.carrier_in_script(self.tree, script)?;
            Some(Source {
                range: 0..0,
                name,
                carried: true,
            })
        })
    }

    pub(super) fn source_in_redirect(&self, redirect: &Redirect) -> Option<Source> {
        let document = redirect
            .document
            .and_then(|number| self.tree.documents.get(number));
        self.source_in_word(document.unwrap_or(&redirect.target))
    }

    fn note(&self, node: &Node<'_>, found: &mut Option<Source>) {
        if let Node::Part(Part::Placeholder { index, .. }) = node {
            let placeholder = &self.placeholders[*index];
            if is_open(placeholder) {
                found.get_or_insert_with(|| Source {
                    range: placeholder.range.clone(),
                    name: placeholder.name(),
                    carried: false,
                });
            }
        }
    }
}

fn place_of(command: &Command) -> Range<usize> {
    match &command.body {
        Body::Simple { words, .. } => match (words.first(), words.last()) {
            (Some(first), Some(last)) => first.range.start..last.range.end,
            _ => 0..0,
        },
        _ => 0..0,
    }
}
