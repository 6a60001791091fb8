//! The promise, as a law: any text is delivered byte for byte through every place a placeholder
//! may stand in, in each real shell, and nothing of it runs.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use runner::tool::template::{Safety, Shell};
use serde_json::{Map, Value};

use crate::shells::{arguments, compile, installed, run};

/// A place, with `{{v}}` for the value, and what it prints for the value `v`.
type Place = (&'static str, fn(&str) -> String);

/// Places of plain sh. Each ends what it prints with a NUL.
const POSIX: &[Place] = &[
    ("printf '%s\\0' {{v}}", str::to_owned),
    ("printf '%s\\0' \"{{v}}\"", str::to_owned),
    ("printf '%s\\0' '{{v}}'", str::to_owned),
    ("printf '%s\\0' a{{v}}b", |v| format!("a{v}b")),
    ("printf '%s\\0' \"a '{{v}}' \\\"b\"", |v| {
        format!("a '{v}' \"b")
    }),
    ("printf '%s\\0' 'it'\\''s \"{{v}}\" \\'", |v| {
        format!("it's \"{v}\" \\")
    }),
    ("printf '%s\\0' ${{v}}", |v| format!("${v}")),
    ("printf '%s\\0' \"${{v}}\"", |v| format!("${v}")),
    ("printf '%s\\0' '${{v}}'", |v| format!("${v}")),
    ("printf '%s\\0' \"\\\\{{v}}\"", |v| format!("\\{v}")),
    ("printf '%s\\0' \\\\{{v}}", |v| format!("\\{v}")),
    ("printf '%s\\0' x{{v}}*[{{v}}?", |v| format!("x{v}*[{v}?")),
    ("printf '%s\\0' \"${nope:-{{v}}}\"", str::to_owned),
    ("printf '%s\\0' ${nope:-{{v}}}", str::to_owned),
    ("printf '%s\\0' ${nope:-'{{v}}'}", str::to_owned),
    ("printf '%s\\0' \"${nope:-'{{v}}'}\"", |v| format!("'{v}'")),
    ("printf '%s\\0' \"${nope:-a ${nope-{{v}}} b}\"", |v| {
        format!("a {v} b")
    }),
    ("yes=1; printf '%s\\0' \"${yes:+{{v}}}\"", str::to_owned),
    (
        ": \"${given:={{v}}}\"; printf '%s\\0' \"$given\"; unset given",
        str::to_owned,
    ),
    ("v={{v}}; printf '%s\\0' \"$v\"", str::to_owned),
    ("v=\"a{{v}}\"'b'; printf '%s\\0' \"$v\"", |v| {
        format!("a{v}b")
    }),
    ("export v={{v}}; printf '%s\\0' \"$v\"", str::to_owned),
    (
        "f() { local v={{v}}; printf '%s\\0' \"$v\"; }; f",
        str::to_owned,
    ),
    (
        "p={{v}}; printf '%s\\0' \"${p#{{v}}}\"\"${p%{{v}}}\"",
        |_| String::new(),
    ),
    ("p=x{{v}}x; printf '%s\\0' \"${p#x{{v}}}\"", |_| {
        "x".to_owned()
    }),
    ("cat <<END\n{{v}}\nEND\nprintf '\\0'", |v| format!("{v}\n")),
    (
        "cat <<END\n\"{{v}}\" '{{v}}' ${nope:-{{v}}} ${{v}}\nEND\nprintf '\\0'",
        |v| format!("\"{v}\" '{v}' {v} ${v}\n"),
    ),
    (
        "cat <<'END OF'\n$a `b` \\ {{v}}\nEND OF\nprintf '\\0'",
        |v| format!("$a `b` \\ {v}\n"),
    ),
    ("cat <<-\\END\n\t{{v}}\n\tEND\nprintf '\\0'", |v| {
        format!("{v}\n")
    }),
    (
        "printf '%s\\0' \"$(cat <<'END'\n) \" ' {{v}}.\nEND\n)\"",
        |v| format!(") \" ' {v}."),
    ),
    (
        "for v in {{v}} a\"{{v}}\"; do printf '%s' \"$v\"; done; printf '\\0'",
        |v| format!("{v}a{v}"),
    ),
    (
        "v={{v}}; case {{v}} in \"$v\") printf 'y\\0' ;; *) printf 'n\\0' ;; esac",
        |_| "y".to_owned(),
    ),
    (
        "v={{v}}; case x$v in x{{v}}) printf 'y\\0' ;; *) printf 'n\\0' ;; esac",
        |_| "y".to_owned(),
    ),
    (
        "v={{v}}; if [ {{v}} = \"$v\" ]; then printf 'y\\0'; else printf 'n\\0'; fi",
        |_| "y".to_owned(),
    ),
    (
        "if test \"a{{v}}\" = 'a{{v}}'; then printf 'y\\0'; else printf 'n\\0'; fi",
        |_| "y".to_owned(),
    ),
    ("printf '%s\\0' \"$(printf '%s.' {{v}})\"", |v| {
        format!("{v}.")
    }),
    (
        "printf '%s\\0' \"$(printf '%s.' \"$(printf '%s.' '{{v}}')\")\"",
        |v| format!("{v}.."),
    ),
    (
        "printf '%s\\0' \"$(case x in (x) printf '%s.' {{v}};; esac)\"",
        |v| format!("{v}."),
    ),
    ("w=`printf '%s.' {{v}}`; printf '%s\\0' \"$w\"", |v| {
        format!("{v}.")
    }),
    ("f() { printf '%s\\0' \"$1\"; }; f {{v}}", str::to_owned),
    ("set -- a {{v}}; printf '%s\\0' \"$2\"", str::to_owned),
    ("sh -c 'printf \"%s\\0\" \"$1\"' _ {{v}}", str::to_owned),
    ("{ printf '%s' {{v}}; } | cat; printf '\\0'", str::to_owned),
    ("(printf '%s' \"{{v}}\"); printf '\\0'", str::to_owned),
    ("printf '%s\\0' a\\\n#b{{v}} # {{v}}", |v| format!("a#b{v}")),
    ("printf '%s\\0' \"a\\\n{{v}}\"", |v| format!("a{v}")),
    ("V={{v}} sh -c 'printf \"%s\\0\" \"$V\"'", str::to_owned),
];

/// Places only bash has.
const BASH: &[Place] = &[
    ("printf '%s\\0' $'a\\t{{v}}\\'b'", |v| format!("a\t{v}'b")),
    (
        "[[ {{v}} == {{v}} ]] && printf 'y\\0' || printf 'n\\0'",
        |_| "y".to_owned(),
    ),
    (
        "[[ x{{v}} =~ ^x{{v}}$ ]] && printf 'y\\0' || printf 'n\\0'",
        |_| "y".to_owned(),
    ),
    ("p=abc; printf '%s\\0' \"${p/b/{{v}}}\"", |v| {
        format!("a{v}c")
    }),
    ("p=abc; w=${p/b/'{{v}}'}; printf '%s\\0' \"$w\"", |v| {
        format!("a{v}c")
    }),
    (
        "l=({{v}} \"b{{v}}\"); printf '%s' \"${l[@]}\"; printf '\\0'",
        |v| format!("{v}b{v}"),
    ),
    ("v=a; v+={{v}}; printf '%s\\0' \"$v\"", |v| format!("a{v}")),
    ("cat <<< {{v}}; printf '\\0'", |v| format!("{v}\n")),
    ("cat < <(printf '%s' {{v}}); printf '\\0'", str::to_owned),
    ("declare v={{v}}; printf '%s\\0' \"$v\"", str::to_owned),
];

/// Texts that mean something to a shell, and any others.
fn value() -> impl Strategy<Value = String> {
    const TOKENS: &[&str] = &[
        "'",
        "\"",
        "`",
        "$",
        "\\",
        "\n",
        "\t",
        " ",
        ";",
        "&",
        "|",
        "(",
        ")",
        "<",
        ">",
        "*",
        "?",
        "[",
        "]",
        "{",
        "}",
        "#",
        "!",
        "~",
        "=",
        "%",
        "-",
        "^",
        "/",
        "$(touch P)",
        "`touch P`",
        "${IFS}",
        "$'\\x41'",
        "END",
        "\nEND\n",
        "a[$(touch P)]",
        "&&",
        "\u{1}",
        "\u{7f}",
        "\u{81}",
        "\u{88}",
        "é",
        "\u{202e}",
        "😀",
        "\r",
        "-n",
        "--",
        "\\n",
        "%s",
        "__RUNNER_0",
        "${__RUNNER_0}",
        "{{v}}",
        "RUNNER_END_0",
        "END OF",
        "x",
    ];
    prop_oneof![
        proptest::collection::vec(proptest::sample::select(TOKENS), 0..8)
            .prop_map(|parts| parts.concat()),
        "[^\\x00]{0,24}",
        "[\\x01-\\x7f]{0,24}",
    ]
}

#[test]
fn every_place_delivers_every_byte() {
    deliver(Shell::Posix, POSIX, 150);
    deliver(Shell::Bash, POSIX, 15);
    deliver(Shell::Bash, BASH, 150);
}

fn deliver(shell: Shell, places: &[Place], cases: u32) {
    let mut described = Map::new();
    let mut text = String::new();
    for (index, (place, _)) in places.iter().enumerate() {
        let name = format!("v{index}");
        described.insert(name.clone(), "string".into());
        text.push_str(&place.replace("{{v}}", &format!("{{{{{name}}}}}")));
        text.push('\n');
    }
    let (template, _) = compile(&text, shell, &Value::Object(described), Safety::Strict)
        .unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"));
    assert!(
        !template.needs_bash() || shell == Shell::Bash,
        "a place of plain sh asks for bash"
    );
    let shells = installed(shell, false);
    let folder = tempfile::tempdir().expect("the test is written well");
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let values = proptest::collection::vec(value(), places.len());
    let result = runner.run(&values, |values| {
        let given: Map<String, Value> = values
            .iter()
            .enumerate()
            .map(|(index, value)| (format!("v{index}"), value.clone().into()))
            .collect();
        let command = template
            .render(&arguments(&Value::Object(given)))
            .expect("the test is written well");
        for shell in &shells {
            let printed = run(shell, &command, folder.path());
            let printed: Vec<&[u8]> = printed.split(|byte| *byte == 0).collect();
            let mut printed = printed.into_iter();
            for ((place, expected), value) in places.iter().zip(&values) {
                let expected = expected(value);
                let got = printed.next();
                prop_assert_eq!(
                    got.map(String::from_utf8_lossy),
                    Some(expected.as_str().into()),
                    "{:?}: {} with {:?}",
                    shell,
                    place,
                    value
                );
            }
        }
        prop_assert!(!folder.path().join("P").exists(), "a value ran");
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
