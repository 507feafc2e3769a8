//! One way to read files, whether they lie in a work tree, an index, a revision or in memory.

pub mod index;
pub mod memory;
pub mod revision;
pub mod worktree;

use std::io;
use std::sync::Arc;

use affected_graph::RepoPath;
use thiserror::Error;

pub use crate::vcs::{BlobId, Entry, FileKind};

/// Every file of a tree, sorted by path, unique.
#[derive(Debug, Clone, Default)]
pub struct FileSet {
    entries: Vec<Entry>,
}

impl FileSet {
    /// No files.
    pub const NONE: Self = Self {
        entries: Vec::new(),
    };

    /// Sorts `entries`; of two with one path the later one counts.
    #[must_use]
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.reverse();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries.dedup_by(|later, kept| later.path == kept.path);
        Self { entries }
    }

    /// Returns all entries, sorted by path bytes.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Finds a file.
    #[must_use]
    pub fn get(&self, path: &RepoPath) -> Option<&Entry> {
        let at = self
            .entries
            .binary_search_by(|entry| entry.path.cmp(path))
            .ok()?;
        self.entries.get(at)
    }

    /// Tells whether `path` is a file.
    #[must_use]
    pub fn is_file(&self, path: &RepoPath) -> bool {
        self.get(path).is_some()
    }

    /// Tells whether `path` is a folder with at least one file below it.
    #[must_use]
    pub fn is_folder(&self, path: &RepoPath) -> bool {
        !self.below(path).is_empty()
    }

    /// Returns the files below `folder`, sorted; a file is not below itself.
    #[must_use]
    pub fn below(&self, folder: &RepoPath) -> &[Entry] {
        if folder.is_root() {
            return &self.entries;
        }
        let mut prefix = folder.as_bytes().to_vec();
        prefix.push(b'/');
        let start = self
            .entries
            .partition_point(|entry| entry.path.as_bytes() < &prefix[..]);
        let rest = &self.entries[start..];
        &rest[..rest.partition_point(|entry| entry.path.as_bytes().starts_with(&prefix))]
    }
}

/// Says why a file of a tree could not be read.
#[derive(Debug, Error)]
pub enum TreeError {
    /// No such file in this tree.
    #[error("`{0}` does not exist in {1}")]
    Missing(RepoPath, String),
    /// The store under the tree failed.
    #[error("failed to read `{path}` from {tree}")]
    Read {
        /// The file.
        path: RepoPath,
        /// Which tree, for people.
        tree: String,
        /// The store's own words.
        #[source]
        source: io::Error,
    },
}

/// A tree whose files can be listed and read from several threads.
pub trait Tree: Sync + Send {
    /// Names the tree for people: `the work tree`, `the index`, `commit 1a2b3c4`.
    fn label(&self) -> String;

    /// Returns every file.
    fn files(&self) -> &FileSet;

    /// Reads one file as git would store it; of a symlink its target text.
    fn read(&self, path: &RepoPath) -> Result<Vec<u8>, TreeError>;

    /// Returns all files of this name, sorted, if possible without listing all others.
    fn named(&self, name: &[u8]) -> Vec<RepoPath> {
        let paths = self.files().entries().iter().map(|entry| &entry.path);
        let named = paths.filter(|path| path.file_name() == name);
        named.cloned().collect()
    }

    /// Returns the work tree that this is, if it is one.
    fn as_work_tree(&self) -> Option<&worktree::WorkTree> {
        None
    }

    /// Finds one file, if possible without listing all.
    fn entry(&self, path: &RepoPath) -> Option<Entry> {
        self.files().get(path).cloned()
    }
}

/// A tree shared by stages.
pub type SharedTree = Arc<dyn Tree>;

/// Tells whether a manifest at `path` is material rather than a project: test data, a template, or a
/// copy of somebody else's package. A workspace that lists it as a member overrules this.
#[must_use]
pub fn is_material(path: &RepoPath) -> bool {
    const FOLDERS: &[&[u8]] = &[
        b"node_modules",
        b"bower_components",
        b"vendor",
        b"testdata",
        b"test-data",
        b"test_data",
        b"fixtures",
        b"__fixtures__",
        b"fixture",
        b"templates",
        b"template",
        b"__snapshots__",
        b".venv",
        b"venv",
        b"site-packages",
        b"target",
        b".git",
        b".yarn",
    ];
    let Some(folder) = path.parent() else {
        return false;
    };
    folder
        .components()
        .any(|name| FOLDERS.contains(&name) || memchr::memmem::find(name, b"{{").is_some())
}
