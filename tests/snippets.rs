//! What `runner snippet` gives for each client: in `docs/clients.md` word for word, readable by the client, and
//! the way to a server that answers.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start what the snippets start"
)]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{RUNNER, Server, repository, runner, texts, tool_from};

/// Clients with a file of their own, where its server stands in it, and what each calls the URL.
const FILES: [(&str, Form, &str, &str); 9] = [
    ("claude-desktop", Form::Json, "/mcpServers", ""),
    ("claude-code", Form::Json, "/mcpServers", "url"),
    ("cursor", Form::Json, "/mcpServers", "url"),
    ("vscode", Form::Json, "/servers", "url"),
    ("windsurf", Form::Json, "/mcpServers", "serverUrl"),
    ("zed", Form::Json, "/context_servers", "url"),
    ("gemini-cli", Form::Json, "/mcpServers", "httpUrl"),
    ("codex-cli", Form::Toml, "/mcp_servers", "url"),
    ("continue", Form::Yaml, "/mcpServers", "url"),
];

/// Clients that are programs of one's own, or started by hand.
const PROGRAMS: [&str; 3] = ["inspector", "python", "typescript"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Toml,
    Yaml,
}

impl Form {
    fn read(self, text: &str) -> Value {
        match self {
            Self::Json => serde_json::from_str(text).unwrap(),
            Self::Yaml => serde_saphyr::from_str(text).unwrap(),
            Self::Toml => {
                // Python has a reader of TOML with it.
                let script =
                    "import json, sys, tomllib; print(json.dumps(tomllib.loads(sys.argv[1])))";
                let output = Command::new("python3").args(["-c", script, text]).output();
                let (told, complaints) = texts(&output.unwrap());
                serde_json::from_str(&told).unwrap_or_else(|_| panic!("{complaints}"))
            }
        }
    }
}

/// A folder with a path that has to be quoted, and a file for `name` in it.
fn folder(more: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("it's \"my\" tools.yaml");
    let tools = "tools: [{ name: hi, description: Say hi, script: { shell: echo hi } }]\n";
    fs::write(&config, format!("name: first-tools\n{more}{tools}")).unwrap();
    (folder, config)
}

fn snippet(client: &str, config: &Path, url: Option<&str>) -> String {
    let mut arguments = vec!["snippet", client, config.to_str().unwrap()];
    arguments.extend(url.iter().flat_map(|url| ["--url", url]));
    let output = runner(&repository("."), &arguments);
    let (told, complaints) = texts(&output);
    assert!(output.status.success(), "{client}: {complaints}");
    let place = complaints.lines().last().unwrap();
    assert!(place.starts_with("for "), "{complaints}");
    told
}

#[test]
fn the_documentation_shows_what_the_program_gives() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gantz.yaml");
    fs::copy(repository("gantz.yaml"), &config).unwrap();
    let page = fs::read_to_string(repository("docs/clients.md")).unwrap();
    let url = "http://127.0.0.1:3000/mcp";
    let clients = FILES.iter().map(|(client, ..)| *client).chain(PROGRAMS);
    for client in clients {
        for way in [None, Some(url)] {
            if client == "claude-desktop" && way.is_some() {
                continue;
            }
            let told = snippet(client, &config, way)
                .replace(RUNNER, "runner")
                .replace(config.to_str().unwrap(), "/path/to/gantz.yaml");
            assert!(
                page.contains(&format!("\n{told}```\n")),
                "docs/clients.md should have for {client}:\n{told}"
            );
        }
        assert!(
            page.contains(&format!("runner snippet {client}")),
            "{client}"
        );
    }
}

/// The entry of a server in a client's file.
fn entry(form: Form, text: &str, place: &str) -> Value {
    let whole = form.read(text);
    let servers = whole.pointer(place).unwrap_or_else(|| panic!("{whole}"));
    let servers: Vec<&Value> = match servers {
        Value::Array(servers) => servers.iter().collect(),
        servers => servers.as_object().unwrap().values().collect(),
    };
    assert_eq!(servers.len(), 1, "{whole}");
    servers[0].clone()
}

#[test]
fn each_file_starts_a_server_that_answers() {
    let (_folder, config) = folder("");
    for (client, form, place, _) in FILES {
        let entry = entry(form, &snippet(client, &config, None), place);
        assert!(
            entry.get("type").is_none_or(|kind| kind == "stdio"),
            "{entry}"
        );
        let words = entry["args"].as_array().unwrap();
        let words: Vec<&str> = words.iter().map(|word| word.as_str().unwrap()).collect();
        assert_answers_over_stdio(entry["command"].as_str().unwrap(), &words);
    }
}

