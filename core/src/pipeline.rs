//! Composes the stages; the only module that knows them all.

mod check;
mod explain;
mod gate;
pub mod keys;
mod locks;
mod memory;
pub mod past;
pub mod recording;
pub mod release;
pub mod results;
mod stopwatch;
mod tasks;
mod tests;
mod trees;
mod warnings;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use affected_graph::{Depth, Project, ProjectGraph, RepoPath, Stage, delta};
use globset::{GlobSet, GlobSetBuilder};
use miette::Diagnostic;
use thiserror::Error;

pub use crate::ci::Environment;
pub use crate::config::SettingSource;
pub use crate::diff::deepen::Fetch;
pub use check::{Checked, Pushed, checked, pushed};
pub use explain::{why, why_not};
pub use gate::{base, cut, planned};
pub use stopwatch::Stopwatch;
pub use tests::{named, tests};
pub use watch::Watching;

use crate::config::{self, ConfigError, defects};
use crate::diff::{Change, ChangeKind, ChangeSet, fields, range::NoBase};
use crate::ecosystem;
use crate::facts::FactStore;
use crate::narrow;
use crate::plan::{Plan, build::PlanError, order::Ranking};
use crate::report::{list, run::AllTasks, wire::v1};
use crate::run::Quarantine;
use crate::scan::{Inventory, units::Units};
use crate::select::{self, AffectedSet, LockMeaning, Question};
use crate::tree::TreeError;
use crate::vcs::{Repository, VcsError};
use memory::{Memory, Span, State};
use stopwatch::Lap;
use trees::Trees;

/// Everything that can stop a request.
#[derive(Debug, Error, Diagnostic)]
pub enum PipelineError {
    /// Git's store.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Vcs(#[from] VcsError),
    /// The configuration.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] ConfigError),
    /// A file that must be read.
    #[error(transparent)]
    #[diagnostic(code(tree::unreadable))]
    Tree(#[from] TreeError),
    /// The tasks.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Plan(#[from] PlanError),
    /// A release.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Release(#[from] release::ReleaseError),
    /// Earlier runs, where they are what was asked for.
    #[error(transparent)]
    #[diagnostic(transparent)]
    History(#[from] crate::history::HistoryError),
    /// What was asked for makes no sense here.
    #[error("{message}")]
    #[diagnostic(code(usage))]
    Usage {
        /// What is wrong.
        message: String,
        /// The way out.
        #[help]
        help: Option<String>,
    },
    /// No base, and `--on-unknown=fail`.
    #[error("what is affected cannot be decided: {cause}")]
    #[diagnostic(code(diff::base_missing))]
    UnknownBase {
        /// Why there is no base.
        cause: NoBase,
        /// The command that would give one.
        #[help]
        help: String,
    },
}

/// Which trees are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The base (found by the base order) against the work tree, or HEAD in a bare repository.
    WorkTree,
    /// HEAD against the work tree.
    Uncommitted,
    /// HEAD against the index.
    Staged,
    /// The base against this revision.
    Head(String),
    /// These paths count as changed; nothing is compared.
    Files(Vec<RepoPath>),
    /// Everything counts as changed: `--all`, `nightly`.
    Everything,
}

/// What to do when no base can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnUnknown {
    /// Select everything and say so.
    #[default]
    All,
    /// An error.
    Fail,
}

/// One request, resolved from what was typed.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where the repository is looked for.
    pub directory: PathBuf,
    /// What is compared.
    pub comparison: Comparison,
    /// `--base`; empty text and all-zero ids count as not given.
    pub base: Option<String>,
    /// `--since`: the base itself, without looking for a merge base.
    pub since: Option<String>,
    /// About an unknown base.
    pub on_unknown: OnUnknown,
    /// Whether a base that is missing on a CI host is fetched.
    pub fetch: Fetch,
    /// How far dependents are followed.
    pub depth: Depth,
    /// Globs over project names and paths; empty means all.
    pub filter: Vec<String>,
    /// Globs over project names and paths to leave out.
    pub exclude: Vec<String>,
    /// Only these stages; empty means all.
    pub stages: Vec<Stage>,
    /// Only this stage and those before it, where `stages` is empty.
    pub until: Option<Stage>,
    /// `1/4`: index (1-based) and count.
    pub shard: Option<(usize, usize)>,
    /// Which task; `None` means the test tasks.
    pub task: Option<String>,
    /// What earlier runs are used for.
    pub past: past::PastUse,
}

