//! What a sound file comes to: limits, parameters, scripts and environments.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use runner::config::{Env, LoadOptions, Loaded, load_text};
use runner::diagnostic::Severity;
use runner::tool::template::Safety;
use runner::tool::{
    Action, FailureCode, Invocation, OnLimit, OnOverflow, Origin, OutputFormat, ParameterType,
    Script, Stdin, Tool, Worker,
};
use serde_json::json;

fn env() -> Env {
    Env::from_pairs([
        ("PATH", "/usr/bin:/bin"),
        ("HOME", "/home/ada"),
        ("TOKEN", "hunter2"),
        ("DB_PASSWORD", "hunter2"),
        ("CI_TOKEN", "hunter2"),
        ("GANTZ_CALL_ID", "outer"),
        ("EDITOR", "ed"),
    ])
}

fn loaded_with(env: Env, folder: &Path, text: &str) -> Loaded {
    let options = LoadOptions {
        env,
        ..LoadOptions::default()
    };
    load_text(Path::new("gantz.yaml"), text, folder, &options)
        .unwrap_or_else(|error| panic!("{}", error.render(false)))
}

fn loaded(text: &str) -> Loaded {
    loaded_with(env(), Path::new("/nonexistent/project"), text)
}

fn tool<'a>(loaded: &'a Loaded, name: &str) -> &'a Tool {
    loaded
        .catalog
        .get(name)
        .unwrap_or_else(|| panic!("no {name}"))
}

fn script(tool: &Tool) -> &Script {
    let Action::Script(script) = &tool.action else {
        panic!("the tool is no script")
    };
    script
}

fn one(action: &str) -> String {
    format!("tools: [{{ name: t, description: T, {action} }}]")
}

#[test]
fn defaults_are_the_contracts() {
    let loaded = loaded(&one("script: { shell: echo }"));
    let tool = tool(&loaded, "t");
    let cores = std::thread::available_parallelism().expect("known").get();
    let most = u32::try_from(8.max(4 * cores)).expect("few");
    let all = &loaded.catalog.limits;
    assert_eq!(
        (
            all.max_parallel.get(),
            all.queue_size,
            all.thread_pool_size.get()
        ),
        (most, 1000, 20)
    );
    let limits = &tool.limits;
    assert_eq!((limits.max_parallel.get(), limits.queue_size), (most, 100));
    assert_eq!(limits.queue_timeout, Duration::from_secs(30));
    assert_eq!(limits.timeout, Duration::from_secs(30));
    assert_eq!(limits.kill_grace, Duration::from_secs(5));
    assert!(limits.buckets.is_empty() && limits.group.is_none() && limits.per_key.is_none());
    assert_eq!(tool.output.format, OutputFormat::Auto);
    assert_eq!(
        (tool.output.max_bytes, tool.output.inline_bytes),
        (1 << 20, 64 << 10)
    );
    assert_eq!(tool.output.on_overflow, OnOverflow::Spill);
    assert_eq!(tool.origins.of("timeout"), &Origin::Default);
    assert_eq!(loaded.catalog.name, "project");
    assert!(loaded.catalog.describe_limits);
    assert_eq!(
        (loaded.server.host.as_str(), loaded.server.port),
        ("127.0.0.1", 3000)
    );
    assert!(loaded.server.auth.is_none() && loaded.server.builtin_tools.is_empty());
}

