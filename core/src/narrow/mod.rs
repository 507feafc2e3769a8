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

use crate::config::{Precision, defects};
use crate::ecosystem::Ecosystem;
use crate::runner;
use crate::scan::units::Units;
use crate::select::{AffectedSet, Touched};
use follow::{Changed, Reached};

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
                let parts = own.map(|own| units.iter().map(|unit| own.selected(unit)).collect());
                let command = parts.and_then(|parts: Vec<_>| runner::restrict(task, &parts));
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
    let tests = |task: &Task| task.stage.is_some() && task.inferred_by == Some(id);
    let mut reaching_each = Vec::new();
    let mut changed = Changed::default();
    for index in question.affected.projects.keys() {
        let project = question.graph.project(*index);
        if !project.tasks.iter().any(tests) {
            continue;
        }
        match reaching(question, *index, ecosystem) {
            Ok(reaching) => {
                changed.extend(&reaching);
                reaching_each.push((&project.root, reaching));
            }
            Err(because) => {
                let key = (project.root.clone(), id);
                found.0.insert(key, Part::Whole(because));
            }
        }
    }
    if reaching_each.is_empty() {
        return;
    }
    let units = question.units.of(id).unwrap_or_default();
    let trusting = question.precision == Precision::Static;
    let reached = Reached::new(units, changed, trusting);
    for (root, reaching) in reaching_each {
        found
            .0
            .insert((root.clone(), id), reached.part(root, &reaching));
    }
}

/// Looks down from a project at everything it is built or tested with. The words of an error say what stands against
/// narrowing it.
fn reaching(
    question: &Question<'_>,
    of: ProjectIndex,
    ecosystem: &dyn Ecosystem,
) -> Result<Changed, String> {
    let (graph, id) = (question.graph, ecosystem.id());
    let (mut changed, mut reached) = (Changed::default(), false);
    // A project may be reached over edges of the ecosystem and over others: then it is met twice.
    let mut open = vec![(of, None)];
    let mut met = BTreeSet::from([(of, false)]);
    while let Some((at, foreign)) = open.pop() {
        if let Some(touched) = question.affected.touched.get(&at) {
            let mut found = followable(graph, at, ecosystem, touched, foreign)?;
            reached = true;
            if at != of {
                // Nobody is built with the tests of another project.
                found.units.clone_from(&found.compiled);
            }
            changed.extend(&found);
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
    if !reached {
        return Err("no changed source reaches it".to_owned());
    }
    Ok(changed)
}

fn followable(
    graph: &ProjectGraph,
    at: ProjectIndex,
    ecosystem: &dyn Ecosystem,
    touched: &Touched,
    foreign: Option<&affected_graph::Dependency>,
) -> Result<Changed, String> {
    let (project, id) = (graph.project(at), ecosystem.id());
    let other = touched.other.as_ref();
    if let Some(other) = other.filter(|_| !defects::is("narrow-over-manifests")) {
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
    let mut changed = Changed::default();
    for path in &touched.files {
        if graph.enclosing(path).next() != Some(at) {
            return Err(format!("`{}` reads {path}", project.name));
        }
        let Some((unit, is_test)) = ecosystem.unit_of(&project.root, path) else {
            if defects::is("sources-only") {
                continue;
            }
            return Err(format!("{path} is read by no compiler"));
        };
        if !is_test {
            changed.compiled.insert(unit.clone());
        }
        changed.units.insert(unit);
    }
    Ok(changed)
}
