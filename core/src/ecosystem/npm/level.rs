//! Files of JavaScript and TypeScript as units.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{Project, RepoPath, Task};

use super::Npm;
use super::resolve::{Meaning, Resolver};
use super::settings::CODE;
use super::source::{Change, Source, parser_of};
use super::suite;
use crate::ecosystem::outer::{self, Around};
use crate::ecosystem::{FileLevel, Look, SourceFile, Suite};
use crate::lockfile;

impl FileLevel for Npm {
    fn suite(&self, look: &Look<'_>, project: &Project, task: &Task) -> Result<Suite, String> {
        let resolver = Resolver::new(look, BTreeSet::new());
        suite::suite(look, &resolver, project, task)
    }

    fn sources(&self, look: &Look<'_>, of: &BTreeSet<RepoPath>) -> Vec<SourceFile> {
        let resolver = Resolver::new(look, aliases(look, of));
        let (settings, tests): (BTreeSet<_>, BTreeSet<_>) =
            of.iter().cloned().partition(is_settings);
        let mut found = BTreeMap::new();
        walk(look, &resolver, tests, Follow::All, &mut found);
        walk(look, &resolver, settings, Follow::Imports, &mut found);
        lead_outwards(look, &mut found);
        found.into_values().collect()
    }
}

/// Adds data that names changed data which sources name: who reads the first reads the second.
fn lead_outwards(look: &Look<'_>, found: &mut BTreeMap<RepoPath, SourceFile>) {
    let changed = look.changed;
    let all = [&changed.added, &changed.modified, &changed.deleted];
    let is_named = |path: &&RepoPath| found.values().any(|file| file.uses.contains(*path));
    let inner = all.into_iter().flatten().filter(|path| is_data(path));
    let inner: BTreeSet<RepoPath> = inner.filter(is_named).cloned().collect();
    if inner.is_empty() {
        return;
    }
    let owner = |path: &RepoPath| look.graph.enclosing(path).next();
    let is_near = |from: &RepoPath, path: &RepoPath| match (owner(from), owner(path)) {
        (Some(from), Some(to)) => {
            let below = look.graph.dependencies(from);
            from == to || below.iter().any(|(below, _)| *below == to)
        }
        _ => true,
    };
    let around = Around {
        look,
        is_data: &is_data,
        is_near: &is_near,
    };
    let Some(outer) = outer::of(&around, &inner) else {
        for file in found.values_mut() {
            let words = "there is too much data to find all that names what changed";
            file.escape.get_or_insert_with(|| words.to_owned());
        }
        return;
    };
    for (path, inner) in outer {
        let fresh = || SourceFile {
            path: path.clone(),
            ..SourceFile::default()
        };
        let file = found.entry(path.clone()).or_insert_with(fresh);
        file.uses.extend(inner.into_iter().map(|inner| inner.path));
    }
}

/// Tells data from sources, and from what says how a package is put together.
fn is_data(path: &RepoPath) -> bool {
    let name = path.file_name();
    let is_manifest = name == b"package.json" || name.starts_with(b"tsconfig");
    parser_of(name).is_none() && !is_manifest && lockfile::format_of(name).is_none()
}

/// What is followed of a file.
#[derive(Clone, Copy)]
enum Follow {
    All,
    /// Of settings: other paths in them are patterns and places of output, but for files of data.
    Imports,
}

fn is_settings(path: &RepoPath) -> bool {
    let name = path.file_name();
    let has = |part: &[u8]| memchr::memmem::find(name, part).is_some();
    let is_test = has(b".test.") || has(b".spec.");
    (has(b".config.") && !is_test)
        || name.starts_with(b".mocharc")
        || name.starts_with(b"vitest.workspace.")
        || name.starts_with(b"vitest.projects.")
}

