//! Which tasks of the selected projects are planned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use affected_graph::{Impact, ProjectGraph, Stage, StageOrder, Task};

use super::past::{self, PastUse};
use super::{Names, PipelineError, Request};
use crate::config::Config;
use crate::narrow;
use crate::plan::{
    Plan,
    build::{self, Chosen, Wanted},
    order::Past,
    shard,
};
use crate::report::run::AllTasks;
use crate::select::{self, Affected, AffectedSet, ReasonCode};

/// What was decided, for planning.
pub(super) struct Selected<'a> {
    pub(super) union: &'a ProjectGraph,
    pub(super) affected: &'a AffectedSet,
    pub(super) parts: &'a narrow::Parts,
    /// Targets that did not pass last time, with the units that are owed.
    pub(super) again: &'a BTreeMap<String, Vec<String>>,
}

/// Plans the tasks of what was selected.
pub(super) fn plan(
    request: &Request,
    config: &Config,
    head: &ProjectGraph,
    selected: &Selected<'_>,
    shown: &Names,
) -> Result<Plan, PipelineError> {
    known_stages(request, config, head)?;
    let (union, affected) = (selected.union, selected.affected);
    let wanted = match &request.task {
        Some(task) => Wanted::Named(task.clone()),
        None => Wanted::Tests(request.stages.clone()),
    };
    let mut chosen = Vec::new();
    let mut known: BTreeMap<Impact, Arc<[Stage]>> = BTreeMap::new();
    for (index, project) in head.projects() {
        let reached = union
            .at(&project.root)
            .and_then(|at| affected.projects.get(&at));
        let reached = reached.filter(|_| request.past != PastUse::OnlyFailed);
        let again = past::tasks_of(&project.name, selected.again);
        let is_called = reached.is_some_and(|reached| reached.impact == Impact::Runtime);
        if !shown.accept(project)
            || (reached.is_none() && again.is_empty())
            || (matches!(wanted, Wanted::Named(_)) && (is_called || reached.is_none()))
        {
            continue;
        }
        let stages = reached.map(|reached| {
            let stages = known.entry(reached.impact);
            let select = || select::stages(reached.impact, &config.stages).into();
            Arc::clone(stages.or_insert_with(select))
        });
        chosen.push(Chosen {
            project: index,
            stages: stages.unwrap_or_default(),
            reasons: codes(reached),
            again,
        });
    }
    let plan = build::build(head, &chosen, &wanted, &config.stages, selected.parts)?;
    Ok(match request.shard {
        Some((index, count)) => shard::part(&plan, index, count),
        None => plan,
    })
}

/// The codes of all reasons; what only runs since it did not pass last time was asked for by that.
fn codes(reached: Option<&Affected>) -> Vec<String> {
    let requested = || vec![ReasonCode::Requested.as_str().to_owned()];
    let Some(reached) = reached else {
        return requested();
    };
    let codes = reached.reasons.iter().map(|reason| reason.code.as_str());
    let codes: BTreeSet<&str> = codes.collect();
    codes.into_iter().map(ToOwned::to_owned).collect()
}

/// Spells out the stages that `until` asks for.
pub(super) fn until(request: &Request, order: &StageOrder) -> Request {
    let mut spelt = request.clone();
    if let Some(last) = spelt.until.take().filter(|_| spelt.stages.is_empty()) {
        spelt.stages = order
            .0
            .iter()
            .take(order.rank(&last) + 1)
            .cloned()
            .collect();
        // One that only a project knows comes after all others; one that nobody knows is refused.
        if !spelt.stages.contains(&last) {
            spelt.stages.push(last);
        }
    }
    spelt
}

/// Counts the tasks of the wanted kind in all projects, and the time that those take which are not planned.
pub(super) fn all(request: &Request, head: &ProjectGraph, plan: &Plan, past: &Past) -> AllTasks {
    let is_wanted = |task: &&Task| match &request.task {
        Some(name) => task.name == *name,
        None => task
            .stage
            .as_ref()
            .is_some_and(|stage| request.stages.is_empty() || request.stages.contains(stage)),
    };
    let tasks = || {
        let projects = head.projects();
        projects.flat_map(|(_, project)| {
            let tasks = project.tasks.iter().filter(is_wanted);
            tasks.map(move |task| (project, task))
        })
    };
    let mut all = AllTasks {
        count: tasks().count(),
        ..AllTasks::default()
    };
    if past.targets.is_empty() {
        return all;
    }
    let planned: BTreeSet<&str> = plan
        .actions
        .iter()
        .map(|action| action.target.as_str())
        .collect();
    for (project, task) in tasks() {
        let target = format!("{}:{}", project.name, task.name);
        if !planned.contains(target.as_str()) {
            let took = past.targets.get(&target).and_then(|known| known.took);
            all.spared += took.unwrap_or_default();
        }
    }
    all
}

/// A misspelt stage must not look like a green run of nothing.
fn known_stages(
    request: &Request,
    config: &Config,
    head: &ProjectGraph,
) -> Result<(), PipelineError> {
    let tasks = head.projects().flat_map(|(_, project)| &project.tasks);
    let own: Vec<&Stage> = tasks.filter_map(|task| task.stage.as_ref()).collect();
    let known = |stage: &&Stage| config.stages.0.contains(stage) || own.contains(stage);
    let Some(unknown) = request.stages.iter().find(|stage| !known(stage)) else {
        return Ok(());
    };
    let names: Vec<&str> = config
        .stages
        .0
        .iter()
        .map(|stage| stage.0.as_str())
        .collect();
    Err(PipelineError::Usage {
        message: format!("there is no stage `{}`", unknown.0),
        help: Some(format!("stages are: {}", names.join(" "))),
    })
}
