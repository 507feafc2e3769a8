//! Which files read which data: by the names that are written in them.
//!
//! Only changed data matters, so there is little to look for. A file reads what it names, by its path, its name or its
//! folder; what it finds by listing is an escape, or, where only data can be meant, any data near it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use affected_graph::RepoPath;

use super::source::Source;
use super::world::{World, is_source};

/// Sources of other languages: what is made of them is no matter of who names them.
const BUILT: &[&[u8]] = &[
    b".pyx", b".pxd", b".pxi", b".pyi", b".c", b".cc", b".cpp", b".cxx", b".h", b".hpp", b".rs",
    b".f90", b".so", b".pyd", b".proto", b".thrift", b".in",
];

/// Changed files that are no sources.
pub(super) struct Data<'w> {
    changed: BTreeSet<&'w RepoPath>,
    /// Those that somebody names.
    named: RefCell<BTreeSet<RepoPath>>,
    /// Sources by their file name, for those that strings name by a path.
    sources: BTreeMap<&'w [u8], Vec<&'w RepoPath>>,
}

impl<'w> Data<'w> {
    pub(super) fn new(world: &World<'w>) -> Self {
        let changed = world.look.changed;
        let all = [&changed.added, &changed.deleted, &changed.modified];
        let is_built = |path: &RepoPath| {
            let name = path.file_name();
            BUILT.iter().any(|ending| name.ends_with(ending))
        };
        let data = all.into_iter().flatten();
        let mut sources: BTreeMap<&[u8], Vec<&RepoPath>> = BTreeMap::new();
        let head = world.look.head.files().entries().iter();
        let paths = head.map(|entry| &entry.path).chain(&changed.deleted);
        for path in paths.filter(|path| is_source(path)) {
            sources.entry(path.file_name()).or_default().push(path);
        }
        Self {
            changed: data
                .filter(|path| !is_source(path) && !is_built(path))
                .collect(),
            named: RefCell::default(),
            sources,
        }
    }

    /// Adds what a file reads.
    pub(super) fn add(
        &self,
        world: &World<'_>,
        path: &RepoPath,
        facts: &Source,
        uses: &mut BTreeSet<RepoPath>,
    ) {
        for word in facts.words.iter().filter(|word| word.ends_with(".py")) {
            let name = word.rsplit('/').next().unwrap_or(word);
            let meant = self.sources.get(name.as_bytes()).into_iter().flatten();
            let meant = meant.filter(|file| is_meant(file, word) && world.is_near(path, file));
            uses.extend(meant.map(|file| (*file).clone()));
        }
        for file in &self.changed {
            if !world.is_near(path, file) {
                continue;
            }
            let named = || facts.words.iter().any(|word| is_meant(file, word));
            let is_named = is_named_after(file, path) || named();
            if is_named {
                self.named.borrow_mut().insert((*file).clone());
            }
            if facts.reads_data || is_named {
                uses.insert((*file).clone());
            }
        }
    }
}

impl Data<'_> {
    /// Tells whether a changed file is read at most by who may read any data: that says nothing about others, who may read it
    /// by a name that they make up, so nobody is known to use it.
    pub(super) fn is_unnamed(&self, path: &RepoPath) -> bool {
        self.changed.contains(path) && !self.named.borrow().contains(path)
    }
}

/// Tells whether a string can mean a file: it is the end of its path, with or without the ending, or that of a folder
/// around it.
fn is_meant(file: &RepoPath, word: &str) -> bool {
    let word = word
        .trim_start_matches(['.', '/', '~'])
        .trim_end_matches('/');
    if word.is_empty() {
        return false;
    }
    let words: Vec<&[u8]> = word.split('/').map(str::as_bytes).collect();
    let parts: Vec<&[u8]> = file.components().collect();
    let name = parts.last().copied().unwrap_or_default();
    let is_part = |(part, word): (&&[u8], &&[u8])| part == word;
    let ends = |name: &[u8]| {
        let mut own = parts.clone();
        own.pop();
        own.push(name);
        own.iter().rev().zip(words.iter().rev()).all(is_part) && words.len() <= own.len()
    };
    let stem = name
        .iter()
        .position(|byte| *byte == b'.')
        .filter(|at| *at > 0);
    let folders = &parts[..parts.len().saturating_sub(1)];
    let is_around = || folders.windows(words.len()).any(|around| around == words);
    ends(name) || stem.is_some_and(|end| ends(&name[..end])) || is_around()
}

/// Snapshots and files of data are kept under the name of the test that has them.
fn is_named_after(file: &RepoPath, test: &RepoPath) -> bool {
    let folder = test.parent().unwrap_or_default();
    let name = test.file_name();
    let stem = name.strip_suffix(b".py").unwrap_or(name);
    let Some(inside) = file.relative_to(&folder) else {
        return false;
    };
    inside
        .split(|byte| *byte == b'/')
        .any(|part| part.split(|byte| *byte == b'.').next() == Some(stem) || part == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_mean_files_by_their_ends_and_folders() {
        let check = |file: &str, word: &str, expect: bool| {
            let file = RepoPath::new(file).expect("a path");
            assert_eq!(is_meant(&file, word), expect, "{file} {word}");
        };
        check("a/data/x.json", "data/x.json", true);
        check("a/data/x.json", "x.json", true);
        check("a/data/x.json", "x", true);
        check("a/data/x.json", "../data/x.json", true);
        check("a/data/x.json", "./data/", true);
        check("a/data/x.json", "data", true);
        check("a/data/b/x.json", "data/b", true);
        check("a/data/x.json", "data/y.json", false);
        check("a/data/x.json", "other/x.json", false);
        check("a/data/x.json", "", false);
        check("a/data/x.json", "a.b", false);
        check("x.json", "b/a/x.json", false);
    }

    #[test]
    fn snapshots_belong_to_the_test_of_their_name() {
        let check = |file: &str, expect: bool| {
            let path = |text: &str| RepoPath::new(text).expect("a path");
            assert_eq!(
                is_named_after(&path(file), &path("t/test_a.py")),
                expect,
                "{file}"
            );
        };
        check("t/__snapshots__/test_a.ambr", true);
        check("t/__snapshots__/test_a/one.json", true);
        check("t/test_a/input.txt", true);
        check("t/__snapshots__/test_b.ambr", false);
        check("u/test_a/input.txt", false);
    }
}
