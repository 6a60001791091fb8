//! `schemas/gantz.schema.json`: equal to what the wire types say, and right about real files.

use std::path::{Path, PathBuf};

use runner::config::{Env, LoadOptions, json_schema, load, load_text};
use serde_json::{Value, json};

const BLESS: &str = "BLESS";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&json_schema()).expect("a sound schema")
}

/// A YAML text as JSON, by a reader other than the loader's own.
fn as_json(text: &str) -> Value {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).expect("YAML")
}

/// Every gantz.yaml that is published as part of this repository.
fn own_files() -> Vec<PathBuf> {
    let mut files = vec![root().join("gantz.yaml")];
    let mut folders = vec![root().join("examples")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                files.push(path);
            }
        }
    }
    files.retain(|file| file.is_file());
    files
}

#[test]
fn the_published_schema_is_the_generated_one() {
    let path = root().join("schemas/gantz.schema.json");
    let generated = serde_json::to_string_pretty(&json_schema()).expect("JSON") + "\n";
    if std::env::var_os(BLESS).is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        std::fs::write(&path, &generated).expect("written");
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == generated,
        "schemas/gantz.schema.json is out of date: run `{BLESS}=1 cargo test --test schema`"
    );
}

#[test]
fn own_files_follow_the_schema() {
    let validator = validator();
    for file in own_files() {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        let errors: Vec<String> = validator
            .iter_errors(&as_json(&text))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", file.display());
    }
}

#[test]
fn what_the_loader_takes_the_schema_takes() {
    let folder = ["../shared/wild", "../../shared/wild"]
        .into_iter()
        .map(|folder| root().join(folder))
        .find(|folder| folder.is_dir());
    let Some(folder) = folder else {
        println!("skipped: the reference folder is absent");
        return;
    };
    let validator = validator();
    for entry in folder.read_dir().expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a readable file");
        // Files without descriptions load with `compat` only, which the schema knows nothing of.
        if load(&path, &LoadOptions::default()).is_err() {
            continue;
        }
        let errors: Vec<String> = validator
            .iter_errors(&as_json(&text))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    }
}

#[test]
fn what_the_schema_refuses_the_loader_refuses() {
    let validator = validator();
    let tool = r#""tools": [{ "name": "t", "description": "T", "script": { "shell": "echo" } }]"#;
    for wrong in [
        r#""concurrency": { "max_paralell": 3 }"#,
        r#""concurrency": { "max_parallel": 0 }"#,
        r#""concurrency": { "rate_limits": { "a": { "requests_per_second": -1 } } }"#,
        r#""server": { "port": 70000 }"#,
        r#""server": { "builtin_tools": ["nothing"] }"#,
        r#""databases": { "a": { "url": 3 } }"#,
        r#""inherit_env": "yes""#,
        r#""safety": "none""#,
        r#""timeouts": { "a": { "total": "soon" } }"#,
    ] {
        let text = format!("{{ {wrong}, {tool} }}");
        let file: Value = serde_json::from_str(&text).expect("JSON");
        assert!(!validator.is_valid(&file), "the schema takes {wrong}");
        let loaded = load_text(Path::new("x.yaml"), text, root(), &LoadOptions::default());
        assert!(loaded.is_err(), "the loader takes {wrong}");
    }
}

/// Every `properties` of the schema, with the path of keys that leads to it in a file.
fn keys(schema: &Value) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for (name, definition) in schema["$defs"].as_object().expect("definitions") {
        if let Some(properties) = definition["properties"].as_object() {
            found.push((name.clone(), properties.keys().cloned().collect()));
        }
    }
    let top = schema["properties"].as_object().expect("properties");
    found.push(("Document".to_owned(), top.keys().cloned().collect()));
    found
}

/// Puts a map where the file has it.
type Place = fn(Value) -> Value;

