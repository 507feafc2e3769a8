//! What earlier runs found: facts of files and inventories of trees, below git's common folder. Nothing here decides:
//! with an empty or unwritable folder the answers are the same, later.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use affected_graph::RepoPath;

use crate::config::{self, Config, FILE_NAME};
use crate::digest::Digest;
use crate::ecosystem::Reads;
use crate::facts::{BUILD, FactStore, store};
use crate::scan::{self, Inventory, snapshot::Snapshot};
use crate::tree::{SharedTree, Tree};
use crate::vcs::{self, BlobId, Differences, Repository};

/// Inventories that are kept; the newest ones.
const KEPT: usize = 24;
/// Inventories of other trees that are tried before a tree is scanned.
const TRIED: usize = 2;

/// A tree of git, and what is different from it.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) tree: BlobId,
    pub(super) differences: Differences,
}

impl State {
    /// A tree as it is in git.
    pub(super) fn clean(tree: BlobId) -> Self {
        Self {
            tree,
            differences: Differences::new(),
        }
    }
}

/// Facts and inventories of one repository.
pub(super) struct Memory {
    pub(super) facts: FactStore,
    folder: Option<PathBuf>,
    repository: Option<Arc<Repository>>,
    loaded: Vec<(String, Option<Arc<Snapshot>>)>,
}

/// An inventory of a tree that is near, and how far that is.
struct Near {
    snapshot: Arc<Snapshot>,
    differences: Differences,
    tree: BlobId,
}

impl Memory {
    pub(super) fn none() -> Self {
        Self {
            facts: FactStore::default(),
            folder: None,
            repository: None,
            loaded: Vec::new(),
        }
    }

    pub(super) fn of(repository: &Arc<Repository>) -> Self {
        let folder = repository.common_dir().join("affected");
        Self {
            facts: FactStore::at(folder.join("facts")),
            folder: Some(folder.join("graphs")),
            repository: Some(Arc::clone(repository)),
            loaded: Vec::new(),
        }
    }

    /// Lists the configuration files of a tree: if possible without listing the tree.
    pub(super) fn config_files(&mut self, state: Option<&State>, tree: &dyn Tree) -> Vec<RepoPath> {
        let is_config = |path: &RepoPath| path.file_name() == FILE_NAME.as_bytes();
        let near = state.and_then(|state| {
            let mut near = self.near(state).into_iter();
            near.find(|near| !near.differences.keys().any(is_config))
        });
        near.map_or_else(
            || config::files(tree),
            |near| near.snapshot.config_files.clone(),
        )
    }

    /// Lists the files that describe the projects of a tree, where an inventory of it is kept.
    pub(super) fn manifests(&mut self, tree: BlobId) -> Option<Vec<RepoPath>> {
        let near = self.near(&State::clean(tree)).into_iter().next()?;
        let projects = near.snapshot.inventory.graph.projects();
        let mut paths: Vec<RepoPath> = projects
            .flat_map(|(_, project)| project.manifests.iter().cloned())
            .collect();
        paths.extend(near.snapshot.config_files.iter().cloned());
        paths.push(RepoPath::from_normalized(FILE_NAME));
        paths.sort();
        paths.dedup();
        Some(paths)
    }

    /// Finds what is known of a tree, or of one that has the same inventory.
    pub(super) fn recall(&mut self, state: &State, tree: &dyn Tree) -> Option<Arc<Inventory>> {
        let near = self.near(state).into_iter();
        let repository = self.repository.clone()?;
        near.filter(|near| {
            let before = GitTree {
                repository: &repository,
                tree: near.tree,
            };
            near.snapshot.holds_after(&near.differences, &before, tree)
        })
        .map(|near| Arc::clone(&near.snapshot.inventory))
        .next()
    }

    /// Tells whether a tree that differs from one that was recalled has the same inventory.
    pub(super) fn is_same(
        &mut self,
        of: &State,
        differences: &Differences,
        before: &dyn Tree,
        after: &dyn Tree,
    ) -> bool {
        let known = self.load(&name(of));
        known.is_some_and(|snapshot| snapshot.holds_after(differences, before, after))
    }

    /// Scans a tree, and keeps what was found.
    pub(super) fn scan(
        &mut self,
        state: Option<&State>,
        tree: &SharedTree,
        config: &Config,
    ) -> Arc<Inventory> {
        let reads = Reads::default();
        let found = scan::inventory_with_reads(tree.as_ref(), config, &self.facts, &reads);
        let snapshot = Arc::new(Snapshot::new(found, reads, config::files(tree.as_ref())));
        self.facts.save();
        if let Some(state) = state {
            self.keep(&name(state), &snapshot);
        }
        Arc::clone(&snapshot.inventory)
    }

