//! What only SQLite does.

use serde_json::json;

use crate::world::{World, nothing, one};

#[tokio::test]
async fn values_keep_their_types() {
    let tables = "CREATE TABLE t(i INTEGER, r REAL, s TEXT, b BLOB, ok BOOLEAN, n);
        INSERT INTO t VALUES (9007199254740993, 0.1, 'é\"', x'00ff', 1, NULL), (-9223372036854775808, 9e999, '', x'', 0, 'x')";
    let world = World::sqlite(tables, &one("", "query: SELECT * FROM t ORDER BY i DESC")).await;
    let text = world.output(nothing()).await.text;
    assert!(
        text.contains("9007199254740993") && text.contains("-9223372036854775808"),
        "{text}"
    );
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&text).unwrap(),
        json!([
            {"i": 9_007_199_254_740_993_i64, "r": 0.1, "s": "é\"", "b": "AP8=", "ok": true, "n": null},
            {"i": i64::MIN, "r": "Infinity", "s": "", "b": "", "ok": false, "n": "x"},
        ])
    );
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_made_unless_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let world = |url: &str, sql: &str| {
        let catalog = crate::world::load(&one("", sql), url, "{}", folder.path());
        World {
            runner: std::sync::Arc::new(runner::runner::Runner::new(catalog)),
            place: crate::world::Place::Sqlite(tempfile::tempdir().unwrap()),
        }
    };
    let missing = world("sqlite:new.db", "query: SELECT 1")
        .failure(nothing())
        .await;
    assert_eq!(
        missing.message,
        "`t` could not connect to the database `db`: unable to open database file"
    );
    assert!(!folder.path().join("new.db").exists());
    let made = world(
        "sqlite:new.db?mode=rwc",
        "query: 'CREATE TABLE a(b)', read_only: false",
    );
    assert_eq!(made.rows(nothing()).await, json!({"rows_affected": 0}));
    assert!(folder.path().join("new.db").exists());
    let memory = world("sqlite::memory:", "query: SELECT 1 AS one");
    assert_eq!(memory.rows(nothing()).await, json!([{"one": 1}]));
}

#[tokio::test]
async fn a_number_past_64_bits_is_an_argument_error() {
    let world = World::sqlite(
        "",
        &one("{ name: n, type: integer }", "query: 'SELECT {{n}} AS n'"),
    )
    .await;
    assert_eq!(
        world.rows(json!({"n": i64::MAX})).await,
        json!([{"n": i64::MAX}])
    );
    let failure = world.failure(json!({"n": u64::MAX})).await;
    assert_eq!(failure.code.code(), "INVALID_ARGUMENTS");
}
