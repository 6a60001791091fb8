//! One word of a command, as far as programs are concerned.

/// Stands in a word's text for a placeholder.
pub(in super::super) const HOLE: char = '\0';

/// Stands in a word's text for anything else that is known only when the script runs.
pub(in super::super) const DYNAMIC: char = '\u{1}';

/// One word of a command.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts about a word; no two of them make a state"
)]
pub(in super::super) struct Word {
    /// Its text without quotes, with [`HOLE`] and [`DYNAMIC`] for what is not known yet.
    pub(in super::super) text: String,
    /// The placeholders that stand in it, by number.
    pub(in super::super) holes: Vec<usize>,
    /// Whether one of them, or one in a command nested in it, takes any text from a caller.
    pub(in super::super) open: bool,
    /// Whether the placeholder that starts the word is marked as an option, cannot start with
    /// `-`, or there is none.
    pub(in super::super) may_start: bool,
    /// The author's own variable in it that carries a caller's text.
    pub(in super::super) tainted: Option<String>,
    /// Whether it is a list, and so any number of words.
    pub(in super::super) several: bool,
    /// Whether the word may be no word at all when the script runs, as an unquoted `$SUDO`.
    pub(in super::super) vanishes: bool,
}

impl Word {
    /// Whether all of its text is known.
    pub(super) fn is_static(&self) -> bool {
        !self.text.contains([HOLE, DYNAMIC]) && !self.open && self.tainted.is_none()
    }

    /// Whether a caller has a say in it.
    pub(in super::super) fn is_open(&self) -> bool {
        self.open || self.tainted.is_some()
    }

    /// Whether a caller's text starts it.
    pub(super) fn starts_open(&self) -> bool {
        self.open && self.may_start && self.text.starts_with(HOLE)
    }

    /// Whether a caller's text follows right after the dashes, so that the caller chooses an option.
    pub(super) fn lets_choose_an_option(&self) -> bool {
        let after = self.text.trim_start_matches('-');
        self.open && self.may_start && after.len() < self.text.len() && after.starts_with(HOLE)
    }

    /// The text before the first part that is not known.
    pub(super) fn known_start(&self) -> &str {
        self.text.split([HOLE, DYNAMIC]).next().unwrap_or_default()
    }
}
