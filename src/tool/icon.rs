//! A picture that clients may show beside a tool.

/// A picture of a tool; since 2025-11-25 clients are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icon {
    /// Where it is: an `https:` or `http:` URL, or the picture itself as a `data:` URL.
    pub src: String,
    /// Its type, such as `image/png`, where the address does not say it.
    pub mime_type: Option<String>,
    /// Its sizes, such as `48x48`, or `any` for one that scales; empty says nothing.
    pub sizes: Vec<String>,
    /// The background it is made for; `None` fits both.
    pub theme: Option<IconTheme>,
}

/// The background a picture is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IconTheme {
    /// A light one.
    Light,
    /// A dark one.
    Dark,
}
