//! What changed: the set of paths that differ between base and head.

pub mod compare;
pub mod deepen;
pub mod fields;
pub mod range;

use affected_graph::RepoPath;

use crate::tree::FileKind;

/// How a path differs. A rename is a [`Self::Deleted`] and an [`Self::Added`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// Only the head has it.
    Added,
    /// Only the base has it.
    Deleted,
    /// Other content.
    Modified,
    /// Same content, but another mode: executable bit, file to symlink.
    ModeChanged,
}

impl ChangeKind {
    /// Returns the word used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Deleted => "deleted",
            Self::Modified => "modified",
            Self::ModeChanged => "mode-changed",
        }
    }
}

/// One changed path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Where.
    pub path: RepoPath,
    /// How.
    pub kind: ChangeKind,
    /// What it is at the head, at the base where it was deleted.
    pub file: FileKind,
}

/// Every change, sorted by path, one each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeSet {
    changes: Vec<Change>,
}

impl ChangeSet {
    /// Sorts `changes`; of two with one path the later one counts.
    #[must_use]
    pub fn new(mut changes: Vec<Change>) -> Self {
        changes.reverse();
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        changes.dedup_by(|later, kept| later.path == kept.path);
        Self { changes }
    }

    /// Returns the changes, sorted by path.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }
}