#[test]
fn limits_are_effective_and_say_where_they_come_from() {
    let loaded = loaded(
        "\
concurrency:
  max_parallel: 10
  queue_timeout: 1m
  groups: { db: { max_parallel: 3 }, net: 4 }
timeouts: { default: { total: 60 }, slow: { read: 5, total: 180 } }
tools:
  - name: inherits
    description: I
    script: { shell: echo }
  - name: own
    description: O
    concurrency: { max_parallel: 5, queue_timeout: 500ms, queue_size: 0, group: db }
    timeout: slow
    kill_grace: 0
    script: { shell: echo }
  - name: script_wins
    description: S
    timeout: 10
    script: { shell: echo, timeout: 90s }
",
    );
    let inherits = tool(&loaded, "inherits");
    assert_eq!(inherits.limits.max_parallel.get(), 10);
    assert_eq!(inherits.limits.queue_timeout, Duration::from_mins(1));
    assert_eq!(inherits.limits.timeout, Duration::from_mins(1));
    let at = |line, column| Origin::File { line, column };
    assert_eq!(inherits.origins.of("concurrency.max_parallel"), &at(2, 3));
    assert_eq!(inherits.origins.of("timeout"), &at(5, 24));
    let own = tool(&loaded, "own");
    assert_eq!(
        (own.limits.max_parallel.get(), own.limits.queue_size),
        (5, 0)
    );
    assert_eq!(own.limits.queue_timeout, Duration::from_millis(500));
    assert_eq!(
        (own.limits.timeout, own.limits.kill_grace),
        (Duration::from_mins(3), Duration::ZERO)
    );
    assert_eq!(own.limits.group.as_deref(), Some("db"));
    assert_eq!(own.origins.of("concurrency.max_parallel"), &at(12, 20));
    assert_eq!(own.origins.of("timeout"), &at(13, 5));
    assert_eq!(own.origins.of("kill_grace"), &at(14, 5));
    assert_eq!(
        tool(&loaded, "script_wins").limits.timeout,
        Duration::from_secs(90)
    );
    let groups: Vec<_> = loaded
        .catalog
        .limits
        .groups
        .iter()
        .map(|(name, places)| (name.as_str(), places.get()))
        .collect();
    assert_eq!(groups, [("db", 3), ("net", 4)]);
}

/// The buckets of a tool: name, rate, burst, cost, whether it rejects.
fn buckets(loaded: &Loaded, name: &str) -> Vec<(String, f64, u32, u32, bool)> {
    let buckets = tool(loaded, name).limits.buckets.iter();
    buckets
        .map(|used| {
            let rate = used.limit.rate;
            let rejects = used.limit.on_limit == OnLimit::Reject;
            (
                used.bucket.clone(),
                rate.requests_per_second,
                rate.burst.get(),
                used.cost.get(),
                rejects,
            )
        })
        .collect()
}

#[test]
fn buckets_are_shared_own_or_a_copy_of_the_default() {
    let loaded = loaded(
        "\
concurrency:
  rate_limits:
    default: { requests_per_second: 50 }
    api: { requests_per_minute: 90, burst_size: 20, on_limit: reject }
tools:
  - { name: plain, description: P, script: { shell: echo } }
  - { name: named, description: N, rate_limit: api, script: { shell: echo } }
  - { name: own, description: O, concurrency: { requests_per_second: 2.9 }, script: { shell: echo } }
  - { name: two, description: B, concurrency: { requests_per_second: 10, burst: 5 }, rate_limit: api, script: { shell: echo } }
  - { name: short, description: S, rate_limit: 30/min, script: { shell: echo } }
  - { name: map, description: M, rate_limit: { requests_per_second: 4, burst: 9, cost: 3 }, script: { shell: echo } }
",
    );
    let text = str::to_owned;
    assert_eq!(
        buckets(&loaded, "plain"),
        [(text("plain/default"), 50.0, 50, 1, false)]
    );
    assert_eq!(buckets(&loaded, "named"), [(text("api"), 1.5, 20, 1, true)]);
    assert_eq!(
        buckets(&loaded, "own"),
        [(text("own/concurrency"), 2.9, 2, 1, false)]
    );
    assert_eq!(
        buckets(&loaded, "two"),
        [
            (text("two/concurrency"), 10.0, 5, 1, false),
            (text("api"), 1.5, 20, 1, true)
        ]
    );
    assert_eq!(
        buckets(&loaded, "short"),
        [(text("short/rate_limit"), 0.5, 1, 1, false)]
    );
    assert_eq!(
        buckets(&loaded, "map"),
        [(text("map/rate_limit"), 4.0, 9, 3, false)]
    );
}

