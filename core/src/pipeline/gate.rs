//! A plan for several jobs: made by one, worked off by others that stand on the same commit.

use std::collections::BTreeSet;

use super::stopwatch::Stopwatch;
use super::{Answer, Comparison, Environment, OnUnknown, PipelineError, Request, answer, trees};
use crate::ci;
use crate::diff::deepen::Fetch;
use crate::plan::Plan;
use crate::plan::jobs::{Count, Timings};
use crate::report::wire::v1;
use crate::report::{gate, list};

/// Tells what the host builds and what that is compared with; nothing is scanned.
pub fn base(request: &Request, env: &Environment) -> Result<v1::Base, PipelineError> {
    let (trees, _) = trees::open(request, env, &mut Stopwatch::start())?;
    let host = ci::here(env);
    let built = host.map(|host| host.situation(env));
    Ok(v1::Base {
        schema: "affected.base/1".to_owned(),
        tool: list::tool(),
        host: host.map(|host| host.id().to_owned()),
        event: built.as_ref().map(|built| built.event.as_str().to_owned()),
        branch: built.as_ref().and_then(|built| built.branch.clone()),
        commit: built.and_then(|built| built.head),
        base: trees.base_revision,
        head: trees.head_revision,
        warnings: trees.warnings,
    })
}

/// Selects, plans and cuts into shards.
pub fn cut(
    request: &Request,
    env: &Environment,
    count: Count,
    timings: &Timings,
) -> Result<v1::Plan, PipelineError> {
    let answer = answer(request, env)?;
    if answer.list.head.commit.is_none() {
        return Err(PipelineError::Usage {
            message: "a plan for several jobs needs a commit at HEAD, so that they can agree on it"
                .to_owned(),
            help: Some("commit first, or run everything here with `affected test`".to_owned()),
        });
    }
    Ok(gate::plan(&answer.list, &answer.plan, count, timings))
}

/// Returns the answer that `plan` stands for, with the tasks of one shard only (1-based; `None`: all of them).
/// What is run is found here again, never taken from the file: a plan can name tasks, not commands.
pub fn planned(
    request: &Request,
    env: &Environment,
    plan: &v1::Plan,
    shard: Option<usize>,
) -> Result<Answer, PipelineError> {
    let wanted: BTreeSet<&str> = plan
        .tasks
        .iter()
        .filter(|task| shard.is_none_or(|shard| task.shard == shard))
        .map(|task| task.target.as_str())
        .collect();
    let everything = Request {
        comparison: Comparison::Everything,
        base: None,
        since: None,
        on_unknown: OnUnknown::All,
        fetch: Fetch::Never,
        ..request.clone()
    };
    let base = plan.base.as_ref().and_then(|base| base.commit.clone());
    let mut answer = match base.filter(|_| plan.mode != "all") {
        Some(base) => {
            let comparison = Comparison::WorkTree;
            let since = Some(base);
            let same = Request {
                comparison,
                since,
                ..everything.clone()
            };
            self::answer(&same, env)?
        }
        None => self::answer(&everything, env)?,
    };
    same_head(plan, &answer)?;
    if !has_all(&answer.plan, &wanted) {
        // The base may not be in this clone, or the plan was made over files that are not here.
        answer = self::answer(&everything, env)?;
    }
    if let Some(missing) = wanted.iter().find(|target| !is_task(&answer.plan, target)) {
        return Err(PipelineError::Usage {
            message: format!("the plan names `{missing}`, which is no task here"),
            help: Some("make the plan and run it with the same version of affected".to_owned()),
        });
    }
    keep(
        &mut answer,
        &wanted.iter().map(|target| (*target).to_owned()).collect(),
    );
    answer.list.base.clone_from(&plan.base);
    answer.list.mode.clone_from(&plan.mode);
    answer.list.warnings.clone_from(&plan.warnings);
    Ok(answer)
}

/// Leaves the wanted targets of an answer; what was learnt of them stays.
pub(super) fn keep(answer: &mut Answer, wanted: &BTreeSet<String>) {
    let whole = std::mem::take(&mut answer.plan);
    let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
    answer.plan = only(&whole, &wanted);
    let left = answer.plan.actions.iter();
    let places = left.filter_map(|left| {
        let mut all = whole.actions.iter();
        all.position(|action| action.target == left.target)
    });
    answer.ranking = answer.ranking.only(&places.collect::<Vec<_>>());
    answer.recalled.is_part();
}

fn same_head(plan: &v1::Plan, answer: &Answer) -> Result<(), PipelineError> {
    let commit = |revision: &v1::Revision| revision.commit.clone().unwrap_or_default();
    let (planned, here) = (commit(&plan.head), commit(&answer.list.head));
    if planned == here {
        return Ok(());
    }
    Err(PipelineError::Usage {
        message: format!("the plan is for commit {planned}, but this is {here}"),
        help: Some("check out the commit of the plan, or make a new plan".to_owned()),
    })
}

fn is_task(plan: &Plan, target: &str) -> bool {
    plan.actions.iter().any(|action| action.target == target)
}

fn has_all(plan: &Plan, wanted: &BTreeSet<&str>) -> bool {
    let here: BTreeSet<&str> = plan.actions.iter().map(|it| it.target.as_str()).collect();
    wanted.is_subset(&here)
}

/// Keeps the wanted actions; what they wait for is renumbered, and what another job does is left out.
fn only(plan: &Plan, wanted: &BTreeSet<&str>) -> Plan {
    let kept: Vec<usize> = (0..plan.actions.len())
        .filter(|at| wanted.contains(plan.actions[*at].target.as_str()))
        .collect();
    let actions = kept.iter().map(|at| {
        let mut action = plan.actions[*at].clone();
        let after = action.after.iter();
        action.after = after
            .filter_map(|before| kept.binary_search(before).ok())
            .collect();
        action
    });
    Plan {
        actions: actions.collect(),
        judged: plan.judged.clone(),
    }
}
