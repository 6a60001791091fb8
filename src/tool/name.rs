//! The name of a tool.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// A tool's name: 1 to 64 of `A-Z a-z 0-9 _ . -`, which every MCP client accepts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ToolName(Arc<str>);

/// Why a text is no tool name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToolName {
    /// Nothing there.
    #[error("a tool's name must not be empty")]
    Empty,
    /// More than [`ToolName::MAX_LENGTH`].
    #[error("a tool's name has at most 64 characters, this one has {0}")]
    TooLong(usize),
    /// A character that is not allowed.
    #[error("`{0}` is not allowed in a tool's name: use letters, digits, `_`, `.` and `-`")]
    Character(char),
}

impl ToolName {
    /// The longest name, in characters.
    pub const MAX_LENGTH: usize = 64;

    /// Checks `text` and makes it a name.
    pub fn parse(text: &str) -> Result<Self, InvalidToolName> {
        if text.is_empty() {
            return Err(InvalidToolName::Empty);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if let Some(wrong) = text.chars().find(|c| !allowed(*c)) {
            return Err(InvalidToolName::Character(wrong));
        }
        if text.len() > Self::MAX_LENGTH {
            return Err(InvalidToolName::TooLong(text.len()));
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ToolName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ToolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_every_client_accepts() {
        assert!(ToolName::parse("fetch_users.v2-beta").is_ok());
        assert!(ToolName::parse(&"a".repeat(64)).is_ok());
        assert_eq!(ToolName::parse(""), Err(InvalidToolName::Empty));
        assert_eq!(
            ToolName::parse(&"a".repeat(65)),
            Err(InvalidToolName::TooLong(65))
        );
        assert_eq!(ToolName::parse("a b"), Err(InvalidToolName::Character(' ')));
    }
}