#[test]
fn parameters_become_a_schema() {
    let loaded = loaded(
        r#"
tools:
  - name: t
    description: T
    parameters:
      - { name: plain, description: Text, required: true }
      - { name: lines, type: number, default: "100" }
      - { name: whole, type: integer, default: 1e2, validation: { min: 1, max: 200 } }
      - { name: word, validation: { pattern: "^x", min_length: 1, max_length: 9 } }
      - { name: list, type: array, items: { type: string }, validation: { min_length: 1 } }
      - { name: pick, enum: [1, b], default: 1 }
      - { name: allowed, validation: { allowed_values: [/data, /logs] } }
      - { name: odd, type: object, x-note: kept, minProperties: 1 }
    script: { shell: echo }
"#,
    );
    let parameters = &tool(&loaded, "t").parameters;
    assert_eq!(
        *parameters.schema().value(),
        json!({
            "type": "object",
            "properties": {
                "plain": { "type": "string", "description": "Text" },
                "lines": { "type": "number", "default": 100 },
                "whole": { "type": "integer", "minimum": 1, "maximum": 200, "default": 100 },
                "word": { "type": "string", "minLength": 1, "maxLength": 9, "pattern": "^x" },
                "list": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
                "pick": { "type": "string", "enum": ["1", "b"], "default": "1" },
                "allowed": { "type": "string", "enum": ["/data", "/logs"] },
                "odd": { "type": "object", "x-note": "kept", "minProperties": 1 },
            },
            "required": ["plain"],
            "additionalProperties": false,
        })
    );
    let pick = parameters.get("pick").expect("declared");
    assert_eq!(pick.default, Some(json!("1")));
    assert_eq!(pick.allowed, Some(vec![json!("1"), json!("b")]));
    assert!(parameters.get("plain").expect("declared").required);
}

#[test]
fn a_whole_schema_is_kept_as_it_is() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": { "id": { "type": "integer" } },
        "properties": {
            "id": { "$ref": "#/$defs/id" },
            "mode": { "type": "string", "enum": ["a", "b"], "default": "a" },
            "any": { "type": ["string", "null"] },
        },
        "required": ["id"],
    });
    let loaded = loaded(&one(&format!(
        "input_schema: {schema}, script: {{ shell: echo }}"
    )));
    let parameters = &tool(&loaded, "t").parameters;
    assert_eq!(*parameters.schema().value(), schema);
    let kind = |name| parameters.get(name).expect("declared").kind;
    assert_eq!(
        (kind("id"), kind("mode"), kind("any")),
        (
            ParameterType::Any,
            ParameterType::String,
            ParameterType::Any
        )
    );
    assert!(parameters.get("id").expect("declared").required);
    assert_eq!(
        parameters.get("mode").expect("declared").default,
        Some(json!("a"))
    );
}

#[test]
fn programs_are_looked_up_once() {
    let folder = tempfile::tempdir().expect("a folder");
    for program in ["run.sh", "bash", "python3"] {
        let program = folder.path().join(program);
        std::fs::write(&program, "#!/bin/sh\n").expect("written");
        make_executable(&program);
    }
    std::fs::write(folder.path().join("x.py"), "").expect("written");
    let loaded = loaded_with(
        Env::from_pairs([("PATH", folder.path())]),
        folder.path(),
        "\
tools:
  - { name: own, description: O, script: { command: ./run.sh } }
  - { name: shell, description: S, script: { shell: echo } }
  - { name: bash, description: B, script: { shell: echo, interpreter: bash } }
  - { name: python, description: P, script: { command: python3, args: [x.py] } }
  - { name: missing, description: M, script: { command: no-such-program } }
",
    );
    let program_of = |name| match &script(tool(&loaded, name)).invocation {
        Invocation::Argv { program, .. } => program.clone(),
        Invocation::Shell { interpreter, .. } => interpreter.clone(),
    };
    assert_eq!(
        program_of("own").resolved,
        Ok(folder.path().join("./run.sh"))
    );
    assert_eq!(program_of("shell").resolved, Ok(PathBuf::from("/bin/sh")));
    let bash = program_of("bash");
    assert_eq!(bash.written, "bash");
    assert_eq!(bash.resolved, Ok(folder.path().join("bash")));
    assert!(
        matches!(script(tool(&loaded, "own")).stdin, Stdin::Json),
        "itself a script file"
    );
    assert!(
        matches!(script(tool(&loaded, "python")).stdin, Stdin::Json),
        "a script as operand"
    );
    assert!(matches!(script(tool(&loaded, "shell")).stdin, Stdin::None));
    assert!(matches!(
        script(tool(&loaded, "missing")).stdin,
        Stdin::None
    ));
    assert_eq!(
        program_of("missing").resolved,
        Err("`no-such-program` is not on the PATH".to_owned())
    );
    assert_eq!(
        loaded.diagnostics.len(),
        1,
        "{}",
        loaded.diagnostics.render(&loaded.source, false)
    );
    assert_eq!(
        script(tool(&loaded, "own")).working_dir.as_deref(),
        Ok(folder.path())
    );
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("changed");
}

