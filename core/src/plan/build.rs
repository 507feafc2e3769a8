//! Chooses the tasks of affected projects and puts them in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use affected_graph::{
    DependencyKind, ProjectGraph, ProjectIndex, RepoPath, Stage, StageOrder, Task, cycle, order,
};
use miette::Diagnostic;
use thiserror::Error;

use super::{Action, Plan};
use crate::narrow::{Narrowed, Parts};
use crate::runner;

/// Which tasks are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Test tasks, of these stages only unless empty.
    Tests(Vec<Stage>),
    /// The tasks of this name, dependencies first.
    Named(String),
}

/// One project that is to be worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Which.
    pub project: ProjectIndex,
    /// The stages that its selection asks for.
    pub stages: Arc<[Stage]>,
    /// Reason codes, sorted.
    pub reasons: Vec<String>,
    /// Names of tasks that did not pass last time, with the units that are owed, none for all of them: they run whatever the
    /// stages say, and as a whole unless what is owed runs anyway.
    pub again: BTreeMap<String, Vec<String>>,
}

/// Says why there is no plan.
#[derive(Debug, Error, Diagnostic)]
pub enum PlanError {
    /// Tasks that wait for one another.
    #[error("the tasks {} wait for one another", .0.iter().map(|target| format!("`{target}`")).collect::<Vec<_>>().join(" -> "))]
    #[diagnostic(
        code(plan::cycle),
        help(
            "remove one of these dependencies, or run the tasks of one project at a time with `--filter`"
        )
    )]
    Cycle(Vec<String>),
}

/// One task of one project on its way into the plan.
struct Candidate<'g> {
    project: ProjectIndex,
    task: &'g Task,
    reasons: &'g [String],
    narrowed: Narrowed,
}

/// Builds the plan. Tests run lowest stage first and a project's stage waits for its lower ones; a named
/// task waits for the same task of what its project depends on.
pub fn build(
    graph: &ProjectGraph,
    chosen: &[Chosen],
    wanted: &Wanted,
    stages: &StageOrder,
    parts: &Parts,
) -> Result<Plan, PlanError> {
    let mut candidates: Vec<Candidate<'_>> = Vec::new();
    for choice in chosen {
        let project = graph.project(choice.project);
        let tasks = project.tasks.iter();
        for task in tasks.filter(|task| is_wanted(task, choice, wanted)) {
            let narrowed = parts.of(&project.root, task);
            let narrowed = with_owed(narrowed, choice.again.get(&task.name));
            if narrowed != Narrowed::Nothing {
                candidates.push(Candidate {
                    project: choice.project,
                    task,
                    reasons: &choice.reasons,
                    narrowed,
                });
            }
        }
    }
    if let Wanted::Named(_) = wanted {
        refuse_cycles(graph, &candidates)?;
    }
    let height = match wanted {
        Wanted::Tests(_) => BTreeMap::new(),
        Wanted::Named(_) => heights(graph),
    };
    // Places of projects stand in the order of their roots.
    candidates.sort_by_cached_key(|candidate| {
        let (project, name) = (candidate.project, candidate.task.name.as_str());
        match wanted {
            Wanted::Tests(_) => {
                let stage = candidate.task.stage.as_ref();
                (stage.map_or(0, |stage| stages.rank(stage)), project, name)
            }
            Wanted::Named(_) => (height[&project], project, name),
        }
    });
    let mut of_project: BTreeMap<ProjectIndex, Vec<usize>> = BTreeMap::new();
    for (at, candidate) in candidates.iter().enumerate() {
        of_project.entry(candidate.project).or_default().push(at);
    }
    let after = |at: usize| match wanted {
        Wanted::Tests(_) => lower_stages(&candidates, &of_project, at, stages),
        Wanted::Named(_) => same_task_below(graph, &candidates, &of_project, at),
    };
    let actions = (0..candidates.len())
        .map(|at| action(graph, &candidates[at], after(at)))
        .collect();
    Ok(Plan {
        actions,
        judged: Vec::new(),
    })
}

/// A unit that is owed may be gone by now, and a runner that is told to run it would fail: so all of the task runs unless the
/// change reaches every one of them.
fn with_owed(narrowed: Narrowed, owed: Option<&Vec<String>>) -> Narrowed {
    let Some(owed) = owed else {
        return narrowed;
    };
    match &narrowed {
        Narrowed::Units { units, .. }
            if !owed.is_empty() && owed.iter().all(|unit| units.contains(unit)) =>
        {
            narrowed
        }
        _ => Narrowed::Whole(Some("it did not pass last time".to_owned())),
    }
}

