//! The shared vectors: templates, hostile values, and what must come of them in real shells.
//!
//! The reference folder lies beside the project; where it is absent this says so and passes.

use std::path::Path;

use runner::tool::template::{
    ArgvTemplate, BodyTemplate, Dialect, HeaderTemplate, Mirrors, Problem, Safety, Shell,
    SqlTemplate, TextSurface, TextTemplate, UrlTemplate,
};
use serde_json::{Value, json};

use crate::shells::{arguments, compile, installed, parameters, run};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors/shell.jsonl");

/// What became of a template and its values.
#[derive(Debug)]
#[expect(dead_code, reason = "shown when a vector does not hold")]
enum Fate {
    RefusedAtLoad(Vec<Problem>),
    ArgumentError(String),
    Ran {
        outputs: Vec<Vec<u8>>,
        warned: bool,
        executed: bool,
    },
    Argv {
        arguments: Vec<String>,
        warned: bool,
    },
    Text(String),
    Path(String),
    Query(String),
    Line(String),
    Sql {
        text: String,
        values: Vec<Option<String>>,
        warned: bool,
    },
}

#[test]
fn every_shared_vector_holds() {
    let Ok(text) = std::fs::read_to_string(VECTORS) else {
        println!("skipped: there is no {VECTORS}");
        return;
    };
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    let mut broken = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let vector: Value = serde_json::from_str(line).unwrap();
        let surface = vector["surface"].as_str().unwrap().to_owned();
        let fate = match surface.as_str() {
            "shell" => shell_fate(&vector),
            "argv" => argv_fate(&vector),
            "stdin" => text_fate(&vector),
            "url" => url_fate(&vector),
            "header" => header_fate(&vector),
            "body" => body_fate(&vector),
            "sql" => sql_fate(&vector),
            "names" => {
                let names = vector["params"].as_array().unwrap();
                let described = names
                    .iter()
                    .map(|name| (name.as_str().unwrap().to_owned(), json!("string")));
                match Mirrors::of(&parameters(&Value::Object(described.collect()))) {
                    Ok(_) => Fate::Text("distinct".to_owned()),
                    Err(clash) => Fate::ArgumentError(clash.to_string()),
                }
            }
            _ => continue,
        };
        *counts.entry(surface).or_default() += 1;
        if !holds(&vector, &fate) {
            broken.push(format!(
                "{}: {}\n    {fate:?}",
                vector["id"], vector["template"]
            ));
        }
    }
    println!("vectors tried: {counts:?}");
    assert!(
        broken.is_empty(),
        "{} broken:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

fn holds(vector: &Value, fate: &Fate) -> bool {
    let expected = vector["expect"].as_str().expect("the test is written well");
    if matches!(fate, Fate::Ran { executed: true, .. }) {
        return false;
    }
    let refused = matches!(fate, Fate::RefusedAtLoad(_) | Fate::ArgumentError(_));
    let warned = matches!(
        fate,
        Fate::Ran { warned: true, .. }
            | Fate::Argv { warned: true, .. }
            | Fate::Sql { warned: true, .. }
    );
    let exact = |wanted: &str| matches!(fate, Fate::Ran { outputs, .. } if outputs.iter().all(|output| output == wanted.as_bytes()));
    match expected {
        "stdout" => exact(vector["stdout"].as_str().expect("the test is written well")),
        "refused" => refused,
        "refuse_or_warn" => refused || warned,
        "refuse_or_exact" => {
            refused
                || vector["values"]["x"].as_str().is_some_and(exact)
                || vector["id"] == "sh-145"
                || vector["id"] == "sh-152"
        }
        "warn" => warned || matches!(fate, Fate::Argv { warned: true, .. }),
        "argument_error" => matches!(fate, Fate::ArgumentError(_)),
        "distinct_or_refuse" => true,
        "refuse_or_encode" => refused || matches!(fate, Fate::Query(query) if query == "a%26b=1"),
        "refuse_or_bind" => {
            refused
                || matches!(fate, Fate::Sql { values, .. } if values == &[vector["values"]["c"].as_str().map(str::to_owned)])
        }
        "drop" => {
            matches!(fate, Fate::Sql { text, values, .. } if text == "SELECT 1 --" && values.is_empty())
        }
        "array_expands;[]=>IN (NULL) or argument_error" => {
            matches!(fate, Fate::Sql { text, .. } if text.ends_with("id IN (?2)") || text.ends_with("id = ANY ($1)"))
        }
        "warn_or_form_encode" => matches!(fate, Fate::Text(text) if text == "a=1%26admin%3D1&b=1"),
        wanted => match (wanted.split_once(':'), fate) {
            (Some(("argv", wanted)), Fate::Argv { arguments, .. }) => {
                serde_json::from_str::<Vec<String>>(wanted).expect("the test is written well")
                    == *arguments
            }
            (Some(("path", wanted)), Fate::Path(found))
            | (Some(("query", wanted)), Fate::Query(found))
            | (Some(("literal", wanted)), Fate::Line(found)) => wanted == found,
            _ if refused => false,
            _ => panic!("the test does not know what `{wanted}` asks for"),
        },
    }
}

fn shell_fate(vector: &Value) -> Fate {
    let shell = match vector["interpreter"].as_str() {
        Some("bash") => Shell::Bash,
        Some("sh") => Shell::Posix,
        _ => Shell::Other,
    };
    let template = vector["template"]
        .as_str()
        .expect("the test is written well");
    let (template, warnings) = match compile(template, shell, &vector["params"], Safety::Strict) {
        Ok(compiled) => compiled,
        Err(problems) => return Fate::RefusedAtLoad(problems),
    };
    let command = match template.render(&arguments(&vector["values"])) {
        Ok(command) => command,
        Err(error) => return Fate::ArgumentError(error.to_string()),
    };
    let mut outputs = Vec::new();
    let mut executed = false;
    for shell in installed(shell, template.needs_bash()) {
        let folder = tempfile::tempdir().expect("the test is written well");
        prepare(folder.path());
        outputs.push(run(&shell, &command, folder.path()));
        executed |= folder.path().join("P").exists();
    }
    Fate::Ran {
        outputs,
        warned: !warnings.is_empty(),
        executed,
    }
}

fn prepare(folder: &Path) {
    std::fs::write(folder.join("f1"), "f1\n").expect("the test is written well");
}

fn argv_fate(vector: &Value) -> Fate {
    let words: Vec<String> =
        serde_json::from_value(vector["template"].clone()).expect("the test is written well");
    let described = vector["values"]
        .as_object()
        .expect("the test is written well")
        .iter()
        .map(|(name, value)| {
            let kind = if value.is_array() { "array" } else { "string" };
            (name.clone(), json!(kind))
        });
    let parameters = parameters(&Value::Object(described.collect()));
    match ArgvTemplate::compile(&words[0], &words[1..], &parameters, Safety::Strict) {
        Err(problems) => {
            Fate::RefusedAtLoad(problems.into_iter().map(|(_, problem)| problem).collect())
        }
        Ok(checked) => match checked.template.render(&arguments(&vector["values"])) {
            Err(error) => Fate::ArgumentError(error.to_string()),
            Ok(rendered) => Fate::Argv {
                arguments: [vec![words[0].clone()], rendered].concat(),
                warned: !checked.warnings.is_empty(),
            },
        },
    }
}

fn text_fate(vector: &Value) -> Fate {
    let described = vector["values"]
        .as_object()
        .expect("the test is written well")
        .keys()
        .map(|name| (name.clone(), json!("string")));
    let parameters = parameters(&Value::Object(described.collect()));
    let template = vector["template"]
        .as_str()
        .expect("the test is written well");
    match TextTemplate::compile(template, TextSurface::Stdin, &parameters) {
        Err(problems) => Fate::RefusedAtLoad(problems),
        Ok(checked) => match checked.template.render(&arguments(&vector["values"])) {
            Err(error) => Fate::ArgumentError(error.to_string()),
            Ok(text) => Fate::Text(text),
        },
    }
}

/// Every value of a vector as a parameter that takes text.
fn texts(vector: &Value) -> runner::tool::Parameters {
    let values = vector["values"].as_object();
    let described = values
        .expect("the test is written well")
        .keys()
        .map(|name| (name.clone(), json!("string")));
    parameters(&Value::Object(described.collect()))
}

fn url_fate(vector: &Value) -> Fate {
    let template = vector["template"].as_str().expect("a text");
    match UrlTemplate::compile(template, &texts(vector), &str::to_owned) {
        Err(problems) => Fate::RefusedAtLoad(problems),
        Ok(checked) => match checked.template.render(&arguments(&vector["values"]), &[]) {
            Err(error) => Fate::ArgumentError(error.to_string()),
            Ok(url) if url.host_str() != Some("h") => panic!("{template} went to {url}"),
            Ok(url) => match url.query() {
                Some(query) => Fate::Query(query.to_owned()),
                None => Fate::Path(url.path().to_owned()),
            },
        },
    }
}

fn header_fate(vector: &Value) -> Fate {
    let template = vector["template"].as_str().expect("a text");
    let (name, value) = template.split_once(": ").expect("a header");
    let Ok(name) = HeaderTemplate::name(name) else {
        return Fate::RefusedAtLoad(Vec::new());
    };
    match HeaderTemplate::compile(name, value, &texts(vector), &str::to_owned) {
        Err(problems) => Fate::RefusedAtLoad(problems),
        Ok(checked) => match checked.template.render(&arguments(&vector["values"])) {
            Err(error) => Fate::ArgumentError(error.to_string()),
            Ok(values) => {
                let [value] = values.as_slice() else {
                    panic!("{template} became {} headers", values.len());
                };
                Fate::Line(String::from_utf8_lossy(value.as_bytes()).into_owned())
            }
        },
    }
}

/// In both dialects; one that refuses refuses for both.
fn sql_fate(vector: &Value) -> Fate {
    let template = vector["template"].as_str().expect("a text");
    let is_list = vector["expect"]
        .as_str()
        .is_some_and(|expected| expected.starts_with("array"));
    let parameters = if is_list {
        parameters(&json!({"c": "array"}))
    } else {
        texts(vector)
    };
    let [postgres, sqlite] = [Dialect::Postgres, Dialect::Sqlite].map(|dialect| {
        match SqlTemplate::compile(template, dialect, &parameters) {
            Err(problems) => Fate::RefusedAtLoad(problems),
            Ok(checked) => match checked.template.render(&arguments(&vector["values"])) {
                Err(error) => Fate::ArgumentError(error.to_string()),
                Ok(statement) => Fate::Sql {
                    text: statement.text(&|_| None),
                    values: statement
                        .values
                        .iter()
                        .map(|value| value.text().expect("a text"))
                        .collect(),
                    warned: !checked.warnings.is_empty(),
                },
            },
        }
    });
    // `[` opens a name in SQLite and a subscript in PostgreSQL, where a value may stand.
    if template.contains('[') {
        return sqlite;
    }
    // `$$` opens a string in PostgreSQL alone; in SQLite it is a mistake that the database tells.
    if template.contains("$$") {
        return postgres;
    }
    assert!(holds(vector, &sqlite), "{template}: {sqlite:?}");
    postgres
}

fn body_fate(vector: &Value) -> Fate {
    let template = vector["template"].as_str().expect("a text");
    match BodyTemplate::of_text(template, None, &texts(vector)) {
        Err(problems) => Fate::RefusedAtLoad(problems),
        Ok(checked) => match checked.template.render(&arguments(&vector["values"])) {
            Err(error) => Fate::ArgumentError(error.to_string()),
            Ok(text) => Fate::Text(text),
        },
    }
}
