//! The document of `tests`: services, stages, tasks and parts, with ids.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{Project, RepoPath, StageOrder, Task};

use super::wire::v1;
use crate::plan::Plan;

/// One test task and what is known of its parts.
pub struct Known<'a> {
    /// Whose.
    pub project: &'a Project,
    /// Which.
    pub task: &'a Task,
    /// Its parts, sorted.
    pub parts: Vec<Part<'a>>,
}

/// One part of the tests of a task.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// As the runner names it.
    pub name: &'a str,
    /// The file, or the folder.
    pub place: &'a RepoPath,
    /// Whether `place` is a file.
    pub is_file: bool,
}

/// Builds the document; `plan` is what would be run.
#[must_use]
pub fn tests(list: &v1::List, plan: &Plan, known: &[Known<'_>], stages: &StageOrder) -> v1::Tests {
    let mut services: BTreeMap<&RepoPath, Vec<&Known<'_>>> = BTreeMap::new();
    for one in known {
        services.entry(&one.project.root).or_default().push(one);
    }
    let services: Vec<_> = services
        .into_values()
        .map(|tasks| service(list, plan, tasks, stages))
        .collect();
    let tasks = || {
        services
            .iter()
            .flat_map(|it| &it.stages)
            .flat_map(|it| &it.tasks)
    };
    let summary = v1::TestsSummary {
        services: services.len(),
        tasks: tasks().count(),
        selected: tasks().filter(|task| task.selected).count(),
        parts: tasks().map(|task| task.parts.len()).sum(),
    };
    v1::Tests {
        schema: "affected.tests/1".to_owned(),
        tool: list.tool.clone(),
        base: list.base.clone(),
        head: list.head.clone(),
        mode: list.mode.clone(),
        summary,
        services,
        warnings: list.warnings.clone(),
    }
}

fn service(
    list: &v1::List,
    plan: &Plan,
    mut tasks: Vec<&Known<'_>>,
    order: &StageOrder,
) -> v1::TestService {
    let rank = |known: &Known<'_>| known.task.stage.as_ref().map(|stage| order.rank(stage));
    tasks.sort_by(|a, b| (rank(a), &a.task.name).cmp(&(rank(b), &b.task.name)));
    let project = tasks[0].project;
    let path = project.root.to_string();
    let told = list.projects.iter().find(|told| told.path == path);
    let mut stages: Vec<v1::TestStage> = Vec::new();
    for known in tasks {
        let name = known.task.stage.as_ref().map(|stage| stage.0.clone());
        let name = name.unwrap_or_default();
        let task = task(plan, known);
        match stages.last_mut().filter(|stage| stage.stage == name) {
            Some(stage) => stage.tasks.push(task),
            None => stages.push(v1::TestStage {
                stage: name,
                tasks: vec![task],
            }),
        }
    }
    v1::TestService {
        name: project.name.clone(),
        path,
        kind: told.map(|told| told.kind.clone()).unwrap_or_default(),
        affected: told.is_some_and(|told| told.affected),
        stages,
    }
}

fn task(plan: &Plan, known: &Known<'_>) -> v1::TestTask {
    let id = format!("{}:{}", known.project.name, known.task.name);
    let action = plan.actions.iter().find(|action| action.target == id);
    let units: BTreeSet<&String> = action.iter().flat_map(|action| &action.units).collect();
    let part = |part: &Part<'_>| {
        let place = part.place.to_string();
        v1::TestPart {
            id: format!("{id}#{}", part.name),
            name: part.name.to_owned(),
            selected: action.is_some()
                && (units.is_empty() || units.iter().any(|unit| *unit == part.name)),
            file: part.is_file.then(|| place.clone()),
            folder: (!part.is_file).then_some(place),
        }
    };
    v1::TestTask {
        selected: action.is_some(),
        cwd: known.task.cwd.to_string(),
        origin: known.task.origin.clone(),
        parts: known.parts.iter().map(part).collect(),
        id,
    }
}
