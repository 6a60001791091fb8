//! Placeholders in shell text: the places that depend on a type, lists, and what is said.

use runner::tool::template::{Problem, Safety, Shell};
use serde_json::{Value, json};

use crate::shells::{arguments, compile, printed};

/// The messages of problems, and what each points at.
fn said(problems: &[Problem], text: &str) -> Vec<(String, String)> {
    problems
        .iter()
        .map(|problem| {
            (
                problem.message.clone(),
                text[problem.range.clone()].to_owned(),
            )
        })
        .collect()
}

fn refused_shell(text: &str, described: &Value) -> (String, String) {
    let problems =
        compile(text, Shell::Bash, described, Safety::Strict).expect_err("the template is refused");
    (
        problems[0].message.clone(),
        problems[0].hint.clone().unwrap_or_default(),
    )
}

#[test]
fn integers_compute_in_every_shell() {
    let described = json!({"n": "integer", "m": "number"});
    let values = json!({"n": -3, "m": 7.0});
    assert_eq!(
        printed(
            "echo $(( 5-{{n}} )) $(({{n}} * {{m}})) \"$(({{n}}+1))\"",
            Shell::Posix,
            &described,
            &values
        ),
        "8 -21 -2\n"
    );
    assert_eq!(
        printed(
            "echo $(( $(printf %s {{n}}) + 1 ))",
            Shell::Posix,
            &described,
            &values
        ),
        "-2\n"
    );
    assert_eq!(
        printed(
            "cat <<E\n$(( {{n}} + 1 ))\nE",
            Shell::Posix,
            &described,
            &values
        ),
        "-2\n"
    );
    let bash = "v=abcdefgh; l=(a b c); (( {{m}} > 5 )) && echo ${v:1:{{m}}} ${l[{{n}}]} $[{{n}}+1]; for ((i={{n}};i<0;i++)); do printf %s $i; done; [[ {{n}} -lt 0 ]] && let x={{n}}+1 && echo $x; declare -i y={{n}}; echo $y";
    assert_eq!(
        printed(bash, Shell::Bash, &described, &values),
        "bcdefgh a -2\n-3-2-1-2\n-3\n"
    );
    let (template, _) = compile(
        "echo $(( {{m}} ))",
        Shell::Posix,
        &described,
        Safety::Strict,
    )
    .unwrap();
    assert!(
        template
            .render(&arguments(&json!({"m": 1.5})))
            .unwrap_err()
            .message
            .starts_with("must be a whole number")
    );
    assert!(
        template
            .render(&arguments(&json!({"m": 18_446_744_073_709_551_615_u64})))
            .is_err()
    );
    for text in [
        "echo $(({{n}}{{n}}))",
        "echo $((a{{n}}))",
        "echo $(({{n}}=1))",
        "echo $((--{{n}}))",
        "echo $(({{n}}++))",
    ] {
        assert!(
            refused_shell(text, &described)
                .0
                .starts_with("a placeholder in arithmetic has to stand alone"),
            "{text}"
        );
    }
}

#[test]
fn a_list_is_a_word_for_each_item() {
    let described = json!({"l": "array"});
    let values = json!({"l": ["a b", "", "$(touch P)", "*", 5]});
    assert_eq!(
        printed("printf '<%s>' x {{l}} y", Shell::Posix, &described, &values),
        "<x><a b><><$(touch P)><*><5><y>"
    );
    assert_eq!(
        printed(
            "for i in {{l}}; do printf '<%s>' \"$i\"; done",
            Shell::Posix,
            &described,
            &values
        ),
        "<a b><><$(touch P)><*><5>"
    );
    assert_eq!(
        printed(
            "set -u; printf '<%s>' x {{l}}; for i in {{l}}; do echo $i; done",
            Shell::Posix,
            &described,
            &json!({"l": []})
        ),
        "<x>"
    );
    assert_eq!(
        printed(
            "printf '<%s>' '{{l | json}}'",
            Shell::Posix,
            &described,
            &json!({"l": ["a'b"]})
        ),
        "<[\"a'b\"]>"
    );
    for text in [
        "v={{l}}",
        "echo \"{{l}}\"",
        "echo a{{l}}",
        "> {{l}}",
        "case {{l}} in a) ;; esac",
        "cat <<E\n{{l}}\nE",
    ] {
        assert!(
            refused_shell(text, &described)
                .0
                .starts_with("a list stands here alone"),
            "{text}"
        );
    }
    for text in [
        "timeout {{l}} ls",
        "sqlite3 {{l}}",
        "docker exec {{l}} ls",
        "git {{l}}",
        "sudo -u {{l}} ls",
    ] {
        let problems = compile(text, Shell::Bash, &described, Safety::Strict)
            .expect_err("the template is refused");
        assert!(
            problems
                .iter()
                .any(|found| found.message == "a list here could move what stands behind it"),
            "{text}: {problems:?}"
        );
    }
}

