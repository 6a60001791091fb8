//! Values on their way in: exactly as given, and of the type the place has.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::world::{World, nothing, one};

/// The rows of one query over a table of PostgreSQL with a column of many types.
async fn found(condition: &str, parameter: &str, value: Value) -> Option<Value> {
    let tables = "CREATE TYPE mood AS ENUM ('sad', 'happy');
        CREATE TABLE t(id int, at timestamptz, day date, u uuid, n numeric(12,2), j jsonb, m mood, ok bool, f float8, v varchar(9), ch char(4), tags text[], big int8, i interval);
        INSERT INTO t VALUES
          (1, '2024-01-01', '2024-01-01', '00000000-0000-0000-0000-000000000001', 1.5, '{\"a\": 1}', 'sad', false, 0.5, 'x', 'ab', '{a,b}', 1, '1 day'),
          (2, '2025-01-01', '2025-01-01', '00000000-0000-0000-0000-000000000002', 2.5, '{\"a\": 2}', 'happy', true, 1.5, 'y', 'cd', '{\"c,d\",NULL}', 9007199254740993, '2 days');";
    let sql = format!(
        "query: {}",
        json!(format!("SELECT id FROM t WHERE {condition} ORDER BY id"))
    );
    let world = World::postgres(tables, &one(parameter, &sql)).await?;
    let arguments = if value == json!("absent") {
        nothing()
    } else {
        json!({"x": value})
    };
    let rows = world.rows(arguments).await;
    Some(
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].clone())
            .collect(),
    )
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
#[tokio::test]
async fn a_text_is_read_as_the_column_has_it() {
    let text = "{ name: x }";
    for (condition, parameter, value, ids) in [
        (
            "at > {{x}}",
            text,
            json!("2024-06-01T00:00:00Z"),
            json!([2]),
        ),
        ("day = {{x}}", text, json!("2024-01-01"), json!([1])),
        (
            "u = {{x}}",
            text,
            json!("00000000-0000-0000-0000-000000000002"),
            json!([2]),
        ),
        ("n = {{x}}", text, json!("2.50"), json!([2])),
        (
            "n > {{x}}",
            "{ name: x, type: number }",
            json!(1.6),
            json!([2]),
        ),
        ("id = {{x}}", text, json!("1"), json!([1])),
        (
            "id = {{x}}",
            "{ name: x, type: integer }",
            json!(2),
            json!([2]),
        ),
        (
            "v = {{x}}",
            "{ name: x, type: integer }",
            json!(2),
            json!([]),
        ),
        (
            "big = {{x}}",
            "{ name: x, type: integer }",
            json!(9_007_199_254_740_993_i64),
            json!([2]),
        ),
        (
            "ok = {{x}}",
            "{ name: x, type: boolean }",
            json!(true),
            json!([2]),
        ),
        (
            "f >= {{x}}",
            "{ name: x, type: number }",
            json!(1.5),
            json!([2]),
        ),
        ("m = {{x}}", text, json!("happy"), json!([2])),
        ("ch = {{x}}", text, json!("cd"), json!([2])),
        ("i > {{x}}", text, json!("25 hours"), json!([2])),
        (
            "j @> {{x}}",
            "{ name: x, type: object }",
            json!({"a": 2}),
            json!([2]),
        ),
        ("j @> {{x}}", text, json!("{\"a\": 1}"), json!([1])),
        (
            "id = ANY({{x}})",
            "{ name: x, type: array }",
            json!([2, 3]),
            json!([2]),
        ),
        (
            "id IN ({{x}})",
            "{ name: x, type: array }",
            json!([1, 2, 3]),
            json!([1, 2]),
        ),
        (
            "id IN ({{x}})",
            "{ name: x, type: array }",
            json!([]),
            json!([]),
        ),
        (
            "id NOT IN ({{x}})",
            "{ name: x, type: array }",
            json!([]),
            json!([1, 2]),
        ),
        (
            "id NOT IN ({{x}})",
            "{ name: x, type: array }",
            json!([1]),
            json!([2]),
        ),
        (
            "u IN ({{x}})",
            "{ name: x, type: array }",
            json!(["00000000-0000-0000-0000-000000000001"]),
            json!([1]),
        ),
        (
            "m IN ({{x}})",
            "{ name: x, type: array }",
            json!(["sad", "happy"]),
            json!([1, 2]),
        ),
        (
            "tags && {{x}}",
            "{ name: x, type: array }",
            json!(["c,d", "\"}"]),
            json!([2]),
        ),
        ("{{x}} = ANY(tags)", text, json!("a"), json!([1])),
        (
            "{{x}} IS NULL OR id = {{x}}",
            "{ name: x, type: integer }",
            json!("absent"),
            json!([1, 2]),
        ),
        ("{{x}} IS NULL", text, json!("absent"), json!([1, 2])),
        ("v = {{x}}", text, json!("absent"), json!([])),
        (
            "at > now() - CAST({{x}} AS interval)",
            text,
            json!("1 hour"),
            json!([]),
        ),
        ("v LIKE '%' || {{x}} || '%'", text, json!("y"), json!([2])),
        (
            "jsonb_build_object('a', {{x}}) = j",
            "{ name: x, type: integer }",
            json!(2),
            json!([2]),
        ),
        (
            "EXISTS (SELECT 1 FROM t s WHERE s.id = t.id AND s.v = {{x}})",
            text,
            json!("x"),
            json!([1]),
        ),
    ] {
        let Some(rows) = found(condition, parameter, value.clone()).await else {
            return;
        };
        assert_eq!(rows, ids, "{condition} with {value}");
    }
}