/// The variables of the tool `t`, as text.
fn variables(text: &str) -> Vec<(String, String)> {
    let loaded = loaded(text);
    let variables = script(tool(&loaded, "t")).environment.iter();
    variables
        .map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        })
        .collect()
}

#[test]
fn secrets_of_the_server_and_databases_are_not_inherited() {
    let text = "\
server: { auth: { bearer_tokens: [{ name: ci, token: \"${CI_TOKEN}\" }] } }
databases: { app: { url: \"postgres://app:${DB_PASSWORD}@db/app\" } }
tools: [{ name: t, description: T, script: { shell: echo } }]
";
    let names: Vec<String> = variables(text).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["EDITOR", "HOME", "PATH", "TOKEN"]);
    let loaded = loaded(text);
    assert!(
        !format!("{loaded:?}").contains("hunter2"),
        "debug output shows a secret"
    );
}

#[test]
fn environments_are_set_in_order() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let text = "\
inherit_env: false
env: { TOKEN: \"${TOKEN}!\", PORT: 8080, GONE: \"${UNSET}\", FALLBACK: \"${UNSET:-none}\" }
tools: [{ name: t, description: T, environment: { PORT: \"9\", HOME: \"${UNSET}\" }, script: { shell: echo } }]
";
    assert_eq!(
        variables(text),
        [
            pair("FALLBACK", "none"),
            pair("PATH", "/usr/bin:/bin"),
            pair("PORT", "9"),
            pair("TOKEN", "hunter2!")
        ]
    );
    let text = "inherit_env: false\nenv: [TOKEN, A=b]\ntools: [{ name: t, description: T, script: { shell: echo } }]";
    let names: Vec<String> = variables(text).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["A", "HOME", "PATH", "TOKEN"]);
}

#[test]
fn a_working_directory_that_needs_an_unset_variable_fails_at_the_call() {
    let loaded = loaded(&one(
        "script: { shell: echo, working_dir: \"${PROJECT}/src\" }",
    ));
    let missing = script(tool(&loaded, "t"))
        .working_dir
        .as_ref()
        .expect_err("unknown");
    assert_eq!(missing.0, "PROJECT");
    assert!(
        loaded
            .diagnostics
            .iter()
            .all(|problem| problem.severity == Severity::Warning)
    );
}

#[test]
fn tools_of_every_kind_are_served() {
    let loaded = loaded(
        "databases: { d: { url: \"sqlite:d.db\" } }\ntools:\n  - { name: h, description: H, sql: { database: d, query: \"select {{id}}\" }, parameters: [{ name: id }] }\n  - { name: t, description: T, script: { shell: echo } }\n",
    );
    let names: Vec<&str> = loaded
        .catalog
        .tools()
        .map(|tool| tool.name.as_str())
        .collect();
    assert_eq!(names, ["h", "t"]);
}

#[test]
fn compat_is_the_files_or_the_callers() {
    let unsound =
        one("parameters: [{ name: code }], script: { command: python3, args: [-c, \"{{code}}\"] }");
    let load = |text: &str, compat| {
        let options = LoadOptions {
            compat,
            env: env(),
            ..LoadOptions::default()
        };
        load_text(
            Path::new("gantz.yaml"),
            text,
            Path::new("/nonexistent"),
            &options,
        )
        .is_ok()
    };
    assert!(!load(&unsound, false));
    assert!(load(&unsound, true));
    assert!(load(&format!("safety: compat\n{unsound}"), false));
    assert_eq!(Safety::default(), Safety::Strict);
}

#[test]
fn the_server_is_as_the_file_says() {
    let loaded = loaded(
        "\
server:
  host: 0.0.0.0
  port: ${PORT:-9000}
  allowed_origins: [\"https://${EDITOR}.example\"]
  auth: { bearer_tokens: [{ name: ci, token: \"${CI_TOKEN}\", tools: [deploy_*] }] }
  builtin_tools: [status, read_output, status]
  describe_limits: false
tools: [{ name: t, description: T, script: { shell: echo } }]
",
    );
    let server = &loaded.server;
    assert_eq!((server.host.as_str(), server.port), ("0.0.0.0", 9000));
    assert_eq!(server.allowed_origins, ["https://ed.example"]);
    let tokens = &server.auth.as_ref().expect("auth").bearer_tokens;
    assert_eq!(
        (tokens[0].name.as_str(), tokens[0].token.expose()),
        ("ci", "hunter2")
    );
    assert_eq!(
        tokens[0].tools.as_deref(),
        Some(&["deploy_*".to_owned()][..])
    );
    let builtins: Vec<&str> = server
        .builtin_tools
        .iter()
        .map(|tool| tool.name())
        .collect();
    assert_eq!(builtins, ["status", "read_output"]);
    assert!(!loaded.catalog.describe_limits);
}

#[test]
fn a_tool_s_own_retry_takes_what_it_leaves_open_from_the_file() {
    let loaded = loaded(
        "\
retry: { default: { max_attempts: 3, initial_delay: 500ms, max_delay: 20, retry_exit_codes: [75] } }
tools:
  - name: own
    description: O
    retry: { max_attempts: 5, exponential_base: 3, retryable_errors: [503, timeout] }
    script: { shell: echo }
  - name: idempotent
    description: I
    annotations: { idempotent: true }
    script: { shell: echo }
  - name: neither
    description: N
    annotations: { read_only: true }
    script: { shell: echo }
",
    );
    let at = |line, column| Origin::File { line, column };
    let own = tool(&loaded, "own");
    let policy = own.retry.as_ref().expect("its own");
    assert_eq!(policy.max_attempts.get(), 5);
    assert_eq!(policy.initial_delay, Duration::from_millis(500));
    assert_eq!(policy.max_delay, Duration::from_secs(20));
    assert!((policy.exponential_base - 3.0).abs() < f64::EPSILON);
    assert_eq!(policy.exit_codes, [75]);
    assert_eq!(policy.http_statuses, [503]);
    assert_eq!(policy.failures, [FailureCode::Timeout]);
    assert_eq!(own.origins.of("retry"), &at(5, 5));
    let idempotent = tool(&loaded, "idempotent");
    let policy = idempotent.retry.as_ref().expect("the file's");
    assert_eq!(policy.max_attempts.get(), 3);
    assert!((policy.exponential_base - 2.0).abs() < f64::EPSILON);
    assert_eq!(idempotent.origins.of("retry"), &at(1, 10));
    assert_eq!(tool(&loaded, "neither").retry, None);
}

#[test]
fn a_class_bounds_one_attempt_and_all_of_them() {
    let loaded = loaded(
        "\
timeouts: { default: { read: 20, total: 60 }, llm_calls: { total: 180 } }
tools:
  - name: once
    description: O
    script: { shell: echo }
  - name: retried
    description: R
    retry: {}
    script: { shell: echo }
  - name: llm
    description: L
    timeout: llm_calls
    retry: {}
    script: { shell: echo }
  - name: own
    description: W
    timeout: 10
    retry: {}
    script: { shell: echo }
",
    );
    let times = |name| {
        let limits = &tool(&loaded, name).limits;
        (
            limits.timeout.as_secs(),
            limits.total.map(|total| total.as_secs()),
        )
    };
    assert_eq!(times("once"), (60, Some(60)));
    assert_eq!(times("retried"), (20, Some(60)));
    assert_eq!(times("llm"), (180, Some(180)));
    assert_eq!(times("own"), (10, None));
}

#[test]
fn a_tool_opts_into_caching_and_names_its_breaker() {
    let text = |enabled| {
        format!(
            "\
cache: {{ enabled: {enabled}, default_ttl: 60 }}
circuit_breakers: {{ api: {{ failure_threshold: 2 }} }}
tools:
  - {{ name: plain, description: P, script: {{ shell: echo }} }}
  - {{ name: cached, description: C, cache: true, circuit_breaker: api, script: {{ shell: echo }} }}
  - {{ name: longer, description: L, cache: {{ ttl: 10m, shared: true }}, script: {{ shell: echo }} }}
  - {{ name: off, description: O, cache: {{ enabled: false }}, script: {{ shell: echo }} }}
"
        )
    };
    let on = loaded(&text("true"));
    let rules = |name| {
        let cache = tool(&on, name).cache;
        cache.map(|rules| (rules.ttl.as_secs(), rules.shared))
    };
    assert_eq!(rules("plain"), None);
    assert_eq!(rules("cached"), Some((60, false)));
    assert_eq!(rules("longer"), Some((600, true)));
    assert_eq!(rules("off"), None);
    let breaker = tool(&on, "cached").circuit_breaker.as_ref().expect("api");
    assert_eq!(breaker.name, "api");
    assert_eq!(breaker.failure_threshold.get(), 2);
    assert_eq!(breaker.recovery_timeout, Duration::from_secs(30));
    assert_eq!(breaker.half_open_requests.get(), 3);
    assert_eq!(tool(&loaded(&text("false")), "longer").cache, None);
}

/// What workers cannot answer at once would wait for them in a place; so the one follows from the other.
#[test]
fn workers_that_stay_and_max_parallel_follow_from_each_other() {
    let kept = |concurrency: &str, worker: &str| {
        let text = one(&format!(
            "{concurrency} script: {{ command: python3, args: [t.py], worker: {{ mode: persistent, {worker} }} }}"
        ));
        let loaded = loaded(&format!("concurrency: {{ max_parallel: 40 }}\n{text}"));
        let tool = tool(&loaded, "t");
        let Some(Worker::Persistent(worker)) = &script(tool).worker else {
            panic!("it is kept")
        };
        let origin = tool.origins.of("concurrency.max_parallel").clone();
        (
            worker.size.get(),
            worker.multiplex.get(),
            tool.limits.max_parallel.get(),
            origin,
        )
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cores = u32::try_from(cores.min(8)).unwrap();
    assert_eq!(kept("", ""), (cores, 1, cores, Origin::Default));
    let at_size = Origin::File {
        line: 2,
        column: 107,
    };
    assert_eq!(kept("", "size: 3, multiplex: 5"), (3, 5, 15, at_size));
    let given = |max: u32| format!("concurrency: {{ max_parallel: {max} }},");
    for (max, worker, expected) in [
        (5, "", (5, 1, 5)),
        (5, "multiplex: 2", (3, 2, 5)),
        (20, "", (8, 1, 20)),
        (2, "size: 4", (4, 1, 2)),
    ] {
        let (size, multiplex, max_parallel, _) = kept(&given(max), worker);
        assert_eq!((size, multiplex, max_parallel), expected, "{max} {worker}");
    }
    // Of more than the runner runs at all, no tool gets a promise.
    assert_eq!(kept("", "size: 50").2, 40);
}
