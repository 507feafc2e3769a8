//! The files on disk: tracked ones as the index knows them where they are clean, and untracked ones.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use affected_graph::RepoPath;
use ignore::WalkBuilder;

use super::{Entry, FileKind, FileSet, Tree, TreeError};
use crate::vcs::{
    self, BlobId, Conversions, Differences, Index, OnDisk, Repository, VcsError, compare_paths,
    compare_with_disk, on_disk, read_from_disk,
};

/// A work tree, or a folder that is no repository.
pub struct WorkTree {
    root: PathBuf,
    tracked: Option<Tracked>,
    files: OnceLock<FileSet>,
    extent: Extent,
}

/// How much of a work tree was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    All,
    Some,
}

/// Which files' ids prove what their bytes are.
pub struct Proof<'t> {
    tracked: Option<&'t Tracked>,
    conversions: Conversions,
}

impl Proof<'_> {
    /// Tells whether the blob id of a listed file stands for exactly its bytes on disk.
    #[must_use]
    pub fn holds(&self, entry: &Entry) -> bool {
        let of_link = entry.kind == FileKind::Symlink;
        entry.blob.is_some()
            && self.tracked.is_some_and(|tracked| {
                of_link
                    || !self.conversions.may_change(&entry.path)
                        && !tracked.disk.converted.contains(&entry.path)
            })
    }
}

/// What git knows of a work tree.
struct Tracked {
    repository: Arc<Repository>,
    index: Index,
    disk: OnDisk,
}

impl WorkTree {
    /// Compares tracked files with the index, and finds untracked ones that are not ignored.
    pub fn open(repository: &Arc<Repository>) -> Result<Self, VcsError> {
        Self::compared(repository, compare_with_disk, Extent::All)
    }

    /// Takes the index for the work tree, but for `paths`, which are compared with it.
    pub fn open_for(repository: &Arc<Repository>, paths: &[RepoPath]) -> Result<Self, VcsError> {
        let compare = |repository: &Repository, root: &Path, index: &Index| {
            compare_paths(repository, root, index, paths)
        };
        Self::compared(repository, compare, Extent::Some)
    }

    fn compared(
        repository: &Arc<Repository>,
        compare: impl Fn(&Repository, &Path, &Index) -> OnDisk,
        extent: Extent,
    ) -> Result<Self, VcsError> {
        let root = repository
            .work_tree()
            .map(Path::to_path_buf)
            .unwrap_or_default();
        let index = repository.index(None)?;
        let disk = compare(repository, &root, &index);
        let repository = Arc::clone(repository);
        Ok(Self {
            root,
            tracked: Some(Tracked {
                repository,
                index,
                disk,
            }),
            files: OnceLock::new(),
            extent,
        })
    }

    /// Looks at the same work tree again.
    pub fn again(&self) -> Result<Self, VcsError> {
        match &self.tracked {
            Some(tracked) => Self::open(&tracked.repository),
            None => Ok(Self::of_folder(&self.root)),
        }
    }

    /// Tells whether every file was compared with the disk, none left out by a sparse checkout or a mark.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let unchecked = |tracked: &Tracked| tracked.index.has_unchecked();
        self.extent == Extent::All && !self.tracked.as_ref().is_some_and(unchecked)
    }

    /// Finds out whose blob ids prove their bytes.
    #[must_use]
    pub fn proof(&self) -> Proof<'_> {
        let conversions = self
            .tracked
            .as_ref()
            .map(|tracked| Conversions::of(&tracked.repository, &self.root, &tracked.index));
        Proof {
            tracked: self.tracked.as_ref(),
            conversions: conversions.unwrap_or_default(),
        }
    }

    /// Returns the folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Lists a folder that is no repository; ignore files count all the same.
    pub fn without_git(folder: &Path) -> Result<Self, TreeError> {
        Ok(Self::of_folder(folder))
    }

    fn of_folder(folder: &Path) -> Self {
        Self {
            root: folder.to_path_buf(),
            tracked: None,
            files: OnceLock::from(FileSet::new(walk(folder))),
            extent: Extent::All,
        }
    }

    /// Returns what differs from a tree of git.
    pub fn changes_since(&self, tree: &BlobId) -> Result<Differences, VcsError> {
        let Some(tracked) = &self.tracked else {
            return Ok(Differences::new());
        };
        let staged = tracked.repository.index_changes(tree, &tracked.index)?;
        let mut unstaged = tracked.disk.tracked.clone();
        for entry in &tracked.disk.untracked {
            let known = unstaged.entry(entry.path.clone()).or_default();
            known.1 = Some(entry.clone());
        }
        Ok(vcs::then(staged, unstaged))
    }
}

