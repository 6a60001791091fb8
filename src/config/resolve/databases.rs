//! `databases`: where they are, and how their connections are kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use url::Url;

use super::environment::refuse_placeholder;
use crate::config::decode::{Given, Problems};
use crate::config::document::{Database as Declared, Document, Pool};
use crate::config::env::mentioned;
use crate::config::load::LoadOptions;
use crate::config::schema::Wire;
use crate::config::text::Text;
use crate::diagnostic::{Diagnostic, Span};
use crate::tool::{ConnectionUrl, Database, Location, PoolRules, Secrets};

/// Every database of the file by its name; `None` for one that is refused, which has been reported.
pub(super) type Databases = IndexMap<String, Option<Arc<Database>>>;

/// What the part of an address after `?` may set for PostgreSQL.
const POSTGRES_SETTINGS: [&str; 18] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// The databases of the file.
pub(super) fn resolve(
    document: &Document,
    folder: &Path,
    options: &LoadOptions,
    problems: &mut Problems,
) -> Databases {
    let declared = document.databases.iter().flat_map(|databases| &databases.0);
    declared
        .map(|(name, given)| {
            let is_written = is_written(document, name);
            let pool = pool(given, problems);
            let location = location(given, folder, options, problems);
            let database = location.zip(pool).map(|((location, secrets), pool)| {
                Arc::new(Database {
                    name: name.clone(),
                    location,
                    pool,
                    is_written,
                    secrets,
                })
            });
            (name.clone(), database)
        })
        .collect()
}

/// Whether a tool says that it does more than read there.
fn is_written(document: &Document, name: &str) -> bool {
    let tools = document.tools.iter().flat_map(|tools| &tools.0);
    tools
        .filter_map(|tool| tool.value.sql.as_ref())
        .filter(|sql| {
            sql.database
                .as_ref()
                .is_some_and(|given| given.text == name)
        })
        .any(|sql| sql.read_only.as_ref().is_some_and(|given| !given.value))
}

fn pool(given: &Given<Declared>, problems: &mut Problems) -> Option<PoolRules> {
    let mut rules = PoolRules::default();
    let Some(pool) = &given.pool else {
        return Some(rules);
    };
    let Pool {
        min_size,
        max_size,
        max_idle_time,
        health_check_interval,
        rest: _,
    } = &pool.value;
    if let Some(max) = max_size {
        rules.max_size = max.0;
    }
    if let Some(min) = min_size {
        rules.min_size = min.0;
        if min.0 > rules.max_size.get() {
            let problem = Diagnostic::error(min.span, "`min_size` is larger than `max_size`");
            problems.push(match max_size {
                Some(_) => problem,
                None => problem.hint(format!("`max_size` is {} unless it is set", rules.max_size)),
            });
            return None;
        }
    }
    if let Some(time) = max_idle_time {
        rules.max_idle_time = time.0;
    }
    if let Some(time) = health_check_interval {
        rules.health_check_interval = time.0;
    }
    Some(rules)
}

/// Where a database is, and what of that no message may show. An address must be whole: it is read at the start.
fn location(
    given: &Given<Declared>,
    folder: &Path,
    options: &LoadOptions,
    problems: &mut Problems,
) -> Option<(Location, Secrets)> {
    let Some(url) = &given.url else {
        if given.lacks("url") {
            problems.push(
                Diagnostic::error(given.key, "a database needs a `url`")
                    .hint("for example `url: \"sqlite:app.db\"`"),
            );
        }
        return None;
    };
    let reported = problems.len();
    refuse_placeholder(&url.value, "databases", problems);
    if problems.len() > reported {
        return None;
    }
    let expanded = match options.env.expand(&url.text) {
        Ok(expanded) => expanded.to_string_lossy().into_owned(),
        Err(missing) => {
            let missing = missing.0;
            problems.push(
                Diagnostic::error(url.span, format!("the variable `{missing}` is not set"))
                    .hint(format!("set it, or give a default: `${{{missing}:-...}}`")),
            );
            return None;
        }
    };
    let secrets = secrets(&url.value, &expanded, options);
    let Some((scheme, rest)) = expanded.split_once(':') else {
        problems.push(other_scheme(url.span, None));
        return None;
    };
    let location = match scheme.to_ascii_lowercase().as_str() {
        "sqlite" => sqlite(rest, folder),
        "postgres" | "postgresql" => postgres(&expanded),
        other => {
            problems.push(other_scheme(url.span, Some(other)));
            return None;
        }
    };
    match location {
        Ok(location) => Some((location, secrets)),
        Err((message, hint)) => {
            problems.push(Diagnostic::error(url.span, message).hint(hint));
            None
        }
    }
}

