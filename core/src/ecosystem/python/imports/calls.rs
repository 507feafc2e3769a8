//! What calls and assignments do that imports do not show: modules loaded by name, listed folders, started programs,
//! changes to what others see.
//!
//! Sources: the documentation of `importlib`, `pkgutil`, `runpy`, `importlib.resources`, `sys` and `site`; of pytest
//! ("Writing hook functions", "Fixtures reference", `pytest_plugins`, `importorskip`), of unittest (`load_tests`), of
//! Django (`INSTALLED_APPS`) and of Celery (`autodiscover_tasks`).

use super::source::{Escape, Module, Source};
use super::stdlib;
use super::syntax::Reader;

/// What is known of the text that an expression gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text {
    /// Whether it begins with the name of the file's own module or package.
    pub(super) own: bool,
    /// What follows.
    pub(super) start: String,
    /// Whether that is all of it.
    pub(super) complete: bool,
}

impl Text {
    pub(super) fn whole(text: &str) -> Self {
        Self {
            own: false,
            start: text.to_owned(),
            complete: true,
        }
    }

    pub(super) fn cut_at(self, mark: char) -> Self {
        let end = self.start.find(mark);
        Self {
            complete: self.complete && end.is_none(),
            start: self.start[..end.unwrap_or(self.start.len())].to_owned(),
            own: self.own,
        }
    }

    pub(super) fn then(mut self, next: &Self) -> Self {
        if self.complete && self.start.is_empty() && !self.own {
            return next.clone();
        }
        if self.complete {
            self.start.push_str(&next.start);
            self.complete = next.complete && !next.own;
        }
        self
    }

    fn is_empty(&self) -> bool {
        !self.own && self.start.is_empty()
    }
}

/// A call.
pub(super) struct Call {
    /// `["os", "path", "join"]`; what is called on something that has no name begins with an empty one.
    pub(super) name: Vec<String>,
    /// The first arguments.
    pub(super) first: Text,
    /// The names of `a.b` where the first argument is that.
    pub(super) first_chain: Vec<String>,
    /// The second one, or `package`.
    pub(super) second: Option<Text>,
    /// How many there are.
    pub(super) arguments: usize,
    /// 1-based.
    pub(super) line: u32,
}

/// Modules whose use is to start programs.
const STARTERS: &[&str] = &["subprocess", "pexpect", "plumbum", "pty", "commands"];

/// Notes what the import of a module tells by itself.
pub(super) fn imported(reader: &mut Reader, name: &str, line: u32) {
    let top = name.split('.').next().unwrap_or(name);
    if STARTERS.contains(&top) {
        escape(&mut reader.found, line, "starts programs");
    }
    if top == "lazy_loader" {
        let level = 1;
        let name = String::new();
        reader.found.below.insert(Module { level, name });
    }
}

/// Notes a function that is taken under another name: what loads modules could not be told any more where it is called.
pub(super) fn renamed(found: &mut Source, name: &str, line: u32) {
    if loads(name) {
        escape(found, line, "loads modules under another name");
    }
}

/// Tells whether a function of this name loads modules.
pub(super) fn loads(name: &str) -> bool {
    matches!(
        name,
        "import_module" | "__import__" | "import_string" | "run_module"
    )
}

