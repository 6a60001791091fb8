//! One entry of `tools`.

use super::later::{CacheRule, PaginationRule, ProgressRule, TaskChoice};
use super::{
    EnvVariables, HttpAction, Limit, OutputDeclaration, Retry, ScriptAction, SqlAction, Switch,
    TestCase, TimeoutChoice, ToolConcurrency,
};
use crate::config::decode::{List, choice, wire};
use crate::config::quantity::{Time, Whole};
use crate::config::text::{Json, Text};

choice! {
    /// The JSON type of a parameter.
    enum TypeName {
        /// Text.
        "string" String,
        /// A whole number.
        "integer" Integer,
        /// Any number.
        "number" Number,
        /// `true` or `false`.
        "boolean" Boolean,
        /// A list.
        "array" Array,
        /// A map.
        "object" Object,
    }
}

choice! {
    /// What becomes of a call that needs a person's word where nobody can be asked.
    enum FallbackChoice {
        /// It is refused.
        "refuse" Refuse,
        /// It runs.
        "allow" Allow,
    }
}

choice! {
    /// The background a picture is made for.
    enum ThemeChoice {
        /// A light one.
        "light" Light,
        /// A dark one.
        "dark" Dark,
    }
}

wire! {
    /// A tool: what it takes, what it runs, and how much of it may run.
    struct Tool in "a tool", Warned {
        /// The name callers use: 1 to 64 of letters, digits, `_`, `.` and `-`; unique.
        #[schemars(required)]
        "name" name: Text,
        /// A name for people.
        "title" title: Text,
        /// What the tool does; the model chooses by it.
        #[schemars(required)]
        "description" description: Text,
        /// Hints for clients about what a call does to the world.
        "annotations" annotations: AnnotationHints,
        /// Pictures that clients may show beside it.
        "icons" icons: List<IconDeclaration>,
        /// What it takes.
        "parameters" parameters: List<ParameterDeclaration>,
        /// What it takes, as a whole JSON Schema (draft 2020-12), in place of `parameters`.
        "input_schema" input_schema: Json,
        /// How much of it may run.
        "concurrency" concurrency: ToolConcurrency,
        /// A further rate: a name under `concurrency.rate_limits`, "20/min", or its figures.
        "rate_limit" rate_limit: Limit,
        /// How long one attempt may run: a duration, or a class under `timeouts`. Default: 30s.
        "timeout" timeout: TimeoutChoice,
        /// The longest time the model may ask for, with the argument `timeout_seconds` this adds.
        "max_timeout" max_timeout: Time,
        /// From the polite end of a process to the hard one. Default: 5s.
        "kill_grace" kill_grace: Time,
        /// Lets progress reset the timeout.
        "progress_extends_timeout" progress_extends_timeout: ProgressRule,
        /// Whether and how a failed call is tried again.
        "retry" retry: Retry,
        /// The circuit breaker, by its name under `circuit_breakers`.
        "circuit_breaker" circuit_breaker: Text,
        /// Whether equal calls share an answer.
        "cache" cache: Switch<CacheRule>,
        /// Whether a call becomes a task of the protocol: a handle that is given out at once, and polled. Default: never.
        "task" task: TaskChoice,
        /// How long a call usually takes: for `task: auto`, and told in the description.
        "expected_duration" expected_duration: Time,
        /// A question to a person before each call, with placeholders: only a yes lets it run.
        "confirm" confirm: Text,
        /// What becomes of a call whose caller cannot ask a person. Default: refuse.
        "confirm_fallback" confirm_fallback: FallbackChoice,
        /// Its environment: a map sets variables, a list names what must be there.
        "environment" environment: EnvVariables,
        /// Runs a process.
        "script" script: ScriptAction,
        /// Sends a request.
        "http" http: HttpAction,
        /// Runs a query.
        "sql" sql: SqlAction,
        /// What becomes of what it prints.
        "output" output: OutputDeclaration,
        /// Cuts the list it gives into pages, out of the stored output of one run. Adds the optional arguments
        /// `page_size`, and `result_id` with `offset` for a further page.
        "pagination" pagination: Switch<PaginationRule>,
        /// Cases that `runner test` runs.
        "test" test: List<TestCase>,
    }

    /// Hints for clients about what a call does to the world.
    struct AnnotationHints in "`annotations`", Warned {
        /// Does not change anything.
        "read_only" read_only: bool,
        /// May delete or overwrite.
        "destructive" destructive: bool,
        /// Calling it twice is the same as once.
        "idempotent" idempotent: bool,
        /// Reaches beyond this machine.
        "open_world" open_world: bool,
    }

    /// A picture that clients may show beside a tool.
    struct IconDeclaration in "an icon", Warned {
        /// Where it is: an https or http URL, or the picture itself as `data:image/...;base64,...`.
        #[schemars(required)]
        "src" src: Text,
        /// Its type, such as `image/png`.
        "mime_type" mime_type: Text,
        /// Its sizes, such as `48x48`; `any` for one that scales.
        "sizes" sizes: List<Text>,
        /// The background it is made for. Default: both.
        "theme" theme: ThemeChoice,
    }

    /// One parameter; any keyword of JSON Schema may stand beside these keys.
    struct ParameterDeclaration in "a parameter", Kept {
        /// The name callers use.
        #[schemars(required)]
        "name" name: Text,
        /// The JSON type of its value. Default: string.
        "type" kind: TypeName,
        /// What it is for.
        "description" description: Text,
        /// Whether a call without it is refused. Default: false.
        "required" required: bool,
        /// The value when the caller gives none.
        "default" default: Json,
        /// The only values it can have.
        "enum" allowed: List<Json>,
        /// Further checks.
        "validation" validation: Validation,
    }

    /// Checks on a value.
    struct Validation in "`validation`", Warned {
        /// The smallest number.
        "min" min: Json,
        /// The largest number.
        "max" max: Json,
        /// The fewest characters of a text, or elements of a list.
        "min_length" min_length: Whole,
        /// The most characters of a text, or elements of a list.
        "max_length" max_length: Whole,
        /// A regular expression a text must match.
        "pattern" pattern: Text,
        /// The only values it can have.
        "allowed_values" allowed_values: List<Json>,
    }
}
