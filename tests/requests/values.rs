//! Any value reaches the service byte for byte, or is refused; none changes anything around it.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use runner::tool::FailureCode;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::service::Seen;
use crate::world::World;

const TOOLS: &str = r#"
x-parameters: &parameters
  - { name: p }
  - { name: q }
  - { name: k }
  - { name: h }
  - { name: b }
x-http: &http
  method: POST
  url: "http://SERVICE/echo/{{p}}/b-{{p}}?x={{q}}&{{k}}=1#f-{{q}}"
  query: { more: "m {{q}}" }
tools:
  - name: tree
    description: A document
    parameters: *parameters
    http: { <<: *http, headers: { X-Inside: "<{{h}}>", X-Alone: "{{h}}" }, body: { text: "{{b}}", inside: "a{{b}}z" } }
  - name: hand
    description: JSON by hand
    parameters: *parameters
    http: { <<: *http, body: '{"text": "{{b}}", "inside": "a{{b}}z", "n": [1]}' }
  - name: form
    description: A form
    parameters: *parameters
    http: { <<: *http, body: 'text={{b}}&inside=a{{b}}z' }
  - name: plain
    description: Text
    parameters: *parameters
    http: { <<: *http, body: 'a {{b}} z', headers: { Content-Type: text/plain } }
"#;

/// Values that mean something to somebody on the way.
const HOSTILE: &[&str] = &[
    "",
    ".",
    "..",
    "...",
    "/",
    "//",
    "//evil.com/",
    "\\\\evil.com\\",
    "@evil.com",
    ":80@evil.com",
    "../..",
    "..%2f",
    "%2e%2e",
    "%2f",
    "%",
    "%00",
    "%0d%0a",
    "\r\nX-Evil: 1",
    "\r\n\r\nGET /evil HTTP/1.1\r\n\r\n",
    "\n",
    "\t",
    "\0",
    "?",
    "#",
    "&",
    "=",
    "&admin=1",
    "a=b&c=d",
    ";",
    ";jsessionid=1",
    "+",
    " ",
    "  a  ",
    "\u{a0}",
    "\u{3002}\u{3002}",
    "\u{ff0e}\u{ff0e}\u{ff0f}",
    "\u{2024}",
    "\u{ff0f}evil",
    "\u{202e}",
    "\u{feff}",
    "é",
    "日本",
    "😀",
    "\u{85}",
    "\u{2028}",
    "{{p}}",
    "${TOKEN}",
    "\"",
    "\\",
    "\",\"admin\":true,\"x\":\"",
    "'",
    "<",
    "null",
    "1e2",
    "http://evil.com/",
    "javascript:1",
];

fn value() -> impl Strategy<Value = String> {
    let hostile = proptest::sample::select(HOSTILE).prop_map(str::to_owned);
    let joined = proptest::collection::vec(proptest::sample::select(HOSTILE), 1..4)
        .prop_map(|parts| parts.concat());
    let plain = "[ -~]{0,12}";
    prop_oneof![hostile, joined, plain, any::<String>()]
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

/// Why a value has to be refused, if it has to be.
fn must_be_refused(tool: &str, p: &str, h: &str) -> bool {
    let in_path = matches!(p, "" | "." | "..");
    let in_header = h.chars().any(char::is_control) || h.starts_with(' ') || h.ends_with(' ');
    in_path || tool == "tree" && in_header
}

fn names(seen: &Seen) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in seen.headers.keys() {
        counts.insert(name.to_string(), seen.headers.get_all(name).iter().count());
    }
    counts
}

fn body_holds(tool: &str, seen: &Seen, b: &str) {
    let body = std::str::from_utf8(&seen.body).unwrap();
    match tool {
        "tree" => {
            let sent: Value = serde_json::from_str(body).unwrap();
            assert_eq!(sent, json!({"text": b, "inside": format!("a{b}z")}));
        }
        "hand" => {
            let sent: Value = serde_json::from_str(body).unwrap();
            assert_eq!(
                sent,
                json!({"text": b, "inside": format!("a{b}z"), "n": [1]})
            );
        }
        "form" => {
            let pairs: Vec<(String, String)> = body
                .split('&')
                .map(|pair| pair.split_once('=').unwrap())
                .map(|(name, value)| (decoded(name), decoded(value)))
                .collect();
            let wanted = [
                ("text".to_owned(), b.to_owned()),
                ("inside".to_owned(), format!("a{b}z")),
            ];
            assert_eq!(pairs, wanted);
        }
        _ => assert_eq!(body, format!("a {b} z")),
    }
}

