//! What earlier runs found: facts of files and inventories of trees, below git's common folder. Nothing here decides:
//! with an empty or unwritable folder the answers are the same, later.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
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

/// Answers about more differing files than this are kept.
const NOTED: usize = 4;
/// So many of them.
const NOTES: usize = 200;

/// Two trees, and what differs between them.
pub(super) struct Span<'t> {
    pub(super) differences: &'t Differences,
    pub(super) base: &'t dyn Tree,
    pub(super) head: &'t dyn Tree,
}

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
    ahead: Option<Ahead>,
}

/// An inventory that another thread reads.
struct Ahead {
    name: String,
    thread: JoinHandle<Option<Arc<Snapshot>>>,
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
            ahead: None,
        }
    }

    pub(super) fn of(repository: &Arc<Repository>) -> Self {
        let folder = repository.common_dir().join("affected");
        Self {
            facts: FactStore::at(folder.join("facts")),
            folder: Some(folder.join("graphs")),
            repository: Some(Arc::clone(repository)),
            loaded: Vec::new(),
            ahead: None,
        }
    }

    /// Returns the folder where all of this is kept.
    pub(super) fn state_folder(&self) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?.parent()?;
        // Whoever is told of a file in it may stand elsewhere.
        Some(std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()))
    }

    /// Lists the configuration files of a tree: if possible without listing the tree.
    pub(super) fn config_files(&mut self, state: Option<&State>, tree: &dyn Tree) -> Vec<RepoPath> {
        let is_config = |path: &RepoPath| path.file_name() == FILE_NAME.as_bytes();
        let near = state
            .and_then(|state| self.near(state, |near| !near.differences.keys().any(is_config)));
        near.map_or_else(
            || config::files(tree),
            |near| near.snapshot.config_files.clone(),
        )
    }

    /// Lists the files that describe the projects of a tree, where an inventory of it is kept.
    pub(super) fn manifests(&mut self, tree: BlobId) -> Option<Vec<RepoPath>> {
        let near = self.near(&State::clean(tree), |_| true)?;
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
        let repository = self.repository.clone()?;
        let notes = self.notes();
        let near = self.near(state, |near| {
            let before = GitTree {
                repository: &repository,
                tree: near.tree,
            };
            let pair = [name(&State::clean(near.tree)), name(state)];
            let note = notes.as_deref().map(|folder| Note::new(folder, &pair));
            let holds = || near.snapshot.holds_after(&near.differences, &before, tree);
            noted(note, near.differences.len(), holds)
        });
        near.map(|near| Arc::clone(&near.snapshot.inventory))
    }

    /// Tells whether a tree that differs from one that was recalled has the same inventory.
    pub(super) fn is_same(
        &mut self,
        known: &State,
        other: Option<&State>,
        span: &Span<'_>,
    ) -> bool {
        let Some(snapshot) = self.load(&name(known)) else {
            return false;
        };
        let note = self.notes().zip(other);
        let note = note.map(|(folder, other)| Note::new(&folder, &[name(known), name(other)]));
        let holds = || snapshot.holds_after(span.differences, span.base, span.head);
        noted(note, span.differences.len(), holds)
    }

    /// Where it is kept which trees have the same inventory.
    fn notes(&self) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.parent()?.join("same"))
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

    /// Keeps what is known of one state under the name of another one, that has the same and will be asked for longer.
    pub(super) fn rename(&mut self, known: &State, to: &State) {
        if let Some(folder) = &self.folder {
            let _ = std::fs::rename(folder.join(name(known)), folder.join(name(to)));
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

    /// Begins to read the inventory that will be asked for, while the index is read: of a tree, or if there is none the
    /// newest. A wrong guess changes nothing.
    pub(super) fn read_ahead(&mut self, tree: BlobId) {
        let has_cores = thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        let Some(folder) = self.folder.as_ref().filter(|_| has_cores) else {
            return;
        };
        let own = name(&State::clean(tree));
        let likely = if folder.join(&own).exists() {
            Some(own)
        } else {
            of_whole_trees(folder).next()
        };
        self.ahead = likely.and_then(|name| {
            let path = folder.join(&name);
            let thread = thread::Builder::new().spawn(move || stored(&path)).ok()?;
            Some(Ahead { name, thread })
        });
    }

    fn load(&mut self, name: &str) -> Option<Arc<Snapshot>> {
        if let Some((_, known)) = self.loaded.iter().find(|(known, _)| known == name) {
            return known.clone();
        }
        let path = self.folder.as_ref()?.join(name);
        let snapshot = match self.ahead.take_if(|ahead| ahead.name == name) {
            Some(ahead) => ahead.thread.join().ok().flatten(),
            None => stored(&path),
        };
        self.loaded.push((name.to_owned(), snapshot.clone()));
        snapshot
    }

    /// Names of inventories to try: of exactly this state, of its tree, those in use, the newest other ones.
    fn candidates(&mut self, state: &State) -> Vec<Candidate> {
        let clean = State::clean(state.tree);
        let mut found = Vec::new();
        if !state.differences.is_empty() {
            found.push(Candidate::Exactly(name(state)));
        }
        found.push(Candidate::Tree(name(&clean), state.tree));
        let mut names: Vec<String> = self.loaded.iter().map(|(name, _)| name.clone()).collect();
        let stored = self.folder.iter().flat_map(|folder| of_whole_trees(folder));
        names.extend(stored.take(TRIED));
        for name in names {
            if let Some(tree) = tree_of(&name).filter(|tree| *tree != state.tree) {
                found.push(Candidate::Tree(name, tree));
            }
        }
        found.dedup();
        found
    }

    /// Finds the first inventory that `fits`, without loading those after it.
    fn near(&mut self, state: &State, fits: impl Fn(&Near) -> bool) -> Option<Near> {
        for candidate in self.candidates(state) {
            let (name, tree, differences) = match candidate {
                Candidate::Exactly(name) => (name, state.tree, Differences::new()),
                Candidate::Tree(name, tree) => {
                    let between = self
                        .repository
                        .as_ref()
                        .and_then(|repository| repository.tree_changes(&tree, &state.tree).ok());
                    let Some(between) = between else { continue };
                    (name, tree, vcs::then(between, state.differences.clone()))
                }
            };
            let Some(snapshot) = self.load(&name) else {
                continue;
            };
            let near = Near {
                snapshot,
                differences,
                tree,
            };
            if fits(&near) {
                return Some(near);
            }
        }
        None
    }
}

/// The file that says that two trees have the same inventory.
struct Note(PathBuf);

impl Note {
    fn new(folder: &Path, pair: &[String; 2]) -> Self {
        let digest = Digest::of_fields([pair.join(" ").as_bytes()]).to_string();
        Self(folder.join(&digest[..32]))
    }

    fn keep(&self) {
        let _ = store::replace(&self.0, b"");
        let notes = self.0.parent().map(newest).unwrap_or_default();
        for (path, _) in notes.into_iter().skip(NOTES) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Answers what takes a look at files; where these are many, the answer is kept for the next time.
fn noted(note: Option<Note>, looked_at: usize, is_so: impl FnOnce() -> bool) -> bool {
    if note.as_ref().is_some_and(|note| note.0.exists()) {
        return true;
    }
    let is_so = is_so();
    if let Some(note) = note.filter(|_| is_so && looked_at > NOTED) {
        note.keep();
    }
    is_so
}

/// A stored inventory that may serve.
#[derive(PartialEq)]
enum Candidate {
    /// Of the very state.
    Exactly(String),
    /// Of a tree of git.
    Tree(String, BlobId),
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

fn stored(path: &Path) -> Option<Arc<Snapshot>> {
    let bytes = std::fs::read(path).ok()?;
    Snapshot::from_bytes(&bytes).map(Arc::new)
}

/// Names of inventories of whole trees of git, the newest first.
fn of_whole_trees(folder: &Path) -> impl Iterator<Item = String> {
    let stored = newest(folder).into_iter();
    let names = stored.filter_map(|(path, _)| Some(path.file_name()?.to_str()?.to_owned()));
    names.filter(|name| tree_of(name).is_some())
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
