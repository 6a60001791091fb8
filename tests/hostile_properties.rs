//! Laws that hold whatever is sent: nothing panics, each request is answered once, no value becomes code.

#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

#[path = "template/shells.rs"]
#[expect(dead_code, reason = "this test runs scripts in its own way")]
mod shells;

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use runner::config::{Env, LoadOptions, Loaded, load_text};
use runner::mcp::stdio;
use runner::runner::Runner;
use runner::tool::template::{Safety, Shell};
use runner::tool::{Arguments, CallContext};
use serde_json::{Map, Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use shells::{arguments, compile, installed, run};

fn cases(count: u32) -> TestRunner {
    TestRunner::new(Config {
        cases: count,
        failure_persistence: None,
        ..Config::default()
    })
}

/// A text with some of its characters replaced by pieces of `pieces`.
fn mutated(text: &str, edits: &[(Index, usize, Index)], pieces: &[&str]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for (place, removed, piece) in edits {
        let at = place.index(characters.len() + 1);
        let end = (at + removed).min(characters.len());
        characters.splice(at..end, piece.get(pieces).chars());
    }
    characters.into_iter().collect()
}

fn edits() -> impl Strategy<Value = Vec<(Index, usize, Index)>> {
    prop::collection::vec((any::<Index>(), 0..10usize, any::<Index>()), 0..4)
}

fn loaded(text: &str) -> Loaded {
    let options = LoadOptions {
        env: Env::from_process(),
        ..LoadOptions::default()
    };
    match load_text(Path::new("gantz.yaml"), text, Path::new("/"), &options) {
        Ok(loaded) => loaded,
        Err(error) => panic!("{}", error.render(false)),
    }
}

const TOOLS: &str = r"
name: laws
tools:
  - name: typed
    description: Take one of each
    parameters:
      - { name: text, type: string, validation: { max_length: 5 } }
      - { name: count, type: integer, default: 3, validation: { min: 1, max: 9 } }
      - { name: share, type: number }
      - { name: flag, type: boolean }
      - { name: list, type: array }
      - { name: map, type: object }
      - { name: choice, type: string, enum: [a, b] }
      - { name: needed, required: true }
    script: { command: 'true' }
  - name: nothing
    description: Take nothing
    script: { command: 'true' }
";

/// Any JSON of a moderate size, odd numbers and names included.
fn any_json() -> impl Strategy<Value = Value> {
    let odd = select(vec![
        json!(null),
        json!(1e308),
        json!(-0.0),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(3.0),
        json!("\u{0}"),
        json!("a"),
        json!(""),
    ]);
    let leaf = prop_oneof![
        odd,
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z/~\\PC]{0,4}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_arguments() -> impl Strategy<Value = Map<String, Value>> {
    let known = select(vec![
        "text", "count", "share", "flag", "list", "map", "choice", "needed",
    ])
    .prop_map(str::to_owned);
    let name = prop_oneof![8 => known, 1 => ".{0,5}"];
    prop::collection::btree_map(name, any_json(), 0..8)
        .prop_map(|members| members.into_iter().collect())
}

#[test]
fn any_arguments_are_taken_or_refused_and_the_same_on_every_path() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _context = runtime.enter();
    let runner = Runner::new(loaded(TOOLS).catalog);
    let tool = Arc::clone(runner.catalog().get("typed").unwrap());
    let strategy = (any_arguments(), any::<bool>());
    let law = |(mut given, is_large): (Map<String, Value>, bool)| {
        if is_large {
            // Past the size from which arguments are checked on other threads.
            given.insert("map".to_owned(), json!({"padding": "x".repeat(70_000)}));
        }
        let here = Arguments::parse(&tool, given.clone());
        let context = CallContext::default();
        let prepared = runner.prepare("typed", given, context, CancellationToken::new());
        let there = runtime.block_on(prepared).map(|call| call.arguments);
        prop_assert_eq!(&here, &there);
        if let Err(refused) = here {
            prop_assert!(refused.envelope().to_string().len() < 32 * 1024);
        }
        Ok(())
    };
    cases(600).run(&strategy, law).unwrap();
}

/// A client in this process.
struct Client {
    input: WriteHalf<DuplexStream>,
    output: Lines<BufReader<ReadHalf<DuplexStream>>>,
    /// How often each id was answered.
    answered: std::collections::HashMap<String, usize>,
}

impl Client {
    async fn greeted(runner: &Arc<Runner>) -> Self {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (read, write) = tokio::io::split(far);
        let stop = CancellationToken::new();
        tokio::spawn(stdio::serve(read, write, Arc::clone(runner), stop));
        let (read, input) = tokio::io::split(near);
        let output = BufReader::new(read).lines();
        let answered = std::collections::HashMap::new();
        let mut client = Self {
            input,
            output,
            answered,
        };
        let hello = json!({"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}});
        client.send(&hello.to_string()).await;
        client.until_answered("\"hello\"").await;
        client
            .send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
            .await;
        client
    }

    async fn send(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.input.write_all(line.as_bytes()).await.unwrap();
    }

    async fn until_answered(&mut self, id: &str) {
        while !self.answered.contains_key(id) {
            let line = timeout(Duration::from_secs(10), self.output.next_line())
                .await
                .unwrap_or_else(|_| panic!("no answer to {id}"));
            let line = line
                .unwrap()
                .unwrap_or_else(|| panic!("the end instead of an answer to {id}"));
            let message: Value = serde_json::from_str(&line).unwrap();
            if message.get("method").is_none() {
                *self.answered.entry(message["id"].to_string()).or_default() += 1;
            }
        }
    }
}

/// The id that must be answered, when a line is a request of JSON-RPC.
fn request_id(line: &str) -> Option<String> {
    let message: Value = serde_json::from_str(line).ok()?;
    let id = message.get("id")?;
    let is_request = message.get("jsonrpc")? == "2.0"
        && message.get("method")?.is_string()
        && message.get("result").is_none()
        && message.get("error").is_none()
        && (id.is_string() || id.is_i64());
    // A subscription is answered when it ends.
    (is_request && message["method"] != "subscriptions/listen").then(|| id.to_string())
}

const MESSAGES: &[&str] = &[
    r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
    r#"{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"cursor":"0"}}"#,
    r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"nothing","arguments":{}}}"#,
    r#"{"jsonrpc":"2.0","id":"4","method":"tools/call","params":{"name":"typed","arguments":{"count":[]},"_meta":{"timeout_ms":1,"progressToken":"p"}}}"#,
    r#"{"jsonrpc":"2.0","id":5,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}"#,
    r#"{"jsonrpc":"2.0","id":6,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#,
    r#"{"jsonrpc":"2.0","id":7,"method":"logging/setLevel","params":{"level":"debug"}}"#,
    r#"{"jsonrpc":"2.0","id":8,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"x"},"argument":{"name":"a","value":""}}}"#,
    r#"{"jsonrpc":"2.0","id":9,"method":"tasks/get","params":{"taskId":"x"}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"zz","reason":"r"}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}"#,
    r#"{"jsonrpc":"2.0","id":10,"result":{}}"#,
    r#"{"jsonrpc":"2.0","id":11,"error":{"code":-32000,"message":"m"}}"#,
];

const JSON_PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "null",
    "1e999",
    "-1",
    "true",
    "\\u0000",
    "\\ud800",
    "é",
    "\u{0}",
    "\"method\"",
    "\"id\":12,",
    "\"params\":",
    "2.0",
    "_meta",
    "9223372036854775808",
    " ",
];