#[test]
fn closed_values_may_stand_where_text_may_not() {
    let described = json!({"flag": "boolean", "n": "integer", "e": {"type": "string", "enum": ["alpha", "beta"]}});
    let values = json!({"flag": true, "n": 2, "e": "alpha"});
    assert_eq!(
        printed(
            "if {{flag}}; then echo yes; fi",
            Shell::Posix,
            &described,
            &values
        ),
        "yes\n"
    );
    assert_eq!(
        printed(
            "printf '1\\n2\\n3\\n' | sed -n \"{{n}}p\"",
            Shell::Posix,
            &described,
            &values
        ),
        "2\n"
    );
    assert_eq!(
        printed(
            "printf 'a\\nb\\n' | awk 'NR=={{n}}'",
            Shell::Posix,
            &described,
            &values
        ),
        "b\n"
    );
    assert_eq!(
        printed(
            "echo 7 | { read {{e}}; echo \"$alpha\"; }",
            Shell::Posix,
            &described,
            &values
        ),
        "7\n"
    );
    assert_eq!(
        printed(
            "export {{e}}=5; echo $alpha",
            Shell::Posix,
            &described,
            &values
        ),
        "5\n"
    );
    let (message, _) = refused_shell(
        "read {{e}}",
        &json!({"e": {"type": "string", "enum": ["a", "PATH"]}}),
    );
    assert_eq!(message, "a caller's value would name a variable for `read`");
}

#[test]
fn pasting_code_takes_a_word_and_says_so() {
    let described = json!({"c": "string", "x": "string"});
    let (template, warnings) = compile(
        "{{c | raw}} {{x}}",
        Shell::Posix,
        &described,
        Safety::Strict,
    )
    .unwrap();
    assert_eq!(
        warnings[0].message,
        "`{{c | raw}}` is pasted as code: a caller can run anything"
    );
    let command = template
        .render(&arguments(&json!({"c": "printf '<%s>'", "x": "; touch P"})))
        .unwrap();
    assert_eq!(command.script, "printf '<%s>' \"${__RUNNER_0}\"");
    assert_eq!(template.compiled(), "{{c | raw}} \"${__RUNNER_0}\"");
}

#[test]
fn bash_is_asked_for_by_name() {
    for (text, what) in [
        ("[[ {{x}} == a ]]", "`[[ ]]`"),
        ("l=({{x}})", "an array"),
        ("cat <<< {{x}}", "`<<<`"),
        ("echo $'a' {{x}}", "`$'...'`"),
        ("echo {{x}} &> f", "`&>`"),
        ("[ {{x}} == a ]", "`==` in `[ ]`"),
        ("set -euo pipefail; echo {{x}}", "`set -o pipefail`"),
        ("diff <(cat {{x}}) f", "`<( )`"),
        ("for ((i=0;i<2;i++)); do echo {{x}}; done", "`for (( ))`"),
    ] {
        let (template, warnings) =
            compile(text, Shell::Posix, &json!({"x": "string"}), Safety::Strict).unwrap();
        assert!(template.needs_bash(), "{text}");
        let found = warnings
            .iter()
            .find(|found| found.message.ends_with("is bash, not plain sh"))
            .unwrap();
        assert_eq!(
            found.message,
            format!("{what} is bash, not plain sh"),
            "{text}"
        );
        let (template, _) =
            compile(text, Shell::Bash, &json!({"x": "string"}), Safety::Strict).unwrap();
        assert!(!template.needs_bash());
    }
    let (template, _) = compile("[[ a ]]", Shell::Posix, &json!({}), Safety::Strict).unwrap();
    assert!(
        template.needs_bash(),
        "a script without placeholders is looked at, too"
    );
}