#[test]
fn every_key_of_the_schema_is_known_to_the_loader() {
    // Each map of the schema is put where the loader expects it, with one key at a time. A key that
    // the loader did not know would be reported as unknown.
    let places: &[(&str, Place)] = &[
        ("Document", |map| map),
        ("Server", |map| json!({ "server": map })),
        ("Auth", |map| json!({ "server": { "auth": map } })),
        (
            "BearerToken",
            |map| json!({ "server": { "auth": { "bearer_tokens": [map] } } }),
        ),
        ("RunnerConcurrency", |map| json!({ "concurrency": map })),
        (
            "GroupLimits",
            |map| json!({ "concurrency": { "groups": { "g": map } } }),
        ),
        (
            "RateDeclaration",
            |map| json!({ "concurrency": { "rate_limits": { "r": map } } }),
        ),
        ("Retry", |map| json!({ "retry": { "r": map } })),
        ("Breaker", |map| json!({ "circuit_breakers": { "b": map } })),
        ("CacheDefaults", |map| json!({ "cache": map })),
        ("TimeoutClass", |map| json!({ "timeouts": { "t": map } })),
        ("Database", |map| json!({ "databases": { "d": map } })),
        (
            "Pool",
            |map| json!({ "databases": { "d": { "pool": map } } }),
        ),
        ("PaginationDefaults", |map| json!({ "pagination": map })),
        ("Tool", |map| json!({ "tools": [map] })),
        (
            "AnnotationHints",
            |map| json!({ "tools": [{ "annotations": map }] }),
        ),
        (
            "IconDeclaration",
            |map| json!({ "tools": [{ "icons": [map] }] }),
        ),
        (
            "ParameterDeclaration",
            |map| json!({ "tools": [{ "parameters": [map] }] }),
        ),
        (
            "Validation",
            |map| json!({ "tools": [{ "parameters": [{ "validation": map }] }] }),
        ),
        (
            "ToolConcurrency",
            |map| json!({ "tools": [{ "concurrency": map }] }),
        ),
        (
            "PerKey",
            |map| json!({ "tools": [{ "concurrency": { "per_key": map } }] }),
        ),
        (
            "ProgressRule",
            |map| json!({ "tools": [{ "progress_extends_timeout": map }] }),
        ),
        ("CacheRule", |map| json!({ "tools": [{ "cache": map }] })),
        (
            "ScriptAction",
            |map| json!({ "tools": [{ "script": map }] }),
        ),
        (
            "Worker",
            |map| json!({ "tools": [{ "script": { "worker": map } }] }),
        ),
        ("HttpAction", |map| json!({ "tools": [{ "http": map }] })),
        ("SqlAction", |map| json!({ "tools": [{ "sql": map }] })),
        (
            "OutputDeclaration",
            |map| json!({ "tools": [{ "output": map }] }),
        ),
        (
            "PaginationRule",
            |map| json!({ "tools": [{ "pagination": map }] }),
        ),
        ("TestCase", |map| json!({ "tools": [{ "test": [map] }] })),
        (
            "Expectation",
            |map| json!({ "tools": [{ "test": [{ "expect": map }] }] }),
        ),
    ];
    for (name, keys) in keys(&json_schema()) {
        let place = places.iter().find(|(known, _)| *known == name);
        let (_, place) = place.unwrap_or_else(|| panic!("{name} has no place in this test"));
        for key in keys {
            assert!(
                !unknown_keys(&place(json!({ &key: [] }))).contains(&key),
                "{name}: {key}"
            );
        }
        let nonsense = "no_such_key_at_all".to_owned();
        assert!(
            name == "ParameterDeclaration"
                || unknown_keys(&place(json!({ &nonsense: 1 }))).contains(&nonsense),
            "{name} takes anything"
        );
    }
}

/// The keys that the loader does not know.
fn unknown_keys(file: &Value) -> Vec<String> {
    let options = LoadOptions {
        env: Env::default(),
        ..LoadOptions::default()
    };
    let loaded = load_text(Path::new("x.yaml"), file.to_string(), root(), &options);
    let problems = match loaded {
        Ok(loaded) => loaded.diagnostics.to_json(&loaded.source),
        Err(error) => error.to_json(),
    };
    let messages = problems
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|problem| problem["message"].as_str());
    messages
        .filter_map(|message| message.strip_prefix("unknown key `")?.split('`').next())
        .map(str::to_owned)
        .collect()
}
