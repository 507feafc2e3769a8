//! From changed paths to affected projects: pure, and the only place that decides (S13).
//!
//! Each changed path gets one disposition; what it touches become seeds; seeds spread over the union of
//! the base's and the head's graph. Where nothing is known, everything is selected with the reason.

mod inputs;
mod owner;
mod readers;
mod reason;

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{
    Depth, EcosystemId, Impact, Ownership, ProjectGraph, ProjectIndex, RepoPath, Seed, Stage,
    StageOrder, closure,
};

pub use inputs::{Inputs, inputs};
pub use reason::{Reason, ReasonCode};

use crate::config::{Affects, Config, Territory};
use crate::diff::{Change, ChangeSet, fields::in_words};
use crate::ecosystem::{Ecosystem, SharedRole};
use crate::facts::Fault;
use owner::{Owners, Rules};
use readers::Readers;

/// What selection looks at, all by value.
pub struct Question<'a> {
    /// Base and head joined; see [`affected_graph::delta::union`].
    pub graph: &'a ProjectGraph,
    /// What changed.
    pub changes: &'a ChangeSet,
    /// Rules and declared facts.
    pub config: &'a Config,
    /// The registered ecosystems, for their shared files.
    pub ecosystems: &'a [&'a dyn Ecosystem],
    /// Broken files of the head.
    pub faults: &'a [Fault],
    /// What changed lockfiles mean, by their path; one that is missing here means everybody below it.
    pub locks: &'a BTreeMap<RepoPath, LockMeaning>,
    /// Which fields of changed manifests changed, where both versions could be compared.
    pub fields: &'a BTreeMap<RepoPath, Vec<String>>,
    /// How far dependents are followed.
    pub depth: Depth,
}

/// What a changed lockfile means, from both of its versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockMeaning {
    /// Projects whose resolved packages it lists.
    pub known: BTreeSet<ProjectIndex>,
    /// Those of them whose resolved packages changed.
    pub changed: BTreeSet<ProjectIndex>,
    /// Whether it is a manifest: then it also is a file of the project around it.
    pub is_manifest: bool,
}

/// What became of a changed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// It belongs to this project (by name), or is read by it.
    Owned(String),
    /// A rule of this name says whom it selects.
    Ruled(String),
    /// A rule of this name says that it selects nobody.
    Ignored(String),
    /// Nobody knows it, so everything is selected.
    Unknown,
}

/// How one project is affected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    /// The strongest thing that must be redone.
    pub impact: Impact,
    /// Whether one of its own files changed, or a rule names it.
    pub changed: bool,
    /// Why; sorted, never empty.
    pub reasons: Vec<Reason>,
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AffectedSet {
    /// Affected projects, as indices of the question's graph.
    pub projects: BTreeMap<ProjectIndex, Affected>,
    /// One disposition for each change, in the order of the change set.
    pub dispositions: Vec<Disposition>,
    /// What changed of each project that a change names itself, before that spread.
    pub touched: BTreeMap<ProjectIndex, Touched>,
}

/// What changed of one project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Files it owns or reads.
    pub files: BTreeSet<RepoPath>,
    /// Anything else, in words.
    pub other: Option<String>,
}

/// A direct hit, before it spreads.
struct Hit {
    impact: Impact,
    own: bool,
    reason: Reason,
}

impl Hit {
    /// A whole project has to be redone, for a reason that is no other project.
    fn whole(reason: Reason) -> Self {
        Self {
            impact: Impact::Rebuild,
            own: true,
            reason,
        }
    }
}

type Hits = BTreeMap<ProjectIndex, Vec<Hit>>;

/// Decides what `question.changes` affects.
#[must_use]
pub fn determine(question: &Question<'_>) -> AffectedSet {
    let owners = Owners::new(question.graph);
    let rules = Rules::new(question.config);
    let readers = Readers::new(question.graph);
    let mut hits = Hits::new();
    let mut dispositions = Vec::new();
    for change in question.changes.changes() {
        dispositions.push(judge(
            question, &owners, &rules, &readers, change, &mut hits,
        ));
    }
    if !question.changes.changes().is_empty() {
        broken_manifests(question, &mut hits);
    }
    let touched = touched(&hits);
    AffectedSet {
        projects: spread(question, hits),
        dispositions,
        touched,
    }
}

fn touched(hits: &Hits) -> BTreeMap<ProjectIndex, Touched> {
    let of = |hits: &Vec<Hit>| {
        let mut touched = Touched::default();
        for hit in hits {
            match &hit.reason {
                Reason {
                    code: ReasonCode::FileChanged,
                    file: Some(file),
                    ..
                } => {
                    touched.files.insert(file.clone());
                }
                reason => touched.other = Some(reason.detail.clone()),
            }
        }
        touched
    };
    hits.iter()
        .map(|(index, hits)| (*index, of(hits)))
        .collect()
}

