//! Gathers what each action's digest covers: files, dependencies, variables, programs. Reads, and decides nothing
//! about projects: who reads a file is asked of `select`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::sync::Arc;

use affected_graph::closure::Supporters;
use affected_graph::{
    DependencyKind, Depth, Impact, InputPattern, Project, ProjectGraph, ProjectIndex, RepoPath,
    Stage,
};
use rustc_hash::FxHashMap;

use crate::config::{Config, ConfiguredTask, ProjectConfig};
use crate::digest::Digest;
use crate::ecosystem;
use crate::facts::Fault;
use crate::plan::digest::{ActionDigest, Part, parts_of};
use crate::plan::{Action, Plan};
use crate::run::surroundings::Surroundings;
use crate::scan::Inventory;
use crate::select::{self, Question};
use crate::tree::worktree::WorkTree;
use crate::tree::{Entry, FileKind, SharedTree, Tree};
use crate::vcs::{VcsError, on_disk, read_from_disk};

/// Files found for declared inputs that git ignores, at most.
const MOST_IGNORED: usize = 100_000;

/// Everything that action digests are made of.
#[derive(Clone)]
pub struct Keyring {
    tree: SharedTree,
    graph: Arc<ProjectGraph>,
    config: Arc<Config>,
    faults: Arc<[Fault]>,
}

/// What is known about the result of one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keyed {
    /// It may be kept, under this digest.
    Under(ActionDigest),
    /// It may not, for this reason.
    Never(String),
}

impl Keyed {
    /// Returns the digest, where there is one.
    #[must_use]
    pub fn digest(&self) -> Option<&ActionDigest> {
        match self {
            Self::Under(digest) => Some(digest),
            Self::Never(_) => None,
        }
    }
}

/// The digests of a plan, and the lists of files that stand behind them.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// One for each action.
    pub of: Vec<Keyed>,
    /// Lists of files by their digest.
    pub lists: FxHashMap<Digest, Arc<Vec<u8>>>,
    /// Globs of what each action writes, from the repository root.
    pub outputs: Vec<Vec<String>>,
}

impl Keyring {
    /// The configuration in force.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// The head's files.
    pub(super) fn tree(&self) -> &dyn Tree {
        self.tree.as_ref()
    }

    pub(super) fn of(tree: &SharedTree, inventory: &Inventory, config: Config) -> Self {
        Self {
            tree: Arc::clone(tree),
            graph: Arc::clone(&inventory.graph),
            config: Arc::new(config),
            faults: inventory.faults.clone().into(),
        }
    }

    /// Computes the digest of every action of a plan from what is on disk.
    #[must_use]
    pub fn keys(&self, plan: &Plan, inherited: &[(OsString, OsString)]) -> Keys {
        let configured = self.configured();
        let actions = plan.actions.iter();
        let outputs = actions.map(|action| configured.outputs(&self.graph, action));
        let mut keys = Keys {
            outputs: outputs.collect(),
            ..Keys::default()
        };
        let never = |why: &str| vec![Keyed::Never(why.to_owned()); plan.actions.len()];
        let Some(tree) = self.tree.as_work_tree() else {
            keys.of = never("another revision than the work tree is judged");
            return keys;
        };
        if !tree.is_whole() {
            keys.of =
                never("a part of the work tree was not looked at (sparse checkout, or `--files`)");
            return keys;
        }
        // S11: nobody knows what such a project depends on, nor, without its name, who depends on it.
        if let Some(fault) = self.faults.first() {
            keys.of = never(&format!("a manifest cannot be read: {fault}"));
            return keys;
        }
        let known = Known::new(self, tree);
        let written: Vec<_> = plan.actions.iter().zip(&keys.outputs).collect();
        let share = |written: &[(&Action, &Vec<String>)]| {
            let mut lists = Lists::new(&known);
            let around = Surroundings::new(tree.root(), inherited);
            let of = written.iter().map(|(action, outputs)| {
                self.key(action, (&configured, outputs), &mut lists, &around)
            });
            (of.collect::<Vec<_>>(), lists.texts)
        };
        let done = shared_out(&written, LEAST_SHARE, share);
        for (of, texts) in done {
            keys.of.extend(of);
            keys.lists.extend(texts);
        }
        keys
    }

    /// Looks at the disk again; the graph stays, since whatever changes it changes a file.
    pub fn again(&self) -> Result<Self, VcsError> {
        let tree: SharedTree = match self.tree.as_work_tree() {
            Some(tree) => Arc::new(tree.again()?),
            None => Arc::clone(&self.tree),
        };
        Ok(Self {
            tree,
            ..self.clone()
        })
    }

