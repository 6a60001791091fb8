//! What counts as a change of a tool.

use std::path::Path;

use runner::config::{LoadOptions, load_text};
use runner::tool::{Catalog, Difference};

const BASE: &str = "
concurrency: {groups: {g: {max_parallel: 2}}}
circuit_breakers: {b: {failure_threshold: 5}}
tools:
  - name: a
    description: Does it
    parameters:
      - {name: p, type: string, required: true}
    concurrency: {max_parallel: 2, per_key: {key: '{{p}}', max_parallel: 1}}
    environment: {X: one}
    script: {command: cat, args: ['{{p}}', x], stdin: '{{p}}'}
    output: {format: text}
";

fn catalog(text: &str) -> Catalog {
    let path = Path::new("gantz.yaml");
    let loaded = load_text(path, text, Path::new("/"), &LoadOptions::default());
    loaded
        .unwrap_or_else(|error| panic!("{}", error.render(false)))
        .catalog
}

/// What is different when `from` becomes `to` in the base.
fn difference(from: &str, to: &str) -> Difference {
    let changed = BASE.replacen(from, to, 1);
    assert_ne!(changed, BASE, "`{from}` is not there");
    Difference::between(&catalog(BASE), &catalog(&changed))
}

#[test]
fn each_part_of_a_tool_counts() {
    for (from, to) in [
        ("Does it", "Does more"),
        ("    description", "    title: T\n    description"),
        ("    description", "    cache: true\n    description"),
        (
            "    description",
            "    retry: {max_attempts: 7}\n    description",
        ),
        ("    description", "    circuit_breaker: b\n    description"),
        (
            "    description",
            "    annotations: {read_only: true}\n    description",
        ),
        ("    description", "    timeout: 7\n    description"),
        ("    description", "    kill_grace: 7\n    description"),
        ("    description", "    rate_limit: 5/min\n    description"),
        ("required: true", "required: false"),
        ("{max_parallel: 2, per", "{max_parallel: 3, per"),
        (
            "{max_parallel: 2, per",
            "{queue_size: 3, max_parallel: 2, per",
        ),
        (
            "{max_parallel: 2, per",
            "{queue_timeout: 3, max_parallel: 2, per",
        ),
        ("{max_parallel: 2, per", "{group: g, max_parallel: 2, per"),
        ("key: '{{p}}'", "key: '{{p}}x'"),
        ("max_parallel: 1}}", "max_parallel: 2}}"),
        ("max_parallel: 1}}", "max_parallel: 1, max_keys: 7}}"),
        ("X: one", "X: two"),
        ("command: cat", "command: tee"),
        ("', x]", "', y]"),
        ("stdin: '{{p}}'", "stdin: json"),
        ("stdin: '{{p}}'", "stdin: '{{p}}x'"),
        ("stdin:", "working_dir: /tmp, stdin:"),
        ("format: text", "format: json"),
        ("format: text", "format: text, max_bytes: 7KiB"),
        ("format: text", "format: json, schema: {type: object}"),
    ] {
        let difference = difference(from, to);
        assert_eq!(
            difference.changed.len(),
            1,
            "`{from}` -> `{to}`: {difference:?}"
        );
        let others = (&difference.added, &difference.removed, difference.shared);
        assert_eq!(others, (&vec![], &vec![], false), "`{from}` -> `{to}`");
    }
}

#[test]
fn the_time_to_connect_counts() {
    let text = "
timeouts: {default: {connect: 5, total: 30}}
tools: [{name: a, description: A, http: {url: 'https://example.com'}}]
";
    let longer = text.replace("connect: 5", "connect: 6");
    let difference = Difference::between(&catalog(text), &catalog(&longer));
    assert_eq!(difference.changed.len(), 1, "{difference:?}");
}

#[test]
fn the_place_in_the_file_does_not() {
    let moved = difference("tools:", "# a comment\n\n\ntools:");
    assert!(moved.is_empty(), "{moved:?}");
}

#[test]
fn what_all_tools_share_is_told_apart() {
    let shared = difference("{max_parallel: 2}}}", "{max_parallel: 9}}, queue_size: 5}");
    assert!(shared.shared && shared.changed.is_empty(), "{shared:?}");
}

#[test]
fn another_name_is_another_tool() {
    let renamed = difference("name: a", "name: b");
    assert_eq!(
        (renamed.added.len(), renamed.removed.len()),
        (1, 1),
        "{renamed:?}"
    );
    assert!(renamed.changed.is_empty(), "{renamed:?}");
}