#[test]
fn whatever_a_line_says_a_request_is_answered_once_and_the_server_goes_on() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let runner = {
        let _context = runtime.enter();
        Arc::new(Runner::new(loaded(TOOLS).catalog))
    };
    let strategy = (select(MESSAGES), edits());
    let law = |(message, edits): (&str, Vec<(Index, usize, Index)>)| {
        let line = mutated(message, &edits, JSON_PIECES).replace(['\n', '\r'], " ");
        runtime.block_on(async {
            let mut client = Client::greeted(&runner).await;
            client.send(&line).await;
            if let Some(id) = request_id(&line) {
                client.until_answered(&id).await;
            }
            client
                .send(r#"{"jsonrpc":"2.0","id":"sentinel","method":"ping"}"#)
                .await;
            client.until_answered("\"sentinel\"").await;
            let twice = client.answered.iter().find(|(_, count)| **count > 1);
            prop_assert!(twice.is_none(), "{twice:?} for {line}");
            Ok(())
        })
    };
    cases(600).run(&strategy, law).unwrap();
}

/// Pieces of scripts: places a value may stand in, places it may not, and all that lies around them.
const SHELL_PIECES: &[&str] = &[
    "{{v}}",
    "\"{{v}}\"",
    "'{{v}}'",
    "echo {{v}}",
    "printf %s \"{{v}}\"",
    "x={{v}}",
    "\"$x\"",
    "$x",
    "${x:-{{v}}}",
    "${x#{{v}}}",
    "$(echo {{v}})",
    "`echo {{v}}`",
    "$(( 1 + 2 ))",
    "$(({{v}}))",
    "[ {{v}} = a ]",
    "[ -n {{v}} ]",
    "test {{v}}",
    "case {{v}} in a) ;; *) echo b;; esac",
    "case a in {{v}}) echo;; esac",
    "for i in {{v}}; do echo $i; done",
    "if true; then",
    "fi",
    "else",
    "{",
    "}",
    "(",
    ")",
    "&&",
    "||",
    "|",
    ";",
    "\n",
    "&",
    ">",
    "> out",
    "< f",
    ">{{v}}",
    "<<E\n{{v}}\nE\n",
    "<<'E'\n{{v}}\nE\n",
    "eval",
    "eval {{v}}",
    "sh -c",
    "sh -c {{v}}",
    "trap {{v}} 0",
    "export y={{v}}",
    "set -- {{v}}",
    "\"$@\"",
    "$1",
    "cat",
    "true",
    "\"",
    "'",
    "\\",
    "#",
    "$",
    "!",
    " ",
    "f() { echo {{v}}; }",
    "f",
    "unset {{v}}",
    "read {{v}}",
    ". {{v}}",
    "command {{v}}",
    "exec {{v}}",
    "xargs",
    "env {{v}}",
    "awk {{v}}",
    "alias a={{v}}",
    "let {{v}}",
    "${x:={{v}}}",
    "${{v}}",
    "{{v}}{{v}}",
    "a{{v}}=b",
];