    /// Keeps what is known of one state for another one, too.
    pub(super) fn also(&mut self, of: &State, known: &State) {
        if let Some(snapshot) = self.load(&name(known)) {
            self.keep(&name(of), &snapshot);
        }
    }

    fn keep(&mut self, name: &str, snapshot: &Arc<Snapshot>) {
        self.loaded.retain(|(known, _)| known != name);
        self.loaded
            .push((name.to_owned(), Some(Arc::clone(snapshot))));
        let Some(folder) = &self.folder else { return };
        let Some(bytes) = snapshot.to_bytes() else {
            return;
        };
        if store::replace(&folder.join(name), &bytes).is_ok() {
            for (path, _) in newest(folder).into_iter().skip(KEPT) {
                let _ = std::fs::remove_file(path);
            }
        }
    }

    fn load(&mut self, name: &str) -> Option<Arc<Snapshot>> {
        if let Some((_, known)) = self.loaded.iter().find(|(known, _)| known == name) {
            return known.clone();
        }
        let path = self.folder.as_ref()?.join(name);
        let bytes = std::fs::read(path).ok();
        let snapshot = bytes.and_then(|bytes| Snapshot::from_bytes(&bytes));
        let snapshot = snapshot.map(Arc::new);
        self.loaded.push((name.to_owned(), snapshot.clone()));
        snapshot
    }

    /// Inventories to try: of exactly this state, of its tree, of the newest other trees.
    fn near(&mut self, state: &State) -> Vec<Near> {
        let mut found = Vec::new();
        if !state.differences.is_empty()
            && let Some(snapshot) = self.load(&name(state))
        {
            found.push(Near {
                snapshot,
                differences: Differences::new(),
                tree: state.tree,
            });
            return found;
        }
        let clean = State::clean(state.tree);
        if let Some(snapshot) = self.load(&name(&clean)) {
            found.push(Near {
                snapshot,
                differences: state.differences.clone(),
                tree: state.tree,
            });
            return found;
        }
        let Some((folder, repository)) = self.folder.clone().zip(self.repository.clone()) else {
            return found;
        };
        let here = self.loaded.iter().map(|(name, _)| name.clone());
        let stored = newest(&folder).into_iter();
        let stored = stored.filter_map(|(path, _)| Some(path.file_name()?.to_str()?.to_owned()));
        let mut names: Vec<String> = here.collect();
        names.extend(stored.filter(|name| tree_of(name).is_some()).take(TRIED));
        let trees = names
            .into_iter()
            .filter_map(|name| Some((tree_of(&name)?, name)));
        let trees: BTreeMap<BlobId, String> = trees.collect();
        for (tree, name) in trees {
            let Ok(between) = repository.tree_changes(&tree, &state.tree) else {
                continue;
            };
            if let Some(snapshot) = self.load(&name) {
                found.push(Near {
                    snapshot,
                    differences: vcs::then(between, state.differences.clone()),
                    tree,
                });
            }
        }
        found
    }
}

/// The name of a state's file: what built the program, the tree, and what is different from it.
fn name(state: &State) -> String {
    if state.differences.is_empty() {
        return format!("{BUILD}-{}", state.tree);
    }
    let mut words = Vec::new();
    for (path, (_, new)) in &state.differences {
        words.push(path.as_bytes().to_vec());
        words.push(format!("{new:?}").into_bytes());
    }
    let digest = Digest::of_fields(words.iter().map(Vec::as_slice)).to_string();
    format!("{BUILD}-{}-{}", state.tree, &digest[..32])
}

/// The tree of a file for a whole tree of git, made by this build.
fn tree_of(name: &str) -> Option<BlobId> {
    let hex = name.strip_prefix(BUILD)?.strip_prefix('-')?;
    let digit = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(digit).collect();
    BlobId::from_bytes(&bytes?)
}

fn newest(folder: &Path) -> Vec<(PathBuf, SystemTime)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let timed =
        entries.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?.modified().ok()?)));
    let mut found: Vec<_> = timed.collect();
    found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    found
}

/// Single files of a tree that is not listed.
struct GitTree<'r> {
    repository: &'r Arc<Repository>,
    tree: BlobId,
}

impl Tree for GitTree<'_> {
    fn label(&self) -> String {
        format!("tree {}", self.tree)
    }

    fn files(&self) -> &crate::tree::FileSet {
        static NONE: crate::tree::FileSet = crate::tree::FileSet::NONE;
        &NONE
    }

    fn read(&self, path: &RepoPath) -> Result<Vec<u8>, crate::tree::TreeError> {
        let entry = self.repository.file_of_tree(&self.tree, path);
        crate::tree::revision::read_blob(self.repository, entry.ok().flatten(), path, &self.label())
    }
}
