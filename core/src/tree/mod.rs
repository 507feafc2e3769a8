//! One way to read files, whether they lie in a work tree, an index, a revision or in memory.

pub mod index;
pub mod memory;
pub mod revision;
pub mod worktree;

use std::fmt;
use std::io;
use std::sync::Arc;

use affected_graph::RepoPath;
use thiserror::Error;

/// What git would say a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// Mode 100644.
    Regular,
    /// Mode 100755.
    Executable,
    /// Mode 120000; the content is the target.
    Symlink,
    /// Mode 160000; a commit of another repository.
    Submodule,
}

/// The id git gives a blob (20 bytes for SHA-1, 32 for SHA-256), of the content as git stores it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId {
    bytes: [u8; 32],
    len: u8,
}

impl BlobId {
    /// Takes the raw id; `None` unless it has 20 or 32 bytes.
    #[must_use]
    pub fn from_bytes(raw: &[u8]) -> Option<Self> {
        if raw.len() != 20 && raw.len() != 32 {
            return None;
        }
        let mut bytes = [0; 32];
        bytes[..raw.len()].copy_from_slice(raw);
        Some(Self {
            bytes,
            len: u8::try_from(raw.len()).ok()?,
        })
    }

    /// Returns the raw id.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

/// One file of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub path: RepoPath,
    /// What.
    pub kind: FileKind,
    /// The content's id, where it is known without reading: never for untracked or memory files.
    pub blob: Option<BlobId>,
}

/// Every file of a tree, sorted by path, unique.
#[derive(Debug, Clone, Default)]
pub struct FileSet {
    entries: Vec<Entry>,
}

impl FileSet {
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
}

/// A tree shared by stages.
pub type SharedTree = Arc<dyn Tree>;