    fn key(
        &self,
        action: &Action,
        (configured, outputs): (&Configured<'_>, &[String]),
        lists: &mut Lists<'_>,
        around: &Surroundings<'_>,
    ) -> Keyed {
        let Some(index) = self.graph.named(&action.project) else {
            return Keyed::Never("its project is gone".to_owned());
        };
        let project = self.graph.project(index);
        let settings = configured.task(index, project, action);
        if let Err(why) = configured.may_be_kept(index, action, settings) {
            return Keyed::Never(why);
        }
        let mut parts = parts_of(action);
        let impacts = self.impacts(action.stage.as_ref());
        for state in lists.from.supporters.of(index, &impacts) {
            match lists.of(state) {
                Ok(part) => parts.extend(part),
                Err(why) => return Keyed::Never(why),
            }
        }
        let declared = settings.map_or(&[][..], |task| &task.env);
        parts.extend(around.variables(declared));
        let outputs = crate::glob::paths(outputs.iter().map(String::as_str)).ok();
        let Some(outputs) = outputs else {
            return Keyed::Never("one of its `outputs` is no glob".to_owned());
        };
        let programs = project.ecosystems.iter().flat_map(|id| {
            let known = ecosystem::ALL.iter().filter(move |known| known.id() == *id);
            known.flat_map(|known| known.programs().iter().copied())
        });
        match around.programs(action, programs, &outputs) {
            Ok(programs) => parts.extend(programs),
            Err(why) => return Keyed::Never(why),
        }
        let is_listed = |path: &RepoPath| self.tree.files().is_file(path);
        parts.extend(around.unlisted(&project.root, &is_listed));
        parts.extend(settings.into_iter().flat_map(|task| {
            let outputs = task.outputs.iter();
            outputs.map(|glob| Part::new(format!("output {glob}"), glob.as_bytes()))
        }));
        Keyed::Under(ActionDigest::new(parts))
    }

    /// What hits a project hard enough for a task of this stage to be run.
    fn impacts(&self, stage: Option<&Stage>) -> Vec<Impact> {
        let all = [
            Impact::Rebuild,
            Impact::Tests,
            Impact::Contract,
            Impact::Runtime,
        ];
        let asks = |impact: &Impact| match stage {
            // An unknown stage is run for whatever any stage is run for.
            Some(stage) if self.config.stages.0.contains(stage) => {
                select::stages(*impact, &self.config.stages).contains(stage)
            }
            Some(_) => true,
            None => *impact != Impact::Runtime,
        };
        all.into_iter().filter(asks).collect()
    }

    /// What is written down for each project.
    fn configured(&self) -> Configured<'_> {
        let mut of: BTreeMap<ProjectIndex, Vec<&ProjectConfig>> = BTreeMap::new();
        for (name, config) in &self.config.projects {
            let index = match &config.path {
                Some(path) => self.graph.at(path),
                None => select::by_name_or_path(&self.graph, name),
            };
            if let Some(index) = index {
                of.entry(index).or_default().push(config);
            }
        }
        Configured(of)
    }
}

/// What `affected.toml` says of each project.
struct Configured<'k>(BTreeMap<ProjectIndex, Vec<&'k ProjectConfig>>);

impl<'k> Configured<'k> {
    fn of(&self, index: ProjectIndex) -> impl Iterator<Item = &'k ProjectConfig> {
        self.0.get(&index).into_iter().flatten().copied()
    }

    fn task(
        &self,
        index: ProjectIndex,
        project: &Project,
        action: &Action,
    ) -> Option<&'k ConfiguredTask> {
        let name = action.target.strip_prefix(&project.name)?;
        let name = name.strip_prefix(':')?;
        self.of(index).find_map(|config| {
            let test = config.test.iter().find(|(stage, _)| match stage.as_str() {
                "unit" => name == "test",
                stage => name.strip_prefix("test:") == Some(stage),
            });
            test.map(|(_, task)| task).or_else(|| config.task.get(name))
        })
    }

    /// Globs of what an action writes, from the repository root.
    fn outputs(&self, graph: &ProjectGraph, action: &Action) -> Vec<String> {
        let Some(index) = graph.named(&action.project) else {
            return Vec::new();
        };
        let project = graph.project(index);
        let task = self.task(index, project, action);
        let globs = task.into_iter().flat_map(|task| &task.outputs);
        globs
            .filter_map(|glob| project.root.join(glob).ok()?.as_str().map(str::to_owned))
            .collect()
    }

    /// What talks to others may pass today and fail tomorrow with the same files; what builds something is worth
    /// nothing without it.
    fn may_be_kept(
        &self,
        index: ProjectIndex,
        action: &Action,
        settings: Option<&ConfiguredTask>,
    ) -> Result<(), String> {
        let of_project = || self.of(index).find_map(|config| config.cache);
        let said = settings.and_then(|task| task.cache).or_else(of_project);
        match (said, &action.stage) {
            (Some(true), _) => Ok(()),
            (Some(false), _) => Err("`cache = false`".to_owned()),
            (None, Some(stage)) if matches!(stage.0.as_str(), "smoke" | "unit" | "contract") => {
                Ok(())
            }
            (None, Some(stage)) => Err(format!(
                "tests of stage {} may talk to others; `cache = true` keeps them",
                stage.0
            )),
            (None, None) if settings.is_some_and(|task| !task.outputs.is_empty()) => Ok(()),
            (None, None) => Err("it is no test and declares no `outputs`".to_owned()),
        }
    }
}

