//! What is staged: a tree against the index. Folders of which the index remembers the tree ("cache tree" in git's
//! index-format) are not looked into where that is the same, so that this costs what differs, not what is there.

use std::collections::BTreeMap;
use std::fmt;

use affected_graph::RepoPath;
use gix::index::extension::Tree as Remembered;

use super::{BlobId, Differences, Entry, Index, Repository, VcsError, kind_of};

fn failed(error: &dyn fmt::Display) -> VcsError {
    VcsError::store("compare a tree with the index", error)
}

/// A folder that may differ.
struct Part<'i> {
    /// Its path, with a slash behind; empty for the root.
    prefix: &'i [u8],
    entries: &'i [gix::index::Entry],
    tree: gix::ObjectId,
    remembered: Option<&'i Remembered>,
}

impl Part<'_> {
    /// Tells whether the index remembers to hold exactly this tree here.
    fn is_unchanged(&self) -> bool {
        self.remembered.is_some_and(|remembered| {
            let counted = remembered.num_entries.map(usize::try_from);
            remembered.id == self.tree && counted == Some(Ok(self.entries.len()))
        })
    }
}

impl Repository {
    /// Returns what differs between a tree and the index. Costs nothing where the index remembers to be that tree.
    pub fn index_changes(&self, tree: &BlobId, index: &Index) -> Result<Differences, VcsError> {
        let root = gix::ObjectId::try_from(tree.as_bytes()).map_err(|error| failed(&error))?;
        let repository = self.local();
        let mut found = Differences::new();
        let mut open = vec![Part {
            prefix: b"",
            entries: index.raw(),
            tree: root,
            remembered: index.remembered(),
        }];
        while let Some(part) = open.pop() {
            if part.is_unchanged() {
                continue;
            }
            let tree = repository
                .find_tree(part.tree)
                .map_err(|error| failed(&error))?;
            let mut below = before(part.prefix, &tree, &mut found)?;
            after(&part, index, &mut below, &mut open, &mut found);
            for (name, gone) in below {
                self.all_gone(part.prefix, &name, gone, &mut found)?;
            }
        }
        found.retain(|_, (old, new)| old != new);
        Ok(found)
    }

    fn all_gone(
        &self,
        prefix: &[u8],
        name: &[u8],
        tree: gix::ObjectId,
        found: &mut Differences,
    ) -> Result<(), VcsError> {
        let Some(tree) = BlobId::from_bytes(tree.as_bytes()) else {
            return Ok(());
        };
        for mut entry in self.files_of_tree(&tree)? {
            let path = [prefix, name, b"/", entry.path.as_bytes()].concat();
            entry.path = RepoPath::from_normalized(path);
            let (was, _) = found.entry(entry.path.clone()).or_default();
            *was = Some(entry);
        }
        Ok(())
    }
}

/// Notes the files of a tree as what was, and returns the trees in it by name.
fn before(
    prefix: &[u8],
    tree: &gix::Tree<'_>,
    found: &mut Differences,
) -> Result<BTreeMap<Vec<u8>, gix::ObjectId>, VcsError> {
    let mut below = BTreeMap::new();
    for entry in tree.iter() {
        let entry = entry.map_err(|error| failed(&error))?;
        let (name, id) = (entry.filename().to_vec(), entry.object_id());
        if entry.mode().is_tree() {
            below.insert(name, id);
        } else if let Some(kind) = kind_of(entry.mode().into()) {
            let path = RepoPath::from_normalized([prefix, &name].concat());
            let blob = BlobId::from_bytes(id.as_bytes());
            let entry = Entry {
                path: path.clone(),
                kind,
                blob,
            };
            found.entry(path).or_default().0 = Some(entry);
        }
    }
    Ok(below)
}

/// Notes the entries of the index as what is; folders that are in both are looked at later, and taken out of `below`.
fn after<'i>(
    part: &Part<'i>,
    index: &'i Index,
    below: &mut BTreeMap<Vec<u8>, gix::ObjectId>,
    open: &mut Vec<Part<'i>>,
    found: &mut Differences,
) {
    let start = part.prefix.len();
    let mut rest = part.entries;
    while let Some(first) = rest.first() {
        let path = index.path_of(first);
        let inside = path.get(start..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'/', inside) else {
            is_now(index, first, found);
            rest = &rest[1..];
            continue;
        };
        let (name, prefix) = (&inside[..end], &path[..=start + end]);
        let count = rest.partition_point(|entry| index.path_of(entry).starts_with(prefix));
        let (entries, after) = rest.split_at(count.max(1));
        rest = after;
        let Some(tree) = below.remove(name) else {
            entries.iter().for_each(|entry| is_now(index, entry, found));
            continue;
        };
        let children = part.remembered.iter().flat_map(|known| &known.children);
        let remembered = children.into_iter().find(|child| child.name[..] == *name);
        open.push(Part {
            prefix,
            entries,
            tree,
            remembered,
        });
    }
}

/// Of the sides of a conflict ours counts, else the first.
fn is_now(index: &Index, raw: &gix::index::Entry, found: &mut Differences) {
    let Some(entry) = index.entry_of(raw) else {
        return;
    };
    let (_, now) = found.entry(entry.path.clone()).or_default();
    if now.is_none() || raw.stage() == gix::index::entry::Stage::Ours {
        *now = Some(entry);
    }
}
