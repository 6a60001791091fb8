//! Names that open what they name: 128 random bits, so that nobody guesses one.

use std::fmt;
use std::sync::Arc;

/// 128 random bits in hexadecimal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SecretId(Arc<str>);

impl SecretId {
    /// The length of an id, in characters.
    pub const LENGTH: usize = 32;

    /// A fresh id; `None` where the machine's random source fails, since a guess would open what it names.
    pub fn random() -> Option<Self> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).ok()?;
        Some(Self(format!("{:032x}", u128::from_ne_bytes(bits)).into()))
    }

    /// The id that `text` is; `None` where it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == Self::LENGTH && text.bytes().all(is_digit)).then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretId {
    /// Logs are no place for what opens something.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}...", &self.0[..4])
    }
}