/// What all digests of one moment are made of.
struct Known<'k> {
    ring: &'k Keyring,
    tree: &'k WorkTree,
    supporters: Supporters,
    ids: Vec<Id>,
    inputs: select::Inputs,
}

/// The files of projects, listed with the id of their content.
struct Lists<'k> {
    from: &'k Known<'k>,
    known: BTreeMap<(ProjectIndex, Impact), Result<Option<Part>, String>>,
    texts: FxHashMap<Digest, Arc<Vec<u8>>>,
}

/// What the bytes of a file are.
enum Id {
    /// Git's id of them.
    Blob,
    /// Their own digest.
    Bytes(Digest),
    /// Nobody knows, for this reason.
    Unknown(String),
}

impl<'k> Known<'k> {
    fn new(ring: &'k Keyring, tree: &'k WorkTree) -> Self {
        let files = tree.files().entries();
        let question = Question {
            graph: &ring.graph,
            changes: &crate::diff::ChangeSet::default(),
            config: &ring.config,
            ecosystems: ecosystem::ALL,
            faults: &ring.faults,
            locks: &BTreeMap::new(),
            fields: &BTreeMap::new(),
            depth: Depth::All,
        };
        Self {
            ring,
            tree,
            supporters: Supporters::new(&ring.graph),
            ids: ids(tree, files),
            inputs: select::inputs(&question, files),
        }
    }
}

impl<'k> Lists<'k> {
    fn new(from: &'k Known<'k>) -> Self {
        Self {
            from,
            known: BTreeMap::new(),
            texts: FxHashMap::default(),
        }
    }

    /// The part for all files whose change hits a project this hard; `None` where there are none.
    fn of(&mut self, state: (ProjectIndex, Impact)) -> Result<Option<Part>, String> {
        if let Some(known) = self.known.get(&state) {
            return known.clone();
        }
        let part = self.list(state);
        self.known.insert(state, part.clone());
        part
    }

    fn list(&mut self, (index, impact): (ProjectIndex, Impact)) -> Result<Option<Part>, String> {
        let from = self.from;
        let project = from.ring.graph.project(index);
        let files = from.tree.files().entries();
        let mut text = Vec::with_capacity(4096);
        for at in from.inputs.of.get(&(index, impact)).into_iter().flatten() {
            line(&mut text, &files[*at], &from.ids[*at])?;
        }
        for (path, digest) in ignored_inputs(from.tree, project, impact)? {
            text.extend_from_slice(format!("ignored bytes {digest} {path}\0").as_bytes());
        }
        if text.is_empty() {
            return Ok(None);
        }
        let digest = Digest::of_bytes(&text);
        self.texts.insert(digest, Arc::new(text));
        let what = match impact {
            Impact::Rebuild => "files",
            Impact::Tests => "files for tests",
            Impact::Contract => "interface files",
            Impact::Runtime => "files at run time",
        };
        let name = format!("{what} of {}", project.root).into();
        Ok(Some(Part { name, digest }))
    }
}

/// Ids of all files; those that git vouches for are not read.
fn ids(tree: &WorkTree, files: &[Entry]) -> Vec<Id> {
    let proof = tree.proof();
    let id = |entry: &Entry| {
        if entry.kind == FileKind::Submodule {
            return Id::Unknown(format!(
                "`{}` is a submodule, into which nobody looks",
                entry.path
            ));
        }
        if proof.holds(entry) {
            return Id::Blob;
        }
        match read_from_disk(&on_disk(tree.root(), &entry.path), entry.kind) {
            Ok(bytes) => Id::Bytes(Digest::of_bytes(&bytes)),
            Err(error) => Id::Unknown(format!("`{}` cannot be read: {error}", entry.path)),
        }
    };
    let done = shared_out(files, 1, |files| files.iter().map(id).collect::<Vec<_>>());
    done.into_iter().flatten().collect()
}