/// Selects every project for one reason: nightly, `--all`, or no base to compare with.
#[must_use]
pub fn everything(graph: &ProjectGraph, code: ReasonCode, detail: &str) -> AffectedSet {
    let reason = Reason {
        code,
        file: None,
        via: Vec::new(),
        detail: detail.to_owned(),
    };
    let affected = Affected {
        impact: Impact::Rebuild,
        changed: true,
        reasons: vec![reason],
    };
    let projects = graph
        .projects()
        .map(|(index, _)| (index, affected.clone()))
        .collect();
    AffectedSet {
        projects,
        dispositions: Vec::new(),
        touched: BTreeMap::new(),
    }
}

/// Returns the test stages to run for `impact`, lowest first (section "Kinds of edges" of the README).
#[must_use]
pub fn stages(impact: Impact, order: &StageOrder) -> Vec<Stage> {
    let from = |name: &str| order.rank(&Stage::new(name));
    let wanted = |rank: usize, stage: &Stage| match impact {
        Impact::Rebuild | Impact::Tests => true,
        Impact::Contract if from("contract") < order.0.len() => rank >= from("contract"),
        Impact::Contract => !matches!(stage.0.as_str(), "smoke" | "unit"),
        Impact::Runtime => matches!(stage.0.as_str(), "integration" | "e2e"),
    };
    let ranked = order.0.iter().enumerate();
    ranked
        .filter(|(rank, stage)| wanted(*rank, stage))
        .map(|(_, stage)| stage.clone())
        .collect()
}

/// Says where a path of this owner lies, for rules.
fn territory(graph: &ProjectGraph, owner: Option<ProjectIndex>) -> Territory {
    match owner {
        Some(owner) if graph.project(owner).root.is_root() => Territory::Top,
        Some(_) => Territory::Everywhere,
        None => Territory::Outside,
    }
}

fn judge(
    question: &Question<'_>,
    owners: &Owners<'_>,
    rules: &Rules<'_>,
    readers: &Readers<'_>,
    change: &Change,
    hits: &mut Hits,
) -> Disposition {
    let path = &change.path;
    let owner = owners.of(path);
    let territory = territory(question.graph, owner);
    if let Some(rule) = rules.users(path, territory) {
        return apply(question.graph, &rule.name, &rule.affects, change, hits);
    }
    let lock = question.locks.get(path);
    let nobody = BTreeSet::new();
    let answered = lock.map_or(&nobody, |lock| &lock.known);
    let read = readers.hit(question.graph, change, owner, answered, hits);
    let idle = owner.filter(|owner| is_idle(question, *owner, path));
    let shared = shared_file(question, change, lock, idle, hits);
    if let (Some(_), Some(rule)) = (lock.filter(|lock| !lock.is_manifest), &shared) {
        return Disposition::Ruled(rule.clone());
    }
    let default = rules.defaults(path, territory).filter(|rule| {
        // What looks like documentation may be what tests and sources read.
        let is_read = |owner| is_data(path) || readers.is_read_by(path, owner);
        rule.affects != Affects::None || !owner.is_some_and(is_read)
    });
    let inert = default.is_some_and(|rule| rule.affects == Affects::None);
    match (owner, default) {
        (_, Some(rule)) if !inert => {
            return apply(question.graph, &rule.name, &rule.affects, change, hits);
        }
        (Some(owner), None) => {
            let project = question.graph.project(owner);
            let reason = own_reason(question, project, path, idle.is_some());
            hits.entry(owner).or_default().push(Hit::whole(reason));
            return Disposition::Owned(project.name.clone());
        }
        _ => {}
    }
    if let Some(rule) = shared {
        return Disposition::Ruled(rule);
    }
    if let Some(reader) = read {
        return Disposition::Owned(question.graph.project(reader).name.clone());
    }
    if let Some(rule) = default {
        return Disposition::Ignored(rule.name.clone());
    }
    if let Some(rule) = unknown_in_workspace(question.graph, change, hits) {
        return Disposition::Ruled(rule);
    }
    let detail = "it belongs to no project and no rule names it";
    hit_all(question.graph, ReasonCode::GlobalFile, change, detail, hits);
    Disposition::Unknown
}