/// All that is known after selecting; every command is a view of this.
pub struct Answer {
    /// The document of `list`, with every project, change, reason and warning.
    pub list: v1::List,
    /// The head's graph.
    pub graph: Arc<ProjectGraph>,
    /// The head's graph joined with the base's, over which changes spread.
    pub union: Arc<ProjectGraph>,
    /// What would run.
    pub plan: Plan,
    /// The tasks of the wanted kind that all projects of the head have.
    pub all_tasks: AllTasks,
    /// The work tree's root, `None` where there is none.
    pub work_tree: Option<PathBuf>,
    /// Where the tool keeps what it may lose at any moment; `None` outside of git.
    pub store: Option<PathBuf>,
    /// What action digests are made of.
    pub keyring: keys::Keyring,
    /// Where the time went.
    pub timings: Stopwatch,
    /// The order inside a stage, learnt from earlier runs.
    pub ranking: Ranking,
    /// Failures that fail no run.
    pub quarantine: Quarantine,
    /// How often a failed task is tried again where nothing else is typed.
    pub retries: u32,
    /// What earlier runs say.
    pub recalled: past::Recalled,
}

/// Answers a request. Every command that tells what is affected asks this one function (S13).
pub fn answer(request: &Request, env: &Environment) -> Result<Answer, PipelineError> {
    let mut watch = Stopwatch::start();
    let Judged {
        trees,
        memory,
        head,
        union,
        changes,
        affected,
        mut notes,
    } = judged(request, env, &mut watch)?;
    let request = &tasks::until(request, &trees.config.stages);
    let shown = Names::new(&request.filter, &request.exclude)?;
    watch.lap(Lap::Select);
    let asked = (union.as_ref(), &affected, &changes);
    let parts = parts(&trees, &head.units, asked, &memory.facts);
    memory.facts.save();
    watch.lap(Lap::Narrow);
    let recalled = past::recall(request, &trees, env, &changes);
    let selected = tasks::Selected {
        union: &union,
        affected: &affected,
        parts: &parts,
        again: &recalled.again,
    };
    let mut plan = tasks::plan(request, &trees.config, &head.graph, &selected, &shown)?;
    // Of large graphs much is narrowed, and all of it is in the plan now: what follows can use the room.
    drop(parts);
    let told = list::Told {
        graph: &head.graph,
        union: &union,
        affected,
        changes: &changes,
        plan: &plan,
        stages: &trees.config.stages,
        shown: &|project| shown.accept(project),
    };
    notes.extend(recalled.warnings.iter().cloned());
    let document = list::list(
        told,
        trees.base_revision.clone(),
        trees.head_revision.clone(),
        if trees.everything { "all" } else { "affected" },
        warnings::all(&trees, &head, notes),
    );
    let ranking = past::order(&mut plan, &document, (request, &trees), &recalled.past);
    watch.lap(Lap::Select);
    Ok(Answer {
        all_tasks: tasks::all(request, &head.graph, &plan, &recalled.past),
        list: document,
        ranking,
        recalled,
        retries: trees.config.history.retries,
        quarantine: past::quarantine(&trees.config),
        graph: Arc::clone(&head.graph),
        union,
        plan,
        work_tree: trees.work_tree,
        store: memory.state_folder(),
        keyring: keys::Keyring::of(&trees.head, &head, trees.config),
        timings: watch,
    })
}

/// What was decided, with all that it was decided from.
struct Judged {
    trees: Trees,
    memory: Memory,
    head: Arc<Inventory>,
    union: Arc<ProjectGraph>,
    changes: ChangeSet,
    affected: AffectedSet,
    notes: Vec<v1::Warning>,
}

/// Decides what is affected, and plans nothing.
fn judge(request: &Request, env: &Environment) -> Result<Judged, PipelineError> {
    judged(request, env, &mut Stopwatch::start())
}

fn judged(
    request: &Request,
    env: &Environment,
    watch: &mut Stopwatch,
) -> Result<Judged, PipelineError> {
    let (trees, mut memory) = trees::open(request, env, watch)?;
    let (base, head) = inventories(&trees, &mut memory, watch)?;
    let union = union(base.as_ref(), &head);
    watch.lap(Lap::Graph);
    let changes = seeded(trees.changes()?);
    let mut notes = Vec::new();
    let locks = locks::meanings(&trees, &union, &changes, &mut notes);
    let read = Meanings {
        fields: manifest_fields(&trees, &union, &changes),
        locks,
    };
    watch.lap(Lap::Diff);
    let affected = decide(request, &trees, &head, &union, &changes, &read);
    Ok(Judged {
        trees,
        memory,
        head,
        union,
        changes,
        affected,
        notes,
    })
}

