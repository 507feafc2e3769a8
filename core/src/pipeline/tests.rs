//! All test tasks with the parts that are known of them, and runs of some by their ids.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::Project;

use super::stopwatch::Stopwatch;
use super::{Answer, Comparison, Environment, Names, PipelineError, Request, answer, gate, judged};
use crate::ecosystem;
use crate::narrow::known::{self, KnownPart};
use crate::report::tree;
use crate::report::wire::v1;

/// Stands between a target and a part of it in an id.
const PART: char = '#';

/// Lists every test task of the head, and what a run of the request would select.
pub fn tests(request: &Request, env: &Environment) -> Result<v1::Tests, PipelineError> {
    let answer = answer(request, env)?;
    let judged = judged(request, env, &mut Stopwatch::start())?;
    let shown = Names::new(&request.filter, &request.exclude)?;
    let sources = (judged.trees.head.as_ref(), &judged.memory.facts);
    let wanted = |project: &Project| shown.accept(project);
    let graph = (&*judged.head.graph, &wanted as &dyn Fn(&Project) -> bool);
    let mut found = known::known(graph, &judged.head.units, sources, ecosystem::ALL);
    found.retain(|(_, task, _)| {
        let wanted = |stage| request.stages.is_empty() || request.stages.contains(stage);
        task.stage.as_ref().is_some_and(wanted)
    });
    let told = found.iter().map(|(project, task, parts)| tree::Known {
        project,
        task,
        parts: parts.iter().map(|part| shown_part(part)).collect(),
    });
    let stages = &answer.keyring.config().stages;
    let told: Vec<_> = told.collect();
    Ok(tree::tests(&answer.list, &answer.plan, &told, stages))
}

fn shown_part(part: &KnownPart) -> tree::Part<'_> {
    tree::Part {
        name: &part.name,
        place: &part.place,
        is_file: part.is_file,
    }
}

/// Answers with exactly the tests of these ids, whatever changed.
pub fn named(
    request: &Request,
    env: &Environment,
    ids: &[String],
) -> Result<Answer, PipelineError> {
    let everything = Request {
        comparison: Comparison::Everything,
        base: None,
        since: None,
        ..request.clone()
    };
    let mut answer = answer(&everything, env)?;
    let mut wanted: BTreeMap<String, Option<BTreeSet<String>>> = BTreeMap::new();
    for id in ids {
        let (target, part) = match id.split_once(PART) {
            Some((target, part)) => (target, Some(part.to_owned())),
            None => (id.as_str(), None),
        };
        let parts = wanted
            .entry(target.to_owned())
            .or_insert_with(|| Some(BTreeSet::new()));
        match (part, parts.as_mut()) {
            // All of it counts more than a part.
            (None, _) => *parts = None,
            (Some(part), Some(parts)) => drop(parts.insert(part)),
            (Some(_), None) => {}
        }
    }
    let is_here = |target: &str| answer.plan.actions.iter().any(|it| it.target == target);
    if let Some(unknown) = wanted.keys().find(|target| !is_here(target)) {
        return Err(no_test(unknown));
    }
    demand_parts(&everything, env, &wanted)?;
    gate::keep(&mut answer, &wanted.keys().cloned().collect());
    for (target, parts) in wanted {
        if let Some(parts) = parts {
            restrict(&mut answer, &target, parts.into_iter().collect())?;
        }
    }
    let kept = answer.plan.actions.iter().map(|it| &it.target);
    let kept: BTreeSet<&String> = kept.collect();
    let list = &mut answer.list;
    list.targets.retain(|target| kept.contains(&target.target));
    list.summary.targets = list.targets.len();
    Ok(answer)
}

/// Refuses parts that are not known, as of files that were renamed: their runner may take a name that fits nothing for success.
fn demand_parts(
    request: &Request,
    env: &Environment,
    wanted: &BTreeMap<String, Option<BTreeSet<String>>>,
) -> Result<(), PipelineError> {
    if wanted.values().all(Option::is_none) {
        return Ok(());
    }
    let judged = judged(request, env, &mut Stopwatch::start())?;
    let sources = (judged.trees.head.as_ref(), &judged.memory.facts);
    let is_meant = |project: &Project| {
        let prefix = format!("{}:", project.name);
        wanted.keys().any(|target| target.starts_with(&prefix))
    };
    let graph = (&*judged.head.graph, &is_meant as &dyn Fn(&Project) -> bool);
    let known = known::known(graph, &judged.head.units, sources, ecosystem::ALL);
    for (project, task, parts) in known {
        let target = format!("{}:{}", project.name, task.name);
        let asked = wanted.get(&target).and_then(Option::as_ref);
        let is_known = |part: &&String| parts.iter().any(|known| known.name == **part);
        // A task without any is told so later, in its own words.
        let unknown = asked.into_iter().flatten().find(|part| !is_known(part));
        if let Some(unknown) = unknown.filter(|_| !parts.is_empty()) {
            return Err(no_test(&format!("{target}{PART}{unknown}")));
        }
    }
    Ok(())
}

fn no_test(id: &str) -> PipelineError {
    PipelineError::Usage {
        message: format!("there is no test `{id}`"),
        help: Some("`affected tests --all --format names` lists the ids".to_owned()),
    }
}

fn restrict(answer: &mut Answer, target: &str, parts: Vec<String>) -> Result<(), PipelineError> {
    let graph = std::sync::Arc::clone(&answer.graph);
    let mut actions = answer.plan.actions.iter_mut();
    let Some(action) = actions.find(|action| action.target == target) else {
        return Err(no_test(target));
    };
    let mut projects = graph.projects();
    let project = projects.find(|(_, project)| project.name == action.project);
    let name = target.strip_prefix(&format!("{}:", action.project));
    let task = project.and_then(|(_, project)| {
        let mut tasks = project.tasks.iter();
        tasks.find(|task| Some(task.name.as_str()) == name)
    });
    let command = task.and_then(|task| known::only(task, &parts, ecosystem::ALL));
    let Some(command) = command else {
        return Err(PipelineError::Usage {
            message: format!("`{target}` cannot be restricted to a part of its tests"),
            help: Some(format!("run all of it: `--id {target}`")),
        });
    };
    action.command = command;
    action.units = parts;
    action.unproved.clear();
    action.widened = None;
    Ok(())
}
