//! From the arguments of a call to what is started or sent, for each kind of template. `cargo bench --bench rendering`.
#![expect(clippy::unwrap_used, reason = "a bench may end at the first surprise")]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput};
use runner::config::{LoadOptions, load_text};
use runner::tool::{Action, Arguments, Catalog, Invocation, Stdin};
use serde_json::{Map, Value, json};

const TOOLS: &str = r#"
tools:
  - name: argv
    description: An argument list
    parameters: [ { name: text, required: true }, { name: count, type: integer }, { name: names, type: array, items: { type: string } } ]
    script: { command: /bin/echo, args: ["--count={{count}}", "{{text}}", "{{names}}", fixed], stdin: "Dear {{text}},\n{{names}}\n" }
  - name: shell
    description: Shell text
    parameters: [ { name: text, required: true }, { name: folder, required: true } ]
    script:
      shell: |
        cd -- "{{folder}}" || exit
        for file in *; do
          grep -n -e "{{text}}" -- "$file" | head -5
        done
  - name: http
    description: A request
    parameters: [ { name: id, type: integer, required: true }, { name: text, required: true } ]
    http: { method: POST, url: "https://example.com/things/{{id}}?q={{text}}", headers: { X-Text: "{{text}}" }, body: { id: "{{id}}", say: "it is {{text}}" } }
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
    argv(&mut criterion, &catalog);
    shell(&mut criterion, &catalog);
    http(&mut criterion, &catalog);
    criterion.final_summary();
}

fn argv(criterion: &mut Criterion, catalog: &Catalog) {
    let Action::Script(script) = &catalog.get("argv").unwrap().action else {
        panic!("a script")
    };
    let (
        Invocation::Argv {
            arguments: list, ..
        },
        Stdin::Text(stdin),
    ) = (&script.invocation, &script.stdin)
    else {
        panic!("a list and a text")
    };
    let given =
        arguments(json!({"text": "it's here", "count": 3, "names": ["Ada", "Grace", "Edsger"]}));
    criterion.bench_function("argument list", |bench| {
        bench.iter(|| list.render(black_box(&given)).unwrap());
    });
    criterion.bench_function("standard input", |bench| {
        bench.iter(|| stdin.render(black_box(&given)).unwrap());
    });
}

/// Quoting looks at every character, so a long value is measured besides.
fn shell(criterion: &mut Criterion, catalog: &Catalog) {
    let Action::Script(script) = &catalog.get("shell").unwrap().action else {
        panic!("a script")
    };
    let Invocation::Shell { script, .. } = &script.invocation else {
        panic!("shell text")
    };
    let mut group = criterion.benchmark_group("shell text");
    for (name, length) in [("short value", 10), ("64 KiB value", 64 << 10)] {
        let text = "it's ".repeat(length / 5);
        group.throughput(Throughput::Bytes(text.len() as u64));
        let given = arguments(json!({"text": text, "folder": "/tmp"}));
        group.bench_function(name, |bench| {
            bench.iter(|| script.render(black_box(&given)).unwrap());
        });
    }
    group.finish();
}

fn http(criterion: &mut Criterion, catalog: &Catalog) {
    let Action::Http(http) = &catalog.get("http").unwrap().action else {
        panic!("a request")
    };
    let given = arguments(json!({"id": 17, "text": "it's here"}));
    criterion.bench_function("request", |bench| {
        bench.iter(|| http.request(black_box(&given)).unwrap().unwrap());
    });
}

fn arguments(given: Value) -> Arguments {
    let given: Map<String, Value> = serde_json::from_value(given).unwrap();
    Arguments::from_checked(given)
}