fn is_wanted(task: &Task, choice: &Chosen, wanted: &Wanted) -> bool {
    match (wanted, &task.stage) {
        (Wanted::Named(name), _) => {
            task.name == *name || task.name.starts_with(&format!("{name}@"))
        }
        (Wanted::Tests(only), Some(stage)) => {
            (choice.stages.contains(stage) || choice.again.contains_key(&task.name))
                && (only.is_empty() || only.contains(stage))
        }
        (Wanted::Tests(_), None) => false,
    }
}

fn heights(graph: &ProjectGraph) -> BTreeMap<ProjectIndex, usize> {
    let waves = order::waves(graph).into_iter().enumerate();
    waves
        .flat_map(|(height, wave)| wave.into_iter().map(move |index| (index, height)))
        .collect()
}

type OfProject = BTreeMap<ProjectIndex, Vec<usize>>;

fn lower_stages(
    candidates: &[Candidate<'_>],
    of_project: &OfProject,
    at: usize,
    stages: &StageOrder,
) -> BTreeSet<usize> {
    let rank = |candidate: &Candidate<'_>| candidate.task.stage.as_ref().map(|s| stages.rank(s));
    let own = of_project.get(&candidates[at].project).into_iter();
    own.flatten()
        .copied()
        .filter(|before| *before < at && rank(&candidates[*before]) < rank(&candidates[at]))
        .collect()
}

fn same_task_below(
    graph: &ProjectGraph,
    candidates: &[Candidate<'_>],
    of_project: &OfProject,
    at: usize,
) -> BTreeSet<usize> {
    let edges = graph.dependencies(candidates[at].project).into_iter();
    let below = edges.filter(|(_, edge)| orders_tasks(edge.kind));
    below
        .filter_map(|(index, _)| of_project.get(&index))
        .flatten()
        .copied()
        .filter(|before| *before < at)
        .collect()
}

/// What a task needs done before. A test-only dependency may point back (Cargo allows it), and what is
/// called at run time need not be built first.
fn orders_tasks(kind: DependencyKind) -> bool {
    matches!(
        kind,
        DependencyKind::Link | DependencyKind::Build | DependencyKind::Declared
    )
}

/// S12: tasks that wait for one another are refused before anything runs.
fn refuse_cycles(graph: &ProjectGraph, candidates: &[Candidate<'_>]) -> Result<(), PlanError> {
    let by_project: BTreeMap<ProjectIndex, &Candidate<'_>> = candidates
        .iter()
        .map(|candidate| (candidate.project, candidate))
        .collect();
    for group in cycle::cycles(graph, orders_tasks) {
        let tasks: Vec<_> = group
            .iter()
            .filter_map(|member| by_project.get(member))
            .collect();
        if tasks.len() > 1 && tasks.len() == group.len() {
            let mut names: Vec<_> = tasks.iter().map(|task| target(graph, task)).collect();
            names.push(names[0].clone());
            return Err(PlanError::Cycle(names));
        }
    }
    Ok(())
}

fn target(graph: &ProjectGraph, candidate: &Candidate<'_>) -> String {
    format!(
        "{}:{}",
        graph.project(candidate.project).name,
        candidate.task.name
    )
}

fn action(graph: &ProjectGraph, candidate: &Candidate<'_>, after: BTreeSet<usize>) -> Action {
    let Task {
        stage,
        command,
        script,
        cwd,
        env,
        timeout,
        needs,
        ..
    } = candidate.task;
    let all = runner::whole(command);
    let mut unproved = BTreeMap::new();
    let (command, units, widened) = match &candidate.narrowed {
        Narrowed::Units {
            units,
            unproved: because,
            command,
        } => {
            unproved.clone_from(because);
            (command, units.clone(), None)
        }
        Narrowed::Whole(because) => (&all, Vec::new(), because.clone()),
        Narrowed::Nothing => (&all, Vec::new(), None),
    };
    Action {
        target: target(graph, candidate),
        project: graph.project(candidate.project).name.clone(),
        stage: stage.clone(),
        command: command.clone(),
        script: script.clone(),
        cwd: RepoPath::clone(cwd),
        env: env.clone(),
        timeout: *timeout,
        needs: needs.clone(),
        expected: None,
        after,
        reasons: candidate.reasons.to_vec(),
        units,
        unproved,
        widened,
    }
}
