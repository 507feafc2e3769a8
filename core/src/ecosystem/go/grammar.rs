//! The line grammars of go.mod and go.work, and the head of a Go file up to its first declaration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::facts::{Broken, Parser};

/// Parses go.mod and go.work: they share one grammar.
pub(super) const GO_MOD: Parser<GoMod> = Parser {
    id: "go/mod",
    version: 1,
    parse: parse_mod,
};

/// Parses the head of a Go file.
pub(super) const GO_FILE: Parser<GoFile> = Parser {
    id: "go/file",
    version: 2,
    parse: parse_file,
};

/// What matters of a go.mod or go.work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GoMod {
    pub(super) module: String,
    /// Module to line.
    pub(super) requires: BTreeMap<String, u32>,
    /// Module to local folder.
    pub(super) replaces: BTreeMap<String, String>,
    pub(super) uses: Vec<String>,
}

/// What matters of a Go file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GoFile {
    pub(super) is_main: bool,
    pub(super) imports: Vec<String>,
    /// Words of its build constraint.
    pub(super) tags: Vec<String>,
    /// Paths with `..` that a go:generate line names, with the line.
    pub(super) generates: Vec<(String, u32)>,
    /// Whether it names Go files or embeds files: then sources may be its data.
    pub(super) reads_sources: bool,
}

fn parse_mod(bytes: &[u8]) -> Result<GoMod, Broken> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Broken::at(bytes, Some(error.valid_up_to()), "not valid UTF-8"))?;
    let mut file = GoMod::default();
    let mut block: Option<String> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split("//").next().unwrap_or_default();
        let words: Vec<&str> = line
            .split_whitespace()
            .map(|word| word.trim_matches(['"', '`']))
            .collect();
        match (words.as_slice(), block.clone()) {
            ([], _) => {}
            ([")"], _) => block = None,
            ([verb, "("], None) => block = Some((*verb).to_owned()),
            (words, Some(verb)) => directive(&mut file, &verb, words, number),
            ([verb, rest @ ..], None) => {
                if verb.starts_with("<<<<") || verb.starts_with(">>>>") {
                    let message = "conflict marker".to_owned();
                    return Err(Broken {
                        line: Some(number),
                        message,
                    });
                }
                directive(&mut file, verb, rest, number);
            }
        }
    }
    Ok(file)
}

fn directive(file: &mut GoMod, verb: &str, words: &[&str], number: u32) {
    match (verb, words) {
        ("module", [name, ..]) => file.module = (*name).to_owned(),
        ("require", [module, ..]) => {
            file.requires.insert((*module).to_owned(), number);
        }
        ("use", [folder, ..]) => file.uses.push((*folder).to_owned()),
        ("replace", [module, rest @ ..]) => {
            let arrow = rest.iter().position(|word| *word == "=>");
            let target = arrow.and_then(|at| rest.get(at + 1));
            if let Some(target) = target.filter(|target| target.starts_with('.')) {
                file.replaces
                    .insert((*module).to_owned(), (*target).to_owned());
            }
        }
        _ => {}
    }
}

fn parse_file(bytes: &[u8]) -> Result<GoFile, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let mut file = GoFile::default();
    let names = |what: &str| memchr::memmem::find(bytes, what.as_bytes()).is_some();
    file.reads_sources = [".go\"", ".go`", "//go:embed "].into_iter().any(names);
    let mut state = Head::Before;
    for (number, raw) in (1..).zip(text.lines()) {
        let line = raw.trim();
        if let Some(command) = line.strip_prefix("//go:generate ") {
            let paths = command.split_whitespace().flat_map(|word| word.split('='));
            let outside = paths
                .map(|path| path.trim_start_matches("-I"))
                .filter(|path| path.contains("../"));
            file.generates
                .extend(outside.map(|path| (path.to_owned(), number)));
        } else if let Some(constraint) = line.strip_prefix("//go:build ") {
            let words = constraint.split(|c: char| !c.is_alphanumeric() && c != '_');
            file.tags
                .extend(words.filter(|word| !word.is_empty()).map(ToOwned::to_owned));
        }
        state = state.step(&mut file, line);
    }
    Ok(file)
}

/// Where in the head of a file the reader stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Head {
    Before,
    Comment,
    Block,
    Body,
}

impl Head {
    fn step(self, file: &mut GoFile, line: &str) -> Self {
        match self {
            Self::Body => Self::Body,
            Self::Comment if line.contains("*/") => Self::Before,
            Self::Comment => Self::Comment,
            Self::Block if line.starts_with(')') => Self::Before,
            Self::Block => {
                file.imports.extend(quoted(line));
                Self::Block
            }
            Self::Before if line.is_empty() || line.starts_with("//") => Self::Before,
            Self::Before if line.starts_with("/*") && !line.contains("*/") => Self::Comment,
            Self::Before if line.starts_with("/*") => Self::Before,
            Self::Before => Self::declaration(file, line),
        }
    }

    fn declaration(file: &mut GoFile, line: &str) -> Self {
        if let Some(name) = line.strip_prefix("package ") {
            file.is_main = name.split(|c: char| !c.is_alphanumeric()).next() == Some("main");
            return Self::Before;
        }
        let Some(rest) = line.strip_prefix("import") else {
            return Self::Body;
        };
        let rest = rest.trim_start();
        if rest.starts_with('(') && !rest.contains(')') {
            return Self::Block;
        }
        file.imports.extend(rest.split(';').filter_map(quoted));
        Self::Before
    }
}

/// The first quoted word of an import line; what follows `//` is no part of it.
fn quoted(line: &str) -> Option<String> {
    if line.starts_with("//") {
        return None;
    }
    line.split(['"', '`']).nth(1).map(ToOwned::to_owned)
}
