//! Compares two trees path by path. There is no guessing of renames: they are a delete and an add (S2).

use std::cmp::Ordering;

use super::{Change, ChangeKind, ChangeSet};
use crate::tree::{Entry, FileKind, Tree, TreeError};
use crate::vcs::Differences;

/// Returns what differs between `base` and `head`. Content ids decide; only where one is missing are bytes read.
pub fn compare(base: &dyn Tree, head: &dyn Tree) -> Result<ChangeSet, TreeError> {
    let mut old = base.files().entries().iter().peekable();
    let mut new = head.files().entries().iter().peekable();
    let mut changes = Vec::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return Ok(ChangeSet::new(changes)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.path.cmp(&new.path),
        };
        let (before, after) = match order {
            Ordering::Less => (old.next(), None),
            Ordering::Greater => (None, new.next()),
            Ordering::Equal => (old.next(), new.next()),
        };
        changes.extend(change(base, head, before, after)?);
    }
}

/// Returns the changes of paths that are known to differ.
pub fn between(
    base: &dyn Tree,
    head: &dyn Tree,
    differences: &Differences,
) -> Result<ChangeSet, TreeError> {
    let mut changes = Vec::new();
    for (old, new) in differences.values() {
        changes.extend(change(base, head, old.as_ref(), new.as_ref())?);
    }
    Ok(ChangeSet::new(changes))
}

/// Returns the changes of paths of two trees of git, whose ids say all.
#[must_use]
pub fn of_git(differences: &Differences) -> ChangeSet {
    let nothing = crate::tree::memory::MemoryTree::default();
    // No file is read where both sides have an id.
    between(&nothing, &nothing, differences).unwrap_or_default()
}

fn change(
    base: &dyn Tree,
    head: &dyn Tree,
    before: Option<&Entry>,
    after: Option<&Entry>,
) -> Result<Option<Change>, TreeError> {
    let told = |kind, entry: &Entry| Change {
        path: entry.path.clone(),
        kind,
        file: entry.kind,
    };
    Ok(match (before, after) {
        (None, None) => None,
        (Some(before), None) => Some(told(ChangeKind::Deleted, before)),
        (None, Some(after)) => Some(told(ChangeKind::Added, after)),
        (Some(before), Some(after)) => {
            let link =
                |entry: &Entry| matches!(entry.kind, FileKind::Symlink | FileKind::Submodule);
            let type_changed = before.kind != after.kind && (link(before) || link(after));
            if type_changed || !same_content(base, head, before, after)? {
                Some(told(ChangeKind::Modified, after))
            } else if before.kind != after.kind {
                Some(told(ChangeKind::ModeChanged, after))
            } else {
                None
            }
        }
    })
}

fn same_content(
    base: &dyn Tree,
    head: &dyn Tree,
    before: &Entry,
    after: &Entry,
) -> Result<bool, TreeError> {
    match (before.blob, after.blob) {
        (Some(before), Some(after)) => Ok(before == after),
        _ => Ok(base.read(&before.path)? == head.read(&after.path)?),
    }
}