/// Values that create the file `P` wherever one of them is taken for code.
const HOSTILE: &[&str] = &[
    "$(touch P)",
    "`touch P`",
    "'; touch P; '",
    "\"; touch P; \"",
    "; touch P #",
    "\ntouch P\n",
    "a[$(touch P)]",
    "|touch P",
    "&& touch P",
    "touch P",
    "}; touch P; {",
    "x) touch P;; esac; case a in a",
    "\nE\ntouch P\n",
    "${x:-$(touch P)}",
];

#[test]
fn whatever_compiles_runs_no_value() {
    let mut shells = installed(Shell::Posix, false);
    shells.truncate(2);
    let folder = tempfile::tempdir().unwrap();
    let (compiled, refused) = (Cell::new(0), Cell::new(0));
    let begun = tokio::time::Instant::now();
    let strategy = (
        prop::collection::vec(select(SHELL_PIECES), 1..9),
        any::<Index>(),
    );
    let law = |(pieces, value): (Vec<&str>, Index)| {
        let text = pieces.join(" ");
        let Ok((template, _)) =
            compile(&text, Shell::Posix, &json!({"v": "string"}), Safety::Strict)
        else {
            refused.set(refused.get() + 1);
            return Ok(());
        };
        if !text.contains("{{") || begun.elapsed() > Duration::from_secs(6) {
            return Ok(());
        }
        compiled.set(compiled.get() + 1);
        for offset in 0..2 {
            let value = HOSTILE[(value.index(HOSTILE.len()) + offset) % HOSTILE.len()];
            let Ok(command) = template.render(&arguments(&json!({"v": value}))) else {
                continue;
            };
            for shell in &shells {
                run(shell, &command, folder.path());
                // Gone again, so that a failure is shrunk to what causes it.
                let ran = std::fs::remove_file(folder.path().join("P")).is_ok();
                prop_assert!(!ran, "{value:?} ran in {text:?}");
            }
        }
        Ok(())
    };
    cases(4000).run(&strategy, law).unwrap();
    let (compiled, refused) = (compiled.get(), refused.get());
    println!("{compiled} ran, {refused} refused, {:?}", begun.elapsed());
    assert!(compiled > 20, "the law was hardly tried: {compiled}");
}

