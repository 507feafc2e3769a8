//! Which files a test task runs, and what takes part in all of them.

mod everywhere;
mod styles;

use std::collections::BTreeSet;

use affected_graph::{Project, RepoPath, Task};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::package::Entry;
use super::resolve::{Alias, Meaning, Resolver};
use super::settings::{CODE, DATA, Settings, of_json};
use crate::ecosystem::{Look, Suite};
use crate::facts::Parser;
use crate::runner::{self, Call, RunnerId};
use styles::{ALL, Style};

/// What a task's settings are, and where they lie.
pub(super) struct Read {
    style: &'static Style,
    call: Call,
    settings: Settings,
    files: BTreeSet<RepoPath>,
}

/// Finds the files of a task. The words of an error say why it is not restricted.
pub(super) fn suite(
    look: &Look<'_>,
    resolver: &Resolver<'_>,
    project: &Project,
    task: &Task,
) -> Result<Suite, String> {
    let read = read(look, resolver, project, task)?;
    let mut suite = Suite {
        settings: read.files.clone(),
        is_one_process: is_one_process(&read),
        ..Suite::default()
    };
    everywhere::add((look, resolver), &read, task, &mut suite)?;
    let patterns = patterns(&read)?;
    tests(look, &task.cwd, &patterns, &mut suite)?;
    if read.style.runner == RunnerId("node-test") {
        let mut typed = Suite::default();
        let endings = |pattern: &String| pattern.replace("{js,cjs,mjs}", "{ts,cts,mts}");
        let patterns: Vec<String> = patterns.iter().map(endings).collect();
        tests(look, &task.cwd, &patterns, &mut typed)?;
        if let Some(path) = typed.tests.keys().next() {
            return Err(format!("whether {path} is run depends on node's version"));
        }
    }
    mocks(look, &task.cwd, &mut suite);
    Ok(suite)
}

/// Tells whether tests see what other files changed.
fn is_one_process(read: &Read) -> bool {
    let call = &read.call;
    let has = |option: &str, value: &str| {
        let whole = format!("{option}={value}");
        let words = call.arguments();
        let apart = words
            .windows(2)
            .any(|pair| pair[0] == option && pair[1] == value);
        apart || words.contains(&whole)
    };
    match read.style.runner.0 {
        "mocha" => true,
        "vitest" => {
            let options = call.arguments().iter();
            let mut off = options.filter(|word| {
                word.starts_with("--no-isolate") || word.ends_with(".isolate=false")
            });
            off.next().is_some()
                || has("--isolate", "false")
                || read.settings.of("isolate").next().is_some()
        }
        "node-test" => ["--test-isolation", "--experimental-test-isolation"]
            .iter()
            .any(|option| has(option, "none")),
        _ => false,
    }
}

/// Reads the settings of a task's runner.
fn read(
    look: &Look<'_>,
    resolver: &Resolver<'_>,
    project: &Project,
    task: &Task,
) -> Result<Read, String> {
    let line = task.script.as_deref().unwrap_or(&task.origin);
    let unknown = || format!("`{line}` starts no test runner that is known");
    let (runner, call) =
        runner::recognise(&task.command, task.script.as_deref()).ok_or_else(unknown)?;
    let style = ALL
        .iter()
        .find(|style| style.runner == runner.id())
        .ok_or_else(unknown)?;
    let any = [runner::Selected::File("x".to_owned())];
    if runner
        .restrict(&call, &any)
        .and_then(|words| call.command(&words))
        .is_none()
    {
        return Err(format!("`{line}` names its tests itself"));
    }
    if let Some(option) = style.options.iter().find(|option| call.has(option)) {
        return Err(format!("`{line}` has `{option}`"));
    }
    let mut read = Read {
        style,
        call,
        settings: Settings::default(),
        files: BTreeSet::new(),
    };
    let entry = resolver.entry(&project.root).unwrap_or_default();
    own_settings(look, &task.cwd, &entry, &mut read)?;
    more_settings(look, resolver, &task.cwd, &mut read)?;
    let settings = &read.settings;
    // What vite calls so is something else.
    let counts = |key: &&String| *key != "transform" || style.setup.contains(&"transform");
    if let Some(key) = settings.computed.iter().find(counts) {
        return Err(format!(
            "the settings of {} compute `{key}`",
            style.runner.0
        ));
    }
    let mut names = settings.aliases.iter().map(|(name, _)| name);
    // Of jest's, any part of a name counts that is not said to begin it, also of `./name`.
    let is_open = |name: &str| style.key == "jest" && !begins(name);
    if let Some(name) = names.find(|name| !is_plain_name(name) || is_open(name)) {
        return Err(format!(
            "the settings of {} map names in a way that is not understood: {name}",
            style.runner.0
        ));
    }
    for key in style.odd {
        if let Some(word) = settings
            .of(key)
            .find(|word| !style.plain.contains(&word.as_str()))
        {
            return Err(format!(
                "the settings of {} have `{key}`: {word}",
                style.runner.0
            ));
        }
    }
    Ok(read)
}

