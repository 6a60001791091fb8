//! The program as a user starts it: tokens of the file, addresses that others reach.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HOST;
use serde_json::json;
use tokio::time::Instant;

use crate::endpoint::{TOOLS, answer, names, request, status};
use crate::support::{Server, command, runner, texts};

/// A folder with a file that asks for the token in `CI_TOKEN`.
fn folder(server: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = TOOLS.replace("inherit_env: false", server);
    fs::write(folder.path().join("gantz.yaml"), text).unwrap();
    folder
}

const ASKS: &str = r#"server: { auth: { bearer_tokens: [{ name: ci, token: "${CI_TOKEN}", tools: ["*_env"] }] } }"#;

#[tokio::test]
async fn a_token_of_the_file_stays_out_of_every_log_and_of_the_scripts() {
    const TOKEN: &str = "3f1d0a9c-token-of-the-file";
    let folder = folder(ASKS);
    let environment = [("CI_TOKEN", TOKEN), ("RUNNER_LOG", "trace,rmcp=trace")];
    let server = Logged::start(folder.path(), &[], &environment);
    let url = listening(&server).await;
    let call = json!({"name": "report_env", "arguments": {}});
    let (status, shown) = answer(request(&url, "tools/call", call).bearer_auth(TOKEN)).await;
    let list = request(&url, "tools/list", json!({})).bearer_auth(TOKEN);
    let seen = names(&answer(list).await.1);
    let wrong = request(&url, "tools/list", json!({})).bearer_auth("wrong-but-secret");
    let refused = wrong.send().await.unwrap().status();
    let log = server.log();
    assert_eq!(
        (status, refused),
        (StatusCode::OK, StatusCode::UNAUTHORIZED)
    );
    assert_eq!(seen, ["report_env"]);
    let shown = shown.to_string();
    assert!(
        shown.contains("GANTZ_CLIENT=ci") && !shown.contains(TOKEN),
        "{shown}"
    );
    assert!(
        log.contains("received request"),
        "the SDK's log was on: {log}"
    );
    assert!(
        log.contains("\"Authorization\": \"Bearer YOUR_TOKEN\""),
        "{log}"
    );
    assert!(
        !log.contains(TOKEN) && !log.contains("wrong-but-secret"),
        "{log}"
    );
}

/// The program at work with its log in a file, ended when dropped.
struct Logged {
    child: Child,
    log: PathBuf,
}

impl Logged {
    fn start(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let log = folder.join("log");
        let mut serve = command(folder, &["serve", "--port", "0"]);
        serve.args(arguments).envs(environment.iter().copied());
        serve
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap());
        let child = serve.spawn().unwrap();
        Self { child, log }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// What it has written, up to the end of a line that is waited for.
    async fn until(&self, text: &str) -> String {
        let started = Instant::now();
        loop {
            let log = self.log();
            let complete = log.rsplit_once('\n').map_or("", |(lines, _)| lines);
            if complete.contains(text) {
                return complete.to_owned() + "\n";
            }
            assert!(started.elapsed() < Duration::from_secs(30), "{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The URL that a server prints once it listens.
async fn listening(server: &Logged) -> String {
    let log = server.until("\nlistening on ").await;
    let mut lines = log.lines();
    let url = lines.find_map(|line| line.strip_prefix("listening on "));
    url.unwrap().to_owned()
}

#[test]
fn an_address_that_others_reach_is_refused_without_tokens() {
    let folder = folder("inherit_env: false");
    let output = runner(
        folder.path(),
        &["serve", "--host", "0.0.0.0", "--port", "0"],
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        texts(&output).1,
        "error: `0.0.0.0` can be reached from other machines, and nothing here asks who calls\n\n\
         hint: set `server.auth.bearer_tokens` in the file, or serve on `127.0.0.1`; with `--insecure` \
         everybody who can reach the address may call every tool\n"
    );
}

#[test]
fn tokens_that_cannot_work_are_told_of_before_anything_is_served() {
    for (tokens, message) in [
        (
            "[]",
            "error: `server.auth` has no tokens, so nobody could call\n\n\
             hint: add one to `server.auth.bearer_tokens`, or remove `server.auth`\n",
        ),
        (
            "[{ name: ci, token: \"a b\" }]",
            "error: the bearer token of `ci` cannot be sent: it is empty, or not all of it is visible ASCII\n\n\
             hint: look for a space or a line break at its end; `openssl rand -hex 32` makes a good one\n",
        ),
        (
            "[{ name: ci, token: same }, { name: desk, token: same }]",
            "error: `ci` and `desk` have the same bearer token, which must tell who calls\n\n\
             hint: give each client a token of its own\n",
        ),
    ] {
        let folder = folder(&format!(
            "server: {{ auth: {{ bearer_tokens: {tokens} }} }}"
        ));
        let output = runner(folder.path(), &["serve", "--insecure", "--port", "0"]);
        assert_eq!(
            (output.status.code(), texts(&output).1.as_str()),
            (Some(2), message)
        );
    }
}

#[tokio::test]
async fn what_is_spelled_out_is_served_with_a_warning() {
    let folder = folder("inherit_env: false");
    let options = ["--host", "0.0.0.0", "--insecure"];
    let server = Logged::start(folder.path(), &options, &[]);
    let url = listening(&server).await.replace("0.0.0.0", "127.0.0.1");
    // Others reach it under names that this machine does not know.
    let list = request(&url, "tools/list", json!({})).header(HOST, "tools.example");
    let named = list.send().await.unwrap().status();
    let page = request(&url, "tools/list", json!({})).header("origin", "http://tools.example");
    let from_page = page.send().await.unwrap().status();
    assert_eq!((named, from_page), (StatusCode::OK, StatusCode::FORBIDDEN));
    let log = server.until("for the file of a certain client").await;
    let warning = "warning: everybody who can reach `0.0.0.0` may call every tool, since `--insecure` was given\n";
    assert!(log.contains(warning), "{log}");
    // No client can call "any address".
    let near = format!("\"url\": \"{url}\"");
    let far = "on another machine, it needs the name of this one in place of the address\n";
    assert!(log.contains(&near) && log.contains(far), "{log}");
}

#[tokio::test]
async fn with_tokens_other_machines_may_come() {
    let folder = folder(&ASKS.replace("${CI_TOKEN}", "ci-token"));
    let config = folder.path().join("gantz.yaml");
    let server = Server::start_with(&config, &["--host", "0.0.0.0"]);
    let url = server.url.replace("0.0.0.0", "127.0.0.1");
    let list = || request(&url, "tools/list", json!({}));
    assert_eq!(status(list()).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(list().bearer_auth("ci-token")).await, StatusCode::OK);
}