/// Follows files to the end.
fn walk(
    look: &Look<'_>,
    resolver: &Resolver<'_>,
    of: BTreeSet<RepoPath>,
    follow: Follow,
    found: &mut BTreeMap<RepoPath, SourceFile>,
) {
    let mut open: Vec<RepoPath> = of.into_iter().collect();
    while !open.is_empty() {
        let mut next = BTreeSet::new();
        for (path, mut source) in parsed(look, std::mem::take(&mut open)) {
            let mut data = BTreeSet::new();
            if let Follow::Imports = follow {
                data = data_of(resolver, &path, &source);
                source = Source {
                    imports: source.imports,
                    ..Source::default()
                };
            }
            let mut file = file(resolver, &path, &source);
            if let Follow::Imports = follow {
                file.uses.extend(data);
                file.escape = None;
            }
            next.extend(file.uses.iter().cloned());
            found.insert(path, file);
        }
        let fresh = next.into_iter().filter(|path| !found.contains_key(path));
        open.extend(
            fresh.filter(|path| parser_of(path.file_name()).is_some() && resolver.is_file(path)),
        );
    }
}

/// Files of data that settings name.
fn data_of(resolver: &Resolver<'_>, path: &RepoPath, source: &Source) -> BTreeSet<RepoPath> {
    let folder = path.parent().unwrap_or_default();
    let reads = source.reads.iter();
    let mut found: BTreeSet<RepoPath> = reads.filter_map(|read| folder.join(read).ok()).collect();
    for word in &source.mentions {
        found.extend(resolver.mentioned(path, word));
    }
    found.retain(|path| resolver.is_file(path) && parser_of(path.file_name()).is_none());
    found
}

/// What settings among `of` make of names.
fn aliases(look: &Look<'_>, of: &BTreeSet<RepoPath>) -> BTreeSet<super::resolve::Alias> {
    let mut found = BTreeSet::new();
    for path in of {
        if !is_settings(path) || parser_of(path.file_name()).is_none() {
            continue;
        }
        if let Ok(settings) = look.head.parse(path, &CODE) {
            found.extend(suite::aliases(
                &path.parent().unwrap_or_default(),
                &settings,
            ));
        }
    }
    found
}

/// Parses files of the head, and of the base those that differ.
fn parsed(look: &Look<'_>, paths: Vec<RepoPath>) -> BTreeMap<RepoPath, Source> {
    let mut by_parser: BTreeMap<&str, Vec<RepoPath>> = BTreeMap::new();
    for path in paths {
        if let Some(parser) = parser_of(path.file_name()) {
            by_parser.entry(parser.id).or_default().push(path);
        }
    }
    let mut found = BTreeMap::new();
    for paths in by_parser.into_values() {
        let Some(parser) = paths.first().and_then(|path| parser_of(path.file_name())) else {
            continue;
        };
        let (here, gone): (Vec<_>, Vec<_>) = paths
            .into_iter()
            .partition(|path| !look.changed.deleted.contains(path));
        let before: Vec<RepoPath> = here
            .iter()
            .filter(|path| look.changed.modified.contains(*path))
            .chain(&gone)
            .cloned()
            .collect();
        for (path, parsed) in look.head.parse_all(here, parser) {
            let source =
                parsed.map_or_else(|fault| broken(&fault.message), |source| (*source).clone());
            found.insert(path, source);
        }
        for path in before {
            let old = look
                .base
                .as_ref()
                .and_then(|base| base.tree.read(&path).ok());
            let Some(old) = old.and_then(|bytes| (parser.parse)(&bytes).ok()) else {
                continue;
            };
            let now = found.entry(path).or_default();
            now.imports.extend(old.imports);
            now.reads.extend(old.reads);
            now.mentions.extend(old.mentions);
            // A change for others that differs is all of the file, whatever it uses.
            let differing = now.changes.symmetric_difference(&old.changes).cloned();
            let own: Vec<Change> = differing.map(Change::of_all).collect();
            now.changes.extend(own);
        }
    }
    for (path, source) in &mut found {
        if look.changed.added.contains(path) {
            let all = std::mem::take(&mut source.changes).into_iter();
            source.changes = all.map(Change::of_all).collect();
        }
    }
    found
}

