//! What to paste into a client so that it finds the tools, for each client and transport.
//!
//! `docs/clients.md` shows what is made here; `tests/snippets.rs` holds the two equal and tries each of them.

use std::path::Path;

use clap::ValueEnum;
use serde_json::{Value, json};

/// A program that connects to servers, with a file or a language of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Client {
    ClaudeDesktop,
    ClaudeCode,
    Cursor,
    #[value(name = "vscode")]
    VsCode,
    Windsurf,
    Zed,
    GeminiCli,
    CodexCli,
    Continue,
    Inspector,
    Python,
    #[value(name = "typescript")]
    TypeScript,
}

/// A server as a client is told of it.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// What the client calls it: letters, digits, `-` and `_`, which every client takes.
    name: String,
    way: Way,
}

#[derive(Clone, Debug)]
enum Way {
    Start { program: String, words: Vec<String> },
    Url { url: String, asks_for_token: bool },
}

/// The client's file starts programs and has no place for a URL.
#[derive(Debug, thiserror::Error)]
#[error(
    "the file of Claude Desktop starts programs only; leave `--url` out, or add the URL under its Connectors"
)]
pub(super) struct NoUrl;

/// What stands for a token, which is for its owner to put in: none is shown.
const TOKEN: &str = "Bearer YOUR_TOKEN";

impl Server {
    /// A server that the client starts itself, with these further `flags`.
    pub(super) fn started(name: &str, program: &Path, config: &Path, flags: Vec<String>) -> Self {
        let mut words = vec![
            "serve".to_owned(),
            config.to_string_lossy().into_owned(),
            "--stdio".to_owned(),
        ];
        words.extend(flags);
        let program = program.to_string_lossy().into_owned();
        Self {
            name: plain(name),
            way: Way::Start { program, words },
        }
    }

    /// A running server.
    pub(super) fn running(name: &str, url: &str, asks_for_token: bool) -> Self {
        let url = url.to_owned();
        Self {
            name: plain(name),
            way: Way::Url {
                url,
                asks_for_token,
            },
        }
    }

    /// What most clients understand.
    pub(super) fn common(&self) -> Value {
        let entry = match &self.way {
            Way::Start { .. } => self.entry("", ""),
            Way::Url { .. } => self.entry("http", "url"),
        };
        json!({"mcpServers": {&self.name: entry}})
    }

    /// The server as a map with `command` and `args`, or with the URL under the key `url` and the token among the
    /// headers; with a `type` where one is named.
    fn entry(&self, kind: &str, url_key: &str) -> Value {
        let mut entry = json!({});
        if !kind.is_empty() {
            entry["type"] = kind.into();
        }
        match &self.way {
            Way::Start { program, words } => {
                entry["command"] = program.as_str().into();
                entry["args"] = json!(words);
            }
            Way::Url {
                url,
                asks_for_token,
            } => {
                entry[url_key] = url.as_str().into();
                if *asks_for_token {
                    entry["headers"] = json!({"Authorization": TOKEN});
                }
            }
        }
        entry
    }

    /// The `type` of clients that want one.
    const fn kind(&self) -> &'static str {
        match self.way {
            Way::Start { .. } => "stdio",
            Way::Url { .. } => "http",
        }
    }
}

/// A name that every client takes.
fn plain(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    name.chars()
        .map(|c| if is_plain(c) { c } else { '-' })
        .collect()
}