fn other_scheme(span: Span, scheme: Option<&str>) -> Diagnostic {
    // What stands before the first colon may be a part of a secret when it is no scheme.
    let known = [
        "mysql",
        "mariadb",
        "mssql",
        "sqlserver",
        "oracle",
        "mongodb",
        "redis",
        "http",
        "https",
        "file",
        "jdbc",
    ];
    let message = match scheme.filter(|scheme| known.contains(scheme)) {
        Some(scheme) => format!("databases of the kind `{scheme}` are not spoken to"),
        None => "the address of a database begins with `sqlite:` or `postgres://`".to_owned(),
    };
    Diagnostic::error(span, message)
        .hint("write `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`; any other can be reached by a `script`")
}

/// What of an address no message may show.
fn secrets(written: &Text, expanded: &str, options: &LoadOptions) -> Secrets {
    let mut secrets = Secrets::default();
    for name in mentioned(&written.text) {
        if let Some(value) = options.env.get(name) {
            secrets.add(format!("${{{name}}}"), value.to_string_lossy());
        }
    }
    if let Ok(url) = Url::parse(expanded)
        && let Some(password) = url.password()
    {
        let decoded = percent_encoding::percent_decode_str(password).decode_utf8_lossy();
        secrets.add("(password)", decoded);
        secrets.add("(password)", password);
    }
    secrets
}

type Refused = (String, String);

/// `sqlite:FILE`, `sqlite://FILE` and `sqlite::memory:`, with `?mode=`. A relative file is read from `folder`.
fn sqlite(rest: &str, folder: &Path) -> Result<Location, Refused> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (file, settings) = rest.split_once('?').unwrap_or((rest, ""));
    let (mut create, mut read_only, mut memory) = (false, false, file == ":memory:");
    for setting in settings.split('&').filter(|setting| !setting.is_empty()) {
        match setting {
            "mode=ro" => read_only = true,
            "mode=rw" => {}
            "mode=rwc" => create = true,
            "mode=memory" => memory = true,
            _ => {
                return Err((
                    "a `sqlite:` address takes no other setting than `mode`".to_owned(),
                    "write `?mode=ro`, `?mode=rw` or `?mode=rwc`, or nothing".to_owned(),
                ));
            }
        }
    }
    if file.is_empty() && !memory {
        return Err((
            "the address names no file".to_owned(),
            "for example `sqlite:app.db`".to_owned(),
        ));
    }
    let decoded = percent_encoding::percent_decode_str(file).decode_utf8_lossy();
    Ok(Location::Sqlite {
        path: (!memory).then(|| folder.join(PathBuf::from(decoded.as_ref()))),
        create,
        read_only,
    })
}

fn postgres(url: &str) -> Result<Location, Refused> {
    let example = "for example `postgres://USER:PASSWORD@HOST:5432/DATABASE`; a `/`, `@`, `:` or `#` in a password is written `%2F`, `%40`, `%3A`, `%23`";
    let Ok(parsed) = Url::parse(url) else {
        return Err((
            "this is no address of a PostgreSQL database".to_owned(),
            example.to_owned(),
        ));
    };
    if !url[parsed.scheme().len()..].starts_with("://") {
        return Err((
            "the address of a PostgreSQL database has `://` after its scheme".to_owned(),
            example.to_owned(),
        ));
    }
    for (name, _) in parsed.query_pairs() {
        if !POSTGRES_SETTINGS.contains(&name.as_ref()) && !name.starts_with("options[") {
            return Err((
                "the address has a setting after `?` that does not exist".to_owned(),
                format!("it can set {}", POSTGRES_SETTINGS.join(", ")),
            ));
        }
    }
    Ok(Location::Postgres(ConnectionUrl::new(url)))
}
