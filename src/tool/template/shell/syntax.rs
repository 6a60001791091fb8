//! The tree of a shell script, as far as placeholders need it.

use std::ops::Range;

/// How a placeholder is quoted where it stands, which decides the form of its reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    /// Outside of all quotes.
    Bare,
    /// Inside double quotes, or in a plain here-document.
    Double,
    /// Inside single quotes.
    Single,
    /// Inside `$'...'`.
    Ansi,
    /// In the pattern of `${v#...}`, which quotes around the whole do not protect.
    Pattern,
    /// In arithmetic.
    Arithmetic,
    /// In a here-document whose delimiter is quoted.
    QuotedDocument,
    /// In a comment.
    Comment,
}

/// A whole script.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) script: Script,
    /// The here-documents, by the number their redirection holds.
    pub(super) documents: Vec<Word>,
}

/// Commands one after the other, in whatever way they are joined.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) pipelines: Vec<Pipeline>,
}

/// Commands joined by `|`.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) commands: Vec<Command>,
}

/// A command and its redirections.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) body: Body,
    pub(super) redirects: Vec<Redirect>,
}

/// What a command is.
#[derive(Debug)]
pub(super) enum Body {
    Simple {
        assignments: Vec<Assignment>,
        words: Vec<Word>,
    },
    /// `{ }`, `( )`, `if`, `while`, `until`: lists that run in the end.
    Lists(Vec<Script>),
    /// `for` and `select`.
    For {
        name: String,
        words: Vec<Word>,
        body: Script,
    },
    /// `(( ))` and `for (( ))`.
    Arithmetic {
        expression: Word,
        body: Script,
    },
    Case {
        subject: Word,
        patterns: Vec<Word>,
        bodies: Vec<Script>,
    },
    Function {
        name: String,
        body: Box<Command>,
    },
    /// `[[ ]]`: operands and operators in a row.
    Test(Vec<Word>),
}

/// `name=value` before a command or alone.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) subscript: Option<Word>,
    pub(super) values: Vec<Word>,
    /// Whether it is `name=( )`.
    pub(super) is_list: bool,
}

/// A redirection.
#[derive(Debug)]
pub(super) struct Redirect {
    pub(super) operator: String,
    pub(super) target: Word,
    /// The number of its here-document.
    pub(super) document: Option<usize>,
}

/// A word, or another stretch of text that expands as one.
#[derive(Debug, Default)]
pub(super) struct Word {
    pub(super) parts: Vec<Part>,
    pub(super) range: Range<usize>,
    /// Whether a line continuation stands in it.
    pub(super) continued: bool,
}

/// A part of a word.
#[derive(Debug)]
pub(super) enum Part {
    Text {
        text: String,
        quoted: bool,
    },
    Placeholder {
        index: usize,
        quoting: Quoting,
    },
    Parameter(Parameter),
    /// `$( )` and backticks.
    Command {
        script: Script,
        quoted: bool,
    },
    /// `<( )` and `>( )`.
    Process(Script),
    /// `$(( ))` and `$[ ]`.
    Arithmetic(Word),
}

/// `$name` or `${name...}`.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) quoted: bool,
    pub(super) operation: Operation,
    pub(super) subscript: Option<Word>,
    pub(super) operands: Vec<Word>,
    pub(super) range: Range<usize>,
}

/// What `${name...}` does beyond giving the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Nothing.
    Value,
    /// `${#name}`.
    Length,
    /// `${!name}`.
    Indirect,
    /// `-` and `+` and `?`.
    Default,
    /// `=`.
    Assign,
    /// `#`, `%`, `/`, `^`, `,`.
    Pattern,
    /// `:offset:length`, whose operands are arithmetic.
    Slice,
    /// `@P`, which expands the value once more.
    Prompt,
    /// Any other `@`.
    Transform,
}