fn broken(words: &str) -> Source {
    Source {
        escape: Some((1, format!("cannot be read: {words}"))),
        ..Source::default()
    }
}

/// Resolves what a file names.
fn file(resolver: &Resolver<'_>, path: &RepoPath, source: &Source) -> SourceFile {
    let folder = path.parent().unwrap_or_default();
    let mut uses = BTreeSet::new();
    let mut lost = None;
    for name in &source.imports {
        match resolver.resolve(path, name) {
            Meaning::Files(files) => uses.extend(files),
            Meaning::Outside => {}
            Meaning::Unknown => lost = lost.or(Some(name)),
        }
    }
    for read in &source.reads {
        let Ok(at) = folder.join(read) else { continue };
        uses.extend(resolver.module(&at));
        uses.insert(at);
    }
    for word in &source.mentions {
        uses.extend(resolver.mentioned(path, word));
    }
    uses.extend(beside(resolver, path));
    let mocked: Vec<RepoPath> = uses.iter().filter_map(mock).collect();
    uses.extend(mocked.iter().flat_map(|mock| resolver.module(mock)));
    uses.remove(path);
    let escape = source
        .escape
        .as_ref()
        .map(|(line, words)| format!("{path}:{line} {words}"));
    let lost = lost.map(|name| format!("{path} imports `{name}`, which cannot be found"));
    SourceFile {
        path: path.clone(),
        uses,
        escape: escape.or(lost),
        spreads: spreads(resolver, path, source),
    }
}

/// Where that comes from which a file changes for others: guesses count in what is of the tests.
fn spreads(resolver: &Resolver<'_>, path: &RepoPath, source: &Source) -> BTreeSet<RepoPath> {
    let counts = |change: &&Change| !change.is_guess || is_of_tests(path);
    let mut found = BTreeSet::new();
    for change in source.changes.iter().filter(counts) {
        if change.is_own {
            found.insert(path.clone());
        }
        for name in &change.modules {
            if let Meaning::Files(files) = resolver.resolve(path, name) {
                found.extend(files);
            }
        }
    }
    found
}

/// Tells tests and what helps them from sources, by their names.
fn is_of_tests(path: &RepoPath) -> bool {
    const FOLDERS: &[&[u8]] = &[b"__tests__", b"spec", b"specs", b"test", b"tests"];
    let name = path.file_name();
    let has = |part: &[u8]| memchr::memmem::find(name, part).is_some();
    has(b"test") || has(b"spec") || path.components().any(|part| FOLDERS.contains(&part))
}

/// The snapshots of a test lie beside it.
fn beside(resolver: &Resolver<'_>, path: &RepoPath) -> Option<RepoPath> {
    let name = [path.file_name(), b".snap"].concat();
    let at = path.parent()?.join("__snapshots__").ok()?.join(name).ok()?;
    resolver.is_file(&at).then_some(at)
}

/// Where a mock of a module would lie, without its ending.
fn mock(path: &RepoPath) -> Option<RepoPath> {
    let name = path.file_name();
    let stem = &name[..memchr::memrchr(b'.', name)?];
    path.parent()?.join("__mocks__").ok()?.join(stem).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_told_from_tests_by_their_names() {
        let check = |name: &str, expect: bool| {
            let path = RepoPath::new(name).expect("a path");
            assert_eq!(is_settings(&path), expect, "{name}");
        };
        check("a/vitest.config.ts", true);
        check("a/vitest.config.e2e.ts", true);
        check("a/vitest.workspace.ts", true);
        check("a/.mocharc.cjs", true);
        check("a/app.config.test.js", false);
        check("a/app.config.spec.ts", false);
        check("a/vitest.setup.js", false);
    }
}
