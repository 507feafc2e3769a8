//! The files on disk: tracked ones as the index knows them where they are clean, and untracked ones.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use affected_graph::RepoPath;
use ignore::WalkBuilder;

use super::{Entry, FileKind, FileSet, Tree, TreeError};
use crate::vcs::{Repository, Standing, VcsError, compare_with_index, on_disk, read_from_disk};

/// A work tree, or a folder that is no repository.
pub struct WorkTree {
    root: PathBuf,
    files: FileSet,
    repository: Option<Arc<Repository>>,
}

impl WorkTree {
    /// Lists tracked files as they are now, and untracked ones that are not ignored.
    pub fn open(repository: &Arc<Repository>) -> Result<Self, VcsError> {
        let root = repository
            .work_tree()
            .map(Path::to_path_buf)
            .unwrap_or_default();
        let index = repository.index(None)?;
        let standings = compare_with_index(repository, &root, &index);
        let mut entries = Vec::with_capacity(standings.len());
        for (known, standing) in index.entries.into_iter().zip(standings) {
            match standing {
                Standing::Clean => entries.push(known.entry),
                Standing::Changed(now) => entries.push(now),
                Standing::Gone => {}
            }
        }
        let tracked = FileSet::new(entries.clone());
        entries.extend(walk(&root, &tracked, Some(repository)));
        // Tracked entries come last, so that they count where a walk found the same path.
        entries.rotate_left(tracked.entries().len());
        Ok(Self {
            root,
            files: FileSet::new(entries),
            repository: Some(Arc::clone(repository)),
        })
    }

    /// Lists a folder that is no repository; ignore files count all the same.
    pub fn without_git(folder: &Path) -> Result<Self, TreeError> {
        let files = FileSet::new(walk(folder, &FileSet::default(), None));
        Ok(Self {
            root: folder.to_path_buf(),
            files,
            repository: None,
        })
    }
}

impl Tree for WorkTree {
    fn label(&self) -> String {
        "the work tree".to_owned()
    }

    fn files(&self) -> &FileSet {
        &self.files
    }

    fn read(&self, path: &RepoPath) -> Result<Vec<u8>, TreeError> {
        let entry = self
            .files
            .get(path)
            .ok_or_else(|| TreeError::Missing(path.clone(), self.label()))?;
        let read = read_from_disk(&on_disk(&self.root, path), entry.kind);
        let read = match (read, &self.repository, &entry.blob) {
            // A sparse checkout leaves out files that are tracked all the same: the index says what they hold.
            (Err(error), Some(repository), Some(blob)) if error.kind() == ErrorKind::NotFound => {
                repository.blob(blob)
            }
            (read, ..) => read,
        };
        read.map_err(|source| TreeError::Read {
            path: path.clone(),
            tree: self.label(),
            source,
        })
    }
}

/// Walks files that are neither ignored nor in `known`. A folder that is a repository of its own is not
/// entered, as git does not.
fn walk(root: &Path, known: &FileSet, repository: Option<&Arc<Repository>>) -> Vec<Entry> {
    let mut walk = WalkBuilder::new(root);
    walk.hidden(false)
        .ignore(false)
        .parents(false)
        .require_git(false)
        .follow_links(false);
    walk.filter_entry(|entry| {
        entry.depth() == 0
            || (entry.file_name() != ".git"
                && !(entry.file_type().is_some_and(|kind| kind.is_dir())
                    && entry.path().join(".git").exists()))
    });
    let mut found = Vec::new();
    for entry in walk.build().flatten() {
        let Some(kind) = entry
            .file_type()
            .filter(|kind| kind.is_file() || kind.is_symlink())
        else {
            continue;
        };
        let Some(path) = repo_path(root, entry.path()) else {
            continue;
        };
        if known.is_file(&path) {
            continue;
        }
        let kind = if kind.is_symlink() {
            FileKind::Symlink
        } else if is_executable(entry.path()) {
            FileKind::Executable
        } else {
            FileKind::Regular
        };
        let content = || read_from_disk(entry.path(), kind).ok();
        let blob = repository.and_then(|repository| repository.hash_blob(&content()?));
        found.push(Entry { path, kind, blob });
    }
    found
}

fn repo_path(root: &Path, path: &Path) -> Option<RepoPath> {
    let relative = path.strip_prefix(root).ok()?;
    RepoPath::new(relative.as_os_str().as_encoded_bytes()).ok()
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.symlink_metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_path: &Path) -> bool {
    false
}
