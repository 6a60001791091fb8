//! The host is the file's, whatever a caller sends.

use runner::config::LoadError;
use runner::tool::{Action, Arguments, FailureCode};
use serde_json::json;

use crate::service::Service;
use crate::world::{TOKEN, World, load, one};

#[tokio::test]
async fn no_value_reaches_another_host() {
    let evil = Service::start().await;
    let at = evil.address;
    let values = [
        format!("@{at}/"),
        format!("//{at}/"),
        format!("///{at}/"),
        format!("\\\\{at}\\"),
        format!("/\\{at}/"),
        format!("/@{at}/"),
        format!(":1@{at}/"),
        format!("http://{at}/"),
        format!("#@{at}/"),
        format!("?@{at}/"),
        format!("\r\nHost: {at}\r\n"),
        format!(" HTTP/1.1\r\nHost: {at}\r\n\r\nGET http://{at}/"),
        format!("..//{at}/"),
        format!("%2f%2f{at}%2f"),
        format!("\u{ff0f}\u{ff0f}{at}"),
        format!("\u{3002}{at}"),
        format!("\t//{at}/"),
        format!("x/../..//{at}/"),
    ];
    for url in [
        "http://SERVICE/{{v}}",
        "http://SERVICE/a{{v}}",
        "http://SERVICE/{{v | raw}}",
        "http://SERVICE/a/{{v | raw}}/b",
        "http://SERVICE/?{{v}}",
        "http://SERVICE?{{v}}={{v}}",
        "http://SERVICE#{{v}}",
        "http://user:pass@SERVICE/{{v}}",
        "${BASE}/{{v}}",
    ] {
        let world = World::one(
            &["v"],
            &format!("http: {{ url: '{url}', follow_redirects: any }}"),
        )
        .await;
        for value in &values {
            let outcome = world.outcome(json!({"v": value})).await;
            for seen in world.service.take() {
                let host = world.service.address.to_string();
                assert_eq!(seen.header("host"), Some(host.as_str()), "{url} {value:?}");
            }
            if let Err(failure) = outcome.result {
                assert_eq!(
                    failure.code,
                    FailureCode::InvalidArguments,
                    "{url} {value:?}"
                );
            }
        }
    }
    assert!(evil.take().is_empty(), "the other host was called");
}

fn refusal(url: &str) -> String {
    let loaded = load(&one(&["v"], &format!("http: {{ url: \"{url}\" }}")), "h");
    match loaded {
        Ok(_) => panic!("`{url}` is taken"),
        Err(error) => error.render(false),
    }
}

#[test]
fn a_file_that_lets_a_caller_choose_the_host_is_refused() {
    for url in [
        "{{v}}",
        "{{v}}://h/",
        "http://{{v}}",
        "http://{{v}}/",
        "http://{{v}}.h/",
        "http://h{{v}}",
        "http://h:{{v}}/",
        "http://{{v}}@h/",
        "http://u:{{v}}@h/",
        "http:{{v}}",
        "${BASE}{{v}}",
    ] {
        let report = refusal(url);
        assert!(
            report.contains("would choose where the request goes")
                || report.contains("a URL begins with"),
            "{url}: {report}"
        );
    }
    for (url, why) in [
        ("ftp://h/{{v}}", "a URL begins with"),
        ("h/{{v}}", "would choose where"),
        ("http:///x", "empty host"),
        ("http://h\\\\{{v}}", "a URL cannot hold"),
        ("http://h/%{{v}}", "unfinished `%`"),
        ("http://h/%2{{v}}", "unfinished `%`"),
        ("http://h/?a=%{{v}}", "unfinished `%`"),
        ("http://h/../{{v}}", "leads out of it"),
        ("http://h/?a={{v | raw}}", "unencoded"),
        ("http://h/${X:-{{v}}}", "default of a variable"),
        ("http://h/{{w}}", "`w`"),
    ] {
        assert!(refusal(url).contains(why), "{url}: {}", refusal(url));
    }
}

#[tokio::test]
async fn raw_keeps_slashes_and_nothing_else() {
    let world = World::one(
        &["v"],
        "http: { url: 'http://SERVICE/repos/{{v | raw}}/issues' }",
    )
    .await;
    world.call(json!({"v": "owner/na me?x#y"})).await;
    assert_eq!(
        world.service.one().target,
        "/repos/owner/na%20me%3Fx%23y/issues"
    );
    for value in ["a/../b", "..", "a//b", "/a", "a/", "", "a/./b"] {
        let code = world.code(json!({"v": value})).await;
        assert_eq!(code, FailureCode::InvalidArguments, "{value}");
    }
    assert!(world.service.take().is_empty());
}

#[tokio::test]
async fn a_missing_variable_is_named_by_the_call() {
    let world = World::one(
        &["v"],
        "http: { url: 'http://SERVICE/{{v}}', headers: { A: '${NOT_SET}' } }",
    )
    .await;
    let failure = world.failure(json!({"v": "x"})).await;
    assert_eq!(failure.code, FailureCode::HttpError);
    assert!(failure.message.contains("`NOT_SET`"), "{failure:?}");
    assert!(world.service.take().is_empty());
}

#[test]
fn variables_are_expanded_once_and_shown_nowhere() {
    let text = one(
        &["v"],
        "http: { url: '${BASE}/x/{{v}}?key=${TOKEN}&b=${BRACES}', headers: { Authorization: 'Bearer ${TOKEN}' } }",
    );
    let loaded = load(&text, "h").map_err(|error: LoadError| error.render(false));
    let loaded = loaded.unwrap();
    let tool = loaded.catalog.get("t").unwrap();
    let Action::Http(http) = &tool.action else {
        panic!("the tool is a request")
    };
    let arguments = json!({"v": "${TOKEN}{{v}}"}).as_object().unwrap().clone();
    let request = http
        .request(&Arguments::from_checked(arguments))
        .unwrap()
        .unwrap();
    // What a variable holds is not read as a template, and neither is a value.
    assert_eq!(
        request.url.as_str(),
        format!("http://h/x/%24%7BTOKEN%7D%7B%7Bv%7D%7D?key={TOKEN}&b=%7B%7Bv%7D%7D$%7BTOKEN%7D")
    );
    let debug = format!("{:?}", loaded.catalog);
    assert!(!debug.contains(TOKEN), "{debug}");
}

#[test]
fn names_of_headers_are_the_file_s() {
    for (headers, why) in [
        (
            "'X-{{v}}': a",
            "no placeholder may stand in a header's name",
        ),
        ("'a b': a", "cannot name a header"),
        ("Host: '{{v}}'", "is set by the runner"),
        ("content-length: 3", "is set by the runner"),
        ("A: \"x\\ny\"", "control character"),
    ] {
        let text = one(
            &["v"],
            &format!("http: {{ url: 'http://h/', headers: {{ {headers} }} }}"),
        );
        let report = load(&text, "h").map(|_| ()).unwrap_err().render(false);
        assert!(report.contains(why), "{headers}: {report}");
    }
}
