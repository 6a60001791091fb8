//! What only PostgreSQL does.

use serde_json::{Value, json};

use crate::world::{World, nothing, one};

#[tokio::test]
async fn values_keep_their_types() {
    let tables = "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE pair AS (a int, b text);";
    let query = r#"query: >-
        SELECT 9007199254740993::int8 AS big, 'NaN'::float8 AS nan, '-Infinity'::float4 AS inf, 0.1::float8 AS f,
        12.50::numeric AS n, 12345678901234567890.5::numeric AS exact, 'NaN'::numeric AS nn,
        timestamptz '2024-02-29 10:00:00.5+02' AS at, timestamp '2024-02-29 10:00' AS local, timestamptz 'infinity' AS ever,
        date '2024-02-29' AS d, time '10:00' AS t, interval '1 day 2 hours' AS i, 'infinity'::date AS dd,
        '00000000-0000-0000-0000-00000000000a'::uuid AS u, '{"a": [1, null]}'::jsonb AS j, '[1.0]'::json AS jj,
        '\x00ff'::bytea AS b, ARRAY[[1,2],[3,null]] AS arr, ARRAY[1.5, 12345678901234567890.5]::numeric[] AS na,
        'happy'::mood AS mood, ARRAY['sad']::mood[] AS moods, row(1, 'x"y')::pair AS pair, true AS yes, NULL AS nothing,
        int4range(1, 5) AS r, '10.0.0.1/8'::inet AS ip, 5.25::money AS money, '<a/>'::xml AS x, B'101' AS bits,
        'a'::"char" AS c, 'ab'::char(4) AS padded, 7::oid AS o, '(1,2)'::point AS p, 1 AS dup, 2 AS dup, 'naïve' AS "é ""q"
    "#;
    let tools = format!(
        "tools:\n  - name: t\n    description: T\n    sql:\n      database: db\n      {query}"
    );
    let Some(world) = World::postgres(tables, &tools).await else {
        return;
    };
    let text = world.output(nothing()).await.text;
    let rows: Value = serde_json::from_str(&text).unwrap();
    let expected = json!({
        "big": 9_007_199_254_740_993_i64, "nan": "NaN", "inf": "-Infinity", "f": 0.1,
        "n": 12.5, "exact": "12345678901234567890.5", "nn": "NaN",
        "at": "2024-02-29T08:00:00.5+00:00", "local": "2024-02-29T10:00:00", "ever": "infinity",
        "d": "2024-02-29", "t": "10:00:00", "i": "1 day 02:00:00", "dd": "infinity",
        "u": "00000000-0000-0000-0000-00000000000a", "j": {"a": [1, null]}, "jj": [1.0],
        "b": "AP8=", "arr": [[1, 2], [3, null]], "na": [1.5, "12345678901234567890.5"],
        "mood": "happy", "moods": ["sad"], "pair": {"a": 1, "b": "x\"y"}, "yes": true, "nothing": null,
        "r": "[1,5)", "ip": "10.0.0.1/8", "money": "$5.25", "x": "<a/>", "bits": "101",
        "c": "a", "padded": "ab  ", "o": 7, "p": "(1,2)", "dup": 1, "dup_2": 2, "é \"q": "naïve",
    });
    for (name, value) in expected.as_object().unwrap() {
        let found = rows[0][name].to_string().replace("\"7\"", "7");
        assert_eq!(found, value.to_string(), "{name}");
    }
    assert_eq!(
        rows[0].as_object().unwrap().len(),
        expected.as_object().unwrap().len()
    );
}

