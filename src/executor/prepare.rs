//! From a call to what is started: arguments in their places, the environment, standard input.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

#[cfg(unix)]
use super::process::Kind;
use super::process::Launch;
use crate::tool::template::ValueError;
use crate::tool::{Call, Failure, FailureCode, Invocation, Program, Script, Stdin};
#[cfg(unix)]
use crate::tool::{PersistentWorker, Worker};

/// What Python needs to be worth stopping: without the first, a script that is terminated leaves
/// nothing of what it printed; without the second, its output depends on the locale.
const PYTHON_DEFAULTS: [(&str, &str); 2] = [("PYTHONUNBUFFERED", "1"), ("PYTHONUTF8", "1")];

/// What `call` starts when it may run for `timeout` from now.
///
/// # Errors
/// `INVALID_ARGUMENTS` for a value its place cannot take, `SPAWN_FAILED` for what was already
/// missing when the file was loaded.
pub(super) fn launch(call: &Call, script: &Script, timeout: Duration) -> Result<Launch, Failure> {
    let mut environment = environment(call, script, timeout)?;
    let (program, arguments) = match &script.invocation {
        Invocation::Argv { program, arguments } => {
            let arguments = arguments
                .render(&call.arguments)
                .map_err(|error| argument_error(&error))?;
            (program, arguments)
        }
        Invocation::Shell {
            interpreter,
            script,
        } => {
            let command = script
                .render(&call.arguments)
                .map_err(|error| argument_error(&error))?;
            environment.extend(owned(command.variables));
            (interpreter, vec!["-c".to_owned(), command.script])
        }
    };
    Ok(Launch {
        program: resolved(call, program)?,
        arguments: arguments.into_iter().map(OsString::from).collect(),
        working_dir: working_dir(call, script)?,
        shared_environment: script.environment.clone(),
        environment,
        stdin: input(call, script)?,
        #[cfg(unix)]
        fork: None,
    })
}

/// What is forked for a call that was prepared as `launch`, if its tool asks for it.
#[cfg(unix)]
pub(super) fn kind(script: &Script, launch: &Launch) -> Option<Kind> {
    let Some(Worker::Fork(worker)) = &script.worker else {
        return None;
    };
    Some(Kind {
        program: launch.program.clone(),
        arguments: launch.arguments.get(..worker.fixed)?.to_vec(),
        options: worker.options,
        working_dir: launch.working_dir.clone(),
        environment: script.environment.clone(),
        defaults: defaults(script).collect(),
        preload: worker.preload.clone(),
    })
}

/// What the workers of a tool are started as.
///
/// # Errors
/// `SPAWN_FAILED` for what was already missing when the file was loaded.
#[cfg(unix)]
pub(super) fn worker_kind(
    call: &Call,
    script: &Script,
    worker: &PersistentWorker,
) -> Result<Kind, Failure> {
    let Invocation::Argv { program, arguments } = &script.invocation else {
        return Err(super::script::bug("a shell script was kept between calls"));
    };
    // None of them has a placeholder.
    let arguments = arguments
        .render(&call.arguments)
        .map_err(|error| argument_error(&error))?;
    Ok(Kind {
        program: resolved(call, program)?,
        arguments: arguments.into_iter().map(OsString::from).collect(),
        options: worker.options,
        working_dir: working_dir(call, script)?,
        environment: script.environment.clone(),
        defaults: defaults(script).collect(),
        preload: worker.preload.clone(),
    })
}

/// What the runner adds to the tool's own environment; of two with one name the later counts.
fn environment(
    call: &Call,
    script: &Script,
    timeout: Duration,
) -> Result<Vec<(OsString, OsString)>, Failure> {
    let defaults = defaults(script).map(|(name, value)| (name.into(), value.into()));
    let context = [
        ("GANTZ_CALL_ID", call.id.to_string()),
        ("GANTZ_CLIENT", without_nul(&call.context.client)),
        ("GANTZ_DEADLINE_MS", deadline_ms(timeout).to_string()),
    ];
    // The names that OpenTelemetry gives them in an environment.
    let trace = call
        .context
        .trace
        .pairs()
        .map(|(name, text)| (name.to_ascii_uppercase().into(), text.into()));
    Ok(defaults
        .chain(owned(mirrors(call)?))
        .chain(context.map(|(name, value)| (name.into(), value.into())))
        .chain(trace)
        .collect())
}

/// What the runner sets for Python where the tool does not.
fn defaults(script: &Script) -> impl Iterator<Item = (&'static str, &'static str)> {
    PYTHON_DEFAULTS
        .into_iter()
        .filter(|(name, _)| script.environment.get(name).is_none())
}

/// The arguments once more, as `GANTZ_ARG_<NAME>`. A clash of names was refused when the file was loaded.
fn mirrors(call: &Call) -> Result<Vec<(String, String)>, Failure> {
    call.tool
        .parameters
        .mirrors()
        .map_err(|clash| Failure::new(FailureCode::Internal, clash.to_string()))?
        .render(&call.arguments)
        .map_err(|error| argument_error(&error))
}

fn owned(
    variables: impl IntoIterator<Item = (String, String)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    variables
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
}

/// What a client says of itself is not checked elsewhere, and no variable can hold a NUL.
pub(super) fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

/// When the process will be ended, in milliseconds since 1970.
pub(super) fn deadline_ms(timeout: Duration) -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    (now.unwrap_or_default() + timeout).as_millis()
}

fn input(call: &Call, script: &Script) -> Result<Option<Vec<u8>>, Failure> {
    match &script.stdin {
        Stdin::None => Ok(None),
        Stdin::Json => {
            let mut bytes = serde_json::to_vec(call.arguments.as_object()).map_err(|error| {
                Failure::new(
                    FailureCode::Internal,
                    format!("the arguments cannot be written as JSON: {error}"),
                )
            })?;
            bytes.push(b'\n');
            Ok(Some(bytes))
        }
        Stdin::Text(template) => template
            .render(&call.arguments)
            .map(|text| Some(text.into_bytes()))
            .map_err(|error| argument_error(&error)),
    }
}

/// The failure of a call with a value that its place cannot take.
pub(super) fn argument_error(error: &ValueError) -> Failure {
    let name = error.parameter.replace('~', "~0").replace('/', "~1");
    let violation = json!({"pointer": format!("/{name}"), "message": error.message});
    Failure::new(FailureCode::InvalidArguments, error.to_string())
        .remediation(format!("call again with another `{}`", error.parameter))
        .with("violations", vec![violation])
}

fn resolved(call: &Call, program: &Program) -> Result<PathBuf, Failure> {
    program.resolved.clone().map_err(|reason| {
        Failure::new(
            FailureCode::SpawnFailed,
            format!(
                "`{}` cannot run `{}`: {reason}",
                call.tool.name, program.written
            ),
        )
        .remediation(format!(
            "install `{}`, or name another program in the file, and load it again",
            program.written
        ))
    })
}

fn working_dir(call: &Call, script: &Script) -> Result<PathBuf, Failure> {
    script.working_dir.clone().map_err(|missing| {
        Failure::new(
            FailureCode::SpawnFailed,
            format!(
                "the `working_dir` of `{}` needs the environment variable `{}`, which was not set",
                call.tool.name, missing.0
            ),
        )
        .remediation(format!(
            "set `{}` and start the runner again, or give it a default in the file",
            missing.0
        ))
    })
}