impl Client {
    /// Where what is to be pasted goes.
    pub(super) const fn place(self) -> &'static str {
        match self {
            Self::ClaudeDesktop => {
                "claude_desktop_config.json, in ~/Library/Application Support/Claude (macOS) or %APPDATA%\\Claude (Windows)"
            }
            Self::ClaudeCode => ".mcp.json in the project's folder",
            Self::Cursor => ".cursor/mcp.json in the project's folder, or ~/.cursor/mcp.json",
            Self::VsCode => {
                ".vscode/mcp.json in the project's folder, or the file that `MCP: Open User Configuration` opens"
            }
            Self::Windsurf => "~/.codeium/windsurf/mcp_config.json",
            Self::Zed => {
                "~/.config/zed/settings.json, or .zed/settings.json in the project's folder"
            }
            Self::GeminiCli => {
                ".gemini/settings.json in the project's folder, or ~/.gemini/settings.json"
            }
            Self::CodexCli => "~/.codex/config.toml",
            Self::Continue => ".continue/mcpServers/NAME.yaml in the project's folder",
            Self::Inspector => "a terminal, with Node 22.19 or newer",
            Self::Python => "a Python program, with the package `mcp` 2 or newer",
            Self::TypeScript => {
                "a JavaScript module, with the package `@modelcontextprotocol/client` 2 or newer"
            }
        }
    }

    /// What to paste, with a line break at its end.
    ///
    /// # Errors
    /// When the client cannot be told of a server at a URL.
    pub(super) fn snippet(self, server: &Server) -> Result<String, NoUrl> {
        let servers = |kind: &str, url_key: &str| {
            let entry = server.entry(kind, url_key);
            json!({"mcpServers": {&server.name: entry}})
        };
        let value = match self {
            Self::ClaudeDesktop if matches!(server.way, Way::Url { .. }) => return Err(NoUrl),
            Self::ClaudeDesktop => servers("", ""),
            Self::ClaudeCode => servers(server.kind(), "url"),
            Self::Cursor => servers("", "url"),
            Self::VsCode => vscode(server),
            Self::Windsurf => servers("", "serverUrl"),
            Self::Zed => json!({"context_servers": {&server.name: server.entry("", "url")}}),
            Self::GeminiCli => servers("", "httpUrl"),
            Self::CodexCli => return Ok(codex(server)),
            Self::Continue => return Ok(continue_file(server)),
            Self::Inspector => return Ok(inspector(server)),
            Self::Python => return Ok(python(server)),
            Self::TypeScript => return Ok(typescript(server)),
        };
        Ok(format!("{value:#}\n"))
    }
}

/// Asks for a token once and keeps it out of the file.
fn vscode(server: &Server) -> Value {
    let mut entry = server.entry(server.kind(), "url");
    let asks = entry.get("headers").is_some();
    if !asks {
        return json!({"servers": {&server.name: entry}});
    }
    let id = format!("{}-token", server.name);
    entry["headers"]["Authorization"] = format!("Bearer ${{input:{id}}}").into();
    let description = format!("Token for {}", server.name);
    json!({
        "inputs": [{"type": "promptString", "id": id, "description": description, "password": true}],
        "servers": {&server.name: entry},
    })
}

/// TOML. Strings of JSON are strings of TOML: both escape the same characters in the same way.
fn codex(server: &Server) -> String {
    let name = &server.name;
    match &server.way {
        Way::Start { program, words } => format!(
            "[mcp_servers.{name}]\ncommand = {}\nargs = {}\n",
            json!(program),
            list(words)
        ),
        Way::Url {
            url,
            asks_for_token,
        } => {
            let token = "bearer_token_env_var = \"RUNNER_TOKEN\"\n";
            let token = if *asks_for_token { token } else { "" };
            format!("[mcp_servers.{name}]\nurl = {}\n{token}", json!(url))
        }
    }
}

/// YAML, which takes strings and lists of JSON.
fn continue_file(server: &Server) -> String {
    let name = json!(server.name);
    let head = format!("name: {name}\nversion: 0.0.1\nschema: v1\nmcpServers:\n  - name: {name}\n");
    match &server.way {
        Way::Start { program, words } => {
            format!(
                "{head}    command: {}\n    args: {}\n",
                json!(program),
                list(words)
            )
        }
        Way::Url {
            url,
            asks_for_token,
        } => {
            let token = format!(
                "    requestOptions:\n      headers:\n        Authorization: {}\n",
                json!(TOKEN)
            );
            let token = if *asks_for_token {
                token
            } else {
                String::new()
            };
            format!(
                "{head}    type: streamable-http\n    url: {}\n{token}",
                json!(url)
            )
        }
    }
}

