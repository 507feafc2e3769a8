//! Which part of a project's tests a change can reach: evidence is added, never trust. What cannot be proved stays the
//! whole project, with the reason.
//!
//! A project is narrowed by one ecosystem, and only where every change that reaches it does so over sources that this
//! ecosystem reads: over its own edges, in files of projects that it describes. Then its compile units are followed.

mod follow;

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{
    Command, DependencyKind, EcosystemId, ProjectGraph, ProjectIndex, RepoPath, Task,
};

use crate::config::Precision;
use crate::ecosystem::Ecosystem;
use crate::scan::units::Units;
use crate::select::{AffectedSet, Touched};
use follow::Reached;

/// What is narrowed.
pub struct Question<'a> {
    /// Base and head joined: the indices of `affected` are its.
    pub graph: &'a ProjectGraph,
    /// What is affected.
    pub affected: &'a AffectedSet,
    /// Compile units of the head.
    pub units: &'a Units,
    /// How much is believed.
    pub precision: Precision,
    /// The registered ecosystems.
    pub ecosystems: &'a [&'static dyn Ecosystem],
}

/// The parts of affected projects, by root and ecosystem; what is missing is whole.
#[derive(Debug, Default)]
pub struct Parts(BTreeMap<(RepoPath, EcosystemId), Part>);

/// The part of a project that a change can reach.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// All of it, and why.
    Whole(String),
    /// These units, as the runner names them; none if the change reaches nothing that is tested.
    Units(Vec<String>),
}

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
        if question.units.of(ecosystem.id()).is_some() {
            of_ecosystem(question, *ecosystem, &mut found);
        }
    }
    found
}

fn of_ecosystem(question: &Question<'_>, ecosystem: &dyn Ecosystem, found: &mut Parts) {
    let id = ecosystem.id();
    let graph = question.graph;
    let (mut roots, mut changed) = (BTreeSet::new(), BTreeSet::new());
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
                changed.extend(reaching);
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
    let units = question.units.of(id).unwrap_or_default();
    let trusting = question.precision == Precision::Static;
    let reached = match Reached::new(ecosystem, units, &changed, trusting) {
        Ok(reached) => reached,
        Err(because) => {
            let whole = |root| ((root, id), Part::Whole(because.clone()));
            found.0.extend(roots.into_iter().map(whole));
            return;
        }
    };
    for root in roots {
        let part = reached.part(&root);
        found.0.insert((root, id), part);
    }
}

/// Looks down from a project at everything it is built or tested with. The words of an error say what stands against
/// narrowing it.
fn reaching(
    question: &Question<'_>,
    of: ProjectIndex,
    id: EcosystemId,
) -> Result<BTreeSet<RepoPath>, String> {
    let graph = question.graph;
    let mut files = BTreeSet::new();
    // A project may be reached over edges of the ecosystem and over others: then it is met twice.
    let mut open = vec![(of, None)];
    let mut met = BTreeSet::from([(of, false)]);
    while let Some((at, foreign)) = open.pop() {
        if let Some(touched) = question.affected.touched.get(&at) {
            files.extend(followable(graph, at, id, touched, foreign)?);
        }
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
    if files.is_empty() {
        return Err("no changed source reaches it".to_owned());
    }
    Ok(files)
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
