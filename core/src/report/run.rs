//! A run in words for machines, and what is worth telling about it.

use std::time::Duration;

use super::{tests, wire::v1};
use crate::plan::{Action, Plan};
use crate::run::{Outcome, TaskResult, Unstarted};

/// A run that has ended, as reports see it.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'r> {
    /// What was to be run.
    pub plan: &'r Plan,
    /// How each action ended, in plan order.
    pub results: &'r [TaskResult],
    /// The same for machines.
    pub document: &'r v1::Run,
}

impl<'r> Ended<'r> {
    /// Returns every action that failed with its result, in plan order.
    pub fn failures(self) -> impl Iterator<Item = (&'r Action, &'r TaskResult)> {
        let failed = self
            .results
            .iter()
            .filter(|result| result.outcome.is_failure());
        failed.map(move |result| (&self.plan.actions[result.action], result))
    }
}

/// The tasks of one kind in the whole repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AllTasks {
    /// How many.
    pub count: usize,
    /// How long those took in earlier runs that are not part of this one, as far as that is known.
    pub spared: Duration,
}

/// Builds the document of a run that took `time`; `all` are the tasks of this kind in the repository.
#[must_use]
pub fn document(
    list: &v1::List,
    plan: &Plan,
    results: &[TaskResult],
    all: AllTasks,
    time: Duration,
) -> v1::Run {
    let count = |wanted: &dyn Fn(&TaskResult) -> bool| {
        results.iter().filter(|result| wanted(result)).count()
    };
    let path = critical_path(plan, results);
    let mut warnings = list.warnings.clone();
    warnings.extend(tests::warnings(plan, results));
    v1::Run {
        schema: "affected.run/1".to_owned(),
        tool: list.tool.clone(),
        base: list.base.clone(),
        head: list.head.clone(),
        mode: list.mode.clone(),
        shard: None,
        missed: Vec::new(),
        tasks: results
            .iter()
            .map(|result| task(&plan.actions[result.action], result))
            .collect(),
        critical_path: path
            .iter()
            .map(|action| plan.actions[*action].target.clone())
            .collect(),
        warnings,
        summary: v1::RunSummary {
            passed: count(&|result| {
                result.outcome.is_success() && result.outcome != Outcome::Flaky
            }),
            flaky: count(&|result| result.outcome == Outcome::Flaky),
            quarantined: count(&|result| result.forgiven.is_some()),
            cached: count(&|result| result.outcome == Outcome::Cached),
            saved_ms: results.iter().filter_map(saved_ms).sum(),
            failed: count(&TaskResult::fails_the_run),
            skipped: count(&|result| result.outcome == Outcome::Skipped),
            canceled: count(&|result| result.outcome == Outcome::Canceled),
            deferred: count(&|result| result.unstarted == Some(Unstarted::Deferred)),
            spared: all.count.saturating_sub(results.len()),
            spared_ms: ms(all.spared),
            critical_ms: ms(path.iter().map(|action| spent(&results[*action])).sum()),
            ms: ms(time),
        },
    }
}

/// Builds the record of one task.
#[must_use]
pub fn task(action: &Action, result: &TaskResult) -> v1::RanTask {
    v1::RanTask {
        target: action.target.clone(),
        project: action.project.clone(),
        stage: action.stage.as_ref().map(|stage| stage.0.clone()),
        outcome: result.outcome.as_str().to_owned(),
        exit: result.exit,
        start: ms(result.started),
        ms: ms(spent(result)),
        digest: None,
        saved_ms: saved_ms(result),
        cause: result.cause.clone(),
        quarantined: result.forgiven.clone(),
        attempts: result.attempts,
        log: result
            .log
            .as_ref()
            .map(|log| log.to_string_lossy().into_owned()),
        tests: result.tests.as_ref().map(tests::ran),
        reasons: action.reasons.clone(),
    }
}

/// Returns how long a task took in this run: nothing where its result was known before.
#[must_use]
pub fn spent(result: &TaskResult) -> Duration {
    match result.outcome {
        Outcome::Cached => Duration::ZERO,
        _ => result.duration,
    }
}

fn saved_ms(result: &TaskResult) -> Option<u64> {
    (result.outcome == Outcome::Cached).then(|| ms(result.duration))
}

/// Whole milliseconds.
#[must_use]
pub fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the command that runs one task again, as words.
#[must_use]
pub fn again(plan: &Plan, action: &Action) -> Vec<String> {
    let mut words = vec!["affected".to_owned()];
    if !plan.judged.is_empty() {
        words.push("check".to_owned());
        words.extend(plan.judged.iter().cloned());
        words.extend(["--filter".to_owned(), action.project.clone()]);
        return words;
    }
    match &action.stage {
        Some(stage) => words.extend(["test".to_owned(), "--stage".to_owned(), stage.0.clone()]),
        None => {
            let task = action.target.strip_prefix(&format!("{}:", action.project));
            words.extend(["run".to_owned(), task.unwrap_or(&action.target).to_owned()]);
        }
    }
    words.extend([
        "--all".to_owned(),
        "--filter".to_owned(),
        action.project.clone(),
    ]);
    words
}

/// Returns the chain of tasks, each waiting for the one before, that took longest: no number of jobs makes it shorter.
fn critical_path(plan: &Plan, results: &[TaskResult]) -> Vec<usize> {
    if results.len() != plan.actions.len() {
        return Vec::new();
    }
    // Prerequisites have smaller places.
    let mut best: Vec<(Duration, Option<usize>)> = Vec::with_capacity(results.len());
    for (place, action) in plan.actions.iter().enumerate() {
        let before = action
            .after
            .iter()
            .copied()
            .filter(|before| *before < place);
        let longest = before.max_by_key(|before| (best[*before].0, std::cmp::Reverse(*before)));
        let rest = longest.map_or(Duration::ZERO, |before| best[before].0);
        best.push((rest + spent(&results[place]), longest));
    }
    let mut at = (0..best.len()).max_by_key(|place| (best[*place].0, std::cmp::Reverse(*place)));
    let mut path = Vec::new();
    while let Some(place) = at {
        path.push(place);
        at = best[place].1;
    }
    path.reverse();
    path
}
