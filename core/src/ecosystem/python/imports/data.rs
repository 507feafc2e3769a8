//! Which files read which data: by the names that are written in them.
//!
//! Only changed data matters, so there is little to look for. A file reads what it names, by its path, its name or its
//! folder; what it finds by listing is an escape, or, where only data can be meant, any data near it. Who reads data that
//! names other data reads that, too.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use affected_graph::RepoPath;

use super::source::Source;
use super::world::{World, is_source};
use crate::ecosystem::outer::{self, Around, Outer};

/// Sources of other languages: what is made of them is no matter of who names them.
const BUILT: &[&[u8]] = &[
    b".pyx", b".pxd", b".pxi", b".pyi", b".c", b".cc", b".cpp", b".cxx", b".h", b".hpp", b".rs",
    b".f90", b".so", b".pyd", b".proto", b".thrift", b".in",
];

/// Changed files that are no sources.
pub(super) struct Data<'w> {
    changed: BTreeSet<&'w RepoPath>,
    /// Data that leads to them; known from [`Data::lead_outwards`] on.
    outer: Outer,
    /// Whether there is too much data to find all that leads to them.
    is_lost: bool,
    /// Those that somebody names, so that it can be no chance.
    named: RefCell<BTreeSet<RepoPath>>,
    /// Folders without sources: whoever names one means data.
    bare: RefCell<BTreeMap<RepoPath, bool>>,
    /// Sources by their file name, for those that strings name by a path.
    sources: BTreeMap<&'w [u8], Vec<&'w RepoPath>>,
}

impl<'w> Data<'w> {
    pub(super) fn new(world: &World<'w>) -> Self {
        let changed = world.look.changed;
        let all = [&changed.added, &changed.deleted, &changed.modified];
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
            outer: Outer::new(),
            is_lost: false,
            named: RefCell::default(),
            bare: RefCell::default(),
            sources,
        }
    }

    /// Looks for data that leads to what was found to be named; tells whether there is any, so that who names it has to be
    /// found as well.
    pub(super) fn lead_outwards(&mut self, world: &World<'_>) -> bool {
        let named = self.named.borrow().clone();
        let around = Around {
            look: world.look,
            is_data: &|path| !is_source(path) && !is_built(path),
            is_near: &|from, path| world.is_near(from, path),
        };
        match outer::of(&around, &named) {
            Some(outer) => self.outer = outer,
            None => self.is_lost = true,
        }
        !self.outer.is_empty()
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
            let meant =
                meant.filter(|file| meaning(file, word).is_some() && world.is_near(path, file));
            uses.extend(meant.map(|file| (*file).clone()));
        }
        let outer = self.outer.keys();
        let all = self.changed.iter().copied().map(|file| (file, true));
        for (file, is_changed) in all.chain(outer.map(|file| (file, false))) {
            if !world.is_near(path, file) {
                continue;
            }
            let meant = facts.words.iter().filter_map(|word| meaning(file, word));
            let meanings: Vec<Meaning> = meant.collect();
            let is_after = is_named_after(file, path);
            if is_after || meanings.iter().any(|how| self.is_proof(world, *how, file)) {
                self.named.borrow_mut().insert(file.clone());
            }
            if is_after || !meanings.is_empty() || (facts.reads_data && is_changed) {
                uses.insert(file.clone());
            }
        }
    }
}

