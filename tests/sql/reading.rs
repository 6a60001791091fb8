//! What `read_only` keeps out, and how much of an answer is given back.

use runner::tool::FailureCode;
use serde_json::{Value, json};

use crate::world::{Place, World, nothing, one};

#[tokio::test]
async fn a_tool_that_may_only_read_cannot_write_in_postgres() {
    let tables = "CREATE TABLE t(a int); INSERT INTO t VALUES (1);
        CREATE FUNCTION adds() RETURNS int LANGUAGE plpgsql AS 'BEGIN INSERT INTO t VALUES (2); RETURN 1; END';
        CREATE FUNCTION dares() RETURNS int LANGUAGE plpgsql AS 'BEGIN SET TRANSACTION READ WRITE; INSERT INTO t VALUES (2); RETURN 1; END';
        CREATE FUNCTION ends() RETURNS int LANGUAGE plpgsql AS 'BEGIN COMMIT; INSERT INTO t VALUES (2); RETURN 1; END';
        CREATE PROCEDURE proceeds() LANGUAGE plpgsql AS 'BEGIN COMMIT; INSERT INTO t VALUES (2); COMMIT; END';
        CREATE SEQUENCE s;";
    for query in [
        "INSERT INTO t VALUES (2)",
        "UPDATE t SET a = 2",
        "DELETE FROM t",
        "WITH x AS (INSERT INTO t VALUES (2) RETURNING a) SELECT a FROM x",
        "WITH x AS (DELETE FROM t RETURNING a) INSERT INTO t SELECT a + 1 FROM x",
        "SELECT adds()",
        "SELECT dares()",
        "SELECT ends()",
        "CALL proceeds()",
        "SELECT set_config('transaction_read_only', 'off', false), adds()",
        "SELECT set_config('default_transaction_read_only', 'off', false), adds()",
        "DO 'BEGIN INSERT INTO t VALUES (2); END'",
        "DO 'BEGIN COMMIT; INSERT INTO t VALUES (2); END'",
        "DO 'BEGIN SET TRANSACTION READ WRITE; INSERT INTO t VALUES (2); END'",
        "CREATE TABLE other(a int)",
        "TRUNCATE t",
        "SELECT nextval('s')",
        "EXPLAIN ANALYZE INSERT INTO t VALUES (2)",
        "SELECT * FROM t FOR UPDATE",
    ] {
        let Some(world) =
            World::postgres(tables, &one("", &format!("query: {}", json!(query)))).await
        else {
            return;
        };
        let failure = world.failure(nothing()).await;
        assert_eq!(failure.code, FailureCode::SqlError, "{query}");
        assert_eq!(
            world.look("SELECT string_agg(a::text, ',') FROM t").await,
            "1",
            "{query}"
        );
        if failure.data["sqlstate"] == "25006" {
            assert_eq!(
                failure.remediation.as_deref(),
                Some(
                    "the query writes, and the tool may only read: `read_only: false` lets it write"
                )
            );
        }
        // The next call of the same connection may not either.
        let again = world.failure(nothing()).await;
        assert_eq!(again.code, FailureCode::SqlError, "{query}");
        assert_eq!(
            world.look("SELECT string_agg(a::text, ',') FROM t").await,
            "1",
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_tool_that_may_only_read_cannot_write_in_sqlite() {
    // Another tool that writes, so that the file is not opened for reading only.
    for other in [
        "",
        "  - { name: w, description: W, sql: { database: db, read_only: false, query: 'DELETE FROM t WHERE a > 9' } }\n",
    ] {
        for query in [
            "INSERT INTO t VALUES (2)",
            "WITH x(a) AS (SELECT 2) INSERT INTO t SELECT a FROM x",
            "INSERT INTO t VALUES (2) RETURNING a",
            "DELETE FROM t",
            "CREATE TABLE other(a)",
            "PRAGMA user_version = 7",
            "REPLACE INTO t VALUES (2)",
        ] {
            let tools = one("", &format!("query: {}", json!(query))) + other;
            let world = World::sqlite("CREATE TABLE t(a); INSERT INTO t VALUES (1)", &tools).await;
            if !other.is_empty() {
                let wrote = world
                    .call_tool("w", json!({}), tokio_util::sync::CancellationToken::new())
                    .await;
                assert!(wrote.result.is_ok());
            }
            let failure = world.failure(nothing()).await;
            assert_eq!(failure.code, FailureCode::SqlError, "{query}");
            assert_eq!(
                failure.message,
                "the database `db` refused the query of `t`: attempt to write a readonly database",
                "{query}"
            );
            assert_eq!(
                world
                    .look("SELECT CAST(group_concat(a) AS text) FROM t")
                    .await,
                "1"
            );
        }
    }
}

#[tokio::test]
async fn no_more_rows_than_asked_for_are_given_and_the_rest_is_not_read() {
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let tools = one("", &format!("max_rows: 3, query: {}", json!(endless)));
    for world in World::both("", &tools).await {
        for _ in 0..3 {
            let outcome = world.outcome(nothing()).await;
            let output = outcome.result.unwrap();
            assert_eq!(
                output.structured.unwrap(),
                json!([{"i": 1}, {"i": 2}, {"i": 3}])
            );
            assert_eq!(
                outcome.warnings,
                [
                    "gave the first 3 rows, and there are more: `sql.max_rows` is 3; ask for less, or page on where the tool has a parameter for it"
                ]
            );
        }
    }
    let Some(world) = World::postgres(
        "",
        &one("", "query: 'SELECT generate_series(1, 1000000000) AS n'"),
    )
    .await
    else {
        return;
    };
    assert_eq!(world.rows(nothing()).await.as_array().unwrap().len(), 1000);
    let exact = one(
        "",
        "max_rows: 3, query: 'SELECT 1 AS a UNION ALL SELECT 2 UNION ALL SELECT 3'",
    );
    for world in World::both("", &exact).await {
        assert_eq!(
            world.outcome(nothing()).await.warnings,
            Vec::<String>::new()
        );
    }
}

#[tokio::test]
async fn rows_past_the_bytes_an_answer_may_have_are_left_out_whole() {
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, CAST('0123456789012345678901234567890123456789' AS text) AS pad FROM n";
    let tools = one(
        "",
        &format!("max_rows: 4000000000, query: {}", json!(endless)),
    ) + "    output: { max_bytes: 2KiB, inline_bytes: 2KiB, on_overflow: truncate }\n";
    for world in World::both("", &tools).await {
        let outcome = world.outcome(nothing()).await;
        let output = outcome.result.unwrap();
        let rows = output.structured.unwrap();
        let count = rows.as_array().unwrap().len();
        assert!((10..60).contains(&count), "{count}");
        assert!(output.text.len() <= 2048);
        assert_eq!(
            outcome.warnings,
            [format!(
                "gave the first {count} rows, and there are more: no more fit in `output.max_bytes`"
            )]
        );
    }
}

#[tokio::test]
async fn lines_are_lines() {
    let tools =
        one("", "query: 'SELECT 1 AS a UNION ALL SELECT 2'") + "    output: { format: jsonl }\n";
    for world in World::both("", &tools).await {
        let output = world.output(nothing()).await;
        assert_eq!(output.text, "{\"a\":1}\n{\"a\":2}\n");
        assert_eq!(output.structured.unwrap(), json!([{"a": 1}, {"a": 2}]));
    }
}

const BLOG: &str = "CREATE TABLE users(id integer, name text); CREATE TABLE posts(id integer, user_id integer, title text);
    INSERT INTO users VALUES (1, 'ann'), (2, 'bob'), (3, 'cid');
    INSERT INTO posts VALUES (10, 1, 'a'), (11, 1, 'b'), (12, 3, 'c');";

#[tokio::test]
async fn queries_run_side_by_side_and_rows_are_put_together_by_id() {
    let parameter = "{ name: ids, type: array, items: { type: integer } }";
    let queries = "queries: { user: 'SELECT * FROM users WHERE id IN ({{ids}}) ORDER BY id', posts: 'SELECT user_id, title FROM posts WHERE user_id IN ({{ids}}) ORDER BY id' }";
    for world in World::both(BLOG, &one(parameter, queries)).await {
        assert_eq!(
            world.rows(json!({"ids": [1]})).await,
            json!({"user": [{"id": 1, "name": "ann"}], "posts": [{"user_id": 1, "title": "a"}, {"user_id": 1, "title": "b"}]})
        );
    }
    let grouped = format!("{queries}, group_by: {{ user: id, posts: user_id }}");
    for world in World::both(BLOG, &one(parameter, &grouped)).await {
        let rows = world.rows(json!({"ids": [1, 2, 3]})).await;
        assert_eq!(rows["1"]["user"], json!([{"id": 1, "name": "ann"}]));
        assert_eq!(rows["1"]["posts"].as_array().unwrap().len(), 2);
        assert_eq!(
            rows["2"],
            json!({"user": [{"id": 2, "name": "bob"}], "posts": []})
        );
        assert_eq!(rows["3"]["posts"], json!([{"user_id": 3, "title": "c"}]));
        assert_eq!(world.rows(json!({"ids": []})).await, json!({}));
    }
    let wrong = format!("{queries}, group_by: {{ user: id, posts: author }}");
    for world in World::both(BLOG, &one(parameter, &wrong)).await {
        let failure = world.failure(json!({"ids": [1]})).await;
        assert_eq!(
            failure.message,
            "a query of `t` gives no column `author`, which `group_by` names"
        );
    }
}

#[tokio::test]
async fn a_long_answer_is_stored_and_can_be_read_on() {
    let folder = tempfile::tempdir().unwrap();
    let tools = one(
        "",
        "max_rows: 5000, query: 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i FROM n'",
    ) + "    output: { max_bytes: 1KiB, inline_bytes: 1KiB }\n";
    for world in World::both("", &tools).await {
        let store = runner::store::Store::new(
            Some(folder.path().join("state")),
            runner::store::StoreLimits::default(),
        );
        let crate::world::World {
            runner: before,
            place,
        } = world;
        let catalog = match &place {
            crate::world::Place::Sqlite(folder) => {
                crate::world::load(&tools, "sqlite:db.sqlite", "{}", folder.path())
            }
            crate::world::Place::Postgres(cluster, schema) => crate::world::load(
                &tools,
                &cluster.url(schema),
                "{}",
                std::path::Path::new("/"),
            ),
        };
        drop(before);
        let runner = std::sync::Arc::new(runner::runner::Runner::storing(catalog, store));
        let world = World { runner, place };
        let output = world.output(nothing()).await;
        let stored = output.stored.unwrap();
        assert!(stored.is_whole());
        let whole: Vec<Value> = (1..=5000).map(|i| json!({"i": i})).collect();
        let length = whole
            .iter()
            .map(|row| row.to_string().len() + 2)
            .sum::<usize>()
            + 2;
        assert_eq!(stored.total, length as u64);
    }
}

#[tokio::test]
async fn a_value_too_long_to_be_held_is_refused_before_it_is_copied() {
    let tools = one("", "query: \"SELECT 1 AS one, t.long AS long FROM t\"");
    let tables = "CREATE TABLE t(long text)";
    for world in World::both(tables, &tools).await {
        let is_sqlite = matches!(world.place, Place::Sqlite(_));
        let fill = if is_sqlite {
            "INSERT INTO t VALUES (replace(hex(zeroblob(10000000)), '00', 'ab')) RETURNING 'ok'"
        } else {
            "INSERT INTO t VALUES (repeat('ab', 10000000)) RETURNING 'ok'"
        };
        world.look(fill).await;
        for _ in 0..2 {
            let failure = world.failure(nothing()).await;
            assert_eq!(failure.code, FailureCode::OutputTooLarge, "{failure:?}");
            // PostgreSQL sends it as JSON, with its quotes.
            let bytes = if is_sqlite { 20_000_000 } else { 20_000_002 };
            assert_eq!(
                failure.message,
                format!(
                    "a row of `t` is longer than the 16777216 bytes allowed: its column `long` alone has {bytes}"
                )
            );
            assert_eq!(failure.data["column"], "long");
        }
    }
}

#[tokio::test]
async fn what_a_statement_wrote_whose_rows_are_too_long_is_told() {
    let sqlite = one(
        "",
        "read_only: false, query: \"INSERT INTO t VALUES (1) RETURNING zeroblob(20000000) AS long\"",
    );
    let world = World::sqlite("CREATE TABLE t(a int)", &sqlite).await;
    let failure = world.failure(nothing()).await;
    assert_eq!(failure.code, FailureCode::OutputTooLarge, "{failure:?}");
    assert_eq!(
        failure.remediation.as_deref(),
        Some(
            "what the query wrote stays written; ask for a part of the column, or raise `output.max_bytes`"
        )
    );
    assert_eq!(world.look("SELECT count(*) || '' FROM t").await, "1");

    let postgres = one(
        "",
        "read_only: false, query: \"INSERT INTO t VALUES (1) RETURNING repeat('ab', 10000000) AS long\"",
    );
    let Some(world) = World::postgres("CREATE TABLE t(a int)", &postgres).await else {
        return;
    };
    let failure = world.failure(nothing()).await;
    assert_eq!(failure.code, FailureCode::OutputTooLarge, "{failure:?}");
    assert_eq!(
        failure.remediation.as_deref(),
        Some("ask for a part of the column, such as with `substr`, or raise `output.max_bytes`")
    );
    assert_eq!(world.look("SELECT count(*)::text FROM t").await, "0");
}
