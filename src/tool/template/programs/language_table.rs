//! The programs that read program text, and how each is told where it is.

/// What the operands of a program are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operands {
    /// A script file, then arguments that are the script's own.
    Script,
    /// Program text, unless an option gave it; then files.
    Text,
    /// A file, then program text.
    FileThenText,
    /// Names.
    Names,
}

/// A program that reads program text.
pub(super) struct Language {
    names: &'static [&'static str],
    /// What its text is called in messages.
    pub(super) text: &'static str,
    /// Options that take program text.
    pub(super) code: &'static [&'static str],
    /// Options that take a file of program text.
    pub(super) file: &'static [&'static str],
    /// Options that take something else.
    pub(super) valued: &'static [&'static str],
    /// Options that take two words.
    pub(super) pairs: &'static [&'static str],
    pub(super) operands: Operands,
    /// Whether it runs its standard input when it has no other program text.
    pub(super) reads_input: bool,
    /// Whether one dash starts a long option.
    pub(super) long_with_one_dash: bool,
}

const BASE: Language = Language {
    names: &[],
    text: "",
    code: &[],
    file: &[],
    valued: &[],
    pairs: &[],
    operands: Operands::Script,
    reads_input: true,
    long_with_one_dash: false,
};

const LANGUAGES: [Language; 24] = [
    Language {
        names: &["python", "pypy", "uvpython"],
        text: "Python",
        code: &["-c"],
        valued: &["-W", "-X", "-Q"],
        ..BASE
    },
    Language {
        names: &["perl"],
        text: "Perl",
        code: &["-e", "-E", "-M", "-m"],
        valued: &["-I", "-x"],
        ..BASE
    },
    Language {
        names: &["ruby", "jruby"],
        text: "Ruby",
        code: &["-e"],
        file: &["-r"],
        valued: &["-I", "-C", "-E"],
        ..BASE
    },
    Language {
        names: &["node", "nodejs", "bun", "ts-node", "tsx"],
        text: "JavaScript",
        code: &["-e", "-p", "--eval", "--print", "-pe"],
        file: &["-r", "--require", "--import", "--loader"],
        ..BASE
    },
    Language {
        names: &["php"],
        text: "PHP",
        code: &["-r", "-B", "-R", "-E"],
        file: &["-F"],
        valued: &["-d", "-c", "-f", "-z"],
        ..BASE
    },
    Language {
        names: &["lua", "luajit"],
        text: "Lua",
        code: &["-e"],
        file: &["-l"],
        ..BASE
    },
    Language {
        names: &["Rscript", "R"],
        text: "R",
        code: &["-e"],
        file: &["-f", "--file"],
        ..BASE
    },
    Language {
        names: &[
            "julia", "elixir", "groovy", "scala", "swift", "ghc", "runghc", "clojure", "clj", "bb",
            "guile", "racket", "raku", "crystal", "dart", "kotlin",
        ],
        text: "another language's",
        code: &["-e", "-E", "-p", "--eval", "--print"],
        ..BASE
    },
    Language {
        names: &["octave", "gnuplot", "maxima", "gp", "sage", "matlab"],
        text: "another language's",
        code: &["-e", "--eval", "-c", "-r", "-batch"],
        ..BASE
    },
    Language {
        names: &["tclsh", "wish"],
        text: "Tcl",
        ..BASE
    },
    Language {
        names: &["osascript"],
        text: "AppleScript",
        code: &["-e"],
        valued: &["-l"],
        ..BASE
    },
    Language {
        names: &["awk", "gawk", "mawk", "nawk", "original-awk"],
        text: "awk",
        code: &["-e", "--source"],
        file: &["-f", "--file", "-i", "--include", "-l", "--load"],
        valued: &["-F", "-v", "--field-separator", "--assign"],
        operands: Operands::Text,
        reads_input: false,
        ..BASE
    },
    Language {
        names: &["sed", "gsed", "ssed"],
        text: "sed",
        code: &["-e", "--expression"],
        file: &["-f", "--file"],
        valued: &["-l", "--line-length"],
        operands: Operands::Text,
        reads_input: false,
        ..BASE
    },
    Language {
        names: &["jq", "gojq", "jaq"],
        text: "jq",
        file: &["-f", "--from-file", "-L"],
        valued: &["--indent"],
        pairs: &["--arg", "--argjson", "--slurpfile", "--rawfile"],
        operands: Operands::Text,
        reads_input: false,
        ..BASE
    },
    Language {
        names: &["yq", "dasel"],
        text: "yq",
        file: &["--from-file"],
        valued: &[
            "-p",
            "-o",
            "-I",
            "--input-format",
            "--output-format",
            "--indent",
        ],
        pairs: &["--arg", "--argjson"],
        operands: Operands::Text,
        reads_input: false,
        ..BASE
    },
    Language {
        names: &["psql"],
        text: "SQL",
        code: &["-c", "--command"],
        file: &["-f", "--file"],
        valued: &[
            "-d",
            "-h",
            "-p",
            "-U",
            "-v",
            "-F",
            "-P",
            "-R",
            "-L",
            "-o",
            "-T",
            "--dbname",
            "--host",
            "--port",
            "--username",
            "--set",
            "--variable",
            "--output",
            "--pset",
        ],
        operands: Operands::Names,
        ..BASE
    },
    Language {
        names: &["mysql", "mariadb"],
        text: "SQL",
        code: &["-e", "--execute", "--init-command"],
        valued: &[
            "-u",
            "-h",
            "-P",
            "-D",
            "-S",
            "--user",
            "--host",
            "--port",
            "--database",
            "--socket",
        ],
        operands: Operands::Names,
        ..BASE
    },
    Language {
        names: &["sqlite3", "sqlite", "duckdb", "sqlcipher"],
        text: "SQL",
        code: &["-cmd", "-c"],
        file: &["-init", "-f"],
        valued: &[
            "-separator",
            "-nullvalue",
            "-newline",
            "-vfs",
            "-maxsize",
            "-mmap",
            "-escape",
        ],
        operands: Operands::FileThenText,
        long_with_one_dash: true,
        ..BASE
    },
    Language {
        names: &["clickhouse-client", "clickhouse"],
        text: "SQL",
        code: &["-q", "--query"],
        valued: &[
            "-h",
            "-u",
            "-d",
            "--host",
            "--user",
            "--database",
            "--port",
            "--password",
        ],
        operands: Operands::Names,
        ..BASE
    },
    Language {
        names: &[
            "sqlcmd",
            "cqlsh",
            "sqlplus",
            "snowsql",
            "isql",
            "usql",
            "pgcli",
            "mycli",
            "litecli",
            "influx",
            "trino",
            "presto",
            "impala-shell",
            "beeline",
            "hive",
        ],
        text: "SQL",
        code: &[
            "-Q",
            "-q",
            "-e",
            "-c",
            "--execute",
            "--query",
            "--command",
            "-execute",
        ],
        file: &["-f", "-i"],
        valued: &["-S", "-U", "-P", "-d", "-u", "-h"],
        operands: Operands::Names,
        ..BASE
    },
    Language {
        names: &["mongosh", "mongo"],
        text: "JavaScript",
        code: &["--eval"],
        file: &["--file", "-f"],
        valued: &["--host", "--port", "-u", "-p", "--username", "--password"],
        operands: Operands::Names,
        ..BASE
    },
    Language {
        names: &["ed", "ex", "vi", "vim", "nvim", "view"],
        text: "editor",
        code: &["-c", "--cmd"],
        file: &["-S", "-s", "-u"],
        operands: Operands::Names,
        ..BASE
    },
    Language {
        names: &["gdb", "lldb", "emacs"],
        text: "another language's",
        code: &["-ex", "-iex", "-eval-command", "--eval", "-o", "--ex"],
        file: &["-x", "-l", "--load", "-s"],
        operands: Operands::Names,
        long_with_one_dash: true,
        ..BASE
    },
    Language {
        names: &["dc", "m4", "bpftrace"],
        text: "another language's",
        code: &["-e"],
        file: &["-f"],
        operands: Operands::Names,
        ..BASE
    },
];

impl Language {
    /// The language the program `base` reads; versions as in `python3.12` do not matter.
    pub(super) fn of(base: &str) -> Option<&'static Self> {
        let plain = base.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
        LANGUAGES
            .iter()
            .find(|language| language.names.contains(&base) || language.names.contains(&plain))
    }
}