fn own_settings(
    look: &Look<'_>,
    folder: &RepoPath,
    entry: &Entry,
    read: &mut Read,
) -> Result<(), String> {
    for name in read.style.settings {
        let path = folder.join(name).unwrap_or_default();
        // One that was deleted says nothing any more, but takes the whole project.
        if look.head.files().is_file(&path) {
            let found = look
                .head
                .parse(&path, parser_of(&path)?)
                .map_err(|fault| fault.to_string())?;
            read.settings.add(&found);
            read.settings.bases.extend(found.bases.iter().cloned());
            read.files.insert(path);
        }
    }
    if let Some(text) = entry.settings.get(read.style.key) {
        let found = of_json(text);
        maps_elsewhere(&folder.join("package.json").unwrap_or_default(), &found)?;
        read.settings.add(&found);
    }
    Ok(())
}

fn parser_of(path: &RepoPath) -> Result<&'static Parser<Settings>, String> {
    let name = path.file_name();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end.as_bytes()));
    match () {
        () if ends(&[".json", ".jsonc"]) => Ok(&DATA),
        () if ends(&["yml", "yaml"]) => Err(format!("{path} is not read")),
        () => Ok(&CODE),
    }
}

/// Settings that others of jest begin with, if they are of the repository.
fn presets(
    resolver: &Resolver<'_>,
    folder: &RepoPath,
    settings: &Settings,
) -> Result<BTreeSet<RepoPath>, String> {
    let mut found = BTreeSet::new();
    for word in settings.of("preset") {
        let plain = everywhere::from_root(word);
        let unknown = || format!("nobody knows what `preset` means: {word}");
        if plain.starts_with('.') {
            let at = folder.join(&plain).map_err(|_| unknown())?;
            let inside = at.join("jest-preset").map_err(|_| unknown())?;
            let mut files = resolver.module(&inside);
            if files.is_empty() {
                files = resolver.module(&at);
            }
            if files.is_empty() {
                return Err(unknown());
            }
            found.extend(files);
        } else if !plain.starts_with("ts-jest") {
            let inside = format!("{plain}/jest-preset");
            match resolver.resolve(&folder.join("x").unwrap_or_default(), &inside) {
                Meaning::Files(files) => found.extend(files),
                Meaning::Outside if !word.contains("preset") => {}
                _ => return Err(unknown()),
            }
        }
    }
    Ok(found)
}

/// What names mean is followed where a runner's own file of settings says so, see `level::aliases`.
fn maps_elsewhere(path: &RepoPath, settings: &Settings) -> Result<(), String> {
    match settings.aliases.first() {
        Some((name, _)) => Err(format!("{path} says what `{name}` means")),
        None => Ok(()),
    }
}

