//! Output that is kept in a file because an answer cannot hold all of it.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use super::SecretId;

/// Names a stored output: 128 random bits in hexadecimal. Whoever knows it may read, so it has to stay secret
/// among those the output is meant for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OutputId(SecretId);

impl OutputId {
    /// The length of an id, in characters.
    pub const LENGTH: usize = SecretId::LENGTH;

    /// A fresh id; `None` where the machine's random source fails.
    pub fn random() -> Option<Self> {
        SecretId::random().map(Self)
    }

    /// The id that `text` is; `None` where it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        SecretId::parse(text).map(Self)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for OutputId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose an output is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Nobody's in particular, as where no client has to say who it is: the id alone opens it.
    #[default]
    Bearer,
    /// A client's whose name has been proved: nobody else can read it, id or not.
    Client(Arc<str>),
}

/// An output that can be read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOutput {
    /// Its handle.
    pub id: OutputId,
    /// How much is stored, in bytes from the first one on.
    pub bytes: u64,
    /// How much was printed, in bytes.
    pub total: u64,
}

impl StoredOutput {
    /// What the address of a stored output begins with.
    pub const URI_PREFIX: &str = "runner://outputs/";

    /// The address of the output as a resource.
    pub fn uri(&self) -> String {
        format!("{}{}", Self::URI_PREFIX, self.id)
    }

    /// Whether all that was printed is stored.
    pub const fn is_whole(&self) -> bool {
        self.bytes == self.total
    }

    /// The handle as callers' programs read it.
    pub fn to_json(&self) -> Value {
        json!({"id": self.id.as_str(), "uri": self.uri(), "bytes": self.bytes, "total_bytes": self.total})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_128_random_bits_and_is_not_logged() {
        let id = OutputId::random().unwrap();
        assert_eq!(OutputId::parse(id.as_str()), Some(id.clone()));
        assert_ne!(Some(&id), OutputId::random().as_ref());
        assert!(!format!("{id:?}").contains(id.as_str()));
        for wrong in [
            "",
            "../../etc/passwd",
            &"G".repeat(32),
            &"a".repeat(33),
            &"A".repeat(32),
        ] {
            assert_eq!(OutputId::parse(wrong), None, "{wrong}");
        }
    }
}