#[tokio::test]
async fn what_is_no_table_is_given_back_too() {
    for (query, told) in [
        ("SHOW server_encoding", json!([{"server_encoding": "UTF8"}])),
        (
            "EXPLAIN (FORMAT JSON, COSTS OFF) SELECT {{n}}::int",
            Value::Null,
        ),
        ("SELECT pg_sleep(0)", json!([{"pg_sleep": null}])),
        ("SELECT FROM generate_series(1, 3)", Value::Null),
        ("VALUES (1, 'a')", json!([{"column1": 1, "column2": "a"}])),
        (
            "WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT x, y FROM a, b -- end",
            json!([{"x": 1, "y": 2}]),
        ),
        (
            "(SELECT 1 AS x) UNION ALL SELECT 2",
            json!([{"x": 1}, {"x": 2}]),
        ),
    ] {
        let tools = one(
            "{ name: n, type: integer, default: 1 }",
            &format!("query: {}", json!(query)),
        );
        let Some(world) = World::postgres("", &tools).await else {
            return;
        };
        let rows = world.rows(nothing()).await;
        assert!(told.is_null() || rows == told, "{query}: {rows}");
    }
}

#[tokio::test]
async fn statements_that_write_say_what_they_did() {
    let tables = "CREATE TABLE t(id serial PRIMARY KEY, a text); CREATE TABLE old(id int, a text);";
    let tools = r#"tools:
  - { name: insert, description: I, parameters: [{ name: a }], sql: { database: db, read_only: false, query: "INSERT INTO t(a) VALUES ({{a}})" } }
  - { name: returning, description: I, parameters: [{ name: a }], sql: { database: db, read_only: false, query: "INSERT INTO t(a) VALUES ({{a}}) RETURNING id, a;" } }
  - { name: move, description: I, sql: { database: db, read_only: false, max_rows: 1, query: "WITH gone AS (DELETE FROM t RETURNING *) INSERT INTO old SELECT * FROM gone RETURNING id" } }
  - { name: seen, description: I, sql: { database: db, read_only: false, query: "WITH gone AS (DELETE FROM old RETURNING *) SELECT id FROM gone ORDER BY 1" } }
"#;
    let Some(world) = World::postgres(tables, tools).await else {
        return;
    };
    let call = async |tool: &str, arguments: Value| {
        let outcome = world
            .call_tool(tool, arguments, tokio_util::sync::CancellationToken::new())
            .await;
        let output = outcome
            .result
            .unwrap_or_else(|failure| panic!("{}", failure.envelope()));
        (
            serde_json::from_str::<Value>(&output.text).unwrap(),
            outcome.warnings,
        )
    };
    assert_eq!(
        call("insert", json!({"a": "x"})).await.0,
        json!({"rows_affected": 1})
    );
    assert_eq!(
        call("returning", json!({"a": "y"})).await.0,
        json!([{"id": 2, "a": "y"}])
    );
    let (moved, warnings) = call("move", json!({})).await;
    assert_eq!(moved.as_array().unwrap().len(), 1);
    assert!(
        warnings[0].starts_with("gave the first 1 rows, and there are more: `sql.max_rows` is 1"),
        "{warnings:?}"
    );
    // What writes is done as a whole, however much of it is given back.
    assert_eq!(world.look("SELECT count(*)::text FROM old").await, "2");
    assert_eq!(
        call("seen", json!({})).await.0,
        json!([{"id": 1}, {"id": 2}])
    );
}

#[tokio::test]
async fn a_table_that_changes_between_two_calls_does_no_harm() {
    let tools = one("{ name: x }", "query: 'SELECT * FROM t WHERE a = {{x}}'");
    let Some(world) = World::postgres(
        "CREATE TABLE t(a text); INSERT INTO t VALUES ('1');",
        &tools,
    )
    .await
    else {
        return;
    };
    assert_eq!(world.rows(json!({"x": "1"})).await, json!([{"a": "1"}]));
    world.look("WITH x AS (SELECT 1) SELECT '' FROM x").await;
    let crate::world::Place::Postgres(cluster, schema) = &world.place else {
        unreachable!()
    };
    let mut connection = cluster.connect().await;
    let change = format!(
        "ALTER TABLE {schema}.t ALTER a TYPE int USING a::int; ALTER TABLE {schema}.t ADD b int"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(change))
        .execute(&mut connection)
        .await
        .unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(world.rows(json!({"x": "1"})).await);
    }
    assert!(seen.iter().all(|rows| rows[0]["a"] == 1), "{seen:?}");
}
