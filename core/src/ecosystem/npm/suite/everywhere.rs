//! Files that take part in every test of a task: set up before it, compile what it loads, or set its environment. Sources: the pages of
//! `styles`, "Config Files" and "Plugins" of Babel, "Env Variables and Modes" of Vite, "Command-line API" of Node.js.

use std::collections::BTreeSet;

use affected_graph::{RepoPath, Task};

use super::super::resolve::{Meaning, Resolver};
use super::super::settings::TRANSFORM_OPTIONS;
use super::Read;
use crate::ecosystem::{Look, Suite};

/// Files of settings of compilers that are asked for every source; Babel takes those of all folders above.
const COMPILERS: &[&str] = &[
    ".babelrc",
    ".babelrc.cjs",
    ".babelrc.cts",
    ".babelrc.js",
    ".babelrc.json",
    ".babelrc.mjs",
    ".swcrc",
    "babel.config.cjs",
    "babel.config.cts",
    "babel.config.js",
    "babel.config.json",
    "babel.config.mjs",
    "babel.config.ts",
];

/// Options whose value is a module that is loaded first.
const LOADS: &[&str] = &[
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
];

/// Adds them all. The words of an error say which of them nobody can find.
pub(super) fn add(
    (look, resolver): (&Look<'_>, &Resolver<'_>),
    read: &Read,
    task: &Task,
    suite: &mut Suite,
) -> Result<(), String> {
    let folder = &task.cwd;
    for key in read.style.setup {
        for word in read.settings.of(key) {
            let found = supporting(resolver, folder, &from_root(word));
            let unknown = || format!("nobody knows what `{key}` means: {word}");
            suite.setup.extend(found.ok_or_else(unknown)?);
        }
    }
    for word in read.settings.of(TRANSFORM_OPTIONS) {
        if let Ok(at) = folder.join(from_root(word)) {
            suite.setup.extend(resolver.module(&at));
        }
    }
    compilers(look, resolver, folder, suite);
    let line = match &task.script {
        Some(script) => script.clone(),
        None => read.call.words.join(" "),
    };
    named(resolver, folder, &line, &mut suite.setup);
    suite.settings.extend(resolver.beginning(folder, ".env"));
    for word in read.settings.of("envDir") {
        let at = folder.join(word).map_err(|error| error.to_string())?;
        suite.settings.extend(resolver.beginning(&at, ".env"));
    }
    Ok(())
}

/// A path as settings of jest write it, from the folder where tests start.
pub(super) fn from_root(word: &str) -> String {
    word.replace("<rootDir>/", "./").replace("<rootDir>", ".")
}

fn supporting(
    resolver: &Resolver<'_>,
    folder: &RepoPath,
    word: &str,
) -> Option<BTreeSet<RepoPath>> {
    const INSTALLED: &[&str] = &[
        "node",
        "jsdom",
        "happy-dom",
        "edge-runtime",
        "babel-jest",
        "default",
    ];
    if INSTALLED.contains(&word) || word.starts_with("ts-jest") {
        return Some(BTreeSet::new());
    }
    let near = folder
        .join(word)
        .map(|at| resolver.module(&at))
        .unwrap_or_default();
    if !near.is_empty() {
        return Some(near);
    }
    match resolver.resolve(&folder.join("x").ok()?, word) {
        Meaning::Files(files) => Some(files),
        Meaning::Outside => Some(BTreeSet::new()),
        Meaning::Unknown => None,
    }
}

/// Settings of compilers, and what of the repository they take in: any word in them may be a plugin.
fn compilers(look: &Look<'_>, resolver: &Resolver<'_>, folder: &RepoPath, suite: &mut Suite) {
    for at in folder.ancestors() {
        let entry = resolver.entry(&at).unwrap_or_default();
        if let Some(text) = entry.settings.get("babel") {
            plugins(resolver, &at, text, &mut suite.setup);
        }
        for name in COMPILERS {
            let path = at.join(name).unwrap_or_default();
            if !resolver.is_file(&path) {
                continue;
            }
            let bytes = look.head.read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            plugins(resolver, &at, &text, &mut suite.setup);
            suite.settings.insert(path);
        }
    }
}

fn plugins(resolver: &Resolver<'_>, folder: &RepoPath, text: &str, found: &mut BTreeSet<RepoPath>) {
    let words = text.split(['"', '\'', '`']);
    let is_name = |word: &&str| {
        !word.is_empty() && word.len() <= 256 && !word.contains(|c: char| c.is_whitespace())
    };
    let from = folder.join("x").unwrap_or_default();
    for word in words.filter(is_name) {
        let word = word.trim_start_matches("module:");
        if word.contains('/')
            && let Ok(at) = folder.join(word)
        {
            found.extend(resolver.module(&at));
        }
        if word.starts_with('.') {
            continue;
        }
        for name in names(word) {
            if let Meaning::Files(files) = resolver.resolve(&from, &name) {
                found.extend(files);
            }
        }
    }
}

/// The packages that a short name of a plugin or preset may mean.
fn names(word: &str) -> Vec<String> {
    let mut found = vec![word.to_owned()];
    for kind in ["babel-plugin", "babel-preset"] {
        found.push(match word.split_once('/') {
            Some((scope, name)) if scope.starts_with('@') => format!("{scope}/{kind}-{name}"),
            _ if word.starts_with('@') => format!("{word}/{kind}"),
            _ => format!("{kind}-{word}"),
        });
    }
    found
}

/// What a line of a script names, wherever in it: `--import ./register.mjs`, `NODE_OPTIONS='-r ./setup'`, `dotenv -e .env.test`.
fn named(resolver: &Resolver<'_>, folder: &RepoPath, line: &str, found: &mut BTreeSet<RepoPath>) {
    let is_end = |c: char| c.is_whitespace() || "\"'`=;&|()".contains(c);
    let mut loads = false;
    for word in line.split(is_end).filter(|word| !word.is_empty()) {
        let at = folder.join(word).unwrap_or_default();
        if resolver.is_file(&at) {
            found.insert(at);
        } else if word.starts_with("./") || word.starts_with("../") {
            found.extend(resolver.module(&at));
        } else if loads
            && let Meaning::Files(files) =
                resolver.resolve(&folder.join("x").unwrap_or_default(), word)
        {
            found.extend(files);
        }
        loads = LOADS.contains(&word);
    }
}
