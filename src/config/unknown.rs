//! Keys and names that nothing is known of, and what was probably meant.

use super::decode::Others;
use super::yaml::Key;
use crate::diagnostic::{Diagnostic, Span};

/// A key that its map does not know.
pub(crate) struct Unknown<'a> {
    /// The key.
    pub(crate) key: &'a Key,
    /// What the map is called: "`concurrency`", "a tool".
    pub(crate) place: &'a str,
    /// The keys it knows.
    pub(crate) known: &'a [&'a str],
    /// How it takes unknown ones.
    pub(crate) others: Others,
}

/// Keys that files of the wider family use and that have no effect here, with what to use instead.
const FAMILY: &[(&str, &str)] = &[
    (
        "audit",
        "each call is logged on standard error; redirect it to keep it",
    ),
    (
        "batching",
        "let the tool take a list, and pass many items in one call",
    ),
    (
        "compression",
        "to shrink large results set `output.inline_bytes`",
    ),
    (
        "governance",
        "mark tools that change things with `annotations: { destructive: true }`, and let the client ask",
    ),
    (
        "logging",
        "logs go to standard error; set their level with the variable RUST_LOG",
    ),
    (
        "metrics",
        "each call is logged on standard error with its times",
    ),
    (
        "models",
        "tools do not call models; give the script what it needs through `env`",
    ),
    (
        "monitoring",
        "each call is logged on standard error with its times",
    ),
    (
        "pool",
        "a `sql` tool keeps connections as `databases.NAME.pool` says; of a script, `concurrency.groups` bounds how many run at once",
    ),
    (
        "pools",
        "a database's connections are kept as `databases.NAME.pool` says, for `sql` tools; of scripts, `concurrency.groups` bounds how many run at once",
    ),
    (
        "role",
        "serve the tools of different people from files of their own",
    ),
    (
        "roles",
        "serve the tools of different people from files of their own",
    ),
    (
        "sandbox",
        "start the script inside a sandbox of your own, such as `command: bwrap`",
    ),
    (
        "streaming",
        "a script prints as it goes; see `output.format: jsonl`",
    ),
    (
        "templates",
        "write each tool out; YAML anchors (`&name`, `*name`, `<<:`) share parts",
    ),
];

/// Keys people put one floor too high or too low.
const BELONGS: &[(&str, &str)] = &[
    ("args", "`script`"),
    ("burst", "`concurrency`, or in `rate_limit`"),
    ("command", "`script`"),
    ("group", "`concurrency`"),
    ("groups", "`concurrency` at the top of the file"),
    ("headers", "`http`"),
    ("interpreter", "`script`"),
    ("max_parallel", "`concurrency`"),
    ("per_key", "`concurrency`"),
    ("queries", "`sql`"),
    ("query", "`sql`, or in `http`"),
    ("queue_size", "`concurrency`"),
    ("queue_timeout", "`concurrency`"),
    ("rate_limits", "`concurrency` at the top of the file"),
    ("requests_per_second", "`concurrency`, or in `rate_limit`"),
    ("shell", "`script`"),
    ("stdin", "`script`"),
    ("thread_pool_size", "`concurrency` at the top of the file"),
    ("url", "`http`"),
    ("worker", "`script`"),
    ("working_dir", "`script`"),
    ("environment", "the tool, beside `script`"),
    ("env", "the top of the file, or as `environment` in a tool"),
    ("kill_grace", "the tool"),
    ("port", "`server`"),
    ("host", "`server`"),
];

/// Other words for keys, as files of other tools have them.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("arguments", "parameters"),
    ("cmd", "command"),
    ("cwd", "working_dir"),
    ("exec", "command"),
    ("input", "parameters"),
    ("inputs", "parameters"),
    ("inputSchema", "input_schema"),
    ("params", "parameters"),
    ("run", "shell"),
    ("workdir", "working_dir"),
];

