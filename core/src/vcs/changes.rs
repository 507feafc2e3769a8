//! Differences between trees, and between a tree and the index, without listing what is equal.

use std::collections::BTreeMap;
use std::fmt;

use affected_graph::RepoPath;
use gix::diff::tree::recorder::Change;
use gix::prelude::ObjectIdExt;

use super::{BlobId, CommitId, Entry, FileKind, Repository, VcsError};

/// What a path was and is, by path; of equal ones nothing is said.
pub type Differences = BTreeMap<RepoPath, (Option<Entry>, Option<Entry>)>;

/// Two trees that were compared.
pub(super) struct Compared {
    from: BlobId,
    to: BlobId,
    differences: Differences,
}

/// Follows `first` by `second`, and drops what is as before in the end.
#[must_use]
pub fn then(mut first: Differences, second: Differences) -> Differences {
    for (path, (old, new)) in second {
        match first.entry(path) {
            std::collections::btree_map::Entry::Occupied(mut known) => known.get_mut().1 = new,
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert((old, new));
            }
        }
    }
    first.retain(|_, (old, new)| old != new);
    first
}

impl Repository {
    /// Returns the id of a commit's tree.
    pub fn tree_of(&self, commit: &CommitId) -> Result<BlobId, VcsError> {
        let repository = self.local();
        let failed = |error: &dyn fmt::Display| VcsError::store("read the tree of a commit", error);
        let tree = repository
            .find_commit(commit.0)
            .and_then(|commit| Ok(commit.tree_id()?.detach()));
        let tree = tree.map_err(|error| failed(&error))?;
        BlobId::from_bytes(tree.as_bytes()).ok_or_else(|| failed(&"an id of unknown length"))
    }

    /// Returns what differs between two trees. Subtrees that are equal are not looked into.
    pub fn tree_changes(&self, from: &BlobId, to: &BlobId) -> Result<Differences, VcsError> {
        if from == to {
            return Ok(Differences::new());
        }
        let known = self.compared.lock().ok().and_then(|compared| {
            let mut compared = compared.iter();
            let found = compared.find(|known| (known.from, known.to) == (*from, *to))?;
            Some(found.differences.clone())
        });
        if let Some(known) = known {
            return Ok(known);
        }
        let found = self.compare_trees(from, to)?;
        if let Ok(mut compared) = self.compared.lock() {
            compared.push(Compared {
                from: *from,
                to: *to,
                differences: found.clone(),
            });
        }
        Ok(found)
    }

    pub(super) fn compare_trees(
        &self,
        from: &BlobId,
        to: &BlobId,
    ) -> Result<Differences, VcsError> {
        let repository = self.local();
        let failed = |error: &dyn fmt::Display| VcsError::store("compare two trees", error);
        let tree = |id: &BlobId| {
            let id = gix::ObjectId::try_from(id.as_bytes()).map_err(|error| failed(&error))?;
            let object = id.attach(&repository).object();
            object.map_err(|error| failed(&error))
        };
        let (from, to) = (tree(from)?, tree(to)?);
        let mut seen = gix::diff::tree::Recorder::default();
        gix::diff::tree(
            gix::objs::TreeRefIter::from_bytes(&from.data, repository.object_hash()),
            gix::objs::TreeRefIter::from_bytes(&to.data, repository.object_hash()),
            gix::diff::tree::State::default(),
            &repository.objects,
            &mut seen,
        )
        .map_err(|error| failed(&error))?;
        let mut found = Differences::new();
        for change in seen.records {
            note(change, &mut found);
        }
        Ok(found)
    }
}

/// A path may come twice where a folder became a file or the other way round.
fn note(change: Change, found: &mut Differences) {
    let entry = |path: &[u8], mode: gix::objs::tree::EntryMode, id: gix::ObjectId| {
        use gix::objs::tree::EntryKind;
        let kind = match mode.kind() {
            EntryKind::Tree => return None,
            EntryKind::Blob => FileKind::Regular,
            EntryKind::BlobExecutable => FileKind::Executable,
            EntryKind::Link => FileKind::Symlink,
            EntryKind::Commit => FileKind::Submodule,
        };
        Some(Entry {
            path: RepoPath::from_normalized(path.to_vec()),
            kind,
            blob: BlobId::from_bytes(id.as_bytes()),
        })
    };
    let (path, old, new) = match change {
        Change::Addition {
            entry_mode,
            oid,
            path,
            ..
        } => {
            let new = entry(&path, entry_mode, oid);
            (path, None, new)
        }
        Change::Deletion {
            entry_mode,
            oid,
            path,
            ..
        } => {
            let old = entry(&path, entry_mode, oid);
            (path, old, None)
        }
        Change::Modification {
            previous_entry_mode,
            previous_oid,
            entry_mode,
            oid,
            path,
        } => {
            let old = entry(&path, previous_entry_mode, previous_oid);
            let new = entry(&path, entry_mode, oid);
            (path, old, new)
        }
    };
    if old.is_none() && new.is_none() {
        return;
    }
    let known = found
        .entry(RepoPath::from_normalized(Vec::from(path)))
        .or_default();
    known.0 = known.0.take().or(old);
    known.1 = known.1.take().or(new);
}