/// Why a change of a project's own file counts.
fn own_reason(
    question: &Question<'_>,
    project: &affected_graph::Project,
    path: &RepoPath,
    is_idle: bool,
) -> Reason {
    if is_idle || !project.manifests.contains(path) {
        return Reason::of_file(ReasonCode::FileChanged, path, "its own file changed");
    }
    let fields = question.fields.get(path);
    let fields = fields.map(|fields| format!(": {}", in_words(fields)));
    let detail = format!("its manifest changed{}", fields.unwrap_or_default());
    Reason::of_file(ReasonCode::ManifestChanged, path, &detail)
}

/// Tells whether nothing changed of a manifest but settings of tools that take no part in tests. It is a file like any other
/// then, which tests may read.
fn is_idle(question: &Question<'_>, owner: ProjectIndex, path: &RepoPath) -> bool {
    let project = question.graph.project(owner);
    let fields = question.fields.get(path);
    let fields = fields.filter(|fields| project.manifests.contains(path) && !fields.is_empty());
    let own = question
        .ecosystems
        .iter()
        .filter(|ecosystem| speaks(project, ecosystem.id()));
    let idle: Vec<&str> = own
        .flat_map(|ecosystem| ecosystem.idle_fields())
        .copied()
        .collect();
    fields.is_some_and(|fields| fields.iter().all(|field| idle.contains(&field.as_str())))
}

/// Names of folders whose files are read by tests or packed with the program, whatever they look like.
const DATA: &[&[u8]] = &[
    b"__fixtures__",
    b"__snapshots__",
    b"fixtures",
    b"resources",
    b"test-data",
    b"test_data",
    b"testdata",
];

/// Tells whether a file lies in a folder of data.
fn is_data(path: &RepoPath) -> bool {
    let mut folders: Vec<&[u8]> = path.components().collect();
    folders.pop();
    folders.iter().any(|folder| DATA.contains(folder))
}

/// A file that nobody knows inside the folder of a workspace can be read by that workspace only. The
/// workspace at the repository root is everything, which the caller says more loudly.
fn unknown_in_workspace(graph: &ProjectGraph, change: &Change, hits: &mut Hits) -> Option<String> {
    let workspace = graph.enclosing(&change.path).next()?;
    let root = graph.project(workspace).root.clone();
    if root.is_root() {
        return None;
    }
    let rule = format!("unknown file in workspace {root}");
    for (index, project) in graph.projects() {
        if project.root.is_within(&root) {
            let detail = format!("rule `{rule}`");
            let reason = Reason::of_file(ReasonCode::GlobalFile, &change.path, &detail);
            hits.entry(index).or_default().push(Hit::whole(reason));
        }
    }
    Some(rule)
}

fn hit_all(graph: &ProjectGraph, code: ReasonCode, change: &Change, detail: &str, hits: &mut Hits) {
    for (index, _) in graph.projects() {
        let reason = Reason::of_file(code, &change.path, detail);
        hits.entry(index).or_default().push(Hit::whole(reason));
    }
}

fn apply(
    graph: &ProjectGraph,
    name: &str,
    affects: &Affects,
    change: &Change,
    hits: &mut Hits,
) -> Disposition {
    let detail = format!("rule `{name}`");
    let code = if change.path.file_name() == crate::config::FILE_NAME.as_bytes() {
        ReasonCode::ConfigChanged
    } else {
        ReasonCode::GlobalFile
    };
    match affects {
        Affects::None => return Disposition::Ignored(name.to_owned()),
        Affects::All => hit_all(graph, code, change, &detail, hits),
        Affects::Projects(names) => {
            for index in names.iter().filter_map(|name| by_name_or_path(graph, name)) {
                let reason = Reason::of_file(code, &change.path, &detail);
                hits.entry(index).or_default().push(Hit::whole(reason));
            }
        }
    }
    Disposition::Ruled(name.to_owned())
}

/// Finds a project as people name it.
#[must_use]
pub fn by_name_or_path(graph: &ProjectGraph, name: &str) -> Option<ProjectIndex> {
    graph
        .named(name)
        .or_else(|| graph.at(&RepoPath::new(name).ok()?))
}

