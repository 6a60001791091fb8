use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::tool::{Parameter, ParameterType};

fn parameters() -> Parameters {
    let one = |name: &str, kind, allowed: Option<Vec<Value>>| Parameter {
        name: name.to_owned(),
        kind,
        required: true,
        default: None,
        allowed,
    };
    Parameters::new(
        [
            one("x", ParameterType::String, None),
            one("n", ParameterType::Integer, None),
            one("ids", ParameterType::Array, None),
            one(
                "column",
                ParameterType::String,
                Some(vec![json!("name"), json!("created_at DESC")]),
            ),
            one(
                "odd",
                ParameterType::String,
                Some(vec![json!("a; DROP TABLE t")]),
            ),
        ],
        json!({}),
    )
}

fn compile(text: &str, dialect: Dialect) -> Result<SqlTemplate, String> {
    SqlTemplate::compile(text, dialect, &parameters())
        .map(|checked| checked.template)
        .map_err(|problems| {
            let told = problems.iter().map(|problem| {
                format!(
                    "{}: {}",
                    problem.message,
                    problem.hint.as_deref().unwrap_or("-")
                )
            });
            told.collect::<Vec<_>>().join("\n")
        })
}

fn text(written: &str, dialect: Dialect, values: Value) -> String {
    let Value::Object(values) = values else {
        panic!("values are an object")
    };
    let template = compile(written, dialect).unwrap();
    template
        .render(&Arguments::from_checked(values))
        .unwrap()
        .text(&|_| None)
}

#[test]
fn a_value_is_a_parameter_and_the_same_one_twice_is_the_same_parameter() {
    let written = "SELECT * FROM t WHERE a = {{x}} AND b > {{n}} OR {{x}} IS NULL;";
    let values = json!({"x": "'", "n": 1});
    assert_eq!(
        text(written, Dialect::Postgres, values.clone()),
        "SELECT * FROM t WHERE a = $1 AND b > $2 OR $1 IS NULL"
    );
    assert_eq!(
        text(written, Dialect::Sqlite, values),
        "SELECT * FROM t WHERE a = ?1 AND b > ?2 OR ?1 IS NULL"
    );
}

#[test]
fn a_list_alone_in_parentheses_takes_any_number() {
    let written = "SELECT 1 WHERE a IN ( {{ids}} ) AND b NOT IN ({{ids}}) AND c = {{n}}";
    let values = json!({"ids": [7, 8], "n": 1});
    assert_eq!(
        text(written, Dialect::Postgres, values.clone()),
        "SELECT 1 WHERE a = ANY ($1) AND b <> ALL ($1) AND c = $2"
    );
    assert_eq!(
        text(written, Dialect::Sqlite, values),
        "SELECT 1 WHERE a IN (?3, ?4) AND b NOT IN (?3, ?4) AND c = ?2"
    );
    assert_eq!(
        text("SELECT 1 IN ({{ids}})", Dialect::Sqlite, json!({"ids": []})),
        "SELECT 1 IN ()"
    );
}

#[test]
fn names_are_the_authors_own() {
    let values = json!({"column": "created_at DESC", "x": ""});
    assert_eq!(
        text(
            "SELECT * FROM t ORDER BY {{column}} LIMIT 1",
            Dialect::Postgres,
            values
        ),
        "SELECT * FROM t ORDER BY created_at DESC LIMIT 1"
    );
    for written in [
        "SELECT * FROM t ORDER BY {{x}}",
        "SELECT * FROM t ORDER BY a {{x}}",
        "SELECT * FROM {{x}}",
        "SELECT a FROM b JOIN {{x}} ON true",
        "INSERT INTO {{x}} VALUES (1)",
        "SELECT a FROM t GROUP BY a, {{x}}",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM {{x}})",
    ] {
        let told = compile(written, Dialect::Postgres).unwrap_err();
        assert!(told.contains("give `x` an `enum`"), "{written}: {told}");
    }
    let told = compile("SELECT * FROM {{odd}}", Dialect::Postgres).unwrap_err();
    assert!(told.contains("is no name"), "{told}");
}

#[test]
fn values_may_stand_where_a_function_writes_from() {
    for written in [
        "SELECT a IS DISTINCT FROM {{x}} FROM t",
        "SELECT extract(year FROM {{x}}) FROM t",
        "SELECT * FROM t ORDER BY a = {{x}}, CASE WHEN {{n}} > 1 THEN 1 END LIMIT {{n}}",
    ] {
        compile(written, Dialect::Postgres).unwrap();
    }
}

