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

    /// Adds symbolic links, as `(path, target)` pairs.
    #[must_use]
    pub fn with_links<P: AsRef<[u8]>, C: Into<Vec<u8>>>(
        mut self,
        links: impl IntoIterator<Item = (P, C)>,
    ) -> Self {
        let mut entries = self.files.entries().to_vec();
        for (path, target) in links {
            let Ok(path) = RepoPath::new(path) else {
                continue;
            };
            entries.push(Entry {
                path: path.clone(),
                kind: FileKind::Symlink,
                blob: None,
            });
            self.contents.insert(path, target.into());
        }
        self.files = FileSet::new(entries);
        self
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
