//! Placeholders in text, in argument lists and in mirrors: what is delivered, what is refused, and
//! in which words.

use runner::tool::template::{
    ArgvTemplate, Mirrors, Problem, Safety, Shell, TextSurface, TextTemplate,
};
use serde_json::{Value, json};

use crate::shells::{arguments, compile, parameters, printed};

fn stdin(text: &str, described: &Value, values: &Value) -> String {
    let checked = TextTemplate::compile(text, TextSurface::Stdin, &parameters(described))
        .expect("the test is written well");
    checked
        .template
        .render(&arguments(values))
        .expect("the test is written well")
}

fn refused_text(text: &str, described: &Value) -> Problem {
    let problems = TextTemplate::compile(text, TextSurface::Key, &parameters(described))
        .expect_err("the template is refused");
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].clone()
}

fn argv(words: &[&str], described: &Value, values: &Value) -> Result<Vec<String>, String> {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    ArgvTemplate::compile(
        &words[0],
        &words[1..],
        &parameters(described),
        Safety::Strict,
    )
    .map_err(|problems| problems[0].1.message.clone())?
    .template
    .render(&arguments(values))
    .map_err(|error| error.to_string())
}

#[test]
fn names_are_exact_and_may_be_anything() {
    let described = json!({"my-param": "string", "é": "string", "a.b": "string", "a": "object"});
    let values = json!({"my-param": "1", "é": "2", "a.b": "3", "a": {"b": "no", "c": [{"d": 4}]}});
    assert_eq!(
        stdin(
            "{{my-param}} {{ é }} {{a.b}} {{a.c.0.d}} {{a.x}}",
            &described,
            &values
        ),
        "1 2 3 4 "
    );
}

#[test]
fn a_name_nobody_declared_is_an_error_with_its_place() {
    let problem = refused_text(
        "tenant {{ qurey }}",
        &json!({"query": "string", "limit": "integer"}),
    );
    assert_eq!(problem.message, "no parameter is named `qurey`");
    assert_eq!(problem.range, 7..18);
    assert_eq!(problem.hint.as_deref(), Some("did you mean `query`?"));
    let problem = refused_text("{{other}}", &json!({"query": "string", "limit": "integer"}));
    assert_eq!(
        problem.hint.as_deref(),
        Some("the parameters are `query`, `limit`")
    );
    let problem = refused_text("{{other}}", &json!({}));
    assert_eq!(
        problem.hint.as_deref(),
        Some("declare it under `parameters`: `- name: other`")
    );
}

#[test]
fn syntax_that_does_not_exist_is_named() {
    let described = json!({"x": "string"});
    for (text, message) in [
        (
            "{{ if x }}",
            "`{{ if x }}` is template syntax that does not exist",
        ),
        (
            "{{#each x}}",
            "`{{ #each x }}` is template syntax that does not exist",
        ),
        (
            "{{ end }}",
            "`{{ end }}` is template syntax that does not exist",
        ),
        ("{{x | upper}}", "there is no filter `upper`"),
        ("{{x | raw | json}}", "a placeholder takes one filter"),
        ("{{}}", "a placeholder without a name"),
        ("a {{x", "`{{` is not closed"),
        ("{{{x}}}", "three braces in a row can be read in two ways"),
        ("{{x.y}}", "`x` is of type string and has no fields"),
    ] {
        assert_eq!(refused_text(text, &described).message, message, "{text}");
    }
}

#[test]
fn braces_of_other_programs_stay_and_literal_ones_can_be_written() {
    let described = json!({"x": "string"});
    for text in [
        "docker ps --format '{{.Names}}\t{{ .Status }}'",
        "docker inspect -f '{{range .Mounts}}{{.Source}}{{else}}none{{end}}' a",
        "docker inspect -f '{{json .State}}' a",
        "{{$x := .A}}",
    ] {
        assert_eq!(stdin(text, &described, &json!({"x": "no"})), text);
    }
    assert_eq!(
        stdin("{{{{x}} is {{x}}", &described, &json!({"x": "1"})),
        "{{x}} is 1"
    );
    let described = json!({"x": "string"});
    assert_eq!(
        printed(
            "printf %s '{{{{a}}' {{x}}",
            Shell::Posix,
            &described,
            &json!({"x": "1"})
        ),
        "{{a}}1"
    );
}

#[test]
fn values_become_text() {
    let described =
        json!({"i": "integer", "n": "number", "b": "boolean", "o": "object", "l": "array"});
    let values = json!({"i": 1e2, "n": 2.50, "b": true, "o": {"k": [1, "é"]}, "l": [1, null]});
    assert_eq!(
        stdin("{{i}} {{n}} {{b}} {{o}} {{l}}", &described, &values),
        "100 2.5 true {\"k\":[1,\"é\"]} [1,null]"
    );
    assert_eq!(stdin("<{{i}}>", &described, &json!({"i": null})), "<>");
    assert_eq!(stdin("{{n}}", &described, &json!({"n": 100.0})), "100");
    assert_eq!(
        stdin(
            "{{i}}",
            &described,
            &json!({"i": 18_446_744_073_709_551_615_u64})
        ),
        "18446744073709551615"
    );
    let refused = argv(&["a", "{{i}}"], &described, &json!({"i": 1e40}))
        .expect_err("the template is refused");
    assert_eq!(refused, "`i`: must be a whole number that fits in 64 bits");
    assert_eq!(
        stdin("{{s}}", &json!({"s": "string"}), &json!({"s": "a\0b"})),
        "a\0b"
    );
}

