//! How the tools are served, as the file says it.

use std::fmt;

pub use crate::tool::BuiltinTool;

/// How the tools are served. Whether such an address may be used is the server's decision.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// An address or host name to listen at. Default: `127.0.0.1`.
    pub host: String,
    /// The port to listen at; 0 takes a free one. Default: 3000.
    pub port: u16,
    /// Origins of web pages that may call, beside loopback ones.
    pub allowed_origins: Vec<String>,
    /// Who may call; `None` when the file does not ask for authentication.
    pub auth: Option<AuthSettings>,
    /// Tools the runner brings itself.
    pub builtin_tools: Vec<BuiltinTool>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 3000,
            allowed_origins: Vec::new(),
            auth: None,
            builtin_tools: Vec::new(),
        }
    }
}

/// Who may call.
#[derive(Clone, Debug, Default)]
pub struct AuthSettings {
    /// Tokens clients may send.
    pub bearer_tokens: Vec<BearerToken>,
}

/// A token and what it opens.
#[derive(Clone, Debug)]
pub struct BearerToken {
    /// Names the client.
    pub name: String,
    /// The token.
    pub token: Secret,
    /// Names of tools, `*` standing for any characters; `None` for all.
    pub tools: Option<Vec<String>>,
}

/// A text that must not be shown; `Debug` does not.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
