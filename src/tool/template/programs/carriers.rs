//! Programs that carry a command elsewhere: into a container, over a directory tree, into a tool's
//! own environment.

use super::shells::is_shell;
use super::{Analyst, Language, Remark};

/// Programs in whose arguments a whole command may stand.
const CARRIERS: [&str; 20] = [
    "docker",
    "podman",
    "nerdctl",
    "docker-compose",
    "kubectl",
    "oc",
    "k3s",
    "lxc",
    "incus",
    "pnpm",
    "yarn",
    "npm",
    "poetry",
    "pipenv",
    "uv",
    "bundle",
    "conda",
    "vagrant",
    "gcloud",
    "aws",
];

/// Options of containers that take the next word.
const CONTAINER_VALUED: [&str; 26] = [
    "-e",
    "--env",
    "--env-file",
    "-u",
    "--user",
    "-w",
    "--workdir",
    "-v",
    "--volume",
    "-p",
    "--publish",
    "--name",
    "--network",
    "--net",
    "-f",
    "--file",
    "-m",
    "--memory",
    "--cpus",
    "-l",
    "--label",
    "--mount",
    "-h",
    "--hostname",
    "--platform",
    "--index",
];

/// Looks at the command at `from` when it carries another.
pub(super) fn apply(analyst: &mut Analyst<'_>, base: &str, from: usize) -> bool {
    if base == "find" || base == "gfind" {
        find(analyst, from);
        return true;
    }
    if !CARRIERS.contains(&base) {
        return false;
    }
    let carried = carried_command(analyst, base, from);
    if let Some(program) = carried {
        for index in from + 1..program.min(analyst.words.len()) {
            let word = &analyst.words[index];
            if word.known_start().starts_with("--entrypoint") {
                let value = index + usize::from(word.is_static() && word.text == "--entrypoint");
                analyst.when_open(value, Remark::Program);
            }
            super::options::guard_plain(analyst, index, base);
        }
        analyst.command(program);
    } else {
        super::options::apply(analyst, base, base, from);
    }
    true
}

/// The index of the program that is carried, when there is one.
fn carried_command(analyst: &Analyst<'_>, base: &str, from: usize) -> Option<usize> {
    let text = |index: usize| analyst.words.get(index).map(|word| word.text.as_str());
    let is_container = matches!(base, "docker" | "podman" | "nerdctl" | "docker-compose");
    let verb = (from + 1..analyst.words.len()).find(|index| {
        let word = &analyst.words[*index];
        word.is_static() && matches!(word.text.as_str(), "exec" | "run")
    });
    if is_container {
        let mut index = verb? + 1;
        while text(index)?.starts_with('-') {
            let takes_next = CONTAINER_VALUED.contains(&text(index)?);
            index += 1 + usize::from(takes_next || text(index)? == "--entrypoint");
        }
        return Some(index + 1);
    }
    if let Some(end) = (from + 1..analyst.words.len()).find(|index| text(*index) == Some("--")) {
        let runs = matches!(base, "kubectl" | "oc" | "k3s" | "lxc" | "incus");
        if runs {
            return Some(end + 1);
        }
    }
    if matches!(base, "poetry" | "pipenv" | "uv" | "conda") {
        return verb.map(|index| index + 1);
    }
    if matches!(base, "bundle") && text(from + 1) == Some("exec") {
        return Some(from + 2);
    }
    // Elsewhere a shell or another language gives itself away by its name.
    (from + 1..analyst.words.len()).find(|index| {
        let word = &analyst.words[*index];
        let name = word.text.rsplit('/').next().unwrap_or_default();
        word.is_static() && (is_shell(name) || Language::of(name).is_some())
    })
}

/// `find` runs what follows `-exec`, and takes a value that starts with `-`, `(` or `!` as part of
/// its expression.
fn find(analyst: &mut Analyst<'_>, from: usize) {
    analyst.data_from(from + 1);
    let mut index = from + 1;
    let mut after_test = false;
    while let Some(word) = analyst.words.get(index) {
        let start = word.known_start().to_owned();
        if matches!(start.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir") {
            let end = (index + 1..analyst.words.len())
                .find(|at| matches!(analyst.words[*at].text.as_str(), ";" | "+"))
                .unwrap_or(analyst.words.len());
            let words = analyst.words;
            analyst.words = &words[..end];
            analyst.command(index + 1);
            analyst.words = words;
            analyst.data_from(from + 1);
            index = end + 1;
            after_test = false;
            continue;
        }
        if after_test {
            after_test = false;
        } else {
            super::options::guard_expression(analyst, index, "find");
            after_test = word.is_static() && takes_a_value(&start);
        }
        index += 1;
    }
}

fn takes_a_value(test: &str) -> bool {
    const ALONE: [&str; 22] = [
        "-print",
        "-print0",
        "-delete",
        "-prune",
        "-quit",
        "-ls",
        "-depth",
        "-d",
        "-follow",
        "-daystart",
        "-xdev",
        "-mount",
        "-empty",
        "-executable",
        "-readable",
        "-writable",
        "-true",
        "-false",
        "-not",
        "-and",
        "-or",
        "-noleaf",
    ];
    test.len() > 1
        && test.starts_with('-')
        && !ALONE.contains(&test)
        && !matches!(
            test,
            "-a" | "-o"
                | "-L"
                | "-H"
                | "-P"
                | "-nouser"
                | "-nogroup"
                | "-nowarn"
                | "-E"
                | "-X"
                | "-s"
                | "-x"
        )
}