#[test]
fn a_value_of_the_wrong_type_is_refused_once_more() {
    let refused = argv(
        &["a", "{{i}}"],
        &json!({"i": "integer"}),
        &json!({"i": "1; touch P"}),
    );
    assert_eq!(refused.unwrap_err(), "`i`: must be of type integer");
    let described = json!({"e": {"type": "string", "enum": ["a", "b"]}});
    let refused = argv(&["a", "{{e}}"], &described, &json!({"e": "c"}));
    assert_eq!(
        refused.unwrap_err(),
        "`e`: is not one of the allowed values"
    );
}

#[test]
fn json_written_by_hand_is_escaped_in_standard_input() {
    let described = json!({"m": "string", "n": "integer", "o": "object"});
    let values = json!({"m": "a \"q\"\n\\", "n": 5, "o": {"k": "\""}});
    let text = stdin(
        "{\"m\": \"say {{m}}\", \"n\": {{n}}, \"all\": {{m | json}}, \"o\": {{o}}}",
        &described,
        &values,
    );
    let parsed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        parsed,
        json!({"m": "say a \"q\"\n\\", "n": 5, "all": "a \"q\"\n\\", "o": {"k": "\""}})
    );
    // Prose is left alone.
    assert_eq!(
        stdin("He said \"{{m}}\"", &described, &values),
        "He said \"a \"q\"\n\\\""
    );
    let checked = TextTemplate::compile(
        "{\"m\": {{m}}, \"a\": \"\"}",
        TextSurface::Stdin,
        &parameters(&described),
    )
    .unwrap();
    assert_eq!(
        checked.warnings[0].message,
        "the text of `m` is no JSON value"
    );
}

#[test]
fn one_element_stays_one_argument() {
    let described =
        json!({"x": "string", "l": "array", "opt": {"type": "string", "required": false}});
    let hostile = "a b; $(touch P) * \n '\"";
    let values = json!({"x": hostile, "l": ["1 2", "-x", {"k": 1}]});
    assert_eq!(
        argv(
            &[
                "./tool",
                "{{x}}",
                "--q={{x}}",
                "{{l}}",
                "{{opt}}",
                "<{{opt}}>",
                "all: {{l}}"
            ],
            &described,
            &values
        )
        .unwrap(),
        [
            hostile,
            &format!("--q={hostile}"),
            "1 2",
            "-x",
            "{\"k\":1}",
            "<>",
            "all: [\"1 2\",\"-x\",{\"k\":1}]"
        ]
    );
    assert_eq!(
        argv(&["./tool", "{{l}}"], &described, &json!({"l": []})).unwrap(),
        [""; 0]
    );
}

#[test]
fn an_option_never_swallows_the_argument_behind_an_absent_value() {
    let described = json!({"since": {"type": "string", "required": false}});
    let words = [
        "a.py".to_owned(),
        "--since".to_owned(),
        "{{since}}".to_owned(),
        "-v".to_owned(),
    ];
    let checked =
        ArgvTemplate::compile("python", &words, &parameters(&described), Safety::Strict).unwrap();
    assert_eq!(
        checked.warnings[0].1.message,
        "without a value for `since`, `--since` gets an empty one"
    );
    assert_eq!(
        checked.template.render(&arguments(&json!({}))).unwrap(),
        ["a.py", "--since", "", "-v"]
    );
}

#[test]
fn programs_that_read_arguments_as_code_are_known_in_argument_lists() {
    let described = json!({"x": "string"});
    for (words, message) in [
        (
            vec!["bash", "-c", "{{x}}"],
            "`bash` would read a caller's value as shell code",
        ),
        (
            vec!["ssh", "host", "ls {{x}}"],
            "`ssh` would read a caller's value as shell code",
        ),
        (
            vec!["python", "-c", "{{x}}"],
            "a caller's value becomes part of Python program text",
        ),
        (
            vec!["psql", "-c", "select {{x}}"],
            "a caller's value becomes part of SQL program text",
        ),
        (
            vec!["sed", "-n", "s/{{x}}//"],
            "a caller's value becomes part of sed program text",
        ),
        (
            vec!["env", "{{x}}"],
            "a caller's value would be run as a program",
        ),
        (
            vec!["find", ".", "-exec", "{{x}}", ";"],
            "a caller's value would be run as a program",
        ),
        (
            vec!["python", "{{x}}"],
            "a caller's value would be run as a program",
        ),
    ] {
        assert_eq!(
            argv(&words, &described, &json!({"x": "1"})).unwrap_err(),
            message,
            "{words:?}"
        );
    }
    for words in [
        vec!["bash", "-c", "echo \"$1\"", "_", "{{x}}"],
        vec!["python", "a.py", "{{x}}"],
        vec!["jq", "--arg", "n", "{{x}}", ".[$n]"],
        vec!["git", "commit", "--message", "{{x}}"],
        vec!["bash", "-c", "{{x | raw}}"],
        vec!["git", "log", "{{x | option}}"],
    ] {
        assert!(
            argv(&words, &described, &json!({"x": "-x"})).is_ok(),
            "{words:?}"
        );
    }
}

