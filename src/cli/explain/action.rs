//! What a call runs, sends or asks.

use crate::tool::template::{Dialect, PairTemplate};
use crate::tool::{
    Action, Http, Invocation, PersistentWorker, Program, Redirects, Script, Sql, SqlQueries, Stdin,
    Worker, spoken,
};

/// What a call of a tool does.
pub(super) fn shown(action: &Action) -> String {
    match action {
        Action::Script(script) => process(script),
        Action::Http(http) => request(http),
        Action::Sql(sql) => queries(sql),
    }
}

fn request(http: &Http) -> String {
    let to = match http.redirects {
        Redirects::None => "not followed",
        Redirects::SameHost => "followed on the same host",
        Redirects::Any => "followed to any host",
    };
    let mut text = format!(
        "requests\n  {:<9} {}\n  redirects {to}\n",
        http.method.as_str(),
        http.shown_url
    );
    match &http.request {
        Ok(request) => {
            let names = request
                .headers
                .iter()
                .map(|header| header.header().as_str());
            text.push_str(&listed_parts("headers", names));
            let names = request.query.iter().map(PairTemplate::name);
            text.push_str(&listed_parts("query", names));
            if let Some(body) = &request.body {
                text.push_str(&listed_parts("body", [body.content_type()].into_iter()));
            }
        }
        Err(missing) => text.push_str(&listed_parts(
            "not sent",
            [format!("`{}` is not set", missing.0).as_str()].into_iter(),
        )),
    }
    if let Some(path) = &http.extract {
        text.push_str(&listed_parts(
            "gives",
            [path.to_string().as_str()].into_iter(),
        ));
    }
    text.push('\n');
    text
}

/// The statements as the database gets them, and what is bound to them. Never the address.
fn queries(sql: &Sql) -> String {
    let database = &sql.database;
    let pool = &database.pool;
    let mut text = format!(
        "asks\n  database  {} ({}), {} to {} connections, idle ones kept {}\n",
        database.name,
        database.kind(),
        pool.min_size,
        pool.max_size,
        spoken(pool.max_idle_time),
    );
    let may = if sql.read_only {
        "read"
    } else {
        "read and write"
    };
    text.push_str(&listed_parts("may", [may].into_iter()));
    let rows = format!("{} at most", sql.max_rows);
    text.push_str(&listed_parts("rows", [rows.as_str()].into_iter()));
    for (name, template) in sql.queries.statements() {
        let statement = template.shown().replace('\n', "\n    ");
        let name = name.map(|name| format!(" {name}")).unwrap_or_default();
        text.extend(["  statement", &name, "\n    ", &statement, "\n"]);
        let mark = match database.dialect() {
            Dialect::Postgres => '$',
            Dialect::Sqlite => '?',
        };
        let bound: Vec<String> = template
            .bound()
            .enumerate()
            .map(|(index, name)| format!("{mark}{} {name}", index + 1))
            .collect();
        text.push_str(&listed_parts("bound", bound.iter().map(String::as_str)));
    }
    if let SqlQueries::Several(queries) = &sql.queries {
        let columns: Vec<String> = queries
            .iter()
            .filter_map(|(name, query)| Some(format!("{name}.{}", query.group_by.as_ref()?)))
            .collect();
        text.push_str(&listed_parts("grouped", columns.iter().map(String::as_str)));
    }
    text.push('\n');
    text
}

/// A row for a part of a request; nothing where there is none.
fn listed_parts<'a>(part: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        return String::new();
    }
    format!("  {part:<9} {}\n", names.join(", "))
}

fn process(script: &Script) -> String {
    let stdin = match &script.stdin {
        _ if matches!(script.worker, Some(Worker::Persistent(_))) => {
            "nothing: `main` gets the arguments as an object".to_owned()
        }
        Stdin::None => "nothing".to_owned(),
        Stdin::Json => "the arguments as one JSON object".to_owned(),
        Stdin::Text(template) => format!("{:?}", template.written()),
    };
    let folder = match &script.working_dir {
        Ok(folder) => folder.display().to_string(),
        Err(missing) => format!("unknown: `{}` is not set", missing.0),
    };
    format!(
        "runs\n{}  in      {folder}\n  reads   {stdin}\n{}\n",
        invocation(script),
        warmth(script)
    )
}

/// How the script is kept warm, or that it could be.
fn warmth(script: &Script) -> String {
    match &script.worker {
        Some(Worker::Fork(worker)) if worker.preload.is_empty() => {
            "  worker  forked from a warm interpreter\n".to_owned()
        }
        Some(Worker::Fork(worker)) => format!(
            "  worker  forked from a warm interpreter that has imported {}\n",
            worker.preload.join(", ")
        ),
        Some(Worker::Persistent(worker)) => workers(worker),
        None if script.could_be_warm => {
            "  hint    `worker: { mode: fork, preload: [...] }` in `script` forks a warm interpreter for each call\n"
                .to_owned()
        }
        None => String::new(),
    }
}

/// The processes that answer the calls, and how long each lives.
fn workers(worker: &PersistentWorker) -> String {
    let mut text = format!("  workers up to {}, kept between calls", worker.size);
    if worker.multiplex.get() > 1 {
        text = format!("{text}, each answers {} at once", worker.multiplex);
    }
    if !worker.preload.is_empty() {
        text = format!("{text}, having imported {}", worker.preload.join(", "));
    }
    let mut ends = vec![format!(
        "after {} without a call",
        spoken(worker.idle_timeout)
    )];
    ends.extend(worker.max_calls.map(|calls| format!("after {calls} calls")));
    ends.extend(
        worker
            .max_rss
            .map(|bytes| format!("past {bytes} bytes of memory")),
    );
    format!(
        "{text}\n  each    loads the script within {}, and ends {}\n",
        spoken(worker.start_timeout),
        ends.join(", ")
    )
}

fn invocation(script: &Script) -> String {
    match &script.invocation {
        Invocation::Argv { program, arguments } => {
            let words: Vec<String> = arguments
                .written()
                .iter()
                .map(|word| format!("{word:?}"))
                .collect();
            format!(
                "  program {}\n  with    {}\n",
                resolved(program),
                words.join(" ")
            )
        }
        Invocation::Shell {
            interpreter,
            script,
        } => {
            let text = script.compiled().trim_end().replace('\n', "\n    ");
            format!(
                "  shell   {}\n  script\n    {text}\n",
                resolved(interpreter)
            )
        }
    }
}

fn resolved(program: &Program) -> String {
    match &program.resolved {
        Ok(path) => path.display().to_string(),
        Err(why) => format!("{} ({why})", program.written),
    }
}