#[test]
fn other_shells_take_no_placeholders() {
    let problems = compile(
        "echo {{x}}",
        Shell::Other,
        &json!({"x": "string"}),
        Safety::Strict,
    )
    .expect_err("the template is refused");
    assert_eq!(
        said(&problems, "echo {{x}}"),
        [(
            "this shell takes no placeholders".to_owned(),
            "{{x}}".to_owned()
        )]
    );
    assert!(compile("echo *(e:a:)", Shell::Other, &json!({}), Safety::Strict).is_ok());
}

#[test]
fn json_in_a_script_is_escaped_when_asked() {
    let described = json!({"m": "string"});
    let values = json!({"m": "a \"q\" \\ '\n"});
    for text in [
        "printf %s '{\"m\": \"{{m | json}}\"}'",
        "printf %s '{\"m\": {{m | json}}}'",
        "printf %s \"{\\\"m\\\": \\\"{{m | json}}\\\"}\"",
        "cat <<E\n{\"m\": \"{{m | json}}\"}\nE",
    ] {
        let text = printed(text, Shell::Posix, &described, &values);
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            values,
            "{text}"
        );
    }
    let text = "curl -d '{\"m\": \"{{m}}\"}' http://h";
    let (_, warnings) = compile(text, Shell::Posix, &described, Safety::Strict).unwrap();
    assert_eq!(
        said(&warnings, text),
        [(
            "a quote in the value breaks the JSON around it".to_owned(),
            "{{m}}".to_owned()
        )]
    );
}

#[test]
fn refusals_say_what_to_write_instead() {
    let described = json!({"command": "string"});
    let (message, hint) = refused_shell("{{command}}", &described);
    assert_eq!(message, "a caller's value would be run as a program");
    assert_eq!(
        hint,
        "name the program in the file and pass the value as an argument; `{{command | raw}}` pastes it as code"
    );
    let (_, hint) = refused_shell("sh -c 'echo {{command}}'", &described);
    assert!(
        hint.contains("`sh -c '... \"$1\"' _ {{command}}`"),
        "{hint}"
    );
    let (_, hint) = refused_shell("echo $(( {{command}} ))", &described);
    assert_eq!(hint, "declare `command` with `type: integer`");
    let (_, hint) = refused_shell("printf \"{{command}}\"", &described);
    assert_eq!(hint, "write `printf '%s\\n' \"{{name}}\"`");
    let text = "printf '%s' {{command}} > {{command}} | sh";
    let problems = compile(text, Shell::Posix, &described, Safety::Strict)
        .expect_err("the template is refused");
    assert_eq!(&text[problems[0].range.clone()], "{{command}}");
}

#[test]
fn an_optional_value_is_empty_under_set_u() {
    let described = json!({"x": {"type": "string", "required": false}});
    assert_eq!(
        printed(
            "set -u; printf '<%s>' {{x}} \"{{x}}\"",
            Shell::Posix,
            &described,
            &json!({})
        ),
        "<><>"
    );
}

#[test]
fn every_problem_is_reported() {
    let problems = compile(
        "echo $(( {{x}} )); eval {{x}}; wait {{x}}",
        Shell::Bash,
        &json!({"x": "string"}),
        Safety::Strict,
    )
    .expect_err("the template is refused");
    assert_eq!(problems.len(), 3, "{problems:?}");
    let problems = compile("echo {{y}} {{z}}", Shell::Bash, &json!({}), Safety::Strict)
        .expect_err("the template is refused");
    assert_eq!(problems.len(), 2);
}

#[test]
fn depth_and_size_have_bounds() {
    let deep = format!("echo {}{{{{x}}}}{}", "$(echo ".repeat(400), ")".repeat(400));
    let (message, _) = refused_shell(&deep, &json!({"x": "string"}));
    assert_eq!(message, "this nests too deep");
    let long = "echo {{x}}; ".repeat(5_000);
    let begun = tokio::time::Instant::now();
    assert!(compile(&long, Shell::Bash, &json!({"x": "string"}), Safety::Strict).is_ok());
    assert!(
        begun.elapsed().as_secs() < 20,
        "a long script took {:?}",
        begun.elapsed()
    );
}