/// Notes what a call does.
pub(super) fn called(reader: &mut Reader, call: &Call) {
    let names: Vec<&str> = call.name.iter().map(String::as_str).collect();
    let found = &mut reader.found;
    match names[..] {
        [
            ..,
            "import_module" | "__import__" | "importorskip" | "import_string" | "run_module",
        ]
        | ["pydoc", "locate"]
        | ["pkgutil", "resolve_name"] => loaded(reader, call),
        ["getattr"] => {
            let name = call.second.as_ref().map_or("", |name| &name.start);
            renamed(found, name, call.line);
        }
        ["__path__", "append" | "insert" | "extend"] => {
            escape(found, call.line, "changes where a package is looked for");
        }
        [.., "iter_modules" | "walk_packages"] => listed_modules(reader, call),
        ["exec" | "eval" | "compile" | "execfile"] if !call.first.complete => {
            escape(found, call.line, "runs code that it computes");
        }
        [
            ..,
            "spec_from_file_location"
            | "run_path"
            | "SourceFileLoader"
            | "load_source"
            | "load_module"
            | "exec_module",
        ] => escape(found, call.line, "loads a module by its file"),
        ["os", name] if starts_program(name) => escape(found, call.line, "starts a program"),
        [
            ..,
            "create_subprocess_exec" | "create_subprocess_shell" | "Popen",
        ] => {
            escape(found, call.line, "starts a program");
        }
        [
            ..,
            "autodiscover" | "autodiscover_tasks" | "autodiscover_modules",
        ] => {
            escape(found, call.line, "lets a framework look for modules");
        }
        [.., "addsitedir" | "syspath_prepend"] | ["sys", "path", _] => found.moves_path = true,
        ["sys", "modules", ..] => found.patches_within = true,
        _ => reads(found, &names, call),
    }
}

fn starts_program(name: &str) -> bool {
    let starts = |start| name.starts_with(start);
    matches!(name, "system" | "popen" | "fork") || starts("exec") || starts("spawn")
}

/// Files that are found by listing folders, or under names that are made up.
fn reads(found: &mut Source, names: &[&str], call: &Call) {
    match names {
        [.., "glob" | "iglob" | "rglob"] => {
            if is_data(&call.first) {
                found.reads_data = true;
            } else {
                escape(found, call.line, "lists files");
            }
        }
        [.., "iterdir" | "listdir" | "scandir"] | ["os", "walk" | "fwalk"] => {
            escape(found, call.line, "lists files");
        }
        [.., "walk"] if call.arguments == 0 => escape(found, call.line, "lists files"),
        [
            ..,
            "with_suffix" | "with_name" | "with_stem" | "get_data" | "open_text" | "open_binary"
            | "read_binary" | "resource_string" | "resource_stream" | "resource_filename"
            | "resource_listdir" | "getfile" | "getsourcefile",
        ]
        | [.., "resources", _]
        | ["files"] => found.reads_data = true,
        _ => {}
    }
}

/// Tells whether a pattern matches data only: it ends with the ending of something else than Python.
fn is_data(pattern: &Text) -> bool {
    let name = pattern.start.rsplit('/').next().unwrap_or_default();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    let plain = |ending: &str| !ending.is_empty() && ending.chars().all(char::is_alphanumeric);
    pattern.complete && ending.is_some_and(|ending| plain(ending) && !ending.starts_with("py"))
}

/// A module that is loaded by its name, as far as that is known.
fn loaded(reader: &mut Reader, call: &Call) {
    let package = call.second.as_ref();
    match target(&call.first, package) {
        Target::Module(module) => reader.import(module, None),
        Target::Below(module) => {
            reader.found.below.insert(module);
        }
        Target::Unknown => escape(&mut reader.found, call.line, "imports what it computes"),
    }
}

enum Target {
    Module(Module),
    Below(Module),
    Unknown,
}

fn target(name: &Text, package: Option<&Text>) -> Target {
    let dots = name.start.len() - name.start.trim_start_matches('.').len();
    let rest = &name.start[dots..];
    // Where the name goes on, everything below its last whole part may be meant.
    let known = if name.complete {
        rest
    } else {
        rest.rsplit_once('.').map_or("", |(known, _)| known)
    };
    let level = u32::try_from(dots.max(usize::from(name.own))).unwrap_or(u32::MAX);
    let is_relative = name.own || dots > 0;
    let of_package = match package {
        Some(package) if is_relative && !name.own && !package.own => Some(package),
        _ => None,
    };
    let module = match of_package {
        Some(package) if !package.complete || package.is_empty() || dots > 1 => {
            return Target::Unknown;
        }
        Some(package) => Module::absolute(format!("{}.{known}", package.start)),
        None if is_relative && package.is_none() && !name.own => return Target::Unknown,
        None => Module {
            level,
            name: known.to_owned(),
        },
    };
    let module = Module {
        name: module.name.trim_end_matches('.').to_owned(),
        ..module
    };
    match () {
        () if module.name.is_empty() && !is_relative => Target::Unknown,
        () if name.complete => Target::Module(module),
        () => Target::Below(module),
    }
}