impl Tree for WorkTree {
    fn as_work_tree(&self) -> Option<&WorkTree> {
        Some(self)
    }

    fn label(&self) -> String {
        "the work tree".to_owned()
    }

    fn files(&self) -> &FileSet {
        self.files.get_or_init(|| {
            let Some(tracked) = &self.tracked else {
                return FileSet::default();
            };
            let changed = &tracked.disk.tracked;
            let mut entries = tracked.disk.untracked.clone();
            for entry in tracked.index.files() {
                match changed.get(&entry.path) {
                    Some((_, now)) => entries.extend(now.clone()),
                    None => entries.push(entry),
                }
            }
            FileSet::new(entries)
        })
    }

    fn read(&self, path: &RepoPath) -> Result<Vec<u8>, TreeError> {
        let entry = self
            .entry(path)
            .ok_or_else(|| TreeError::Missing(path.clone(), self.label()))?;
        let read = read_from_disk(&on_disk(&self.root, path), entry.kind);
        let read = match (read, &self.tracked, &entry.blob) {
            // A sparse checkout leaves out files that are tracked all the same: the index says what they hold.
            (Err(error), Some(tracked), Some(blob)) if error.kind() == ErrorKind::NotFound => {
                tracked.repository.blob(blob)
            }
            (read, ..) => read,
        };
        read.map_err(|source| TreeError::Read {
            path: path.clone(),
            tree: self.label(),
            source,
        })
    }

    fn named(&self, name: &[u8]) -> Vec<RepoPath> {
        let Some(tracked) = &self.tracked else {
            let entries = self.files().entries().iter().map(|entry| &entry.path);
            return entries
                .filter(|path| path.file_name() == name)
                .cloned()
                .collect();
        };
        let untracked = tracked.disk.untracked.iter().map(|entry| &entry.path);
        let untracked = untracked.filter(|path| path.file_name() == name).cloned();
        let mut found: Vec<RepoPath> = tracked
            .index
            .named(name)
            .into_iter()
            .chain(untracked)
            .collect();
        found.retain(|path| self.entry(path).is_some());
        found.sort();
        found.dedup();
        found
    }

    fn entry(&self, path: &RepoPath) -> Option<Entry> {
        let (None, Some(tracked)) = (self.files.get(), &self.tracked) else {
            return self.files().get(path).cloned();
        };
        if let Some((_, now)) = tracked.disk.tracked.get(path) {
            return now.clone();
        }
        let untracked = || {
            tracked
                .disk
                .untracked
                .iter()
                .find(|entry| entry.path == *path)
        };
        let known = tracked.index.file(path);
        known.or_else(|| untracked().cloned())
    }
}

/// Walks the files of a folder that are not ignored. A folder that is a repository of its own is not entered.
fn walk(root: &Path) -> Vec<Entry> {
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
        let kind = if kind.is_symlink() {
            FileKind::Symlink
        } else if is_executable(entry.path()) {
            FileKind::Executable
        } else {
            FileKind::Regular
        };
        found.push(Entry {
            path,
            kind,
            blob: None,
        });
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
