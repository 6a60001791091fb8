//! What a tool does: `script`, `http`, `sql`; and what becomes of its output.

use super::TimeoutChoice;
use crate::config::decode::{List, Named, choice, wire};
use crate::config::quantity::{Count, Size, Time};
use crate::config::text::{AnyText, Json, Text};

choice! {
    /// What standard output is.
    enum FormatChoice {
        /// JSON when it is an object or array, else text.
        "auto" Auto,
        /// JSON; anything else is an error.
        "json" Json,
        /// One JSON value a line.
        "jsonl" Jsonl,
        /// Text, whatever it looks like.
        "text" Text,
        /// An MCP tool result with content blocks.
        "mcp" Mcp,
    }

    /// What happens to output past `max_bytes`.
    enum OverflowChoice {
        /// All of it is kept in a file.
        "spill" Spill,
        /// Head and tail are kept.
        "truncate" Truncate,
        /// The call fails.
        "error" Error,
    }

    /// Where else an answer may send a request.
    enum RedirectChoice {
        /// Nowhere: a redirect is the answer.
        "none" None,
        /// To the same host and port.
        "same_host" SameHost,
        /// Anywhere, without the headers of the file when the host changes.
        "any" Any,
    }

    /// How a warm worker runs.
    enum WorkerMode {
        /// Processes that have loaded the script answer call after call with its `main(arguments)`.
        "persistent" Persistent,
        /// An interpreter that has imported `preload` forks for each call; the script is as it is.
        "fork" Fork,
    }
}

wire! {
    /// A process to run: `command` with `args`, or `shell`.
    struct ScriptAction in "`script`", Warned {
        /// The program.
        "command" command: Text,
        /// Its arguments, with placeholders; one element stays one argument.
        "args" args: List<AnyText>,
        /// The text of a shell script, with placeholders.
        "shell" shell: Text,
        /// The shell for `shell`. Default: /bin/sh.
        "interpreter" interpreter: Text,
        /// What it reads: `json` for the arguments as one JSON object, `none`, or a text with
        /// placeholders. Default: json for a script file, else none.
        "stdin" stdin: Text,
        /// Where it runs, relative to the file's folder. Default: that folder.
        "working_dir" working_dir: Text,
        /// How long one attempt may run; wins over the tool's `timeout`.
        "timeout" timeout: TimeoutChoice,
        /// Keeps an interpreter warm between calls, for a Python script.
        "worker" worker: Worker,
    }

    /// A Python interpreter kept warm between calls.
    struct Worker in "`worker`", Warned {
        /// How it runs.
        #[schemars(required)]
        "mode" mode: WorkerMode,
        /// Processes there may be, at most 256. Default: as many as `concurrency.max_parallel` of the tool needs, at most
        /// 8; without it, one for each core, at most 8. For `mode: persistent`.
        "size" size: Count,
        /// Calls after which a process is replaced, or up to a tenth sooner; until its successor is ready it answers on, at most
        /// as many again. Default: never. For `mode: persistent`.
        "max_calls" max_calls: Count,
        /// Resident memory past which a process is replaced after its call, on Linux. Default: any. For
        /// `mode: persistent`.
        "max_rss" max_rss: Size,
        /// Calls one process answers at once, at most 1000; more than one needs `async def main`. Default: 1. For
        /// `mode: persistent`.
        "multiplex" multiplex: Count,
        /// How long a process without calls is kept. Default: 10m. For `mode: persistent`.
        "idle_timeout" idle_timeout: Time,
        /// How long a process may take to load the script. Default: 60s. For `mode: persistent`.
        "start_timeout" start_timeout: Time,
        /// Python modules to import before the first call.
        "preload" preload: List<Text>,
    }

    /// A request to send.
    struct HttpAction in "`http`", Warned {
        /// GET, POST and so on. Default: GET.
        "method" method: Text,
        /// Where to, with placeholders in path and query; `${VARIABLE}` is expanded.
        #[schemars(required)]
        "url" url: Text,
        /// Headers, with placeholders in their values; `${VARIABLE}` is expanded.
        "headers" headers: Named<AnyText>,
        /// Pairs after those of the URL's own query, with placeholders. A list repeats its name; an optional value
        /// that is not there leaves its pair out.
        "query" query: Named<AnyText>,
        /// The body, with placeholders: a text, or a value sent as JSON.
        "body" body: Json,
        /// How long the request may take; wins over the tool's `timeout`.
        "timeout" timeout: TimeoutChoice,
        /// The path of the part of a JSON answer to give back, such as `data.items[0].name`.
        "extract_json" extract_json: Text,
        /// Where else an answer may send the request. Default: `same_host`.
        "follow_redirects" follow_redirects: RedirectChoice,
    }

    /// A query to run.
    struct SqlAction in "`sql`", Refused {
        /// The database, by its name under `databases`.
        #[schemars(required)]
        "database" database: Text,
        /// The query; placeholders are bound, never pasted.
        "query" query: Text,
        /// Queries by name, run side by side; the answer has the rows of each under its name.
        "queries" queries: Named<Text>,
        /// Rows given back at most, of each query. Default: 1000.
        "max_rows" max_rows: Count,
        /// Whether the database lets the query only read. Default: true.
        "read_only" read_only: bool,
        /// For `queries`: the column of each by whose values the rows of all are put together, as in
        /// `{ user: id, posts: user_id }`.
        "group_by" group_by: Named<Text>,
        /// How long the query may take; wins over the tool's `timeout`.
        "timeout" timeout: TimeoutChoice,
    }

    /// What becomes of what a tool prints, or of what a service answers.
    struct OutputDeclaration in "`output`", Warned {
        /// What standard output is. Default: auto.
        "format" format: FormatChoice,
        /// A JSON Schema the result must satisfy.
        "schema" schema: Json,
        /// Bytes kept in memory. Default: 1MiB.
        "max_bytes" max_bytes: Size,
        /// Bytes sent in the answer. Default: 64KiB.
        "inline_bytes" inline_bytes: Size,
        /// What happens to output past `max_bytes`. Default: spill.
        "on_overflow" on_overflow: OverflowChoice,
    }
}