/// The changes, without those that a defect overlooks.
fn seeded(changes: ChangeSet) -> ChangeSet {
    if !cfg!(feature = "defects") {
        return changes;
    }
    let has = |kind| changes.changes().iter().any(|change| change.kind == kind);
    let is_rename = has(ChangeKind::Deleted) && has(ChangeKind::Added);
    let seen = |(at, change): &(usize, Change)| {
        let path = change.path.to_string();
        let name = path.rsplit('/').next().unwrap_or(&path);
        let manifests = ["package.json", "pyproject.toml", "go.mod", "pom.xml"];
        let overlooked = [
            ("ignore-deletions", change.kind == ChangeKind::Deleted),
            ("ignore-additions", change.kind == ChangeKind::Added),
            ("ignore-data", name.ends_with(".txt")),
            ("ignore-tests", path.contains("test")),
            (
                "ignore-sources",
                !path.contains("test") && !path.ends_with("json"),
            ),
            ("first-change-only", *at > 0),
            ("last-change-only", *at + 1 < changes.changes().len()),
            ("forget-conftest", name == "conftest.py"),
            ("forget-embedded", name.starts_with("asset.")),
            ("forget-environment-files", name.starts_with(".env")),
            ("forget-lockfiles", name.contains("lock")),
            ("forget-manifests", manifests.contains(&name)),
            ("forget-modes", change.kind == ChangeKind::ModeChanged),
            ("forget-packages", name == "__init__.py"),
            ("forget-renames", is_rename),
            ("forget-setup", name.starts_with("setup.")),
        ];
        !overlooked
            .into_iter()
            .any(|(name, here)| here && defects::is(name))
    };
    let all = changes.changes().iter().cloned().enumerate();
    ChangeSet::new(all.filter(seen).map(|(_, change)| change).collect())
}

/// Joins the graphs of base and head.
fn union(base: Option<&Arc<Inventory>>, head: &Arc<Inventory>) -> Arc<ProjectGraph> {
    match base {
        Some(base) if !Arc::ptr_eq(base, head) && !defects::is("forget-base-graph") => {
            Arc::new(delta::union(&base.graph, &head.graph))
        }
        _ => Arc::clone(&head.graph),
    }
}

/// Returns the inventories of base and head; one and the same where nothing that decides differs.
fn inventories(
    trees: &Trees,
    memory: &mut Memory,
    watch: &mut Stopwatch,
) -> Result<(Option<Arc<Inventory>>, Arc<Inventory>), PipelineError> {
    let differences = trees.differences()?;
    watch.lap(Lap::Diff);
    let is_config = |path: &RepoPath| path.file_name() == config::FILE_NAME.as_bytes();
    // The base is seen with the head's configuration, so what is kept of it must have been, too.
    let other_config = differences
        .iter()
        .flat_map(|differences| differences.keys())
        .any(is_config);
    let (base, of) = match (&trees.base, trees.base_tree) {
        (Some(base), Some(tree)) if !other_config => (base, State::clean(tree)),
        (base, _) => {
            let base = base
                .as_ref()
                .map(|base| memory.scan(None, base, &trees.config));
            return Ok((base, head_inventory(trees, memory, watch)));
        }
    };
    let is_same = |memory: &mut Memory, known: &State, other: Option<&State>| {
        let differences = differences.as_ref();
        differences.is_some_and(|differences| {
            let (base, head) = (base.as_ref(), trees.head.as_ref());
            let span = Span {
                differences,
                base,
                head,
            };
            memory.is_same(known, other, &span)
        })
    };
    if let Some(found) = memory.recall(&of, base.as_ref()) {
        let same = is_same(memory, &of, trees.head_state.as_ref());
        watch.lap(Lap::Facts);
        if same {
            return Ok((Some(Arc::clone(&found)), found));
        }
        return Ok((Some(found), head_inventory(trees, memory, watch)));
    }
    // The head's files are at hand, the base's have to be unpacked: where both say the same, one scan does.
    let head = head_inventory(trees, memory, watch);
    if let Some(known) = &trees.head_state
        && is_same(memory, known, None)
    {
        memory.rename(known, &of);
        return Ok((Some(Arc::clone(&head)), head));
    }
    let base = memory.scan(Some(&of), base, &trees.config);
    Ok((Some(base), head))
}

fn head_inventory(trees: &Trees, memory: &mut Memory, watch: &mut Stopwatch) -> Arc<Inventory> {
    let state = trees.head_state.as_ref();
    let known = state.and_then(|state| memory.recall(state, trees.head.as_ref()));
    watch.lap(Lap::Facts);
    known.unwrap_or_else(|| memory.scan(state, &trees.head, &trees.config))
}

/// What changed files say, beyond that they changed.
struct Meanings {
    locks: BTreeMap<RepoPath, LockMeaning>,
    fields: BTreeMap<RepoPath, Vec<String>>,
}