/// As clients start it: in a folder that has nothing to do with it.
fn assert_answers_over_stdio(program: &str, words: &[&str]) {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut child = Command::new(program)
        .args(words)
        .current_dir(elsewhere.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}});
    writeln!(child.stdin.as_mut().unwrap(), "{hello}").unwrap();
    let mut answer = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut answer).unwrap();
    assert!(answer.contains("\"name\":\"first-tools\""), "{answer}");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn each_file_leads_to_a_running_server() {
    let (_folder, config) =
        folder("server: { auth: { bearer_tokens: [{ name: t, token: secret }] } }\n");
    let server = Server::start(&config);
    for (client, form, place, url_key) in FILES.into_iter().skip(1) {
        let text = snippet(client, &config, Some(&server.url));
        assert!(!text.contains("secret"), "{text}");
        let entry = entry(form, &text, place);
        assert_eq!(entry[url_key], server.url, "{client}: {text}");
        let header = match client {
            "codex-cli" => {
                assert_eq!(entry["bearer_token_env_var"], "RUNNER_TOKEN");
                "Bearer YOUR_TOKEN"
            }
            "vscode" => {
                let inputs = &form.read(&text)["inputs"];
                assert_eq!(inputs[0]["id"], "first-tools-token");
                assert_eq!(inputs[0]["password"], true);
                assert_eq!(
                    entry["headers"]["Authorization"],
                    "Bearer ${input:first-tools-token}"
                );
                "Bearer YOUR_TOKEN"
            }
            "continue" => entry["requestOptions"]["headers"]["Authorization"]
                .as_str()
                .unwrap(),
            _ => entry["headers"]["Authorization"].as_str().unwrap(),
        };
        let token = header.replace("YOUR_TOKEN", "secret");
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}});
        let answer = reqwest::Client::new()
            .post(entry[url_key].as_str().unwrap())
            .header("Authorization", token)
            .header("Accept", "application/json, text/event-stream")
            .json(&hello)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{client}");
    }
}

#[test]
fn a_client_without_a_place_for_urls_is_told_apart() {
    let (_folder, config) = folder("");
    let config = config.to_str().unwrap();
    let output = runner(
        &repository("."),
        &["snippet", "claude-desktop", config, "--url", "http://h/mcp"],
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        texts(&output).1,
        "error: the file of Claude Desktop starts programs only; leave `--url` out, or add the URL under its Connectors\n"
    );
}

/// Runs a snippet for both ways, the second one with a token.
fn each_way(client: &str, run: impl Fn(&Path, &str) -> Command) {
    let (folder, config) =
        folder("server: { auth: { bearer_tokens: [{ name: t, token: secret }] } }\n");
    let server = Server::start(&config);
    for url in [None, Some(server.url.as_str())] {
        let text = snippet(client, &config, url).replace("YOUR_TOKEN", "secret");
        let output = run(folder.path(), &text).output().unwrap();
        let (told, complaints) = texts(&output);
        assert!(output.status.success(), "{text}\n{told}{complaints}");
        assert!(told.contains("hi"), "{text}\n{told}{complaints}");
    }
}

#[test]
fn the_python_program_lists_the_tools() {
    let Some(python) = tool_from("RUNNER_TEST_PYTHON_MCP_2") else {
        return;
    };
    each_way("python", |_, text| {
        let mut command = Command::new(&python);
        command.args(["-c", text]);
        command
    });
}

/// The folder into which `npm` has installed Node and the clients.
fn npm() -> Option<PathBuf> {
    tool_from("RUNNER_TEST_TYPESCRIPT_MCP").map(|folder| repository(&folder))
}

#[cfg(unix)]
#[test]
fn the_typescript_program_lists_the_tools() {
    let Some(npm) = npm() else { return };
    each_way("typescript", |folder, text| {
        let modules = folder.join("node_modules");
        if !modules.exists() {
            std::os::unix::fs::symlink(npm.join("node_modules"), modules).unwrap();
        }
        let program = folder.join("example.mjs");
        fs::write(&program, text).unwrap();
        let mut command = Command::new(npm.join("node_modules/.bin/node"));
        command.arg(program);
        command
    });
}

#[test]
fn the_inspector_s_command_lists_the_tools() {
    let Some(npm) = npm() else { return };
    each_way("inspector", |folder, text| {
        let bin = npm.join("node_modules/.bin");
        // What `npx` would find, under the Node that was installed with it.
        let inspector = format!("'{0}/node' '{0}/mcp-inspector'", bin.display());
        let text = text.replace("npx @modelcontextprotocol/inspector", &inspector);
        let mut command = Command::new("sh");
        command.args(["-c", &text]).env("HOME", folder);
        command
    });
}