#[test]
fn compat_turns_other_languages_into_warnings_and_nothing_else() {
    let parameters = parameters(&json!({"x": "string"}));
    let compile = |words: [&str; 2]| {
        ArgvTemplate::compile(
            words[0],
            &["-c".to_owned(), words[1].to_owned()],
            &parameters,
            Safety::Compat,
        )
    };
    let checked = compile(["python", "{{x}}"]).unwrap();
    assert_eq!(
        checked.warnings[0].1.message,
        "a caller's value becomes part of Python program text"
    );
    assert!(compile(["sh", "{{x}}"]).is_err());
}

#[test]
fn a_value_cannot_become_an_option_of_a_guarded_program() {
    let described = json!({"x": "string", "n": "integer"});
    let refused = argv(
        &["git", "diff", "{{x}}"],
        &described,
        &json!({"x": "--output=f"}),
    )
    .expect_err("the template is refused");
    assert_eq!(
        refused,
        "`x`: starts with `-`, which `git` would take as an option (a path can start with `./`)"
    );
    assert!(argv(&["git", "diff", "{{x}}"], &described, &json!({"x": "main"})).is_ok());
    assert!(
        argv(
            &["git", "diff", "--", "{{x}}"],
            &described,
            &json!({"x": "-x"})
        )
        .is_ok()
    );
    assert!(argv(&["git", "log", "-{{n}}"], &described, &json!({"n": 5})).is_ok());
    assert!(
        argv(&["find", "{{x}}"], &described, &json!({"x": "!"}))
            .unwrap_err()
            .contains("operator")
    );
    assert!(
        argv(&["make", "{{x}}"], &described, &json!({"x": "A=b"}))
            .unwrap_err()
            .contains("assignment")
    );
}

#[test]
fn values_that_fit_no_process_are_refused_with_the_way_out() {
    let described = json!({"x": "string", "l": "array"});
    let large = "a".repeat(200 * 1024);
    let refused = argv(&["cat", "{{x}}"], &described, &json!({"x": large}))
        .expect_err("the template is refused");
    assert!(
        refused.contains("128 KiB") && refused.contains("`stdin`"),
        "{refused}"
    );
    let many = vec!["a".repeat(100 * 1024); 6];
    let refused = argv(&["cat", "--", "{{l}}"], &described, &json!({"l": many}))
        .expect_err("the template is refused");
    assert!(
        refused.contains("512 KiB") && refused.contains("`stdin`"),
        "{refused}"
    );
    let (template, _) = compile("cat -- {{l}}", Shell::Posix, &described, Safety::Strict).unwrap();
    assert!(
        template
            .render(&arguments(&json!({"l": many})))
            .unwrap_err()
            .message
            .contains("512 KiB")
    );
    let items = vec!["a"; 20_000];
    assert!(
        template
            .render(&arguments(&json!({"l": items})))
            .unwrap_err()
            .message
            .contains("too many items")
    );
    let (template, _) = compile("cat -- {{x}}", Shell::Posix, &described, Safety::Strict).unwrap();
    assert!(
        template
            .render(&arguments(&json!({"x": "a\0"})))
            .unwrap_err()
            .message
            .contains("NUL")
    );
}

#[test]
fn mirrors_have_valid_names_and_do_not_clash() {
    let mirrors = Mirrors::of(&parameters(&json!({"path": "string", "my-param": "string", "o.p": "string", "o_p": "integer", "é": "string"}))).unwrap();
    let names: Vec<_> = mirrors.iter().collect();
    assert_eq!(
        names,
        [("path", "GANTZ_ARG_PATH"), ("o_p", "GANTZ_ARG_O_P")]
    );
    let values = json!({"path": "a".repeat(200_000), "o_p": 1e2});
    assert_eq!(
        mirrors.render(&arguments(&values)).unwrap(),
        [("GANTZ_ARG_O_P".to_owned(), "100".to_owned())]
    );
    assert_eq!(mirrors.render(&arguments(&json!({}))).unwrap()[0].1, "");
    let clash = Mirrors::of(&parameters(&json!({"a": "string", "A": "string"})))
        .expect_err("the template is refused");
    assert_eq!(
        clash.to_string(),
        "the parameters `a` and `A` would share the variable `GANTZ_ARG_A`"
    );
}