/// Follows settings that come from other files of the repository.
fn more_settings(
    look: &Look<'_>,
    resolver: &Resolver<'_>,
    folder: &RepoPath,
    read: &mut Read,
) -> Result<(), String> {
    let presets = presets(resolver, folder, &read.settings)?;
    for path in presets {
        let found = look
            .head
            .parse(&path, parser_of(&path)?)
            .map_err(|fault| fault.to_string())?;
        maps_elsewhere(&path, &found)?;
        read.settings.add(&found);
        read.settings.bases.extend(found.bases.iter().cloned());
        read.files.insert(path);
    }
    let mut open: Vec<(RepoPath, String)> = Vec::new();
    for file in &read.files {
        open.extend(
            read.settings
                .bases
                .iter()
                .map(|base| (file.clone(), base.clone())),
        );
    }
    let mut met = BTreeSet::new();
    while let Some((from, base)) = open.pop() {
        if is_tool(&base) || !met.insert((from.clone(), base.clone())) {
            continue;
        }
        let Meaning::Files(files) = resolver.resolve(&from, &base) else {
            return Err(format!("{from} takes settings from `{base}`"));
        };
        for path in files {
            let found = look
                .head
                .parse(&path, parser_of(&path)?)
                .map_err(|fault| fault.to_string())?;
            if !read.files.contains(&path) {
                maps_elsewhere(&path, &found)?;
            }
            read.settings.add(&found);
            open.extend(found.bases.iter().map(|base| (path.clone(), base.clone())));
        }
    }
    Ok(())
}

/// Modules that settings call without taking settings from them.
fn is_tool(module: &str) -> bool {
    let plain = module.strip_prefix("node:").unwrap_or(module);
    matches!(
        plain,
        "path" | "url" | "fs" | "os" | "module" | "process" | "vite" | "ts-jest" | "pathe"
    ) || ["vitest", "vite-", "@vitejs/", "@vitest/"]
        .iter()
        .any(|start| plain.starts_with(start))
}

fn patterns(read: &Read) -> Result<Vec<String>, String> {
    let mut found: Vec<String> = Vec::new();
    for key in read.style.patterns {
        for word in read.settings.of(key) {
            if *key == "testRegex" {
                // Whatever it says exactly: jest itself leaves out what is no test.
                let known = word.contains("spec") || word.contains("test");
                if !known {
                    return Err(format!("`testRegex` is not understood: {word}"));
                }
                found.extend([
                    "**/*spec*".to_owned(),
                    "**/*test*".to_owned(),
                    "**/__tests__/**".to_owned(),
                    "**/test*/**".to_owned(),
                    "**/spec/**".to_owned(),
                ]);
            } else {
                found.push(
                    word.replace("<rootDir>/", "")
                        .trim_start_matches("./")
                        .to_owned(),
                );
            }
        }
    }
    // `includeSource` adds to the default, `include` replaces it.
    let replaced = read
        .style
        .patterns
        .iter()
        .any(|key| *key != "includeSource" && read.settings.of(key).next().is_some());
    if !replaced {
        found.extend(read.style.default.iter().map(ToString::to_string));
    }
    found.retain(|pattern| !pattern.starts_with('!'));
    if read.style.runner == RunnerId("node-test") && read.call.program() != "node" {
        return Err("its runner finds tests in ways of its own".to_owned());
    }
    Ok(found)
}

fn tests(
    look: &Look<'_>,
    folder: &RepoPath,
    patterns: &[String],
    suite: &mut Suite,
) -> Result<(), String> {
    let globs = globs(patterns)?;
    let here = look
        .head
        .files()
        .below(folder)
        .iter()
        .map(|entry| &entry.path);
    let gone = look
        .changed
        .deleted
        .iter()
        .filter(|path| path.is_within(folder));
    for path in here.chain(gone) {
        let Some(inside) = path
            .relative_to(folder)
            .and_then(|inside| std::str::from_utf8(inside).ok())
        else {
            continue;
        };
        let installed = path.components().any(|part| part == b"node_modules");
        if installed
            || !globs.is_match(inside)
            || super::source::parser_of(path.file_name()).is_none()
        {
            continue;
        }
        if inside.starts_with('-') {
            return Err(format!("{path} looks like an option"));
        }
        suite.tests.insert(path.clone(), inside.to_owned());
    }
    Ok(())
}

