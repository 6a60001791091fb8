//! The check of a call's arguments against its tool's schema. `cargo bench --bench arguments`.
#![expect(clippy::unwrap_used, reason = "a bench may end at the first surprise")]

use std::path::Path;

use criterion::{BatchSize, Criterion};
use runner::config::{LoadOptions, load_text};
use runner::tool::{Arguments, Tool};
use serde_json::{Map, Value, json};

const TOOLS: &str = r#"
tools:
  - name: small
    description: Three parameters
    parameters:
      - { name: text, required: true, pattern: "^[a-z ]+$" }
      - { name: count, type: integer, minimum: 1, maximum: 100, default: 10 }
      - { name: order, enum: [up, down], default: up }
    script: { shell: "true" }
  - name: rows
    description: A long list
    parameters:
      - { name: rows, type: array, required: true, items: { type: object, required: [id], properties: { id: { type: integer }, name: { type: string, maxLength: 40 } } } }
    script: { shell: "true" }
"#;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let loaded = load_text(
        Path::new("gantz.yaml"),
        TOOLS,
        Path::new("/"),
        &LoadOptions::default(),
    );
    let catalog = loaded
        .unwrap_or_else(|error| panic!("{}", error.render(false)))
        .catalog;
    let (small, rows) = (catalog.get("small").unwrap(), catalog.get("rows").unwrap());
    let list = |id: fn(usize) -> Value| -> Value {
        let rows = (0..1000).map(|number| json!({"id": id(number), "name": "Ada"}));
        json!({"rows": rows.collect::<Vec<_>>()})
    };
    for (name, tool, given, is_sound) in [
        (
            "three, sound",
            small,
            json!({"text": "some words", "count": 3}),
            true,
        ),
        (
            "three, refused",
            small,
            json!({"text": "SOME", "count": 300, "order": "left"}),
            false,
        ),
        (
            "1,000 rows, sound",
            rows,
            list(|number| json!(number)),
            true,
        ),
        (
            "1,000 rows, each refused",
            rows,
            list(|_| json!("one")),
            false,
        ),
    ] {
        check(&mut criterion, name, tool, given, is_sound);
    }
    criterion.final_summary();
}

fn check(criterion: &mut Criterion, name: &str, tool: &Tool, given: Value, is_sound: bool) {
    let given: Map<String, Value> = serde_json::from_value(given).unwrap();
    assert_eq!(
        Arguments::parse(tool, given.clone()).is_ok(),
        is_sound,
        "{name}"
    );
    criterion.bench_function(name, |bench| {
        bench.iter_batched(
            || given.clone(),
            |given| Arguments::parse(tool, given),
            BatchSize::SmallInput,
        );
    });
}