#[test]
fn a_word_that_may_be_none_hides_no_command() {
    let posix = [
        "\"$@\"",
        "\"${@}\"",
        "\"$@\"$x",
        "\"\"\"$@\"",
        "\"${1+\"$@\"}\"",
        "\"${@:-}\"",
        "$x",
        "$(true)",
    ];
    let bash = ["\"${list[@]}\"", "\"${!prefix@}\"", "\"${@:2}\""];
    let shells = [(Shell::Posix, &posix[..]), (Shell::Bash, &bash[..])];
    for (shell, words) in shells {
        for word in words {
            for command in ["eval", "sh -c", "."] {
                let text = format!("{word} {command} {{{{v}}}}");
                let compiled = compile(&text, shell, &json!({"v": "string"}), Safety::Strict);
                assert!(compiled.is_err(), "{text}");
            }
        }
    }
}

const YAML_PIECES: &[&str] = &[
    "{{",
    "}}",
    "{{x}}",
    "${",
    "}",
    "[",
    "]",
    "{",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "'",
    "\"",
    "|",
    ">-",
    "&a ",
    "*a",
    "!!str ",
    "<<: ",
    "#",
    "null",
    "-1",
    "1e309",
    "\\",
    "\u{0}",
    "\u{1b}[2J",
    "é",
    "\r\n",
    "---\n",
    "eval ",
    "$((",
    "<<E\n",
    "`",
    "shell: ",
];

/// The example files of the project, and real ones of others where the reference folder is there.
fn real_files() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.to_owned(), root.join("../shared/wild")];
    let examples = std::fs::read_dir(root.join("examples")).unwrap();
    folders.extend(examples.map(|entry| entry.unwrap().path()));
    let files = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        });
    files
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

#[test]
fn no_mutation_of_a_real_file_panics_or_reaches_the_terminal() {
    let files = real_files();
    assert!(files.len() >= 4, "{}", files.len());
    let options = LoadOptions {
        env: Env::from_pairs([("PATH", "/usr/bin:/bin")]),
        ..LoadOptions::default()
    };
    let begun = tokio::time::Instant::now();
    let law = |(file, edits): (Index, Vec<(Index, usize, Index)>)| {
        if begun.elapsed() > Duration::from_secs(6) {
            return Ok(());
        }
        let text = mutated(&files[file.index(files.len())], &edits, YAML_PIECES);
        let report = match load_text(
            Path::new("gantz.yaml"),
            text,
            Path::new("/nonexistent"),
            &options,
        ) {
            Ok(loaded) => loaded.diagnostics.render(&loaded.source, false),
            Err(error) => error.render(false),
        };
        prop_assert!(
            !report.contains('\u{1b}') && !report.contains('\u{0}'),
            "{report:?}"
        );
        Ok(())
    };
    cases(1500).run(&(any::<Index>(), edits()), law).unwrap();
}
