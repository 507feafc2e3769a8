//! The files of a commit; nothing is checked out.

use std::io;
use std::sync::{Arc, OnceLock};

use affected_graph::RepoPath;

use super::{BlobId, Entry, FileKind, FileSet, Tree, TreeError};
use crate::vcs::{CommitId, Repository, VcsError};

/// A commit's files, listed when they are asked for.
pub struct RevisionTree {
    repository: Arc<Repository>,
    label: String,
    tree: BlobId,
    files: OnceLock<FileSet>,
}

impl RevisionTree {
    /// Opens the tree of `commit`.
    pub fn open(repository: &Arc<Repository>, commit: &CommitId) -> Result<Self, VcsError> {
        Ok(Self {
            repository: Arc::clone(repository),
            label: format!("commit {commit:.12}"),
            tree: repository.tree_of(commit)?,
            files: OnceLock::new(),
        })
    }

    /// Returns the id of git's tree object.
    #[must_use]
    pub fn id(&self) -> BlobId {
        self.tree
    }

    /// Lists the files now, so that a damaged or partial store is noticed while it can still be told.
    pub fn list(&self) -> Result<&FileSet, VcsError> {
        if let Some(files) = self.files.get() {
            return Ok(files);
        }
        let files = FileSet::new(self.repository.files_of_tree(&self.tree)?);
        Ok(self.files.get_or_init(|| files))
    }
}

impl Tree for RevisionTree {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn files(&self) -> &FileSet {
        // What cannot be listed was told when the tree was opened.
        static NONE: FileSet = FileSet::NONE;
        self.list().unwrap_or(&NONE)
    }

    fn read(&self, path: &RepoPath) -> Result<Vec<u8>, TreeError> {
        let entry = match self.files.get() {
            Some(files) => files.get(path).cloned(),
            None => self
                .repository
                .file_of_tree(&self.tree, path)
                .ok()
                .flatten(),
        };
        read_blob(&self.repository, entry, path, &self.label)
    }
}

/// Reads a file whose content is in the object store.
pub(crate) fn read_blob(
    repository: &Repository,
    entry: Option<Entry>,
    path: &RepoPath,
    label: &str,
) -> Result<Vec<u8>, TreeError> {
    let missing = || TreeError::Missing(path.clone(), label.to_owned());
    let entry = entry.ok_or_else(missing)?;
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