/// Compares both versions of every changed manifest, field by field.
fn manifest_fields(
    trees: &Trees,
    union: &ProjectGraph,
    changes: &ChangeSet,
) -> BTreeMap<RepoPath, Vec<String>> {
    let Some(base) = &trees.base else {
        return BTreeMap::new();
    };
    let is_manifest = |path: &RepoPath| {
        let owner = union.enclosing(path).next();
        owner.is_some_and(|owner| union.project(owner).manifests.contains(path))
    };
    let changes = changes.changes().iter();
    let paths = changes.map(|change| &change.path);
    let compared = paths.filter(|path| is_manifest(path)).filter_map(|path| {
        let (before, after) = (base.read(path).ok()?, trees.head.read(path).ok()?);
        let fields = fields::changed_fields(path.file_name(), &before, &after)?;
        Some((path.clone(), fields))
    });
    compared.collect()
}

fn decide(
    request: &Request,
    trees: &Trees,
    head: &Inventory,
    union: &ProjectGraph,
    changes: &ChangeSet,
    read: &Meanings,
) -> AffectedSet {
    if let Some((code, detail)) = trees.everything_because() {
        return select::everything(union, code, &detail);
    }
    let mut affected = select::determine(&Question {
        graph: union,
        changes,
        config: &trees.config,
        ecosystems: ecosystem::ALL,
        faults: &head.faults,
        locks: &read.locks,
        fields: &read.fields,
        depth: match () {
            () if defects::is("no-dependents") => Depth::None,
            () if defects::is("direct-dependents") => Depth::Direct,
            () => request.depth,
        },
    });
    if defects::is("first-project-only") {
        let first = affected.projects.pop_first();
        affected.projects = first.into_iter().collect();
    }
    affected
}

fn parts(
    trees: &Trees,
    units: &Units,
    (union, affected, changes): (&ProjectGraph, &AffectedSet, &ChangeSet),
    facts: &FactStore,
) -> narrow::Parts {
    narrow::parts(&narrow::Question {
        graph: union,
        affected,
        units,
        sources: narrow::Sources {
            head: trees.head.as_ref(),
            base: trees.base.as_deref(),
            facts,
            changes,
        },
        precision: trees.config.precision,
        ecosystems: ecosystem::ALL,
    })
}

/// Opens the repository that a folder is in.
pub fn repository(directory: &std::path::Path) -> Result<Repository, PipelineError> {
    Ok(Repository::discover(directory)?)
}

/// Lists every value in force and where it comes from.
pub fn config_sources(
    request: &Request,
    env: &Environment,
) -> Result<Vec<SettingSource>, PipelineError> {
    let mut watch = Stopwatch::start();
    let (trees, mut memory) = trees::open(request, env, &mut watch)?;
    let mut sources = trees.config.sources();
    if let Some(base) = &trees.base_revision {
        let value = base.reference.clone();
        sources.push(SettingSource {
            key: "base".to_owned(),
            value,
            origin: base.source.clone(),
        });
    }
    let (_, head) = inventories(&trees, &mut memory, &mut watch)?;
    for (_, project) in head.graph.projects() {
        for task in &project.tasks {
            let value = match &task.command {
                affected_graph::Command::Argv(argv) => argv.join(" "),
                affected_graph::Command::Shell(line) => line.clone(),
            };
            let key = format!("task.{}:{}", project.name, task.name);
            sources.push(SettingSource {
                key,
                value,
                origin: task.origin.clone(),
            });
        }
    }
    sources.sort();
    Ok(sources)
}

/// Accepts projects by globs over names and paths.
struct Names {
    filter: Option<GlobSet>,
    exclude: GlobSet,
}

impl Names {
    fn new(filter: &[String], exclude: &[String]) -> Result<Self, PipelineError> {
        let filter = if filter.is_empty() {
            None
        } else {
            Some(globs(filter)?)
        };
        Ok(Self {
            filter,
            exclude: globs(exclude)?,
        })
    }

    fn accept(&self, project: &Project) -> bool {
        if self.filter.is_none() && self.exclude.is_empty() {
            return true;
        }
        let path = project.root.to_string();
        let matches = |globs: &GlobSet| globs.is_match(&project.name) || globs.is_match(&path);
        self.filter.as_ref().is_none_or(matches) && !matches(&self.exclude)
    }
}

fn globs(patterns: &[String]) -> Result<GlobSet, PipelineError> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = crate::glob::of_names(pattern).map_err(|error| PipelineError::Usage {
            message: format!("`{pattern}` is no glob: {}", error.kind()),
            help: None,
        })?;
        builder.add(glob);
    }
    builder.build().map_err(|error| PipelineError::Usage {
        message: error.to_string(),
        help: None,
    })
}