/// `pkgutil.iter_modules(package.__path__)`.
fn listed_modules(reader: &mut Reader, call: &Call) {
    let mut chain = call.first_chain.clone();
    let last = chain.pop();
    let package = match (last.as_deref(), chain.first()) {
        (Some("__path__"), None) => Some(Module {
            level: 1,
            name: String::new(),
        }),
        (Some("__path__"), Some(first)) => match reader.bound(first) {
            [module] => Some(module.inner(&chain[1..])),
            _ => None,
        },
        _ => None,
    };
    match package {
        Some(package) => {
            reader.found.below.insert(package);
        }
        None => escape(&mut reader.found, call.line, "lists modules"),
    }
}

/// Notes what naming something tells by itself.
pub(super) fn named(reader: &mut Reader, names: &[String], line: u32) {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if let ["sys", "meta_path" | "path_hooks", ..] = names[..] {
        escape(&mut reader.found, line, "hooks into imports");
    }
}

/// Notes an assignment to `a.b` or `a.b[c]`, by the names of `a.b`.
pub(super) fn assigned(reader: &mut Reader, names: &[String], line: u32) {
    let foreign = names
        .first()
        .is_some_and(|first| !reader.bound(first).is_empty());
    let at_top = reader.is_at_top();
    let found = &mut reader.found;
    let words: Vec<&str> = names.iter().map(String::as_str).collect();
    match words[..] {
        ["sys", "path"] => found.moves_path = true,
        ["__path__", ..] => escape(found, line, "changes where a package is looked for"),
        ["INSTALLED_APPS"] => found.names_apps = true,
        [_, _, ..] if foreign && at_top => found.patches = true,
        [_, _, ..] if foreign => found.patches_within = true,
        _ => {}
    }
}

/// Notes a call that stands alone at the top of a file: it is made for what it changes.
pub(super) fn called_at_top(reader: &mut Reader, names: &[String]) {
    const HARMLESS: &[&str] = &["pytest", "logging", "warnings", "unittest", "print"];
    let first = names.first().map_or("", String::as_str);
    let importing = names
        .last()
        .is_some_and(|last| matches!(last.as_str(), "importorskip" | "import_module"));
    if !HARMLESS.contains(&first) && !importing {
        reader.found.patches = true;
    }
}

/// Notes the names of others that are called, or written into, as soon as the file is imported.
pub(super) fn registered(reader: &mut Reader, names: &[String]) {
    let Some((first, rest)) = names.split_first() else {
        return;
    };
    let of = reader.bound(first).to_vec();
    for module in of {
        let mut parts = module.name.split('.').map(ToOwned::to_owned);
        let top = parts.next().unwrap_or_default();
        if module.level > 0 || !(stdlib::has(&top) || top == "pytest") {
            let last = parts.next_back().unwrap_or(top);
            let names = rest.iter().cloned().chain([last]);
            reader.found.registers.extend(names);
        }
    }
}

/// Notes a function by its name.
pub(super) fn defined(reader: &mut Reader, name: &str, line: u32) {
    if name.starts_with("pytest_") && reader.is_at_top() {
        reader.found.patches = true;
    }
    if name == "load_tests" {
        let what = "decides by itself which tests there are";
        escape(&mut reader.found, line, what);
    }
}

/// Notes what a test asks a plugin for: files that are named after the test.
pub(super) fn parameter(found: &mut Source, name: &str) {
    found.reads_data |= name.contains("datadir")
        || name.starts_with("snapshot")
        || name.ends_with("snapshot")
        || name.ends_with("regression");
}

/// Notes that nobody can tell what a file takes in; the first place counts.
pub(super) fn escape(found: &mut Source, line: u32, what: &str) {
    found.escape.get_or_insert_with(|| Escape {
        line,
        what: what.to_owned(),
    });
}
