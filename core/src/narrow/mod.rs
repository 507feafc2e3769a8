//! Which part of a project's tests a change can reach: evidence is added, never trust. What cannot be proved stays the
//! whole project, with the reason.
//!
//! A project is narrowed by one ecosystem, and only where every change that reaches it does so over sources that this
//! ecosystem reads: over its own edges, in files of projects that it describes. Then its compile units are followed, or
//! where it has none ([`crate::ecosystem::FileLevel`]) files: `follow` and `files` are the two levels.

mod downwards;
mod files;
mod follow;
pub mod known;

use std::collections::BTreeMap;

use affected_graph::{
    Command, Dependency, EcosystemId, Project, ProjectGraph, ProjectIndex, RepoPath, Task,
};
use rustc_hash::FxHashMap;

use crate::config::{Precision, defects};
use crate::diff::{ChangeKind, ChangeSet};
use crate::ecosystem::{ChangedFiles, Ecosystem, Look, Reads, Scan};
use crate::facts::FactStore;
use crate::runner;
use crate::scan::units::Units;
use crate::select::{AffectedSet, Touched};
use crate::tree::Tree;
use downwards::Downwards;
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
    projects: FxHashMap<RepoPath, Vec<(EcosystemId, Part)>>,
    /// Of files: by root and the name of a task.
    tasks: FxHashMap<RepoPath, Vec<(String, Narrowed)>>,
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
        let of_files = self.tasks.get(root);
        if let Some(narrowed) = of_files.and_then(|tasks| found(tasks, &task.name)) {
            return narrowed.clone();
        }
        match self.projects.get(root).and_then(|parts| found(parts, &id)) {
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
        put(&mut self.tasks, &project.root, task.name.clone(), narrowed);
    }

    fn put_project(&mut self, root: &RepoPath, id: EcosystemId, part: Part) {
        put(&mut self.projects, root, id, part);
    }
}

/// Most projects have one test task of one ecosystem, and there may be very many of them.
fn put<K: PartialEq, V>(
    all: &mut FxHashMap<RepoPath, Vec<(K, V)>>,
    root: &RepoPath,
    key: K,
    value: V,
) {
    let known = all
        .entry(root.clone())
        .or_insert_with(|| Vec::with_capacity(1));
    known.retain(|(other, _)| *other != key);
    known.push((key, value));
}

fn found<'p, K: PartialEq, V>(all: &'p [(K, V)], key: &K) -> Option<&'p V> {
    all.iter()
        .find(|(other, _)| other == key)
        .map(|(_, value)| value)
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
    let downwards = Downwards::new(question.graph, question.affected);
    for ecosystem in question.ecosystems {
        if let Some(level) = ecosystem.file_level() {
            let asked = (question, &downwards);
            files::narrow(asked, *ecosystem, level, &look, &mut found);
        } else if question.units.of(ecosystem.id()).is_some() {
            of_ecosystem((question, &downwards), *ecosystem, &mut found);
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

fn of_ecosystem(
    (question, downwards): (&Question<'_>, &Downwards<'_>),
    ecosystem: &dyn Ecosystem,
    found: &mut Parts,
) {
    let id = ecosystem.id();
    let tests = |task: &Task| task.stage.is_some() && task.inferred_by == Some(id);
    let mut reaching_each = Vec::new();
    let mut changed = Changed::default();
    for index in question.affected.projects.keys() {
        let project = question.graph.project(*index);
        if !project.tasks.iter().any(tests) {
            continue;
        }
        match reaching(downwards, *index, ecosystem) {
            Ok(reaching) => {
                changed.extend(&reaching);
                reaching_each.push((&project.root, reaching));
            }
            Err(because) => {
                found.put_project(&project.root, id, Part::Whole(because));
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
        found.put_project(root, id, reached.part(root, &reaching));
    }
}

/// Looks down from a project at everything it is built or tested with. The words of an error say what stands against
/// narrowing it.
fn reaching(
    downwards: &Downwards<'_>,
    of: ProjectIndex,
    ecosystem: &dyn Ecosystem,
) -> Result<Changed, String> {
    let (mut changed, mut reached) = (Changed::default(), false);
    downwards.below(of, ecosystem.id(), |at, touched, foreign| {
        let mut found = followable(downwards, at, ecosystem, touched, foreign)?;
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

fn used_otherwise(project: &Project, edge: &Dependency) -> String {
    let (file, detail) = (&edge.evidence.file, &edge.evidence.detail);
    format!(
        "`{}` is used otherwise, too ({file}: {detail})",
        project.name
    )
}

fn followable(
    downwards: &Downwards<'_>,
    at: ProjectIndex,
    ecosystem: &dyn Ecosystem,
    touched: &Touched,
    foreign: Option<&Dependency>,
) -> Result<Changed, String> {
    let (project, id) = (downwards.graph.project(at), ecosystem.id());
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
    let stranger = downwards.stranger(at);
    for path in &touched.files {
        if Some(path) == stranger {
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
