//! A tree of byte strings, for tests and for questions about files that do not exist yet.

use std::collections::BTreeMap;

use affected_graph::RepoPath;

use super::{Entry, FileKind, FileSet, Tree, TreeError};

/// Files held in memory.
#[derive(Debug, Default)]
pub struct MemoryTree {
    contents: BTreeMap<RepoPath, Vec<u8>>,
    files: FileSet,
}

impl MemoryTree {
    /// Takes `(path, content)` pairs; paths are normalized, unusable ones skipped.
    pub fn new<P: AsRef<[u8]>, C: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, C)>) -> Self {
        let contents: BTreeMap<RepoPath, Vec<u8>> = files
            .into_iter()
            .filter_map(|(path, content)| Some((RepoPath::new(path).ok()?, content.into())))
            .collect();
        let entries = contents
            .keys()
            .map(|path| Entry {
                path: path.clone(),
                kind: FileKind::Regular,
                blob: None,
            })
            .collect();
        Self {
            contents,
            files: FileSet::new(entries),
        }
    }
}

impl Tree for MemoryTree {
    fn label(&self) -> String {
        "memory".to_owned()
    }

    fn files(&self) -> &FileSet {
        &self.files
    }

    fn read(&self, path: &RepoPath) -> Result<Vec<u8>, TreeError> {
        self.contents
            .get(path)
            .cloned()
            .ok_or_else(|| TreeError::Missing(path.clone(), self.label()))
    }
}
