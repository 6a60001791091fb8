//! What is said when a database refuses or is not there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use runner::runner::Runner;
use runner::tool::FailureCode;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::server::{self, Cluster, PASSWORD};
use crate::world::{Place, World, load, nothing, one};

#[tokio::test]
async fn an_error_has_its_code_and_its_place_in_the_file_s_own_words() {
    let tools = one(
        "{ name: x }",
        "query: \"SELECT {{x}} AS a,\\n  nothing FROM t\"",
    );
    let Some(world) = World::postgres("CREATE TABLE t(a int)", &tools).await else {
        return;
    };
    let failure = world.failure(json!({"x": "é"})).await;
    assert_eq!(failure.code, FailureCode::SqlError);
    assert_eq!(failure.code.family(), "upstream");
    assert_eq!(
        failure.message,
        "the database `db` refused the query of `t`: column \"nothing\" does not exist"
    );
    assert_eq!(failure.data["sqlstate"], "42703");
    assert_eq!(failure.data["position"], json!({"line": 2, "column": 3}));

    let tools = one("{ name: x }", "query: 'SELECT a FROM t WHERE a = {{x}}'");
    let world = World::postgres("CREATE TABLE t(a int)", &tools)
        .await
        .unwrap();
    let failure = world.failure(json!({"x": "many"})).await;
    assert_eq!(
        failure.message,
        "the database `db` refused the query of `t`: invalid input syntax for type integer: \"many\""
    );
    assert_eq!(
        failure.remediation.as_deref(),
        Some("call again with a value of the type the column has")
    );

    let tools = one("", "query: SELECT nowhere FROM t");
    let world = World::sqlite("CREATE TABLE t(a)", &tools).await;
    let failure = world.failure(nothing()).await;
    assert_eq!(
        failure.message,
        "the database `db` refused the query of `t`: no such column: nowhere"
    );
    assert_eq!(failure.data["sqlite_code"], "1");
}

