//! The files of a commit; nothing is checked out.

use std::io;
use std::sync::Arc;

use affected_graph::RepoPath;

use super::{FileKind, FileSet, Tree, TreeError};
use crate::vcs::{CommitId, Repository, VcsError};

/// A commit's files.
pub struct RevisionTree {
    repository: Arc<Repository>,
    label: String,
    files: FileSet,
}

impl RevisionTree {
    /// Lists the files of `commit`.
    pub fn open(repository: &Arc<Repository>, commit: &CommitId) -> Result<Self, VcsError> {
        let files = FileSet::new(repository.files_of(commit)?);
        let label = format!("commit {commit:.12}");
        Ok(Self {
            repository: Arc::clone(repository),
            label,
            files,
        })
    }
}

impl Tree for RevisionTree {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn files(&self) -> &FileSet {
        &self.files
    }

    fn read(&self, path: &RepoPath) -> Result<Vec<u8>, TreeError> {
        read_blob(&self.repository, &self.files, path, &self.label)
    }
}

/// Reads a file whose content is in the object store.
pub(super) fn read_blob(
    repository: &Repository,
    files: &FileSet,
    path: &RepoPath,
    label: &str,
) -> Result<Vec<u8>, TreeError> {
    let missing = || TreeError::Missing(path.clone(), label.to_owned());
    let entry = files.get(path).ok_or_else(missing)?;
    if entry.kind == FileKind::Submodule {
        return Ok(Vec::new());
    }
    let failed = |source| TreeError::Read {
        path: path.clone(),
        tree: label.to_owned(),
        source,
    };
    let id = entry
        .blob
        .ok_or_else(|| failed(io::Error::from(io::ErrorKind::NotFound)))?;
    repository.blob(&id).map_err(failed)
}