#[test]
fn what_is_no_place_for_a_value_is_refused_with_a_way_out() {
    for (written, told) in [
        (
            "SELECT '{{x}}'",
            "a placeholder inside a string is not a value: write `{{x}}` without quotes",
        ),
        (
            "SELECT '%{{x}}%'",
            "a placeholder inside a string is not a value: write `'%' || {{x}} || '%'`",
        ),
        (
            "SELECT 'a{{x}}'",
            "a placeholder inside a string is not a value: write `'a' || {{x}}`",
        ),
        (
            "SELECT E'\\'{{x}}'",
            "a placeholder inside a string with escapes is not a value: write {{x}} without quotes, and join texts with `||`",
        ),
        (
            "SELECT $${{x}}$$",
            "a placeholder inside a string in dollar quotes is not a value: write {{x}} without quotes, and join texts with `||`",
        ),
        (
            "SELECT \"{{x}}\"",
            "a placeholder inside a name in quotes is not a value: a value cannot be a name; let an `enum` choose between names, without quotes around the placeholder",
        ),
        (
            "SELECT {{x | raw}}",
            "a value is never pasted into SQL: write `{{x}}`, which binds it; to let the caller choose between names, give the parameter an `enum`",
        ),
        (
            "SELECT a{{n}}",
            "a placeholder is a whole value, and cannot be a part of a name or a number: put a blank or an operator such as `||` between it and what stands next to it",
        ),
        (
            "SELECT t.{{x}}",
            "a placeholder is a whole value, and cannot be a part of a name or a number: put a blank or an operator such as `||` between it and what stands next to it",
        ),
        ("SELECT {{n}}{{n}}", ""),
        (
            "SELECT now() - INTERVAL {{x}}",
            "PostgreSQL takes no value after `INTERVAL`: write `CAST({{x}} AS interval)`",
        ),
        (
            "SELECT $1",
            "`$1` is a parameter of PostgreSQL, which nothing would fill: write `{{name}}` for the parameter `name`",
        ),
        (
            "SELECT 1; SELECT 2",
            "a query is one statement, and this has several: give each a name under `queries` to run them side by side, or write one statement that begins with `WITH`",
        ),
        (
            "-- nothing",
            "the query is empty: for example `SELECT * FROM users WHERE id = {{id}}`",
        ),
        ("SELECT 'a", "a string is opened here and not closed: -"),
        (
            "COMMIT",
            "`COMMIT` cannot be a tool's query: each query runs in a transaction of its own on a connection of the pool, which is there when it begins and ends with it",
        ),
    ] {
        let found = compile(written, Dialect::Postgres).unwrap_err();
        assert!(found.contains(told), "{written}\n{found}");
    }
}

#[test]
fn a_placeholder_in_a_comment_is_dropped() {
    let found = text(
        "SELECT 1 -- {{x}} '\n+ /* {{x}} ; */ {{n}}; -- {{x}}",
        Dialect::Postgres,
        json!({"x": "\n;", "n": 2}),
    );
    assert_eq!(found, "SELECT 1 --  '\n+ /*  ; */ $1 --");
}

#[test]
fn a_place_in_the_statement_is_found_in_what_was_written() {
    let written = "SELECT é, {{x}}, nothing FROM t";
    let statement = compile(written, Dialect::Postgres)
        .unwrap()
        .render(&Arguments::from_checked(
            json!({"x": "v"}).as_object().unwrap().clone(),
        ))
        .unwrap();
    let cast = |_: usize| Some("int4".to_owned());
    let text = statement.text(&cast);
    let position = text[..text.find("nothing").unwrap()].chars().count() + 1;
    assert_eq!(
        &written[statement.written_place(position, &cast)..],
        "nothing FROM t"
    );
}

proptest! {
    /// Whatever the author writes, the text that is sent does not depend on what the caller gives.
    #[test]
    fn the_text_never_depends_on_a_value(
        words in proptest::collection::vec(
            prop_oneof![
                Just("{{x}}"), Just("{{ids}}"), Just("{{n}}"), Just("'"), Just("''"), Just("\""), Just("E'"), Just("\\"),
                Just("$$"), Just("$a$"), Just("--"), Just("/*"), Just("*/"), Just("\n"), Just("["), Just("]"), Just("`"),
                Just("SELECT"), Just("FROM"), Just("IN"), Just("NOT"), Just("("), Just(")"), Just(","), Just("ORDER BY"),
                Just("{{{{"), Just("::"), Just("é"), Just(" "), Just("a"), Just("1"), Just("U&'"), Just(";"),
            ],
            0..14,
        ),
        value in any::<String>(),
        dialect in prop_oneof![Just(Dialect::Postgres), Just(Dialect::Sqlite)],
    ) {
        let written = format!("SELECT 1 {}", words.join(" "));
        let Ok(template) = compile(&written, dialect) else { return Ok(()) };
        let text = |value: &str| {
            let values = json!({"x": value, "ids": [value, value], "n": 7});
            let arguments = Arguments::from_checked(values.as_object().unwrap().clone());
            template.render(&arguments).unwrap().text(&|_| None)
        };
        let value = value.replace('\0', "");
        prop_assert_eq!(text(&value), text("plain"));
    }
}