#[tokio::test]
async fn a_wrong_password_is_told_and_neither_is_shown() {
    let Some(cluster) = server::shared().await else {
        return;
    };
    let url = cluster
        .url("wrong")
        .replace("hunter2-secret%2F", "hunter2-wrong");
    let catalog = load(&one("", "query: SELECT 1"), &url, "{}", Path::new("/"));
    assert!(!format!("{catalog:?}").contains("hunter2"));
    let world = World {
        runner: Arc::new(Runner::new(catalog)),
        place: Place::Postgres(cluster, "wrong".to_owned()),
    };
    let failure = world.failure(nothing()).await;
    assert_eq!(
        failure.message,
        "`t` could not connect to the database `db`: password authentication failed for user \"tester\""
    );
    // A query that says the password itself does not bring it out.
    let query = format!("query: \"SELECT '{PASSWORD}'::int\"");
    let world = World::postgres("", &one("", &query)).await.unwrap();
    let failure = world.failure(nothing()).await;
    assert!(
        failure.message.contains("invalid input syntax"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_connection_that_broke_while_it_was_idle_makes_way_for_another() {
    let tools = one("", "query: SELECT pg_backend_pid() AS pid");
    let Some(world) = World::postgres("", &tools).await else {
        return;
    };
    let before = world.rows(nothing()).await;
    let ended = world
        .look("SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE application_name = current_schema()")
        .await;
    assert_eq!(ended, "1");
    assert_ne!(world.rows(nothing()).await, before);
}

#[tokio::test]
async fn explain_shows_what_is_sent_and_not_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let file = "databases: { db: { url: \"${DATABASE_URL}\" } }\n".to_owned()
        + &one(
            "{ name: x }, { name: ids, type: array }",
            "query: \"SELECT * FROM t WHERE a = {{x}} AND b IN ({{ids}})\"",
        );
    std::fs::write(folder.path().join("gantz.yaml"), file).unwrap();
    let output = crate::support::command(folder.path(), &["explain", "t"])
        .env("DATABASE_URL", "postgres://u:hunter2@h.example/d")
        .output()
        .unwrap();
    let (stdout, stderr) = crate::support::texts(&output);
    for line in [
        "  database  db (PostgreSQL), 0 to 10 connections, idle ones kept 300 s",
        "  may       read",
        "  rows      1000 at most",
        "    SELECT * FROM t WHERE a = $1 AND b = ANY ($2)",
        "  bound     $1 x, $2 ids",
    ] {
        assert!(
            stdout.lines().any(|found| found == line),
            "{line}\n{stdout}{stderr}"
        );
    }
    assert!(!stdout.contains("hunter2") && !stdout.contains("h.example"));
}

#[tokio::test]
async fn a_database_that_is_down_and_comes_back_is_used_again() {
    if server::shared().await.is_none() {
        return;
    }
    let mut cluster = tokio::task::spawn_blocking(|| Cluster::new().unwrap())
        .await
        .unwrap();
    let catalog = load(
        &one("", "query: SELECT 1 AS one"),
        &cluster.url("down"),
        "{ min_size: 2 }",
        Path::new("/"),
    );
    let world = World {
        runner: Arc::new(Runner::new(catalog)),
        place: Place::Sqlite(tempfile::tempdir().unwrap()),
    };
    for _ in 0..2 {
        let failure = world.failure(nothing()).await;
        assert_eq!(failure.code, FailureCode::SqlError);
        assert!(
            failure
                .message
                .starts_with("`t` could not connect to the database `db`: Connection refused"),
            "{failure:?}"
        );
        assert_eq!(failure.data["transient"], true);
        let mut running = tokio::task::spawn_blocking(move || {
            cluster.start();
            cluster
        })
        .await
        .unwrap();
        drop(running.connect().await);
        assert_eq!(world.rows(nothing()).await, json!([{"one": 1}]));
        cluster = tokio::task::spawn_blocking(move || {
            running.stop();
            running
        })
        .await
        .unwrap();
        // A connection that was idle when the server went is found to be broken: one call may pay for it.
        drop(world.outcome(nothing()).await);
    }
}

/// A tool that asks a server at `port`, with half a second to connect.
fn with_connect(port: u16, pool: &str) -> World {
    let text = format!(
        "timeouts: {{ slow: {{ connect: 500ms, total: 50s }} }}\n{}    timeout: slow\n",
        one(
            "{ name: seconds }",
            "query: \"SELECT pg_sleep({{seconds}}::float8)\""
        )
    );
    let url = format!("postgres://u:hunter2@127.0.0.1:{port}/d?sslmode=disable");
    World {
        runner: Arc::new(Runner::new(load(&text, &url, pool, Path::new("/")))),
        place: Place::Sqlite(tempfile::tempdir().unwrap()),
    }
}

#[tokio::test]
async fn a_connection_that_is_refused_is_told_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("postgres://u:hunter2@127.0.0.1:{port}/d");
    let tools = "timeouts: { default: { connect: 40s, total: 50s } }\n".to_owned()
        + &one("", "query: SELECT 1");
    let world = World {
        runner: Arc::new(Runner::new(load(&tools, &url, "{}", Path::new("/")))),
        place: Place::Sqlite(tempfile::tempdir().unwrap()),
    };
    let started = Instant::now();
    let failure = world.failure(nothing()).await;
    assert_eq!(
        failure.message,
        "`t` could not connect to the database `db`: Connection refused (os error 111)"
    );
    // Far less than what connecting may take.
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn connecting_has_a_time_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // It takes connections and never says a word.
    let world = with_connect(listener.local_addr().unwrap().port(), "{}");
    let failure = world.failure(json!({"seconds": "0"})).await;
    assert_eq!(failure.code, FailureCode::SqlError);
    assert_eq!(
        failure.message,
        "`t` could not connect to the database `db` within 500 ms: it does not answer"
    );
    assert_eq!(
        failure.remediation.as_deref(),
        Some(
            "the database may be down or busy: try again later, or raise `connect` in the tool's class of `timeouts`"
        )
    );
    assert_eq!(
        (
            &failure.data["connect_timeout_ms"],
            &failure.data["transient"]
        ),
        (&json!(500), &json!(true))
    );
}

#[tokio::test]
async fn waiting_for_a_connection_of_the_pool_counts_as_connecting() {
    let tools = format!(
        "timeouts: {{ slow: {{ connect: 500ms, total: 50s }} }}\n{}    timeout: slow\n",
        one(
            "{ name: seconds, type: number }",
            "query: \"SELECT 1 AS one FROM pg_sleep({{seconds}})\""
        )
    );
    let Some(world) = World::pooled("", &tools, "{ max_size: 1 }").await else {
        return;
    };
    assert_eq!(world.rows(json!({"seconds": 0})).await, json!([{"one": 1}]));
    let cancel = CancellationToken::new();
    let other = async {
        while world.active().await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let failure = world.failure(json!({"seconds": 0})).await;
        cancel.cancel();
        failure
    };
    let (_, failure) = tokio::join!(
        world.call_tool("t", json!({"seconds": 40}), cancel.clone()),
        other
    );
    assert_eq!(
        failure.message,
        "`t` could not connect to the database `db` within 500 ms: its connections (1 at most) were in use"
    );
    assert_eq!(
        failure.remediation.as_deref(),
        Some(
            "call again later, raise `max_size` of the database's `pool`, or `connect` in the tool's class of `timeouts`"
        )
    );
}