/// The Inspector's command line, listing the tools. An option that takes many values must not stand last.
fn inspector(server: &Server) -> String {
    let header = ["--header".to_owned(), format!("Authorization: {TOKEN}")];
    let (options, target) = match &server.way {
        Way::Start { program, words } => {
            let target = [std::slice::from_ref(program), words].concat();
            (&[][..], target)
        }
        Way::Url {
            url,
            asks_for_token,
        } => {
            let options = if *asks_for_token { &header[..] } else { &[] };
            (options, vec![url.clone()])
        }
    };
    let listing = ["--method".to_owned(), "tools/list".to_owned()];
    let words = options.iter().chain(&listing).chain(&target);
    let words: Vec<String> = words.map(|word| quoted(word)).collect();
    format!(
        "npx @modelcontextprotocol/inspector --cli {}\n",
        words.join(" ")
    )
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Strings of JSON are strings of Python: it knows all their escapes.
fn python(server: &Server) -> String {
    let (imports, server) = match &server.way {
        Way::Start { program, words } => (
            "from mcp import Client, StdioServerParameters\n",
            format!(
                "StdioServerParameters(command={}, args={})",
                json!(program),
                list(words)
            ),
        ),
        Way::Url {
            url,
            asks_for_token: false,
        } => ("from mcp import Client\n", json!(url).to_string()),
        Way::Url { url, .. } => (
            "import httpx2\nfrom mcp import Client\nfrom mcp.client.streamable_http import streamable_http_client\n",
            format!(
                "streamable_http_client(\n    {},\n    http_client=httpx2.AsyncClient(headers={{\"Authorization\": {}}}),\n)",
                json!(url),
                json!(TOKEN)
            ),
        ),
    };
    format!(
        "import asyncio\n\n{imports}\nserver = {server}\n\n\n\
         async def main():\n    async with Client(server) as client:\n        \
         print([tool.name for tool in (await client.list_tools()).tools])\n\n\nasyncio.run(main())\n"
    )
}

fn typescript(server: &Server) -> String {
    let (import, transport) = match &server.way {
        Way::Start { program, words } => (
            "import { Client } from \"@modelcontextprotocol/client\";\n\
             import { StdioClientTransport } from \"@modelcontextprotocol/client/stdio\";\n",
            format!(
                "new StdioClientTransport({{ command: {}, args: {} }})",
                json!(program),
                list(words)
            ),
        ),
        Way::Url {
            url,
            asks_for_token,
        } => {
            let headers = format!(
                ", {{ requestInit: {{ headers: {{ Authorization: {} }} }} }}",
                json!(TOKEN)
            );
            let headers = if *asks_for_token {
                headers
            } else {
                String::new()
            };
            (
                "import { Client, StreamableHTTPClientTransport } from \"@modelcontextprotocol/client\";\n",
                format!(
                    "new StreamableHTTPClientTransport(new URL({}){headers})",
                    json!(url)
                ),
            )
        }
    };
    format!(
        "{import}\nconst client = new Client({{ name: \"example\", version: \"1.0.0\" }});\n\
         await client.connect({transport});\n\
         console.log((await client.listTools()).tools.map((tool) => tool.name));\nawait client.close();\n"
    )
}

/// A list on one line, with room between its elements.
fn list(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| json!(word).to_string()).collect();
    format!("[{}]", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_every_client_takes() {
        assert_eq!(plain("my tools: \"a\"_1"), "my-tools---a-_1");
    }

    #[test]
    fn words_reach_a_shell_whole() {
        assert_eq!(quoted("/a/b.yaml"), "/a/b.yaml");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
