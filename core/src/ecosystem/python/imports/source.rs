//! What one Python file takes in, by import or by name.
//!
//! Sources: "The Python Language Reference", chapter 5 (imports) and 2.1.4 (encoding declarations); PEP 263, PEP 328.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::registry::Kept;
use super::syntax;
use crate::facts::{Broken, Parser};

/// Facts of Python files.
pub(in super::super) const SOURCE: Parser<Source> = Parser {
    id: "python/source",
    version: 4,
    parse,
};

/// Beyond this size nobody writes by hand; who reaches such a file is always run.
const MAX_BYTES: usize = 4 << 20;

/// Brackets open at once, counted roughly.
const MAX_OPEN: usize = 2000;

/// The longest string that can name a module or a file.
const MAX_WORD: usize = 200;

/// One file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Source {
    /// Modules that it imports.
    pub(super) imports: BTreeSet<Import>,
    /// Modules that it may mean, if they are there: `a.b` used as a name after `import a`.
    pub(super) mentions: BTreeSet<Module>,
    /// Packages of which it may take in whatever is below.
    pub(super) below: BTreeSet<Module>,
    /// Strings that can name a module or a file.
    pub(super) words: BTreeSet<String>,
    /// The first thing that hides what it takes in.
    pub(super) escape: Option<Escape>,
    /// Whether it reads data files by names that are not written in it.
    pub(super) reads_data: bool,
    /// Whether it changes, as soon as it is imported, what others see: an attribute of a module, a hook of the runner.
    pub(super) patches: bool,
    /// Whether it does so when something in it is called.
    pub(super) patches_within: bool,
    /// Whether it changes where modules are looked for.
    pub(super) moves_path: bool,
    /// Whether it names Django applications, which are loaded as a whole.
    pub(super) names_apps: bool,
    /// What it keeps for others.
    pub(super) kept: Kept,
    /// Names of others that it calls, or writes into, as soon as it is imported.
    pub(super) registers: BTreeSet<String>,
}

/// A module as an import names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in super::super) struct Module {
    /// Leading dots; none for an absolute name.
    pub(in super::super) level: u32,
    /// `a.b`.
    pub(in super::super) name: String,
}

/// An import.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Import {
    /// The module.
    pub(super) module: Module,
    /// What is taken from it, which may be a module of its own.
    pub(super) taken: Option<String>,
    /// Whether the file gets on without it.
    pub(super) optional: bool,
}

/// Something that no reader of imports sees through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Escape {
    /// 1-based.
    pub(super) line: u32,
    /// What, in words.
    pub(super) what: String,
}

impl Module {
    pub(in super::super) fn absolute(name: impl Into<String>) -> Self {
        Self {
            level: 0,
            name: name.into(),
        }
    }

    /// The module inside of this one.
    pub(super) fn inner(&self, names: &[String]) -> Self {
        let own = (!self.name.is_empty()).then_some(&self.name);
        let names: Vec<&str> = own.into_iter().chain(names).map(String::as_str).collect();
        Self {
            level: self.level,
            name: names.join("."),
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Source, Broken> {
    let broken = |message: &str| Broken {
        line: None,
        message: message.to_owned(),
    };
    if bytes.len() > MAX_BYTES {
        return Err(broken("too large to be followed"));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Broken::at(bytes, Some(error.valid_up_to()), "not valid UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(encoding) = declared_encoding(text) {
        return Err(broken(&format!("written in {encoding}")));
    }
    if is_nested_too_deeply(bytes) {
        return Err(broken("nested too deeply"));
    }
    syntax::read(text)
}

/// Finds an encoding that is declared in the first two lines and is not the usual one.
fn declared_encoding(text: &str) -> Option<String> {
    let comment = |line: &&str| line.trim_start().starts_with('#');
    let line = text
        .lines()
        .take(2)
        .filter(comment)
        .find(|line| line.contains("coding"))?;
    let after = line.split("coding").nth(1)?;
    let name = after.strip_prefix([':', '='])?.trim_start();
    let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
    let name = name[..end.unwrap_or(name.len())].to_ascii_lowercase();
    let usual = [
        "utf-8",
        "utf8",
        "utf_8",
        "utf-8-sig",
        "ascii",
        "us-ascii",
        "",
    ];
    (!usual.contains(&name.as_str())).then_some(name)
}

fn is_nested_too_deeply(bytes: &[u8]) -> bool {
    let mut open = 0_usize;
    bytes.iter().any(|byte| {
        match byte {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open > MAX_OPEN
    })
}

/// Tells whether a string becomes the name of a file once its blanks are filled in: `data/%s.json`, `{}.csv`. Source:
/// "printf-style String Formatting" and "Format String Syntax" of Python's library reference.
fn is_template_of_a_file(text: &str) -> bool {
    let ending = text.rsplit_once('.').map(|(_, ending)| ending);
    let is_ending =
        |ending: &str| (1..=8).contains(&ending.len()) && ending.chars().all(char::is_alphanumeric);
    text.len() <= MAX_WORD
        && text.contains(['%', '{'])
        && !text.contains(char::is_whitespace)
        && ending.is_some_and(is_ending)
}

impl Source {
    /// Notes what a string may name: a module, a file, or, where it holds a program, what that imports.
    pub(super) fn read_text(&mut self, text: &str) {
        if text.contains("import ") {
            self.read_program(text);
        }
        self.reads_data |= is_template_of_a_file(text);
        let allowed = |c: char| c.is_alphanumeric() || "_-./:*@+~ ".contains(c);
        if (1..=MAX_WORD).contains(&text.len()) && text.chars().all(allowed) {
            self.words.insert(text.trim().to_owned());
        }
    }

    /// Finds the import lines of a program that is written in a string.
    fn read_program(&mut self, text: &str) {
        for line in text.split(['\n', ';']).map(str::trim) {
            if let Some(list) = line.strip_prefix("import ") {
                for name in list
                    .split(',')
                    .filter_map(|name| name.split_whitespace().next())
                {
                    self.add_import(Module::absolute(name), None);
                }
            } else if let Some((module, names)) = line
                .strip_prefix("from ")
                .and_then(|rest| rest.split_once(" import "))
            {
                let names = names.trim_matches(['(', ')']);
                for name in names
                    .split(',')
                    .filter_map(|name| name.split_whitespace().next())
                {
                    self.add_import(Module::absolute(module.trim()), Some(name));
                }
            }
        }
    }

    fn add_import(&mut self, module: Module, taken: Option<&str>) {
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        if !module.name.is_empty() && module.name.chars().all(is_name) {
            self.imports.insert(Import {
                module,
                taken: taken.map(ToOwned::to_owned),
                optional: true,
            });
        }
    }
}
