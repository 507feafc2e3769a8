//! The files of the index, as a commit made now would hold them.

use std::path::PathBuf;
use std::sync::Arc;

use affected_graph::RepoPath;

use super::revision::read_blob;
use super::{FileSet, Tree, TreeError};
use crate::vcs::{Repository, VcsError};

/// The index's files.
pub struct IndexTree {
    repository: Arc<Repository>,
    files: FileSet,
}

impl IndexTree {
    /// Reads the index, or the other index file that git names to its hooks (S9).
    pub fn open(repository: &Arc<Repository>, other: Option<PathBuf>) -> Result<Self, VcsError> {
        let index = repository.index(other.as_deref())?;
        // What is only intended to be added has no content yet, so a commit would not hold it.
        let entries = index.entries.into_iter().map(|entry| entry.entry);
        let files = FileSet::new(entries.filter(|entry| entry.blob.is_some()).collect());
        Ok(Self {
            repository: Arc::clone(repository),
            files,
        })
    }
}

impl Tree for IndexTree {
    fn label(&self) -> String {
        "the index".to_owned()
    }

    fn files(&self) -> &FileSet {
        &self.files
    }

    fn read(&self, path: &RepoPath) -> Result<Vec<u8>, TreeError> {
        read_blob(&self.repository, &self.files, path, "the index")
    }
}
