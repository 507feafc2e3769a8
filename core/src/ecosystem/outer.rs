//! Data that names data: a template that extends another, settings that include a file, a list of files. Who reads the
//! first reads the second.
//!
//! Only data that changed, and that sources name, is looked for; nothing is parsed: the name of a file counts wherever
//! it is written.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::RepoPath;

use super::Look;
use crate::tree::FileKind;

/// What is larger is material, not a text that names others.
const MAX_BYTES: usize = 1 << 20;

/// More files than this are not read for one change.
const MAX_FILES: usize = 20_000;

/// What ends a name in a text.
const ENDS: &[u8] = b"\"'`()[]{}<>,;:=|#?*\\";

/// Prose names files all the time and takes none in.
const PROSE: &[&[u8]] = &[b".md", b".mdx", b".rst", b".adoc"];

/// Where data is looked for, and what is data there.
pub(super) struct Around<'a> {
    pub(super) look: &'a Look<'a>,
    /// Tells data from sources.
    pub(super) is_data: &'a dyn Fn(&RepoPath) -> bool,
    /// Tells whether the second can be meant in the first.
    pub(super) is_near: &'a dyn Fn(&RepoPath, &RepoPath) -> bool,
}

/// One file as another names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Inner {
    pub(super) path: RepoPath,
    /// Whether the other may take it in even where nobody is known to read that other.
    pub(super) matters: bool,
}

/// Data files that did not change, and what they name of what did, or of what leads there.
pub(super) type Outer = BTreeMap<RepoPath, BTreeSet<Inner>>;

/// Finds all data that leads to some; `None` where there is too much of it.
pub(super) fn of(around: &Around<'_>, inner: &BTreeSet<RepoPath>) -> Option<Outer> {
    let look = around.look;
    let changed = look.changed;
    let entries = look.head.files().entries().iter();
    let texts = entries.filter(|entry| entry.kind != FileKind::Symlink);
    let texts = texts.map(|entry| &entry.path).filter(|path| {
        let is_new = changed.modified.contains(path) || changed.added.contains(path);
        (around.is_data)(path) && !is_new
    });
    let near = |path: &&RepoPath| inner.iter().any(|inner| (around.is_near)(path, inner));
    let texts: Vec<&RepoPath> = texts.filter(near).collect();
    if texts.len() > MAX_FILES {
        return None;
    }
    let (mut found, mut open) = (Outer::new(), inner.clone());
    while !open.is_empty() {
        let names = Names::new(&open);
        let hits = look.head.search(&texts, |path, text| {
            let hits = names.hits(path, text);
            (!hits.is_empty()).then_some(hits)
        });
        open.clear();
        for (path, mut hits) in hits {
            hits.retain(|inner| inner.path != path && (around.is_near)(&path, &inner.path));
            if hits.is_empty() {
                continue;
            }
            if !found.contains_key(&path) && !inner.contains(&path) {
                open.insert(path.clone());
            }
            found.entry(path).or_default().extend(hits);
        }
    }
    Some(found)
}

/// What is looked for.
struct Names<'p> {
    whole: BTreeMap<&'p [u8], Vec<&'p RepoPath>>,
    /// Names without their endings, which files of the same ending leave out.
    stems: BTreeMap<&'p [u8], Vec<&'p RepoPath>>,
    /// `parts/*.yaml` names all of a folder.
    folders: BTreeMap<Vec<u8>, Vec<&'p RepoPath>>,
}

impl<'p> Names<'p> {
    fn new(of: &'p BTreeSet<RepoPath>) -> Self {
        let mut names = Self {
            whole: BTreeMap::new(),
            stems: BTreeMap::new(),
            folders: BTreeMap::new(),
        };
        for path in of {
            let name = path.file_name();
            names.whole.entry(name).or_default().push(path);
            let stem = &name[..name.len() - ending(name).len()];
            if stem.len() < name.len() && !stem.is_empty() {
                names.stems.entry(stem).or_default().push(path);
            }
            let folder = path.parent().unwrap_or_default();
            let folder = folder.file_name().to_vec();
            names.folders.entry(folder).or_default().push(path);
        }
        names
    }

    /// Which of them a text names.
    fn hits(&self, of: &RepoPath, text: &[u8]) -> BTreeSet<Inner> {
        let mut found = BTreeSet::new();
        if text.len() > MAX_BYTES {
            return found;
        }
        let hidden = of.components().any(|part| part.starts_with(b"."));
        let own = ending(of.file_name());
        let is_top = of.components().count() == 1;
        let mut add = |inner: &RepoPath, is_sure: bool| {
            let alike = ending(inner.file_name()) == own;
            let matters = is_sure && !hidden && !PROSE.contains(&own) && (alike || !is_top);
            let path = inner.clone();
            found.insert(Inner { path, matters });
        };
        let ends = |byte: &u8| byte.is_ascii_whitespace() || ENDS.contains(byte);
        for word in text.split(ends).filter(|word| !word.is_empty()) {
            let mut parts = word.rsplit(|byte| *byte == b'/');
            let last = parts.next().unwrap_or_default();
            if last.is_empty() {
                let folder = parts.next().unwrap_or_default();
                let inside = self.folders.get(folder).into_iter().flatten();
                inside.for_each(|path| add(path, true));
                continue;
            }
            let last = last.strip_suffix(b".").unwrap_or(last);
            let named = self.whole.get(last).into_iter().flatten();
            named.for_each(|path| add(path, true));
            let named = self.stems.get(last).into_iter().flatten();
            let alike = named.filter(|path| ending(path.file_name()) == own);
            alike.for_each(|path| add(path, false));
        }
        // Names that look like several words.
        let odd = self.whole.iter().filter(|(name, _)| name.iter().any(ends));
        let odd = odd.filter(|(name, _)| memchr::memmem::find(text, name).is_some());
        odd.flat_map(|(_, paths)| paths)
            .for_each(|path| add(path, true));
        found
    }
}

/// The last ending, with its dot.
fn ending(name: &[u8]) -> &[u8] {
    let at = name.iter().rposition(|byte| *byte == b'.');
    at.filter(|at| *at > 0).map_or(&[], |at| &name[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_name_files_by_name_and_folder() {
        let check = |file: &str, text: &str, expect: &str| {
            let path = |text: &str| RepoPath::new(text).expect("a path");
            let of = BTreeSet::from([path("a/parts/b.html"), path("a/parts/c d.sql")]);
            let hits = Names::new(&of).hits(&path(file), text.as_bytes());
            let told = hits.iter().map(|inner| {
                let name = String::from_utf8_lossy(inner.path.file_name());
                format!("{name}{}", if inner.matters { "" } else { "?" })
            });
            assert_eq!(told.collect::<Vec<_>>().join(" "), expect, "{text}");
        };
        check("a/x.html", "{% extends \"parts/b.html\" %}", "b.html");
        check("a/x.yaml", "include: b.html", "b.html");
        check("a/x.yaml", "include: bb.html", "");
        // Without its ending where both have the same.
        check("a/x.html", "{% extends 'b' %}", "b.html?");
        check("a/x.yaml", "include: b", "");
        check("a/x.yaml", "- parts/*.html", "b.html c d.sql");
        check("a/x.sql", "\\i 'c d.sql'", "c d.sql");
        // Nobody takes anything in through these alone.
        check("README.md", "see b.html.", "b.html?");
        check("Makefile", "cp a/parts/b.html x", "b.html?");
        check(".github/w.yml", "run: cat b.html", "b.html?");
    }
}