/// Each place a value may stand in, in the words of both databases.
const PLACES: [&str; 9] = [
    "SELECT CAST({{x}} AS text) AS x",
    "SELECT x FROM (SELECT CAST({{x}} AS text) AS x) AS t WHERE x = {{x}}",
    "SELECT CASE WHEN 1 = 1 THEN CAST({{x}} AS text) ELSE '' END AS x",
    "SELECT '' || {{x}} || '' AS x",
    "SELECT coalesce(NULL, CAST({{x}} AS text)) AS x",
    "SELECT replace('@', '@', {{x}}) AS x",
    "WITH t(x) AS (VALUES (CAST({{x}} AS text))) SELECT x FROM t",
    "SELECT /* {{x}} */ CAST({{x}} AS text) AS x -- {{x}}",
    "SELECT CAST({{x}} AS text) AS x ORDER BY CAST({{x}} AS text) = 'a' LIMIT 1",
];

#[tokio::test]
async fn any_text_arrives_as_it_is_in_every_place() {
    let mut runner = TestRunner::deterministic();
    let strategy = prop_oneof![
        "\\PC{0,40}",
        "[ -~\\n\\t\\r]{0,40}",
        r#"['"\\$;/*{}\-\[\]`%_ ?:@0-9a-e]{0,30}"#,
    ];
    for query in PLACES {
        let tools = one(
            "{ name: x, required: true }",
            &format!("query: {}", json!(query)),
        );
        for world in World::both("", &tools).await {
            for _ in 0..25 {
                let value = strategy
                    .new_tree(&mut runner)
                    .unwrap()
                    .current()
                    .replace('\0', "");
                let rows = world.rows(json!({"x": value})).await;
                assert_eq!(rows, json!([{"x": value}]), "{query}");
            }
        }
    }
}

#[tokio::test]
async fn any_list_arrives_as_it_is() {
    let mut runner = TestRunner::deterministic();
    let strategy = proptest::collection::vec(r#"[a-c'"\\{},$ ;]{0,6}|NULL"#, 0..6);
    let tables = "CREATE TABLE t(v text)";
    let tools = "tools:\n  - { name: add, description: A, parameters: [{ name: v }], sql: { database: db, read_only: false, query: \"INSERT INTO t VALUES ({{v}})\" } }
  - { name: t, description: T, parameters: [{ name: l, type: array }], sql: { database: db, query: \"SELECT (SELECT count(*) FROM t WHERE v IN ({{l}})) AS inside, (SELECT count(*) FROM t WHERE v NOT IN ({{l}})) AS outside\" } }\n";
    for world in World::both(tables, tools).await {
        for text in ["", "'", "\"", "\\", "{}", "NULL", "a,b"] {
            let added = world
                .call_tool(
                    "add",
                    json!({"v": text}),
                    tokio_util::sync::CancellationToken::new(),
                )
                .await;
            assert!(added.result.is_ok());
        }
        let known = ["", "'", "\"", "\\", "{}", "NULL", "a,b"];
        for _ in 0..60 {
            let mut list = strategy.new_tree(&mut runner).unwrap().current();
            list.extend(known.iter().take(list.len()).map(|text| (*text).to_owned()));
            let inside = known
                .iter()
                .filter(|text| list.iter().any(|item| item == *text))
                .count();
            let rows = world.rows(json!({"l": list})).await;
            assert_eq!(
                rows,
                json!([{"inside": inside, "outside": known.len() - inside}]),
                "{list:?}"
            );
        }
    }
}
