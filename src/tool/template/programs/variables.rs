//! Environment variables whose value some program runs, loads or searches for programs.

/// Names that are code wherever they are set.
const NAMES: [&str; 64] = [
    "PATH",
    "IFS",
    "ENV",
    "BASH_ENV",
    "PS0",
    "PS1",
    "PS2",
    "PS4",
    "PROMPT_COMMAND",
    "SHELLOPTS",
    "BASHOPTS",
    "SHELL",
    "CDPATH",
    "GLOBIGNORE",
    "EDITOR",
    "VISUAL",
    "FCEDIT",
    "PAGER",
    "MANPAGER",
    "BROWSER",
    "LESSOPEN",
    "LESSCLOSE",
    "LESS",
    "NODE_OPTIONS",
    "NODE_PATH",
    "RUBYOPT",
    "RUBYLIB",
    "PERLLIB",
    "CLASSPATH",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "MAKEFLAGS",
    "MFLAGS",
    "MAKEFILES",
    "EXINIT",
    "VIMINIT",
    "SSH_ASKPASS",
    "SUDO_ASKPASS",
    "RSYNC_RSH",
    "RSYNC_CONNECT_PROG",
    "CVS_RSH",
    "SVN_SSH",
    "TAR_OPTIONS",
    "GZIP",
    "XZ_OPT",
    "ZIPOPT",
    "GREP_OPTIONS",
    "AWKPATH",
    "AWKLIBPATH",
    "LUA_INIT",
    "LUA_PATH",
    "LUA_CPATH",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "GOFLAGS",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "GCONV_PATH",
    "LOCPATH",
    "KUBE_EDITOR",
    "PSQL_EDITOR",
    "DOCKER_HOST",
];

/// Starts of names that are.
const PREFIXES: [&str; 12] = [
    "LD_",
    "DYLD_",
    "GIT_",
    "PERL5",
    "PYTHON",
    "BASH_",
    "LUA_INIT",
    "npm_config_",
    "NPM_CONFIG_",
    "CARGO_",
    "PIP_",
    "MALLOC_",
];

/// Starts of names under those that are plain data.
const HARMLESS: [&str; 4] = [
    "GIT_AUTHOR_",
    "GIT_COMMITTER_",
    "GIT_DIR",
    "PYTHONUNBUFFERED",
];

/// Whether setting the variable can run code.
pub(in super::super) fn is_code_variable(name: &str) -> bool {
    let is_harmless = HARMLESS.iter().any(|prefix| name.starts_with(prefix));
    NAMES.contains(&name)
        || (!is_harmless && PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}