/// Actions for which a thread of its own is worth while.
const LEAST_SHARE: usize = 64;

/// Has all cores work on a part each, of at least so many items; returns what they made in the order of the items.
fn shared_out<T: Sync, R: Send>(
    items: &[T],
    least: usize,
    work: impl Fn(&[T]) -> R + Sync,
) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = items.len().div_ceil(cores).max(least);
    std::thread::scope(|scope| {
        let parts = items.chunks(share);
        let workers: Vec<_> = parts.map(|part| scope.spawn(|| work(part))).collect();
        let done = workers.into_iter();
        done.map(|worker| worker.join().expect("nothing here panics"))
            .collect()
    })
}

/// One file in a list: what it is, whose id, the id, the path; ids of git and of ours are framed apart.
fn line(text: &mut Vec<u8>, entry: &Entry, id: &Id) -> Result<(), String> {
    let kind = match entry.kind {
        FileKind::Regular => "file",
        FileKind::Executable => "program",
        FileKind::Symlink => "link",
        FileKind::Submodule => "module",
    };
    let (form, id) = match (id, &entry.blob) {
        (Id::Unknown(why), _) => return Err(why.clone()),
        (Id::Bytes(digest), _) => (" bytes ", &digest.as_bytes()[..]),
        (Id::Blob, Some(blob)) => (" blob ", blob.as_bytes()),
        (Id::Blob, None) => return Err(format!("`{}` has no id", entry.path)),
    };
    text.extend_from_slice(kind.as_bytes());
    text.extend_from_slice(form.as_bytes());
    hexadecimal(text, id);
    text.push(b' ');
    text.extend_from_slice(entry.path.as_bytes());
    text.push(0);
    Ok(())
}

/// By hand: formatting each byte takes most of the time of a large list.
fn hexadecimal(text: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| {
        [
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 15)],
        ]
    };
    text.extend(bytes.iter().flat_map(digits));
}

/// S6: declared inputs count also where git ignores them, which is why no list of git's has them.
fn ignored_inputs(
    tree: &WorkTree,
    project: &Project,
    impact: Impact,
) -> Result<Vec<(RepoPath, Digest)>, String> {
    let inputs = project.inputs.iter();
    let inputs = inputs.filter(|input| Impact::of(input.kind) == impact);
    let mut found = BTreeSet::new();
    for input in inputs {
        match &input.pattern {
            InputPattern::Path(path) => {
                let is_ignored = !tree.files().is_file(path) && !tree.files().is_folder(path);
                if is_ignored && on_disk(tree.root(), path).is_file() {
                    found.insert(path.clone());
                }
            }
            InputPattern::Glob(glob) if input.kind == DependencyKind::Declared => {
                matching(tree, glob, &mut found)?;
            }
            InputPattern::Glob(_) => {}
        }
    }
    let digest = |path: RepoPath| {
        let bytes = std::fs::read(on_disk(tree.root(), &path));
        let bytes = bytes.map_err(|error| format!("`{path}` cannot be read: {error}"))?;
        Ok((path, Digest::of_bytes(&bytes)))
    };
    found.into_iter().map(digest).collect()
}

fn matching(tree: &WorkTree, glob: &str, found: &mut BTreeSet<RepoPath>) -> Result<(), String> {
    let Ok(globs) = crate::glob::paths([glob]) else {
        return Err(format!("`{glob}` is no glob"));
    };
    let literal = glob
        .split('/')
        .take_while(|part| !part.contains(['*', '?', '[', '{', '\\']));
    let base: Vec<&str> = literal.collect();
    let start = tree.root().join(base.join("/"));
    let mut walk = ignore::WalkBuilder::new(start);
    walk.standard_filters(false).follow_links(false);
    walk.filter_entry(|entry| entry.file_name() != ".git");
    for entry in walk.build().flatten() {
        if entry.file_type().is_none_or(|kind| kind.is_dir()) {
            continue;
        }
        let inside = entry.path().strip_prefix(tree.root()).ok();
        let path = inside.and_then(|path| RepoPath::new(path.as_os_str().as_encoded_bytes()).ok());
        let Some(path) = path.filter(|path| globs.is_match(path.to_string())) else {
            continue;
        };
        if !tree.files().is_file(&path) {
            found.insert(path);
        }
        if found.len() > MOST_IGNORED {
            return Err(format!(
                "`{glob}` matches more than {MOST_IGNORED} ignored files"
            ));
        }
    }
    Ok(())
}
