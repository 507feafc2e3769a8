//! Which part of a project's tests a change can reach: evidence is added, never trust. What cannot be proved stays the
//! whole project, with the reason.
//!
//! A project is narrowed by one ecosystem, and only where every change that reaches it does so over sources that this
//! ecosystem reads: over its own edges, in files of projects that it describes. Then its compile units are followed, or
//! where it has none ([`crate::ecosystem::FileLevel`]) files: `follow` and `files` are the two levels.

mod files;
mod follow;
pub mod known;

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{
    Command, Dependency, DependencyKind, EcosystemId, Project, ProjectGraph, ProjectIndex,
    RepoPath, Task,
};

use crate::config::{Precision, defects};
use crate::diff::{ChangeKind, ChangeSet};
use crate::ecosystem::{ChangedFiles, Ecosystem, Look, Reads, Scan};
use crate::facts::FactStore;
use crate::runner;
use crate::scan::units::Units;
use crate::select::{AffectedSet, Touched};
use crate::tree::Tree;
use follow::{Changed, Reached};

/// What is narrowed.
pub struct Question<'a> {
    /// Base and head joined: the indices of `affected` are its.
    pub graph: &'a ProjectGraph,
    /// What is affected.
    pub affected: &'a AffectedSet,
    /// Compile units of the head.
    pub units: &'a Units,
    /// What sources are read from.
    pub sources: Sources<'a>,
    /// How much is believed.
    pub precision: Precision,
    /// The registered ecosystems.
    pub ecosystems: &'a [&'static dyn Ecosystem],
}

/// The trees, for what is followed file by file.
pub struct Sources<'a> {
    /// The head.
    pub head: &'a dyn Tree,
    /// The base.
    pub base: Option<&'a dyn Tree>,
    /// What is known of files.
    pub facts: &'a FactStore,
    /// How the two differ.
    pub changes: &'a ChangeSet,
}

/// The parts of affected projects; what is missing is whole.
#[derive(Debug, Default)]
pub struct Parts {
    /// Of compile units: by root and ecosystem, for all tasks alike.
    projects: BTreeMap<(RepoPath, EcosystemId), Part>,
    /// Of files: by root and the name of a task.
    tasks: BTreeMap<(RepoPath, String), Narrowed>,
}

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
    /// Some units only.
    Units {
        /// Which, as the runner names them.
        units: Vec<String>,
        /// Those of them that run because something in their reach cannot be followed, with what that is.
        unproved: BTreeMap<String, String>,
        /// What is started.
        command: Command,
    },
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
        if let Some(narrowed) = self.tasks.get(&(root.clone(), task.name.clone())) {
            return narrowed.clone();
        }
        match self.projects.get(&(root.clone(), id)) {
            None => Narrowed::Whole(None),
            Some(Part::Whole(because)) => Narrowed::Whole(Some(because.clone())),
            Some(Part::Units(units)) if units.is_empty() => Narrowed::Nothing,
            Some(Part::Units(units)) => {
                let ecosystems = crate::ecosystem::ALL.iter();
                let own = ecosystems.copied().find(|ecosystem| ecosystem.id() == id);
                let parts = own.map(|own| units.iter().map(|unit| own.selected(unit)).collect());
                let command = parts.and_then(|parts: Vec<_>| runner::restrict(task, &parts));
                command.map_or(Narrowed::Whole(None), |command| Narrowed::Units {
                    units: units.clone(),
                    unproved: BTreeMap::new(),
                    command,
                })
            }
        }
    }

    fn put_task(&mut self, project: &Project, task: &Task, narrowed: Narrowed) {
        let key = (project.root.clone(), task.name.clone());
        self.tasks.insert(key, narrowed);
    }
}

/// Finds the parts of every affected project.
#[must_use]
pub fn parts(question: &Question<'_>) -> Parts {
    let mut found = Parts::default();
    if question.precision == Precision::Project {
        return found;
    }
    let changed = changed_files(question.sources.changes);
    let reads = Reads::default();
    let scan = |tree| Scan {
        tree,
        facts: question.sources.facts,
        reads: &reads,
        candidates: Vec::new(),
    };
    let look = Look {
        head: scan(question.sources.head),
        base: question.sources.base.map(scan),
        graph: question.graph,
        changed: &changed,
    };
    for ecosystem in question.ecosystems {
        if let Some(level) = ecosystem.file_level() {
            files::narrow(question, *ecosystem, level, &look, &mut found);
        } else if question.units.of(ecosystem.id()).is_some() {
            of_ecosystem(question, *ecosystem, &mut found);
        }
    }
    found
}

fn changed_files(changes: &ChangeSet) -> ChangedFiles {
    let mut found = ChangedFiles::default();
    for change in changes.changes() {
        let set = match change.kind {
            ChangeKind::Added => &mut found.added,
            ChangeKind::Deleted => &mut found.deleted,
            ChangeKind::Modified | ChangeKind::ModeChanged => &mut found.modified,
        };
        set.insert(change.path.clone());
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
                found.projects.insert(key, Part::Whole(because));
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
            .projects
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
    below(question, of, id, |at, touched, foreign| {
        let mut found = followable(graph, at, ecosystem, touched, foreign)?;
        reached = true;
        if at != of {
            // Nobody is built with the tests of another project.
            found.units.clone_from(&found.compiled);
        }
        changed.extend(&found);
        Ok(())
    })?;
    if !reached {
        return Err("no changed source reaches it".to_owned());
    }
    Ok(changed)
}

/// Calls `see` with what changed of a project and of all that it is built or tested with; for what is used over an edge
/// that is none of the ecosystem's own, with that edge.
fn below<'g>(
    question: &Question<'g>,
    of: ProjectIndex,
    id: EcosystemId,
    mut see: impl FnMut(ProjectIndex, &Touched, Option<&'g Dependency>) -> Result<(), String>,
) -> Result<(), String> {
    // A project may be reached over edges of the ecosystem and over others: then it is met twice.
    let mut open = vec![(of, None)];
    let mut met = BTreeSet::from([(of, false)]);
    while let Some((at, foreign)) = open.pop() {
        if let Some(touched) = question.affected.touched.get(&at) {
            see(at, touched, foreign)?;
        }
        for (below, edge) in question.graph.dependencies(at) {
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
    Ok(())
}

fn used_otherwise(project: &Project, edge: &Dependency) -> String {
    let (file, detail) = (&edge.evidence.file, &edge.evidence.detail);
    format!(
        "`{}` is used otherwise, too ({file}: {detail})",
        project.name
    )
}

fn followable(
    graph: &ProjectGraph,
    at: ProjectIndex,
    ecosystem: &dyn Ecosystem,
    touched: &Touched,
    foreign: Option<&Dependency>,
) -> Result<Changed, String> {
    let (project, id) = (graph.project(at), ecosystem.id());
    let other = touched.other.as_ref();
    if let Some(other) = other.filter(|_| !defects::is("narrow-over-manifests")) {
        return Err(format!("`{}`: {other}", project.name));
    }
    if let Some(edge) = foreign {
        return Err(used_otherwise(project, edge));
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

#[cfg(test)]
mod tests;
