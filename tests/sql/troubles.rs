//! What is said when a database refuses or is not there.

use std::path::Path;
use std::sync::Arc;

use runner::runner::Runner;
use runner::tool::FailureCode;
use serde_json::json;

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
