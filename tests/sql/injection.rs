//! What a caller gives is never code: payloads in every parameter of every kind of statement change nothing.

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::calls::call;
use crate::world::World;

const PAYLOADS: [&str; 17] = [
    "' OR '1'='1",
    "x' OR 1=1 --",
    "'; DROP TABLE users; --",
    "\"; DROP TABLE users; --",
    "1; DELETE FROM users",
    "1) ; DELETE FROM users; SELECT (1",
    "' UNION SELECT secret FROM users --",
    "$$; DROP TABLE users; $$",
    "\\'; DROP TABLE users; --",
    "E'\\''; DROP TABLE users; --",
    "*/ DROP TABLE users; /*",
    "\n; DROP TABLE users",
    "$1",
    "?1",
    "{{secret}}",
    "') RETURNING secret; --",
    "created_at; DROP TABLE users",
];

const TABLES: &str = "CREATE TABLE users(id integer, name text, secret text);
    INSERT INTO users VALUES (1, 'ann', 'hush-1'), (2, 'bob', 'hush-2');
    CREATE TABLE log(line text);";

const TOOLS: &str = r#"tools:
  - { name: where, description: T, parameters: [{ name: x }], sql: { database: db, query: "SELECT name FROM users WHERE name = {{x}}" } }
  - { name: like, description: T, parameters: [{ name: x }], sql: { database: db, query: "SELECT name FROM users WHERE name LIKE '%' || {{x}} || '%'" } }
  - { name: in, description: T, parameters: [{ name: x, type: array }], sql: { database: db, query: "SELECT name FROM users WHERE name IN ({{x}}) OR name NOT IN ({{x}}) AND 1 = 2" } }
  - { name: select, description: T, parameters: [{ name: x }], sql: { database: db, query: "SELECT CAST({{x}} AS text) AS got" } }
  - { name: insert, description: T, parameters: [{ name: x }], sql: { database: db, read_only: false, query: "INSERT INTO log VALUES ({{x}})" } }
  - { name: update, description: T, parameters: [{ name: x }], sql: { database: db, read_only: false, query: "UPDATE users SET name = name WHERE name = {{x}}" } }
  - { name: delete, description: T, parameters: [{ name: x }], sql: { database: db, read_only: false, query: "DELETE FROM users WHERE name = {{x}}" } }
  - { name: function, description: T, parameters: [{ name: x }], sql: { database: db, query: "SELECT name FROM users WHERE length(name) = length({{x}}) + 1000 ORDER BY name = {{x}} LIMIT 5" } }
  - { name: member, description: T, parameters: [{ name: x, type: object }], sql: { database: db, query: "SELECT name FROM users WHERE name = {{x.name}} /* {{x.name}} */ -- {{x.name}}" } }
  - { name: order, description: T, parameters: [{ name: x, enum: [name, id], default: id }], sql: { database: db, query: "SELECT name FROM users WHERE id > 1 ORDER BY {{x}}" } }
  - { name: several, description: T, parameters: [{ name: x }], sql: { database: db, queries: { a: "SELECT name FROM users WHERE name = {{x}}", b: "SELECT CAST({{x}} AS text) AS got" } } }
"#;

#[tokio::test]
async fn payloads_in_every_place_change_nothing_and_find_nothing() {
    for world in World::both(TABLES, TOOLS).await {
        let checksum = "SELECT CAST(count(*) AS text) || ':' || min(name || secret) || ':' || max(name || secret) || ':' || CAST(sum(id) AS text) FROM users";
        let before = world.look(checksum).await;
        assert_eq!(before, "2:annhush-1:bobhush-2:3");
        for payload in PAYLOADS {
            for tool in [
                "where", "like", "in", "select", "insert", "update", "delete", "function",
                "member", "several",
            ] {
                let arguments = match tool {
                    "in" => json!({"x": [payload, "'", payload]}),
                    "member" => json!({"x": {"name": payload}}),
                    _ => json!({"x": payload}),
                };
                let outcome = world
                    .call_tool(tool, arguments, CancellationToken::new())
                    .await;
                let output = outcome
                    .result
                    .unwrap_or_else(|failure| panic!("{tool} {payload}: {}", failure.envelope()));
                assert!(
                    !output.text.contains("hush"),
                    "{tool} {payload}: {}",
                    output.text
                );
                let found: Value = serde_json::from_str(&output.text).unwrap();
                match tool {
                    "select" => assert_eq!(found, json!([{"got": payload}])),
                    "insert" => assert_eq!(found, json!({"rows_affected": 1})),
                    "update" | "delete" => assert_eq!(found, json!({"rows_affected": 0})),
                    "several" => assert_eq!(found, json!({"a": [], "b": [{"got": payload}]})),
                    _ => assert_eq!(found, json!([]), "{tool} {payload}"),
                }
            }
            // A choice of names takes no other.
            let refused = call(&world.runner, "order", json!({"x": payload})).await;
            assert_eq!(refused.unwrap_err().code.code(), "INVALID_ARGUMENTS");
        }
        assert_eq!(world.look(checksum).await, before);
        let logged = world.look("SELECT CAST(count(*) AS text) FROM log").await;
        assert_eq!(logged, PAYLOADS.len().to_string());
    }
}