/// Mocks of installed packages stand beside them, and are taken by every test.
fn mocks(look: &Look<'_>, folder: &RepoPath, suite: &mut Suite) {
    let at = folder.join("__mocks__").unwrap_or_default();
    let here = look.head.files().below(&at).iter().map(|entry| &entry.path);
    let gone = look
        .changed
        .deleted
        .iter()
        .filter(|path| path.is_within(&at));
    suite.setup.extend(here.chain(gone).cloned());
}

fn globs(patterns: &[String]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let plain = without_extended(pattern);
        let glob = GlobBuilder::new(&plain)
            .literal_separator(true)
            .empty_alternates(true)
            .build();
        set.add(glob.map_err(|error| format!("`{pattern}` is no glob: {}", error.kind()))?);
    }
    set.build().map_err(|error| error.to_string())
}

/// Writes `?(a|b)` as `{a,b,}`, and what may repeat or must not match as `*`, which matches more.
fn without_extended(pattern: &str) -> String {
    let (mut out, mut rest) = (String::new(), pattern);
    while let Some(at) = rest.find('(') {
        let sign = rest[..at].chars().next_back();
        let Some(end) = rest[at..].find(')').map(|end| at + end) else {
            break;
        };
        let Some(sign) = sign.filter(|sign| "?@+*!".contains(*sign)) else {
            break;
        };
        out.push_str(&rest[..at - 1]);
        let choices = rest[at + 1..end].replace('|', ",");
        let written = match sign {
            '?' => format!("{{{choices},}}"),
            '@' => format!("{{{choices}}}"),
            '+' => format!("{{{choices},{}*}}", choices.replace(',', "*,")),
            _ => "*".to_owned(),
        };
        out.push_str(&written);
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    out
}

/// How a pattern starts that means all names of some ending.
const ENDINGS: &[&str] = &[
    "\\.",
    "^.+\\.",
    ".+\\.",
    "^.*\\.",
    ".*\\.",
    "^(\\.{1,2}/",
    "^(\\.\\.?/",
];

/// Tells whether a pattern says how a name begins, or means all of some ending.
fn begins(name: &str) -> bool {
    let is_anchored = name.starts_with('^') && !name.starts_with("^(.");
    is_anchored || ENDINGS.iter().any(|start| name.starts_with(start))
}

/// Tells whether a mapped name is a plain one, one with a star, or all names of some ending, which are files anyway.
fn is_plain_name(name: &str) -> bool {
    let bare = name
        .replace("(.*)", "")
        .replace("(.+)", "")
        .replace("\\.", "")
        .replace("\\/", "");
    ENDINGS.iter().any(|start| name.starts_with(start))
        || !bare.contains(['(', ')', '[', ']', '|', '\\', '+', '?', '{'])
}

/// What settings make of names, with stars; an error for what is no plain pattern.
pub(super) fn aliases(folder: &RepoPath, settings: &Settings) -> BTreeSet<Alias> {
    let mut found = BTreeSet::new();
    for (from, to) in &settings.aliases {
        let to = to.replace("<rootDir>/", "").replace("$1", "*");
        let Ok(at) = folder.join(&to) else { continue };
        let plain = from
            .trim_start_matches('^')
            .trim_end_matches('$')
            .replace("(.*)", "*")
            .replace("(.+)", "*")
            .replace("\\.", ".")
            .replace("\\/", "/");
        let to = at.to_string();
        if plain.contains('*') {
            found.insert(Alias { from: plain, to });
        } else {
            found.insert(Alias {
                from: format!("{}/*", plain.trim_end_matches('/')),
                to: format!("{to}/*"),
            });
            found.insert(Alias { from: plain, to });
        }
    }
    found
}
