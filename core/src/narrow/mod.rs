//! Which part of a project's tests a change can reach: evidence is added, never trust. What cannot be proved stays the
//! whole project, with the reason.
//!
//! A project is narrowed by one ecosystem, and only where every change that reaches it does so over sources that this
//! ecosystem reads: over its own edges, in files of projects that it describes. The ecosystem then follows its compile
//! units ([`Ecosystem::parts`]).

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{
    Command, DependencyKind, EcosystemId, ProjectGraph, ProjectIndex, RepoPath, Task,
};

use crate::config::Precision;
use crate::ecosystem::{Ecosystem, Part, Reads, Scan, Sources};
use crate::facts::FactStore;
use crate::select::{AffectedSet, Touched};
use crate::tree::Tree;

/// What is narrowed.
pub struct Question<'a> {
    /// Base and head joined: the indices of `affected` are its.
    pub graph: &'a ProjectGraph,
    /// What is affected.
    pub affected: &'a AffectedSet,
    /// The head.
    pub tree: &'a dyn Tree,
    /// Remembers parsed files.
    pub facts: &'a FactStore,
    /// How much is believed.
    pub precision: Precision,
    /// The registered ecosystems.
    pub ecosystems: &'a [&'static dyn Ecosystem],
}

/// The parts of affected projects, by root and ecosystem; what is missing is whole.
#[derive(Debug, Default)]
pub struct Parts(BTreeMap<(RepoPath, EcosystemId), Part>);

/// What is run of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Narrowed {
    /// All of it; the reason, where something narrower was looked for.
    Whole(Option<String>),
    /// These units only, with this command.
    Units(Vec<String>, Command),
    /// Nothing: no unit can reach a change.
    Nothing,
}

impl Parts {
    /// Tells what is run of a task of the project at `root`.
    #[must_use]
    pub fn of(&self, root: &RepoPath, task: &Task) -> Narrowed {
        let Some(id) = task.inferred_by.filter(|_| task.stage.is_some()) else {
            return Narrowed::Whole(None);
        };
        match self.0.get(&(root.clone(), id)) {
            None => Narrowed::Whole(None),
            Some(Part::Whole(because)) => Narrowed::Whole(Some(because.clone())),
            Some(Part::Units(units)) if units.is_empty() => Narrowed::Nothing,
            Some(Part::Units(units)) => {
                let ecosystems = crate::ecosystem::ALL.iter();
                let own = ecosystems.copied().find(|ecosystem| ecosystem.id() == id);
                let command = own.and_then(|own| own.narrowed(task, units));
                command.map_or(Narrowed::Whole(None), |command| {
                    Narrowed::Units(units.clone(), command)
                })
            }
        }
    }
}

/// Finds the parts of every affected project.
#[must_use]
pub fn parts(question: &Question<'_>) -> Parts {
    let mut found = Parts::default();
    if question.precision == Precision::Project {
        return found;
    }
    for ecosystem in question.ecosystems {
        if ecosystem.follows_sources() {
            of_ecosystem(question, *ecosystem, &mut found);
        }
    }
    found
}

fn of_ecosystem(question: &Question<'_>, ecosystem: &dyn Ecosystem, found: &mut Parts) {
    let id = ecosystem.id();
    let graph = question.graph;
    let (mut roots, mut around, mut changed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for index in question.affected.projects.keys() {
        let project = graph.project(*index);
        if !project
            .tasks
            .iter()
            .any(|task| task.stage.is_some() && task.inferred_by == Some(id))
        {
            continue;
        }
        match reaching(question, *index, id) {
            Ok(reaching) => {
                roots.insert(project.root.clone());
                around.extend(
                    reaching
                        .projects
                        .into_iter()
                        .map(|near| graph.project(near).root.clone()),
                );
                changed.extend(reaching.files);
            }
            Err(because) => {
                let key = (project.root.clone(), id);
                found.0.insert(key, Part::Whole(because));
            }
        }
    }
    if roots.is_empty() {
        return;
    }
    let names = ecosystem.reads();
    let files = question.tree.files().entries().iter();
    let candidates = files.filter(|entry| names.iter().any(|name| name.matches(&entry.path)));
    let reads = Reads::default();
    let scan = Scan {
        tree: question.tree,
        facts: question.facts,
        reads: &reads,
        candidates: candidates.map(|entry| entry.path.clone()).collect(),
    };
    let sources = Sources {
        scan: &scan,
        changed: &changed,
        roots: &roots,
        around: &around,
        trusting: question.precision == Precision::Static,
    };
    let parts = ecosystem.parts(&sources).into_iter();
    found.0.extend(parts.map(|(root, part)| ((root, id), part)));
}

/// The changes that reach a project, and the projects they may pass.
struct Reaching {
    projects: BTreeSet<ProjectIndex>,
    files: BTreeSet<RepoPath>,
}

/// Looks down from a project at everything it is built or tested with. The words of an error say what stands against
/// narrowing it.
fn reaching(
    question: &Question<'_>,
    of: ProjectIndex,
    id: EcosystemId,
) -> Result<Reaching, String> {
    let graph = question.graph;
    let mut reaching = Reaching {
        projects: BTreeSet::new(),
        files: BTreeSet::new(),
    };
    // A project may be reached over edges of the ecosystem and over others: then it is met twice.
    let mut open = vec![(of, None)];
    let mut met = BTreeSet::from([(of, false)]);
    while let Some((at, foreign)) = open.pop() {
        if let Some(touched) = question.affected.touched.get(&at) {
            reaching
                .files
                .extend(followable(graph, at, id, touched, foreign)?);
        }
        reaching.projects.insert(at);
        for (below, edge) in graph.dependencies(at) {
            if edge.kind == DependencyKind::Runtime {
                continue;
            }
            let plain = edge.source == id.0 && edge.kind != DependencyKind::Build;
            let foreign = foreign.or_else(|| (!plain).then_some(edge));
            if met.insert((below, foreign.is_some())) {
                open.push((below, foreign));
            }
        }
    }
    if reaching.files.is_empty() {
        return Err("no changed source reaches it".to_owned());
    }
    Ok(reaching)
}

fn followable(
    graph: &ProjectGraph,
    at: ProjectIndex,
    id: EcosystemId,
    touched: &Touched,
    foreign: Option<&affected_graph::Dependency>,
) -> Result<BTreeSet<RepoPath>, String> {
    let project = graph.project(at);
    if let Some(other) = &touched.other {
        return Err(format!("`{}`: {other}", project.name));
    }
    if let Some(edge) = foreign {
        let (file, detail) = (&edge.evidence.file, &edge.evidence.detail);
        return Err(format!(
            "`{}` is used otherwise, too ({file}: {detail})",
            project.name
        ));
    }
    if !project.ecosystems.contains(&id) {
        return Err(format!("`{}` is no {} project", project.name, id.0));
    }
    let stray = touched
        .files
        .iter()
        .find(|path| graph.enclosing(path).next() != Some(at));
    match stray {
        Some(path) => Err(format!("`{}` reads {path}", project.name)),
        None => Ok(touched.files.clone()),
    }
}