impl Data<'_> {
    fn is_proof(&self, world: &World<'_>, how: Meaning, file: &RepoPath) -> bool {
        match how {
            Meaning::Name => true,
            Meaning::Chance => false,
            Meaning::Folder(above) => {
                let folder = file.ancestors().nth(above).unwrap_or_default();
                let mut known = self.bare.borrow_mut();
                let bare = known.entry(folder).or_insert_with_key(|folder| {
                    let inside = world.below(folder);
                    !inside.iter().any(is_source)
                });
                *bare
            }
        }
    }

    /// What of the changed data is read by others than those who are known to: nobody names it, though there may be some
    /// who read any data, or it is a part of what nobody names. Nobody is known to use that.
    pub(super) fn doubtful(&self) -> BTreeSet<RepoPath> {
        let named = self.named.borrow();
        let inner = |path: &RepoPath| self.outer.get(path).into_iter().flatten();
        let mut read = BTreeSet::new();
        let mut open: Vec<&RepoPath> = named.iter().collect();
        while let Some(path) = open.pop() {
            if read.insert(path) {
                open.extend(inner(path).map(|inner| &inner.path));
            }
        }
        let unread = self.outer.keys().filter(|path| !read.contains(path));
        let mut open: Vec<&RepoPath> = unread.collect();
        let is_doubtful = |path: &&RepoPath| self.is_lost || !named.contains(path);
        let changed = self.changed.iter().copied();
        let mut found: BTreeSet<&RepoPath> = changed.filter(is_doubtful).collect();
        while let Some(path) = open.pop() {
            let mattering = inner(path).filter(|inner| inner.matters);
            open.extend(
                mattering
                    .map(|inner| &inner.path)
                    .filter(|path| found.insert(path)),
            );
        }
        found.into_iter().cloned().collect()
    }

    /// Data that leads to changed data, and where.
    pub(super) fn leading(&self) -> impl Iterator<Item = (&RepoPath, BTreeSet<RepoPath>)> {
        self.outer.iter().map(|(path, inner)| {
            let inner = inner.iter().map(|inner| inner.path.clone());
            (path, inner.collect())
        })
    }
}

/// Tells whether a file is a source of another language.
fn is_built(path: &RepoPath) -> bool {
    let name = path.file_name();
    BUILT.iter().any(|ending| name.ends_with(ending))
}

/// How a string can mean a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// By its name, with others in front of it.
    Name,
    /// By its name without the ending: any word may look like that.
    Chance,
    /// By a folder around it, so many steps above it.
    Folder(usize),
}

/// Tells how a string can mean a file: it is the end of its path, with or without the ending, or that of a folder around it.
fn meaning(file: &RepoPath, word: &str) -> Option<Meaning> {
    let word = word
        .trim_start_matches(['.', '/', '~'])
        .trim_end_matches('/');
    if word.is_empty() {
        return None;
    }
    let words: Vec<&[u8]> = word.split('/').map(str::as_bytes).collect();
    let parts: Vec<&[u8]> = file.components().collect();
    let name = parts.last().copied().unwrap_or_default();
    let folders = &parts[..parts.len().saturating_sub(1)];
    let ends = |name: &[u8]| {
        let (last, before) = words.split_last().unwrap_or((&name, &[]));
        *last == name && folders.ends_with(before)
    };
    let stem = name
        .iter()
        .position(|byte| *byte == b'.')
        .filter(|at| *at > 0);
    if ends(name) {
        return Some(Meaning::Name);
    }
    if stem.is_some_and(|end| ends(&name[..end])) {
        return Some(if words.len() > 1 {
            Meaning::Name
        } else {
            Meaning::Chance
        });
    }
    let around = folders.windows(words.len()).rposition(|it| it == words);
    around.map(|at| Meaning::Folder(parts.len() - at - words.len()))
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
        use Meaning::{Chance, Folder, Name};
        let check = |file: &str, word: &str, expect: Option<Meaning>| {
            let file = RepoPath::new(file).expect("a path");
            assert_eq!(meaning(&file, word), expect, "{file} {word}");
        };
        check("a/data/x.json", "data/x.json", Some(Name));
        check("a/data/x.json", "x.json", Some(Name));
        check("a/data/x.json", "x", Some(Chance));
        check("a/data/x.json", "../data/x.json", Some(Name));
        check("a/data/x.json", "./data/", Some(Folder(1)));
        check("a/data/x.json", "data", Some(Folder(1)));
        check("a/data/b/x.json", "data/b", Some(Folder(1)));
        check("a/data/b/x.json", "a", Some(Folder(3)));
        check("a/data/x.json", "data/x", Some(Name));
        check("a/data/x.json", "data/y.json", None);
        check("a/data/x.json", "other/x.json", None);
        check("a/data/x.json", "", None);
        check("a/data/x.json", "a.b", None);
        check("x.json", "b/a/x.json", None);
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
