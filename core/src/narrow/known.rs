//! The parts that tests fall into, whether a change reaches them or not: for those who show them or run one by its name.

use affected_graph::{Command, Project, ProjectGraph, RepoPath, Task};

use crate::ecosystem::{ChangedFiles, Ecosystem, Look, Reads, Scan};
use crate::facts::FactStore;
use crate::runner;
use crate::scan::units::Units;
use crate::tree::Tree;

/// One part of the tests of a task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownPart {
    /// As the runner names it.
    pub name: String,
    /// The test file, or the folder of a compile unit.
    pub place: RepoPath,
    /// Whether `place` is a file.
    pub is_file: bool,
}

/// Finds the parts of every test task of the projects that are wanted; where they are not known, there are none.
#[must_use]
pub fn known<'g>(
    (graph, wanted): (&'g ProjectGraph, &dyn Fn(&Project) -> bool),
    units: &Units,
    (tree, facts): (&dyn Tree, &FactStore),
    ecosystems: &[&'static dyn Ecosystem],
) -> Vec<(&'g Project, &'g Task, Vec<KnownPart>)> {
    let (reads, changed) = (Reads::default(), ChangedFiles::default());
    let head = Scan {
        tree,
        facts,
        reads: &reads,
        candidates: Vec::new(),
    };
    let look = Look {
        head,
        base: None,
        graph,
        changed: &changed,
    };
    let mut found = Vec::new();
    for (_, project) in graph.projects().filter(|(_, project)| wanted(project)) {
        for task in project.tasks.iter().filter(|task| task.stage.is_some()) {
            let own = |ecosystem: &&&dyn Ecosystem| task.inferred_by == Some(ecosystem.id());
            let ecosystem = ecosystems.iter().find(own);
            let parts = ecosystem.map(|ecosystem| match ecosystem.file_level() {
                Some(level) => match level.suite(&look, project, task) {
                    Ok(suite) => suite.tests.into_iter().map(of_file).collect(),
                    Err(_) => Vec::new(),
                },
                None => of_units(units, *ecosystem, project),
            });
            found.push((project, task, parts.unwrap_or_default()));
        }
    }
    found
}

fn of_file((place, name): (RepoPath, String)) -> KnownPart {
    KnownPart {
        name,
        place,
        is_file: true,
    }
}

fn of_units(units: &Units, ecosystem: &dyn Ecosystem, project: &Project) -> Vec<KnownPart> {
    let units = units.of(ecosystem.id()).unwrap_or_default().iter();
    let own = units.filter(|unit| unit.project == project.root && !unit.name.is_empty());
    let mut found: Vec<_> = own
        .map(|unit| KnownPart {
            name: unit.name.clone(),
            place: unit.path.clone(),
            is_file: false,
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Gives the command that runs only these parts of a task; `None` where it cannot be told.
#[must_use]
pub fn only(
    task: &Task,
    names: &[String],
    ecosystems: &[&'static dyn Ecosystem],
) -> Option<Command> {
    let own = |ecosystem: &&&dyn Ecosystem| task.inferred_by == Some(ecosystem.id());
    let ecosystem = ecosystems.iter().find(own)?;
    match ecosystem.file_level() {
        Some(level) => level.restricted(task, names),
        None => {
            let parts: Vec<_> = names.iter().map(|name| ecosystem.selected(name)).collect();
            runner::restrict(task, &parts)
        }
    }
}
