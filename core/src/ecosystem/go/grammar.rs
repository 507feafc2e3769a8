//! The line grammars of go.mod and go.work, and the head of a Go file up to its first declaration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ecosystem::prose;
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
    version: 3,
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
    /// Patterns that it embeds, with the line.
    pub(super) embeds: Vec<(String, u32)>,
    /// Quoted words that may name documentation, with the line.
    pub(super) prose: Vec<(String, u32)>,
    /// Whether it names Go files: then sources may be its data.
    pub(super) reads_sources: bool,
    /// Whether it lists folders or opens all of one, and names one above its own.
    pub(super) lists: bool,
    pub(super) climbs: bool,
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
    file.reads_sources = [".go\"", ".go`"].into_iter().any(names);
    file.lists = LISTS.iter().copied().any(names);
    file.climbs = climbs(bytes);
    file.prose = prose::words(bytes);
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
        } else if let Some(list) = line.strip_prefix("//go:embed") {
            file.embeds
                .extend(patterns(list).map(|word| (word, number)));
        } else if let Some(constraint) = line.strip_prefix("//go:build ") {
            let words = constraint.split(|c: char| !c.is_alphanumeric() && c != '_');
            file.tags
                .extend(words.filter(|word| !word.is_empty()).map(ToOwned::to_owned));
        }
        state = state.step(&mut file, line);
    }
    Ok(file)
}

/// Calls that see what lies in a folder, of `os`, `io/fs`, `path/filepath` and their like.
const LISTS: [&str; 7] = [
    "ReadDir(",
    "Readdir",
    "Glob(",
    "Walk",
    "DirFS(",
    "CopyFS(",
    "http.Dir(",
];

/// Tells whether a quoted word is a folder above: `".."`, `"../.."`, `"../money"`; a file has an ending.
fn climbs(bytes: &[u8]) -> bool {
    memchr::memmem::find_iter(bytes, b"..").any(|at| {
        let quote = at.checked_sub(1).map(|before| bytes[before]);
        let Some(quote) = quote.filter(|byte| matches!(byte, b'"' | b'`')) else {
            return false;
        };
        let end = memchr::memchr(quote, &bytes[at..]).map_or(bytes.len(), |end| at + end);
        let last = bytes[at..end].rsplit(|byte| *byte == b'/').next();
        last.is_some_and(|last| matches!(last, b".." | b"") || !last.contains(&b'.'))
    })
}

/// The patterns of a go:embed line, without `all:`. Source: documentation of the package `embed`.
fn patterns(list: &str) -> impl Iterator<Item = String> {
    let mut rest = if list.starts_with([' ', '\t']) {
        list
    } else {
        ""
    };
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let quote = rest.chars().next()?;
        let is_quoted = matches!(quote, '"' | '`');
        let (word, more) = if is_quoted {
            rest[1..].split_once(quote).unwrap_or((&rest[1..], ""))
        } else {
            rest.split_once(char::is_whitespace).unwrap_or((rest, ""))
        };
        rest = more;
        Some(word.strip_prefix("all:").unwrap_or(word).to_owned())
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeds_are_patterns() {
        let check = |line: &str, expect: &[&str]| {
            let file = parse_file(format!("package a\n{line}\nvar x int\n").as_bytes());
            let found = file.expect("a file").embeds;
            let found: Vec<_> = found.iter().map(|(word, _)| word.as_str()).collect();
            assert_eq!(found, expect, "{line}");
        };
        check("//go:embed posts/*.md", &["posts/*.md"]);
        check("//go:embed all:dir x.txt", &["dir", "x.txt"]);
        check("//go:embed \"a b.md\" `all:c`", &["a b.md", "c"]);
        check("//go:embedded x", &[]);
    }

    #[test]
    fn folders_above_are_named_by_words_without_an_ending() {
        for text in ["(\"..\")", "(`../money`)", "Join(\"../../\", x)"] {
            assert!(climbs(text.as_bytes()), "{text}");
        }
        for text in ["(\"../a.json\")", "x...", "\"a/..\"", "// the .. of it"] {
            assert!(!climbs(text.as_bytes()), "{text}");
        }
    }
}