fn arrived(tool: &str, seen: &Seen, address: &str, sent: [&str; 5]) {
    let [in_path, in_query, key, in_header, in_body] = sent;
    assert_eq!(
        (seen.method.as_str(), seen.header("host")),
        ("POST", Some(address))
    );
    let (path, query) = seen.target.split_once('?').unwrap();
    let segments: Vec<String> = path.split('/').map(decoded).collect();
    assert_eq!(segments, ["", "echo", in_path, &format!("b-{in_path}")]);
    let pairs: Vec<(String, String)> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    let wanted = [
        ("x", in_query.to_owned()),
        (key, "1".to_owned()),
        ("more", format!("m {in_query}")),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    assert_eq!(pairs, wanted);
    if tool == "tree" {
        assert_eq!(
            seen.headers["x-inside"].as_bytes(),
            format!("<{in_header}>").as_bytes()
        );
        assert_eq!(seen.headers["x-alone"].as_bytes(), in_header.as_bytes());
    }
    body_holds(tool, seen, in_body);
}

#[test]
fn any_value_arrives_byte_for_byte_or_is_refused() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new(TOOLS));
    let address = world.service.address.to_string();
    let harmless = ["tree", "hand", "form", "plain"].map(|tool| {
        let arguments = json!({"p": "p", "q": "q", "k": "k", "h": "h", "b": "b"});
        let outcome = runtime.block_on(world.call_tool(tool, arguments, CancellationToken::new()));
        assert!(outcome.result.is_ok(), "{outcome:?}");
        (tool, names(&world.service.one()))
    });
    let strategy = (0_usize..4, [value(), value(), value(), value(), value()]);
    let mut tests = TestRunner::new(Config {
        cases: 400,
        failure_persistence: None,
        ..Config::default()
    });
    let result = tests.run(&strategy, |(which, [p, q, k, h, b])| {
        let (tool, headers) = &harmless[which];
        let arguments = json!({"p": p, "q": q, "k": k, "h": h, "b": b});
        let outcome = runtime.block_on(world.call_tool(tool, arguments, CancellationToken::new()));
        let refused = must_be_refused(tool, &p, &h);
        if let Err(failure) = outcome.result {
            prop_assert!(refused, "{failure:?}");
            prop_assert_eq!(failure.code, FailureCode::InvalidArguments);
            prop_assert!(world.service.take().is_empty());
        } else {
            prop_assert!(!refused, "nothing was refused");
            let seen = world.service.one();
            arrived(tool, &seen, &address, [&p, &q, &k, &h, &b]);
            prop_assert_eq!(&names(&seen), headers);
        }
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.unwrap_err());
}

#[tokio::test]
async fn optional_values_and_lists_have_their_own_ways() {
    let world = World::new(
        r#"
tools:
  - name: t
    description: T
    parameters: [{ name: a }, { name: n, type: integer }, { name: tags, type: array, items: { type: string } }, { name: o, type: object }]
    http:
      url: "http://SERVICE/list?in={{a}}&fixed=1"
      query: { a: "{{a}}", tag: "{{tags}}", n: "{{n}}", part: "{{o.deep}}", text: "x{{a}}" }
      headers: { X-A: "{{a}}", X-Tags: "{{tags}}", X-Text: "x{{a}}" }
"#,
    )
    .await;
    world.nothing().await;
    let seen = world.service.one();
    assert_eq!(seen.target, "/list?fixed=1&text=x");
    assert_eq!(
        (seen.header("x-a"), seen.header("x-text")),
        (None, Some("x"))
    );
    assert_eq!(seen.header("x-tags"), None);

    let arguments = json!({"a": "", "n": 1e2, "tags": ["x y", "&"], "o": {"deep": "d"}});
    world.call(arguments).await;
    let seen = world.service.one();
    assert_eq!(
        seen.target,
        "/list?in=&fixed=1&a=&tag=x%20y&tag=%26&n=100&part=d&text=x"
    );
    let tags: Vec<_> = seen.headers.get_all("x-tags").iter().collect();
    assert_eq!(tags, ["x y", "&"]);
    assert_eq!(seen.header("x-a"), Some(""));
}
