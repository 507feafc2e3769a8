//! The files of the index, as a commit made now would hold them.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use affected_graph::RepoPath;

use super::revision::read_blob;
use super::{Entry, FileSet, Tree, TreeError};
use crate::vcs::{BlobId, Differences, Index, Repository, VcsError};

/// The index's files.
pub struct IndexTree {
    repository: Arc<Repository>,
    index: Index,
    files: OnceLock<FileSet>,
}

impl IndexTree {
    /// Reads the index, or the other index file that git names to its hooks (S9).
    pub fn open(repository: &Arc<Repository>, other: Option<PathBuf>) -> Result<Self, VcsError> {
        Ok(Self {
            repository: Arc::clone(repository),
            index: repository.index(other.as_deref())?,
            files: OnceLock::new(),
        })
    }

    /// Returns what differs from a tree of git.
    pub fn changes_since(&self, tree: &BlobId) -> Result<Differences, VcsError> {
        let mut found = self.repository.index_changes(tree, &self.index)?;
        for (_, new) in found.values_mut() {
            *new = new.take().filter(has_content);
        }
        found.retain(|_, (old, new)| old != new);
        Ok(found)
    }

    /// Returns the files of which it holds several sides of a conflict: of these our own side is here.
    #[must_use]
    pub fn unmerged(&self) -> Vec<RepoPath> {
        self.index.unmerged()
    }
}

/// What is only intended to be added has no content yet, so a commit would not hold it.
fn has_content(entry: &Entry) -> bool {
    entry.blob.is_some()
}

impl Tree for IndexTree {
    fn label(&self) -> String {
        "the index".to_owned()
    }

    fn files(&self) -> &FileSet {
        self.files.get_or_init(|| {
            let files = self.index.files().into_iter();
            FileSet::new(files.filter(has_content).collect())
        })
    }

    fn read(&self, path: &RepoPath) -> Result<Vec<u8>, TreeError> {
        let entry = self.index.file(path).filter(has_content);
        read_blob(&self.repository, entry, path, "the index")
    }
}
