//! Shims of version managers: asked once, run no more, and never asked for a file that would choose what runs.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may end at the first surprise")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use runner::config::{Ask, Env, LoadOptions, Loaded, load_text};
use runner::runner::Runner;
use runner::tool::{Action, CallContext, Invocation};
use serde_json::Map;
use support::texts;
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Prints the interpreter and everything that was set, but for what belongs to one call.
const SHOW: &str = "\
import os, sys
print(sys.executable)
for name, value in sorted(os.environ.items()):
    if not name.startswith('GANTZ_'):
        print(name, value)
";

/// Chooses by a file in the working directory or a variable, as version managers do, and notes that it was run.
const SHIM: &str = r#"#!/bin/sh
echo run >> "$MANAGER/runs"
export PYENV_VERSION="${PYENV_VERSION:-$(cat .version)}" CHOSEN_IN="$PWD"
PATH="$MANAGER/versions/$PYENV_VERSION:$PATH"
unset NOT_FOR_SCRIPTS
exec "$MANAGER/versions/$PYENV_VERSION/python3" "$@"
"#;

/// A version manager with two versions, and folders of projects.
struct Manager(TempDir);

impl Manager {
    fn new() -> Self {
        let this = Self(tempfile::tempdir().unwrap());
        fs::create_dir(this.path("shims")).unwrap();
        this.shim("python3", SHIM);
        for version in ["one", "two"] {
            let folder = this.path("versions").join(version);
            fs::create_dir_all(&folder).unwrap();
            symlink("/usr/bin/python3", folder.join("python3")).unwrap();
            this.project(version, version);
        }
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn shim(&self, name: &str, text: &str) {
        let path = self.path("shims").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A folder with a script, for which a version is chosen.
    fn project(&self, name: &str, version: &str) -> PathBuf {
        let folder = self.path(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(".version"), version).unwrap();
        fs::write(folder.join("show.py"), SHOW).unwrap();
        // Were they imported while the shim is asked, the answer would be another.
        for module in ["os", "sitecustomize", "usercustomize"] {
            fs::write(folder.join(format!("{module}.py")), "raise SystemExit(3)").unwrap();
        }
        folder
    }

    fn version(&self, version: &str) -> PathBuf {
        self.path("versions").join(version).join("python3")
    }

    /// How often a shim was run.
    fn runs(&self) -> usize {
        let runs = fs::read_to_string(self.path("runs")).unwrap_or_default();
        runs.lines().count()
    }

    fn env(&self) -> Env {
        let path = format!("{}:/usr/bin:/bin", self.path("shims").display());
        Env::from_pairs([
            ("PATH", path),
            ("MANAGER", self.path("").display().to_string()),
            ("NOT_FOR_SCRIPTS", "x".to_owned()),
        ])
    }

    fn load(&self, ask: Option<Ask>, text: &str) -> Loaded {
        let options = LoadOptions {
            env: self.env(),
            ask,
            ..LoadOptions::default()
        };
        load_text(Path::new("gantz.yaml"), text, &self.path(""), &options)
            .unwrap_or_else(|error| panic!("{}", error.render(false)))
    }
}

/// A tool that runs `show.py` in `folder`.
fn tool(name: &str, folder: &str, more: &str, script: &str) -> String {
    format!(
        "  - name: {name}\n    description: d\n{more}    script: {{ command: python3, args: [-B, show.py], working_dir: {folder}{script} }}\n"
    )
}

fn program(loaded: &Loaded, name: &str) -> PathBuf {
    let Action::Script(script) = &loaded.catalog.get(name).unwrap().action else {
        panic!("no script")
    };
    let Invocation::Argv { program, .. } = &script.invocation else {
        panic!("no program")
    };
    program.resolved.clone().unwrap()
}

fn warnings(loaded: &Loaded) -> Vec<(String, String)> {
    let problems = loaded.diagnostics.iter().cloned();
    problems
        .map(|problem| (problem.message, problem.hint.unwrap_or_default()))
        .collect()
}

async fn call(runner: &Runner, name: &str) -> String {
    let call = runner
        .prepare(
            name,
            Map::new(),
            CallContext::default(),
            CancellationToken::new(),
        )
        .await
        .unwrap();
    runner.call(call).await.result.unwrap().text
}

/// No answer at all: that a shim is asked is a failure.
fn refuse(question: &runner::config::Question<'_>) -> std::io::Result<Vec<u8>> {
    panic!("asked {question:?}")
}

#[tokio::test]
async fn a_script_sees_what_it_sees_behind_the_shim() {
    let manager = Manager::new();
    let own = "    environment: { OWN: x, PYTHONPATH: /opt/lib }\n";
    for mode in ["", ", worker: { mode: fork }"] {
        let text = format!("tools:\n{}", tool("show", "one", own, mode));
        let before = manager.runs();
        let through = Runner::new(manager.load(None, &text).catalog);
        let through = call(&through, "show").await;
        assert!(manager.runs() > before, "the shim was run");

        let direct = manager.load(Some(runner::executor::ask), &text);
        assert_eq!(warnings(&direct), []);
        assert_eq!(program(&direct, "show"), manager.version("one"));
        let before = manager.runs();
        let direct = call(&Runner::new(direct.catalog), "show").await;
        assert_eq!(manager.runs(), before, "the shim was run");
        assert_eq!(direct, through);
        for line in ["OWN x", "PYENV_VERSION one", "CHOSEN_IN "] {
            assert!(direct.contains(line), "{line}: {direct}");
        }
    }
}

#[test]
fn tools_with_the_same_place_and_choice_share_one_answer() {
    let manager = Manager::new();
    let mut text = "tools:\n".to_owned();
    for number in 0..300 {
        let own = format!("    environment: {{ NUMBER: {number} }}\n");
        text += &tool(&format!("a{number}"), "one", &own, "");
        text += &tool(&format!("b{number}"), "two", "", "");
    }
    let two = "    environment: { PYENV_VERSION: two }\n";
    text += &tool("chosen", "one", two, "");
    let loaded = manager.load(Some(runner::executor::ask), &text);
    assert_eq!(manager.runs(), 3);
    assert_eq!(program(&loaded, "a299"), manager.version("one"));
    assert_eq!(program(&loaded, "b299"), manager.version("two"));
    assert_eq!(program(&loaded, "chosen"), manager.version("two"));
}

#[tokio::test]
async fn a_load_notices_another_choice_and_warm_interpreters_with_it() {
    let manager = Manager::new();
    let text = format!(
        "tools:\n{}",
        tool("show", "one", "", ", worker: { mode: fork }")
    );
    let load = || manager.load(Some(runner::executor::ask), &text).catalog;
    let runner = Runner::new(load());
    let first = call(&runner, "show").await;
    assert!(
        first.starts_with(manager.version("one").to_str().unwrap()),
        "{first}"
    );
    manager.project("one", "two");
    assert_eq!(
        call(&runner, "show").await,
        first,
        "until it is loaded again"
    );
    runner.reload(load());
    let second = call(&runner, "show").await;
    assert!(
        second.starts_with(manager.version("two").to_str().unwrap()),
        "{second}"
    );
    assert!(second.contains("PYENV_VERSION two"), "{second}");
}

#[test]
fn what_is_no_shim_of_the_users_own_is_never_run() {
    let manager = Manager::new();
    let folder = manager.project("project", "one");
    let planted = folder.join("shims");
    fs::create_dir(&planted).unwrap();
    fs::copy(manager.path("shims/python3"), planted.join("python3")).unwrap();
    let planted = planted.display();
    let text = format!(
        "tools:
  - {{ name: a, description: d, script: {{ command: {planted}/python3, args: [show.py], working_dir: project }} }}
  - {{ name: b, description: d, script: {{ command: ./shims/python3, args: [show.py], working_dir: project }} }}
  - {{ name: c, description: d, environment: {{ PATH: {planted} }}, script: {{ command: python3, args: [show.py], working_dir: project }} }}
  - {{ name: d, description: d, script: {{ command: /usr/bin/python3, args: [show.py], working_dir: project }} }}
  - {{ name: e, description: d, script: {{ command: echo, working_dir: project }} }}
"
    );
    let loaded = manager.load(Some(refuse), &text);
    assert_eq!(program(&loaded, "a"), folder.join("shims/python3"));
    assert_eq!(warnings(&loaded), []);
}

#[test]
fn a_file_that_leads_shims_has_none_asked() {
    let manager = Manager::new();
    for name in [
        "PYENV_ROOT",
        "BASH_ENV",
        "HOME",
        "PYENV_HOOK_PATH",
        "ASDF_DIR",
    ] {
        let own = format!("    environment: {{ {name}: /opt/other }}\n");
        let text = format!("tools:\n{}", tool("show", "one", &own, ""));
        let loaded = manager.load(Some(refuse), &text);
        assert_eq!(program(&loaded, "show"), manager.path("shims/python3"));
        let message = format!(
            "`python3` is a version manager's shim, through which every call goes because `{name}` is set for it here"
        );
        let hint = "name the interpreter itself, with its folder: that saves each call the time of the shim";
        assert_eq!(warnings(&loaded), [(message, hint.to_owned())]);
    }
    let path = manager.path("shims");
    let own = format!("    environment: {{ PATH: \"{}:/opt\" }}\n", path.display());
    let text = format!("tools:\n{}", tool("show", "one", &own, ""));
    let loaded = manager.load(Some(refuse), &text);
    let message = "`python3` is a version manager's shim, through which every call goes because `PATH` is set for it here";
    assert_eq!(warnings(&loaded)[0].0, message);
}

/// It is given nothing that the file made up.
#[test]
fn a_shim_is_asked_without_what_the_file_sets() {
    fn look(question: &runner::config::Question<'_>) -> std::io::Result<Vec<u8>> {
        let names: Vec<_> = question.environment.iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            ["MANAGER", "NOT_FOR_SCRIPTS", "PATH", "PYENV_VERSION"]
        );
        Err(std::io::ErrorKind::Other.into())
    }
    let manager = Manager::new();
    let own = "    environment: { LD_PRELOAD: ./evil.so, PYTHONSTARTUP: x, PYENV_VERSION: two }\n";
    let text = format!("tools:\n{}", tool("show", "one", own, ""));
    manager.load(Some(look), &text);
}

#[test]
fn a_shim_that_does_not_answer_is_run_as_before() {
    let message = "`python3` is a version manager's shim, through which every call goes because it does not say what it starts";
    let hint = "`python3 --version`, run in the working directory, shows why; or name the interpreter itself, with its folder";
    let manager = Manager::new();
    let text = format!(
        "tools:\n{}{}",
        tool("show", "one", "", ""),
        tool("again", "one", "", "")
    );
    for shim in [
        "#!/bin/sh\necho run >> \"$MANAGER/runs\"\necho no such version >&2; exit 1\n",
        "#!/bin/sh\necho run >> \"$MANAGER/runs\"\nexec yes\n",
        "#!/bin/sh\necho run >> \"$MANAGER/runs\"\nprintf '\\0runner asks\\0/opt/none/python3\\0runner asked\\0'\n",
        "#!/nonexistent\n",
    ] {
        manager.shim("python3", shim);
        let before = manager.runs();
        let loaded = manager.load(Some(runner::executor::ask), &text);
        assert_eq!(program(&loaded, "show"), manager.path("shims/python3"));
        let expected = (message.to_owned(), hint.to_owned());
        assert_eq!(warnings(&loaded), [expected.clone(), expected]);
        assert!(
            loaded
                .diagnostics
                .iter()
                .all(|problem| problem.is_of_machine)
        );
        assert!(manager.runs() <= before + 1, "{shim}");
    }
}

#[test]
fn a_shim_that_hangs_is_ended_with_all_it_started() {
    let manager = Manager::new();
    let shim = "#!/bin/sh\nsleep 3600 & echo $! > \"$MANAGER/sleeper\"\nwait\n";
    manager.shim("python3", shim);
    let begun = Instant::now();
    let text = format!("tools:\n{}", tool("show", "one", "", ""));
    let loaded = manager.load(Some(runner::executor::ask), &text);
    assert_eq!(warnings(&loaded).len(), 1);
    assert!(begun.elapsed() < Duration::from_mins(1));
    let sleeper = fs::read_to_string(manager.path("sleeper")).unwrap();
    let pid = rustix::process::Pid::from_raw(sleeper.trim().parse().unwrap()).unwrap();
    while is_running(pid) {
        assert!(begun.elapsed() < Duration::from_mins(1), "it still runs");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether it is there, and more than a zombie that its new parent has not reaped yet.
fn is_running(pid: rustix::process::Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let is_zombie = stat.is_ok_and(|stat| stat.contains(") Z "));
    rustix::process::test_kill_process(pid).is_ok() && !is_zombie
}

#[test]
fn only_commands_that_call_tools_ask() {
    let manager = Manager::new();
    let text = format!("tools:\n{}", tool("show", "one", "", ""));
    fs::write(manager.path("gantz.yaml"), text).unwrap();
    let run = |arguments: &[&str]| {
        let path = format!("{}:/usr/bin:/bin", manager.path("shims").display());
        let mut command = support::command(&manager.path(""), arguments);
        command.env("PATH", path).env("MANAGER", manager.path(""));
        texts(&command.output().unwrap()).0
    };
    for looks in [&["validate"][..], &["list"], &["snippet", "claude-code"]] {
        run(looks);
        assert_eq!(manager.runs(), 0, "{looks:?}");
    }
    let explained = run(&["explain", "show"]);
    let real = format!("program {}\n", manager.version("one").display());
    assert!(explained.contains(&real), "{explained}");
    assert_eq!(manager.runs(), 1);
}

/// The other languages, behind a shim of the same make.
#[tokio::test]
async fn node_and_ruby_say_the_same() {
    for (name, script) in [
        ("node", "console.log(process.execPath, process.env.CHOSEN)"),
        (
            "ruby",
            "require 'rbconfig'; puts RbConfig.ruby + ' ' + ENV['CHOSEN']",
        ),
    ] {
        let Some(real) = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]
            .map(|folder| Path::new(folder).join(name))
            .into_iter()
            .find(|path| path.is_file())
        else {
            continue;
        };
        let manager = Manager::new();
        let shim = format!(
            "#!/bin/sh\nexport CHOSEN=here\nexec {} \"$@\"\n",
            real.display()
        );
        manager.shim(name, &shim);
        fs::write(manager.path("script"), script).unwrap();
        let text = format!(
            "tools: [{{ name: t, description: d, script: {{ command: {name}, args: [script] }} }}]"
        );
        let loaded = manager.load(Some(runner::executor::ask), &text);
        assert_eq!(warnings(&loaded), []);
        let program = program(&loaded, "t");
        assert!(!program.starts_with(manager.path("shims")), "{program:?}");
        let said = call(&Runner::new(loaded.catalog), "t").await;
        assert_eq!(said.trim_end(), format!("{} here", program.display()));
    }
}

/// The real thing, where there is one.
#[tokio::test]
async fn pyenv_is_looked_behind() {
    let own = Env::from_process();
    let path = own.get("PATH").unwrap_or_default();
    let Some(shim) = std::env::split_paths(path)
        .filter(|folder| folder.ends_with(".pyenv/shims"))
        .map(|folder| folder.join("python3"))
        .find(|shim| shim.is_file())
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("show.py"), SHOW).unwrap();
    let text =
        "tools: [{ name: show, description: d, script: { command: python3, args: [show.py] } }]";
    let load = |ask| {
        let options = LoadOptions {
            env: own.clone(),
            ask,
            ..LoadOptions::default()
        };
        load_text(Path::new("gantz.yaml"), text, folder.path(), &options).unwrap()
    };
    let through = load(None);
    assert_eq!(program(&through, "show"), shim);
    let direct = load(Some(runner::executor::ask));
    if warnings(&direct).is_empty() {
        assert!(!program(&direct, "show").starts_with(shim.parent().unwrap()));
        let through = call(&Runner::new(through.catalog), "show").await;
        assert_eq!(call(&Runner::new(direct.catalog), "show").await, through);
    } else {
        // Installed, with no version that could run.
        assert_eq!(program(&direct, "show"), shim);
    }
}
