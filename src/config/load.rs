//! The first pass and the run through all of them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::ask::Ask;
use super::decode::Decode;
use super::document::Document;
use super::env::Env;
use super::resolve::{self, Resolved};
use super::server::{Secret, ServerSettings};
use super::yaml;
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::tool::Catalog;

/// The largest file, in bytes: some 40,000 tools.
const MAX_BYTES: usize = 8 << 20;

/// How a file is loaded.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// `safety: compat`, whatever the file says.
    pub compat: bool,
    /// Warnings are errors.
    pub strict: bool,
    /// The environment, for `${NAME}` and for the scripts.
    pub env: Env,
    /// How the shim of a version manager is asked which interpreter it starts; `None` for not at all, so that nothing
    /// is run and each call goes through it.
    pub ask: Option<Ask>,
}

/// A file that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// Its tools.
    pub catalog: Catalog,
    /// How they are served.
    pub server: ServerSettings,
    /// What deserves a look; warnings only.
    pub diagnostics: Diagnostics,
    /// Its text, for rendering the diagnostics.
    pub source: Source,
    /// What must not be shown: the values of variables that it expands, and its tokens.
    pub secrets: Vec<Secret>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The file as the user named it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds mistakes.
    #[error("`{}` is refused: {}", file.path().display(), diagnostics.summary().unwrap_or_default())]
    Invalid {
        /// All of them, at least one an error.
        diagnostics: Diagnostics,
        /// The text, for rendering.
        file: Source,
    },
}

impl LoadError {
    /// The report for people; ends with a newline.
    pub fn render(&self, color: bool) -> String {
        match self {
            Self::Unreadable { source, .. } => {
                let hint = match source.kind() {
                    io::ErrorKind::NotFound => {
                        "\nhint: name another file, or write one with `runner init`\n"
                    }
                    _ => "",
                };
                format!("error: {self}\n{hint}")
            }
            Self::Invalid { diagnostics, file } => diagnostics.render(file, color),
        }
    }

    /// The report for programs: a list of problems.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Unreadable { path, .. } => json!([{
                "severity": "error",
                "message": self.to_string(),
                "file": path.to_string_lossy(),
            }]),
            Self::Invalid { diagnostics, file } => diagnostics.to_json(file),
        }
    }
}

/// Loads the file at `path`. Relative paths in it are relative to its folder.
pub fn load(path: &Path, options: &LoadOptions) -> Result<Loaded, LoadError> {
    let unreadable = |source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let bytes = read_bounded(path).map_err(unreadable)?;
    let absolute = std::path::absolute(path).map_err(unreadable)?;
    let folder = absolute.parent().unwrap_or(Path::new("/"));
    match decode_text(path, bytes) {
        Ok(text) => load_text(path, text, folder, options),
        Err(error) => Err(error),
    }
}

/// Loads `text` as the file `path` in the absolute `folder` would be.
pub fn load_text(
    path: &Path,
    text: impl Into<String>,
    folder: &Path,
    options: &LoadOptions,
) -> Result<Loaded, LoadError> {
    let text: String = text.into();
    if text.len() > MAX_BYTES {
        return Err(whole_file(path, too_large()));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let source = Source::new(path, text);
    let mut problems = Vec::new();
    let document = read_document(&source, &mut problems);
    let resolved = document
        .and_then(|document| resolve::resolve(&document, &source, folder, options, &mut problems));
    let mut diagnostics = Diagnostics::new(problems);
    if options.strict {
        diagnostics = diagnostics.strict();
    }
    match resolved {
        Some(Resolved { catalog, server }) if !diagnostics.has_errors() => Ok(Loaded {
            secrets: secrets(options, &server),
            catalog,
            server,
            diagnostics,
            source,
        }),
        _ => Err(LoadError::Invalid {
            diagnostics,
            file: source,
        }),
    }
}

fn secrets(options: &LoadOptions, server: &ServerSettings) -> Vec<Secret> {
    let expanded = options.env.expanded().into_iter().map(Secret::new);
    let tokens = server.auth.iter().flat_map(|auth| &auth.bearer_tokens);
    expanded
        .chain(tokens.map(|token| token.token.clone()))
        .collect()
}

fn read_document(source: &Source, problems: &mut Vec<Diagnostic>) -> Option<Document> {
    let reported = problems.len();
    let Some(node) = yaml::parse(source.text(), problems) else {
        if problems.len() == reported {
            problems.push(empty_file());
        }
        return None;
    };
    if node.is_null() {
        problems.push(empty_file());
        return None;
    }
    Document::decode(&node, "the file", problems)
}

fn empty_file() -> Diagnostic {
    Diagnostic::whole_file("the file is empty").hint("`runner init` writes one to start from")
}

/// Reads at most one byte more than allowed: a file that large is refused without being read.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn decode_text(path: &Path, bytes: Vec<u8>) -> Result<String, LoadError> {
    if bytes.len() > MAX_BYTES {
        return Err(whole_file(path, too_large()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let problem = Diagnostic::error(
            Span::new(valid, valid + 1),
            "the file is not UTF-8 from here on",
        )
        .hint("save it with the encoding UTF-8");
        LoadError::Invalid {
            diagnostics: Diagnostics::new(vec![problem]),
            file: Source::new(path, text),
        }
    })
}

fn too_large() -> Diagnostic {
    Diagnostic::whole_file(format!("the file is larger than {} MiB", MAX_BYTES >> 20))
        .hint("split it into several files, and serve each on a port of its own")
}

/// A refusal that needs no text to show.
fn whole_file(path: &Path, problem: Diagnostic) -> LoadError {
    LoadError::Invalid {
        diagnostics: Diagnostics::new(vec![problem]),
        file: Source::new(path, ""),
    }
}
