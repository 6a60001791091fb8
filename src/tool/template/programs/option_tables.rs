//! What is known about the options of programs.

/// Programs with options that run code, load files or overwrite them: a value that could be one of
/// them is looked at in every call.
pub(super) const GUARDED: [&str; 66] = [
    "env",
    "git",
    "hg",
    "svn",
    "tar",
    "bsdtar",
    "make",
    "gmake",
    "cmake",
    "ninja",
    "rsync",
    "scp",
    "sftp",
    "rg",
    "sort",
    "zip",
    "unzip",
    "7z",
    "man",
    "less",
    "more",
    "curl",
    "wget",
    "docker",
    "podman",
    "kubectl",
    "oc",
    "helm",
    "terraform",
    "ansible",
    "ansible-playbook",
    "npm",
    "npx",
    "yarn",
    "pnpm",
    "pip",
    "pip3",
    "cargo",
    "go",
    "gcc",
    "cc",
    "clang",
    "g++",
    "openssl",
    "gpg",
    "ffmpeg",
    "convert",
    "magick",
    "pg_dump",
    "pg_restore",
    "mysqldump",
    "redis-cli",
    "nc",
    "ncat",
    "socat",
    "nmap",
    "tcpdump",
    "split",
    "xz",
    "gzip",
    "install",
    "uv",
    "poetry",
    "bundle",
    "gem",
    "apt-get",
];

/// Programs for which `+` starts a command.
pub(super) const PLUS: [&str; 7] = ["less", "more", "vi", "vim", "nvim", "ex", "view"];

/// Programs that run a file name with a `|` at one of its ends.
pub(super) const PIPES: [&str; 7] = [
    "convert",
    "magick",
    "identify",
    "mogrify",
    "composite",
    "montage",
    "sox",
];

/// Programs whose first argument decides what they do.
pub(super) const SUBCOMMANDS: [&str; 20] = [
    "git",
    "hg",
    "svn",
    "docker",
    "podman",
    "kubectl",
    "oc",
    "helm",
    "terraform",
    "npm",
    "npx",
    "yarn",
    "pnpm",
    "pip",
    "pip3",
    "cargo",
    "go",
    "openssl",
    "uv",
    "gh",
];

/// Programs for which a leading `-` is text like any other.
pub(super) const PLAIN: [&str; 24] = [
    "echo", "printf", "test", "[", "true", "false", ":", "exit", "return", "shift", "expr",
    "basename", "dirname", "sleep", "seq", "read", "export", "readonly", "local", "declare",
    "typeset", "unset", "cd", "set",
];

/// Options of guarded and common programs after which a word is their value, whatever it starts
/// with.
pub(super) const VALUED: [(&str, &str); 20] = [
    (
        "curl",
        "-d -H -X -u -o -A -e -F -b -c -T -w -m -x -r --data --data-raw --data-binary --data-urlencode --header --request --user --output --form --url --user-agent --max-time",
    ),
    ("wget", "-O -o -P -U --header --output-document --post-data"),
    (
        "git",
        "--message --author --date --since --until --after --before --grep --format",
    ),
    (
        "kubectl",
        "-n --namespace -l --selector -c --container -o --output --context --tail --since --replicas -f --filename",
    ),
    (
        "docker",
        "--name --filter --format --since --until --tail -f",
    ),
    ("helm", "-n --namespace --set --set-string --version"),
    ("tail", "-n -c --lines --bytes"),
    ("head", "-n -c --lines --bytes"),
    (
        "grep",
        "-e -f -m -A -B -C --regexp --include --exclude --max-count",
    ),
    ("egrep", "-e -f -m -A -B -C --regexp"),
    ("fgrep", "-e -f -m -A -B -C --regexp"),
    (
        "rg",
        "-e -g -t -T -m -A -B -C --regexp --glob --type --max-count",
    ),
    ("cut", "-d -f -c -b"),
    ("sort", "-k -t -o"),
    ("tar", "-C -f --directory --file"),
    ("openssl", "-in -out -connect"),
    (
        "journalctl",
        "-u --unit -n --lines --since --until -p --priority",
    ),
    ("redis-cli", "-h -p -n -a"),
    ("ps", "-p -u -o"),
    ("gpg", "-r --recipient -o --output"),
];

/// Words of `git` that hand an argument to a shell.
pub(super) const GIT_SHELLS: [(&str, &str); 4] = [
    ("submodule", "foreach"),
    ("bisect", "run"),
    ("filter-branch", ""),
    ("rebase", "--exec"),
];

/// Options whose value is a program that runs.
pub(super) const PROGRAM_OPTIONS: [(&str, &str); 14] = [
    (
        "git",
        "--upload-pack --receive-pack --exec --exec-path --open-files-in-pager --extcmd -x -O",
    ),
    (
        "tar",
        "--to-command --checkpoint-action --use-compress-program -I --info-script --new-volume-script -F --rsh-command --rmt-command",
    ),
    ("rsync", "-e --rsh --rsync-path"),
    ("scp", "-S -o -F"),
    ("sftp", "-S -o -F -b"),
    ("sort", "--compress-program"),
    ("rg", "--pre --hostname-bin"),
    ("zip", "-TT --unzip-command"),
    ("man", "-P --pager -H"),
    ("wget", "--use-askpass --config"),
    ("curl", "-K --config"),
    ("make", "--eval -f --file --makefile"),
    ("ansible", "-a --args"),
    ("nodemon", "-x --exec"),
];