/// What a walk through a tree comes by.
pub(super) enum Node<'a> {
    Part(&'a Part),
    Command(&'a Command),
    Pipeline(&'a Pipeline),
}

impl Tree {
    /// Calls `visit` for everything in `script`, however deep.
    pub(super) fn walk<'a>(&'a self, script: &'a Script, visit: &mut dyn FnMut(Node<'a>)) {
        for pipeline in &script.pipelines {
            visit(Node::Pipeline(pipeline));
            for command in &pipeline.commands {
                self.walk_command(command, visit);
            }
        }
    }

    /// The same for one command.
    pub(super) fn walk_command<'a>(
        &'a self,
        command: &'a Command,
        visit: &mut dyn FnMut(Node<'a>),
    ) {
        visit(Node::Command(command));
        for redirect in &command.redirects {
            self.walk_redirect(redirect, visit);
        }
        match &command.body {
            Body::Simple { assignments, words } => {
                for assignment in assignments {
                    self.walk_words(assignment.subscript.as_ref(), visit);
                    self.walk_words(&assignment.values, visit);
                }
                self.walk_words(words, visit);
            }
            Body::Lists(lists) => lists.iter().for_each(|list| self.walk(list, visit)),
            Body::For { words, body, .. } => {
                self.walk_words(words, visit);
                self.walk(body, visit);
            }
            Body::Arithmetic { expression, body } => {
                self.walk_word(expression, visit);
                self.walk(body, visit);
            }
            Body::Case {
                subject,
                patterns,
                bodies,
            } => {
                self.walk_word(subject, visit);
                self.walk_words(patterns, visit);
                for body in bodies {
                    self.walk(body, visit);
                }
            }
            Body::Function { body, .. } => self.walk_command(body, visit),
            Body::Test(words) => self.walk_words(words, visit),
        }
    }

    /// The same for one redirection.
    pub(super) fn walk_redirect<'a>(
        &'a self,
        redirect: &'a Redirect,
        visit: &mut dyn FnMut(Node<'a>),
    ) {
        self.walk_word(&redirect.target, visit);
        if let Some(document) = redirect
            .document
            .and_then(|number| self.documents.get(number))
        {
            self.walk_word(document, visit);
        }
    }

    fn walk_words<'a>(
        &'a self,
        words: impl IntoIterator<Item = &'a Word>,
        visit: &mut dyn FnMut(Node<'a>),
    ) {
        for word in words {
            self.walk_word(word, visit);
        }
    }

    /// The same for one word.
    pub(super) fn walk_word<'a>(&'a self, word: &'a Word, visit: &mut dyn FnMut(Node<'a>)) {
        for part in &word.parts {
            visit(Node::Part(part));
            match part {
                Part::Command { script, .. } | Part::Process(script) => self.walk(script, visit),
                Part::Arithmetic(inner) => self.walk_word(inner, visit),
                Part::Parameter(parameter) => {
                    self.walk_words(parameter.subscript.as_ref(), visit);
                    self.walk_words(&parameter.operands, visit);
                }
                Part::Text { .. } | Part::Placeholder { .. } => {}
            }
        }
    }
}

impl Parameter {
    /// Whether it can expand to no word at all even between double quotes, as `"$@"`, `"${list[@]}"`,
    /// `"${!prefix@}"` and `"${1+"$@"}"` do.
    pub(super) fn may_be_no_word(&self) -> bool {
        let names_all = |word: &Word| {
            word.parts
                .iter()
                .any(|part| matches!(part, Part::Text { text, .. } if text.contains('@')))
        };
        self.name == "@"
            || self.operation == Operation::Indirect
            || self.subscript.as_ref().is_some_and(names_all)
            || self.operands.iter().any(|operand| {
                operand
                    .parts
                    .iter()
                    .any(|part| matches!(part, Part::Parameter(inner) if inner.may_be_no_word()))
            })
    }
}

impl Word {
    /// Its text when all of it is known.
    pub(super) fn known(&self) -> Option<String> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// The one placeholder it consists of, when that stands outside of all quotes.
    pub(super) fn bare_placeholder(&self) -> Option<usize> {
        match self.parts.as_slice() {
            [
                Part::Placeholder {
                    index,
                    quoting: Quoting::Bare,
                },
            ] => Some(*index),
            _ => None,
        }
    }
}
