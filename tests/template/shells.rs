//! What the template tests share: parameters in one line, and real shells to run scripts in.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use runner::tool::template::{Problem, Safety, Shell, ShellCommand, ShellTemplate};
use runner::tool::{Arguments, Parameter, ParameterType, Parameters};
use serde_json::{Map, Value, json};

/// Parameters from JSON: a name and either a type or a whole schema each.
pub(crate) fn parameters(described: &Value) -> Parameters {
    let described = described.as_object().cloned().unwrap_or_default();
    let schema = json!({"type": "object", "properties": described});
    let parameters = described.into_iter().map(|(name, schema)| {
        let schema = if schema.is_string() {
            json!({"type": schema})
        } else {
            schema
        };
        Parameter {
            name,
            kind: match schema["type"].as_str() {
                Some("integer") => ParameterType::Integer,
                Some("number") => ParameterType::Number,
                Some("boolean") => ParameterType::Boolean,
                Some("array") => ParameterType::Array,
                Some("object") => ParameterType::Object,
                Some("any") => ParameterType::Any,
                _ => ParameterType::String,
            },
            required: schema["required"].as_bool().unwrap_or(true),
            default: schema.get("default").cloned(),
            allowed: schema.get("enum").and_then(Value::as_array).cloned(),
        }
    });
    Parameters::new(parameters.collect::<Vec<_>>(), schema)
}

/// Arguments from a JSON object.
pub(crate) fn arguments(values: &Value) -> Arguments {
    Arguments::from_checked(values.as_object().cloned().unwrap_or_else(Map::new))
}

/// Compiles a script, with its warnings.
pub(crate) fn compile(
    text: &str,
    shell: Shell,
    described: &Value,
    safety: Safety,
) -> Result<(ShellTemplate, Vec<Problem>), Vec<Problem>> {
    ShellTemplate::compile(text, shell, &parameters(described), safety)
        .map(|checked| (checked.template, checked.warnings))
}

/// The shells of this machine that a script for `shell` can run in. With `RUNNER_REQUIRE_TOOLS`
/// set, a missing one is a failure and not a skip.
pub(crate) fn installed(shell: Shell, needs_bash: bool) -> Vec<Vec<PathBuf>> {
    let wanted: &[&[&str]] = if shell == Shell::Bash || needs_bash {
        &[&["bash"]]
    } else {
        &[&["sh"], &["dash"], &["bash"], &["busybox", "sh"]]
    };
    let mut found = Vec::new();
    for names in wanted {
        match find(names[0]) {
            Some(path) => {
                let mut command = vec![path];
                command.extend(names[1..].iter().map(PathBuf::from));
                found.push(command);
            }
            None if names[0] != "busybox" => missing(names[0]),
            None => {}
        }
    }
    found
}

/// Says that a tool is missing, or fails where all are required.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn missing(tool: &str) {
    assert!(
        std::env::var_os("RUNNER_REQUIRE_TOOLS").is_none(),
        "`{tool}` is not installed, and RUNNER_REQUIRE_TOOLS is set"
    );
    println!("skipped: `{tool}` is not installed");
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Runs a script as the product does: `-c`, with the values in the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "the executor is a floor above templates"
)]
pub(crate) fn run(shell: &[PathBuf], command: &ShellCommand, folder: &Path) -> Vec<u8> {
    let output = std::process::Command::new(&shell[0])
        .args(&shell[1..])
        .arg("-c")
        .arg(&command.script)
        .envs(command.variables.iter().map(|(name, value)| (name, value)))
        .env_remove("ENV")
        .env_remove("BASH_ENV")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("the shell starts");
    output.stdout
}

/// What a script prints in every shell that can run it; they have to agree.
pub(crate) fn printed(text: &str, shell: Shell, described: &Value, values: &Value) -> String {
    let (template, _) = compile(text, shell, described, Safety::Strict)
        .unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    let command = template
        .render(&arguments(values))
        .expect("the test is written well");
    let folder = tempfile::tempdir().expect("the test is written well");
    let mut outputs: Vec<String> = installed(shell, template.needs_bash())
        .iter()
        .map(|shell| {
            String::from_utf8(run(shell, &command, folder.path()))
                .expect("the test is written well")
        })
        .collect();
    outputs.dedup();
    assert_eq!(
        outputs.len(),
        1,
        "the shells differ on {text:?}: {outputs:?}"
    );
    outputs.remove(0)
}