/// What other languages call the types of JSON.
const SYNONYMS: &[(&str, &str)] = &[
    ("bool", "boolean"),
    ("dict", "object"),
    ("double", "number"),
    ("file", "string"),
    ("float", "number"),
    ("int", "integer"),
    ("list", "array"),
    ("map", "object"),
    ("path", "string"),
    ("str", "string"),
    ("text", "string"),
];

/// The word that was probably meant, by its spelling or by its meaning.
pub(crate) fn meant<'a>(written: &str, words: &[&'a str]) -> Option<&'a str> {
    let same = SYNONYMS
        .iter()
        .find(|(synonym, _)| *synonym == written)
        .and_then(|(_, word)| words.iter().find(|known| *known == word));
    same.copied()
        .or_else(|| closest(written, words.iter().copied()))
}

/// The problem an unknown key is.
pub(crate) fn report(found: &Unknown<'_>) -> Diagnostic {
    let key = found.key.text.as_str();
    let span = found.key.span;
    let family = FAMILY.iter().find(|(name, _)| *name == key);
    if let Some((_, instead)) = family
        && found.others != Others::Refused
    {
        return Diagnostic::warning(span, format!("`{key}` has no effect here")).hint(*instead);
    }
    let message = format!("unknown key `{key}` in {}", found.place);
    if let Some(close) = closest(key, found.known.iter().copied()) {
        return Diagnostic::error(span, message).hint(format!("did you mean `{close}`?"));
    }
    let problem = match found.others {
        Others::Refused => Diagnostic::error(span, message),
        Others::Warned | Others::Kept => {
            Diagnostic::warning(span, format!("{message}: it has no effect"))
        }
    };
    let other_word = OTHER_WORDS.iter().find(|(name, _)| *name == key);
    if let Some((_, word)) = other_word
        && found.known.contains(word)
    {
        return problem.hint(format!("did you mean `{word}`?"));
    }
    match BELONGS.iter().find(|(name, _)| *name == key) {
        Some((_, place)) => problem.hint(format!("`{key}` belongs in {place}")),
        None if found.others == Others::Refused => {
            problem.hint(format!("known keys: {}", list(found.known)))
        }
        None => problem,
    }
}

/// An error for a name that refers to nothing.
pub(crate) fn reference<'a>(
    span: Span,
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    place: &str,
) -> Diagnostic {
    let problem = Diagnostic::error(span, format!("no {what} is named `{name}`"));
    if let Some(close) = closest(name, known.clone()) {
        return problem.hint(format!("did you mean `{close}`?"));
    }
    let known: Vec<&str> = known.collect();
    if known.is_empty() {
        problem.hint(format!("declare it under `{place}`"))
    } else {
        problem.hint(format!("`{place}` has: {}", list(&known)))
    }
}

/// The first names of a list, in backticks.
fn list(names: &[&str]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = if names.len() > SHOWN { ", ..." } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// The nearest of `known`, when it is near enough to be what was meant.
pub(crate) fn closest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody mistypes hundreds of characters, and the comparison is quadratic.
    if written.len() > 64 {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let wanted = plain(written);
    known
        .map(|name| (strsim::damerau_levenshtein(&wanted, &plain(name)), name))
        .filter(|(distance, name)| *distance <= tolerated(name.len().min(wanted.len())))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many slips a word of some length may have.
const fn tolerated(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_word() {
        let known = ["max_parallel", "env", "port", "queue_size", "test", "text"];
        let find = |written| closest(written, known.into_iter());
        assert_eq!(find("max_paralel"), Some("max_parallel"));
        assert_eq!(find("maxParallel"), Some("max_parallel"));
        assert_eq!(find("queue-size"), Some("queue_size"));
        assert_eq!(find("prot"), Some("port"));
        assert_eq!(find("envs"), Some("env"));
        assert_eq!(find("audit"), None);
        assert_eq!(find("a"), None);
        assert_eq!(find(&"x".repeat(1000)), None);
    }
}
