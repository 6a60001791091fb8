//! The JSON to paste into a client, for each transport.

use std::path::Path;

use serde_json::{Value, json};

/// For a client that starts the program itself, with these further `flags`.
pub(super) fn stdio(name: &str, program: &Path, config: &Path, flags: Vec<String>) -> Value {
    let mut arguments = vec![
        "serve".to_owned(),
        config.to_string_lossy().into_owned(),
        "--stdio".to_owned(),
    ];
    arguments.extend(flags);
    json!({"mcpServers": {name: {"command": program.to_string_lossy(), "args": arguments}}})
}

/// For a client that connects to a running server. A token is for its owner to put in: none is shown.
pub(super) fn http(name: &str, url: &str, asks_for_token: bool) -> Value {
    let mut server = json!({"type": "http", "url": url});
    if asks_for_token {
        server["headers"] = json!({"Authorization": "Bearer YOUR_TOKEN"});
    }
    json!({"mcpServers": {name: server}})
}