/// Lockfiles, toolchain files and settings reach the projects of their ecosystem at or below their folder, unless
/// their content says more exactly whom they reach, or that it is no news to this one.
fn shared_file(
    question: &Question<'_>,
    change: &Change,
    lock: Option<&LockMeaning>,
    idle: Option<ProjectIndex>,
    hits: &mut Hits,
) -> Option<String> {
    let folder = change.path.parent()?;
    let mut rule = None;
    for ecosystem in question.ecosystems {
        let names = ecosystem.shared_files();
        let Some(shared) = names
            .iter()
            .find(|shared| shared.name.matches(&change.path))
        else {
            continue;
        };
        if lock.is_some() {
            rule = Some(shared.rule.to_owned());
            continue;
        }
        let code = match shared.role {
            SharedRole::Lockfile => ReasonCode::LockfileChanged,
            SharedRole::Toolchain => ReasonCode::ToolchainChanged,
            SharedRole::Settings => ReasonCode::GlobalFile,
        };
        let detail = format!("rule `{}`", shared.rule);
        for (index, project) in question.graph.projects() {
            let is_below = project.root.is_within(&folder) && idle != Some(index);
            if is_below && speaks(project, ecosystem.id()) {
                let reason = Reason::of_file(code, &change.path, &detail);
                hits.entry(index).or_default().push(Hit::whole(reason));
                rule = Some(shared.rule.to_owned());
            }
        }
    }
    if let Some(lock) = lock {
        by_meaning(change, lock, hits);
    }
    rule.or_else(|| lock.map(|_| "shared values".to_owned()))
}

/// Hits those for whom the content of a lockfile or shared manifest changed.
fn by_meaning(change: &Change, lock: &LockMeaning, hits: &mut Hits) {
    let (code, what) = if lock.is_manifest {
        (ReasonCode::ManifestChanged, "what it takes from")
    } else {
        (ReasonCode::LockfileChanged, "its packages in")
    };
    for index in &lock.changed {
        let detail = format!("{what} {} changed", change.path);
        let reason = Reason::of_file(code, &change.path, &detail);
        hits.entry(*index).or_default().push(Hit::whole(reason));
    }
}

fn speaks(project: &affected_graph::Project, id: EcosystemId) -> bool {
    project.ecosystems.contains(&id)
}

/// S11: nobody knows what a project with a broken manifest depends on, so any change may reach it.
fn broken_manifests(question: &Question<'_>, hits: &mut Hits) {
    for fault in question.faults {
        let Some(index) = question.graph.enclosing(&fault.path).next() else {
            continue;
        };
        let detail = format!("its manifest cannot be read: {fault}");
        let reason = Reason::of_file(ReasonCode::Unreadable, &fault.path, &detail);
        hits.entry(index).or_default().push(Hit::whole(reason));
    }
}

/// Follows dependents from every hit and gathers the reasons.
fn spread(question: &Question<'_>, hits: Hits) -> BTreeMap<ProjectIndex, Affected> {
    let graph = question.graph;
    let seeds: Vec<Seed> = hits
        .iter()
        .flat_map(|(project, hits)| {
            hits.iter().map(|hit| Seed {
                project: *project,
                impact: hit.impact,
            })
        })
        .collect();
    let reached = closure::dependents(graph, &seeds, question.depth);
    let origin: BTreeMap<ProjectIndex, Option<RepoPath>> = hits
        .iter()
        .map(|(project, hits)| {
            (
                *project,
                hits.iter().find_map(|hit| hit.reason.file.clone()),
            )
        })
        .collect();
    let mut hits = hits;
    let names = reason::names(graph);
    reached
        .into_iter()
        .map(|(index, reach)| {
            let own = hits.remove(&index).unwrap_or_default();
            let changed = own.iter().any(|hit| hit.own);
            let mut reasons: Vec<Reason> = own.into_iter().map(|hit| hit.reason).collect();
            if !reach.chain.is_empty() {
                let file = origin.get(&reach.seed).cloned().flatten();
                reasons.push(Reason::of_chain(&names, &reach, file));
            }
            reason::shorten(&mut reasons);
            (
                index,
                Affected {
                    impact: reach.impact,
                    changed,
                    reasons,
                },
            )
        })
        .collect()
}

/// Returns who must be built anew because one of `seeds` is, and the shortest chain that says so; without the seeds.
#[must_use]
pub fn rebuilt_with(
    graph: &ProjectGraph,
    seeds: &BTreeSet<ProjectIndex>,
) -> BTreeMap<ProjectIndex, Reason> {
    let impact = Impact::Rebuild;
    let seed = |project: &ProjectIndex| Seed {
        project: *project,
        impact,
    };
    let all: Vec<Seed> = seeds.iter().map(seed).collect();
    let reached = closure::dependents(graph, &all, Depth::All).into_iter();
    let names = reason::names(graph);
    reached
        .filter(|(_, reach)| reach.impact == impact && !reach.chain.is_empty())
        .map(|(index, reach)| (index, Reason::of_chain(&names, &reach, None)))
        .collect()
}

/// Tells whether a project owns only some files below its root.
fn is_partial(ownership: &Ownership) -> bool {
    matches!(ownership, Ownership::Only(_))
}
