//! One plan for several jobs, their reports, and the one verdict over both.

use std::collections::BTreeMap;

use super::list::tool;
use super::wire::v1;
use crate::digest::Digest;
use crate::plan::jobs::{Count, Piece, Timings, shards};
use crate::plan::{self, Action};

const PLAN: &str = "affected.plan/1";
const RUN: &str = "affected.run/1";
const VERDICT: &str = "affected.verdict/1";

/// Cuts a plan and writes it down.
#[must_use]
pub fn plan(list: &v1::List, plan: &plan::Plan, count: Count, timings: &Timings) -> v1::Plan {
    let pieces: Vec<_> = plan
        .actions
        .iter()
        .map(|action| Piece {
            target: &action.target,
            project: &action.project,
        })
        .collect();
    let cut = shards(&pieces, timings, count);
    let time = |action: &Action| timings.get(&action.target).copied();
    let part = |(at, places): (usize, &Vec<usize>)| v1::PlannedShard {
        index: at + 1,
        tasks: places.len(),
        ms: places
            .iter()
            .filter_map(|place| time(&plan.actions[*place]))
            .sum(),
    };
    let parts: Vec<_> = cut.iter().enumerate().map(part).collect();
    let of_shard = |(at, places): (usize, &Vec<usize>)| {
        let places = places.clone().into_iter();
        places.map(move |place| (place, at + 1)).collect::<Vec<_>>()
    };
    let mut tasks: Vec<_> = cut
        .iter()
        .enumerate()
        .flat_map(of_shard)
        .map(|(place, shard)| task(&plan.actions[place], shard, time(&plan.actions[place])))
        .collect();
    tasks.sort_by(|a, b| a.target.cmp(&b.target));
    let mut document = v1::Plan {
        schema: PLAN.to_owned(),
        tool: tool(),
        base: list.base.clone(),
        head: list.head.clone(),
        mode: list.mode.clone(),
        summary: v1::PlanSummary {
            projects: list.summary.projects,
            affected: list.summary.affected,
            tasks: tasks.len(),
            shards: parts.iter().filter(|part| part.tasks > 0).count(),
        },
        shards: parts,
        tasks,
        digest: String::new(),
        warnings: list.warnings.clone(),
    };
    document.digest = digest(&document);
    document
}

fn task(action: &Action, shard: usize, ms: Option<u64>) -> v1::PlannedTask {
    v1::PlannedTask {
        target: action.target.clone(),
        project: action.project.clone(),
        stage: action.stage.as_ref().map(|stage| stage.0.clone()),
        shard,
        ms,
        reasons: action.reasons.clone(),
    }
}

fn digest(plan: &v1::Plan) -> String {
    let commit = |revision: Option<&v1::Revision>| {
        let commit = revision.and_then(|revision| revision.commit.clone());
        commit.unwrap_or_default()
    };
    let mut fields = vec![
        plan.schema.clone(),
        commit(plan.base.as_ref()),
        commit(Some(&plan.head)),
        plan.mode.clone(),
        plan.shards.len().to_string(),
        plan.summary.projects.to_string(),
        plan.summary.affected.to_string(),
    ];
    for task in &plan.tasks {
        fields.extend([task.target.clone(), task.shard.to_string()]);
    }
    Digest::of_fields(fields.iter().map(String::as_bytes)).to_string()
}

/// Reads a plan and refuses one that is damaged or was changed. The error says what is wrong.
pub fn read_plan(text: &[u8]) -> Result<v1::Plan, String> {
    let plan: v1::Plan = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if plan.schema != PLAN {
        return Err(format!("its schema is `{}`, not `{PLAN}`", plan.schema));
    }
    if plan.digest != digest(&plan) {
        return Err("its digest does not match its tasks, so it was changed".to_owned());
    }
    Ok(plan)
}

/// Reads a report of a run.
pub fn read_run(text: &[u8]) -> Result<v1::Run, String> {
    let run: v1::Run = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if run.schema == RUN {
        Ok(run)
    } else {
        Err(format!("its schema is `{}`, not `{RUN}`", run.schema))
    }
}

/// A report under the name it goes by, or why it cannot be read.
#[derive(Debug, Clone)]
pub struct Report {
    /// The file, for people.
    pub name: String,
    /// What it says.
    pub run: Result<v1::Run, String>,
}

/// How bad an outcome is; of several reports of one task the worst counts, so a second try hides nothing.
fn badness(outcome: &str) -> u8 {
    match outcome {
        "passed" | "cached" => 0,
        "flaky" => 1,
        "skipped" => 2,
        "canceled" => 3,
        "timed-out" => 5,
        // Failed; and a word that a later version may use is no pass.
        _ => 4,
    }
}

/// Compares what was planned with what was really run. Only tasks in a report of this very plan count, so
/// a job that was skipped, killed, or worked on another commit cannot pass for one that ran.
#[must_use]
pub fn verdict(plan: &v1::Plan, reports: &[Report]) -> v1::Verdict {
    let mut problems = Vec::new();
    let mut ran: BTreeMap<&str, &v1::RanTask> = BTreeMap::new();
    for report in reports {
        let run = match &report.run {
            Ok(run) if of_plan(plan, run) => run,
            Ok(_) => {
                let what = "is of another plan or commit, so it does not count";
                problems.push(problem("report-foreign", report, what));
                continue;
            }
            Err(why) => {
                problems.push(problem("report-unreadable", report, why));
                continue;
            }
        };
        for task in &run.tasks {
            let known = ran.entry(&task.target).or_insert(task);
            if badness(&task.outcome) > badness(&known.outcome) {
                *known = task;
            }
        }
    }
    let tasks: Vec<_> = plan.tasks.iter().map(|task| judge(task, &ran)).collect();
    let summary = count(plan, &tasks);
    let word = match () {
        () if plan.tasks.is_empty() => "not-needed",
        () if summary.failed > 0 => "failed",
        () if summary.not_run > 0 => "incomplete",
        () => "passed",
    };
    v1::Verdict {
        schema: VERDICT.to_owned(),
        tool: tool(),
        plan: plan.digest.clone(),
        base: plan.base.clone(),
        head: plan.head.clone(),
        verdict: word.to_owned(),
        tasks,
        problems,
        summary,
    }
}

fn of_plan(plan: &v1::Plan, run: &v1::Run) -> bool {
    let shard = run.shard.as_ref();
    shard.is_some_and(|shard| shard.plan == plan.digest) && run.head.commit == plan.head.commit
}

fn problem(code: &str, report: &Report, what: &str) -> v1::Warning {
    v1::Warning {
        code: code.to_owned(),
        message: format!("`{}`: {what}", report.name),
        help: None,
    }
}

fn judge(task: &v1::PlannedTask, ran: &BTreeMap<&str, &v1::RanTask>) -> v1::JudgedTask {
    let (outcome, cause) = match ran.get(task.target.as_str()) {
        Some(ran) => (ran.outcome.clone(), ran.cause.clone()),
        None => {
            let cause = format!("no report of shard {} has it", task.shard);
            ("not-run".to_owned(), Some(cause))
        }
    };
    v1::JudgedTask {
        target: task.target.clone(),
        shard: task.shard,
        outcome,
        cause,
    }
}

fn count(plan: &v1::Plan, tasks: &[v1::JudgedTask]) -> v1::VerdictSummary {
    let count = |wanted: &dyn Fn(u8) -> bool| {
        let ran = tasks.iter().filter(|task| task.outcome != "not-run");
        ran.filter(|task| wanted(badness(&task.outcome))).count()
    };
    let (passed, failed) = (count(&|bad| bad <= 1), count(&|bad| bad >= 4));
    v1::VerdictSummary {
        planned: tasks.len(),
        passed,
        failed,
        not_run: tasks.len() - passed - failed,
        not_needed: plan.summary.projects.saturating_sub(plan.summary.affected),
    }
}

/// Joins the reports of several shards into one; they must be of one plan or at least of one commit.
pub fn merge(reports: &[Report]) -> Result<v1::Run, String> {
    let mut merged: Option<v1::Run> = None;
    for report in reports {
        let run = report
            .run
            .as_ref()
            .map_err(|why| format!("`{}`: {why}", report.name))?;
        let Some(whole) = &mut merged else {
            merged = Some(v1::Run {
                shard: run.shard.as_ref().map(|shard| v1::PlanShard {
                    index: 1,
                    count: 1,
                    ..shard.clone()
                }),
                ..run.clone()
            });
            continue;
        };
        let plan = |run: &v1::Run| run.shard.as_ref().map(|shard| shard.plan.clone());
        if whole.head.commit != run.head.commit || plan(whole) != plan(run) {
            return Err(format!(
                "`{}` is of another plan or commit than `{}`",
                report.name, reports[0].name
            ));
        }
        whole.tasks.extend(run.tasks.iter().cloned());
        whole.warnings.extend(run.warnings.iter().cloned());
        // Shards run at the same time.
        whole.summary.ms = whole.summary.ms.max(run.summary.ms);
        if run.summary.critical_ms > whole.summary.critical_ms {
            whole.summary.critical_ms = run.summary.critical_ms;
            whole.critical_path.clone_from(&run.critical_path);
        }
        whole.summary.deferred += run.summary.deferred;
    }
    let mut run = merged.ok_or("there is no report to merge")?;
    // Every shard counts among the same tasks which ones it did not need.
    let all = run.summary.spared + tasks_of_first(reports);
    let key = |task: &v1::RanTask| {
        (
            task.target.clone(),
            std::cmp::Reverse(badness(&task.outcome)),
        )
    };
    run.tasks.sort_by_key(key);
    run.tasks
        .dedup_by(|later, first| later.target == first.target);
    run.warnings.sort();
    run.warnings.dedup();
    run.summary.spared = all.saturating_sub(run.tasks.len());
    if reports.len() > 1 {
        // Each part says so of the tasks of all others, too.
        run.summary.spared_ms = 0;
    }
    recount(&mut run);
    Ok(run)
}

/// Counts the tasks of the first report.
fn tasks_of_first(reports: &[Report]) -> usize {
    let first = reports.first().and_then(|report| report.run.as_ref().ok());
    first.map_or(0, |run| run.tasks.len())
}

fn recount(run: &mut v1::Run) {
    let forgiven = run.tasks.iter().filter(|task| task.quarantined.is_some());
    let quarantined = forgiven.count();
    let count = |wanted: &[&str]| {
        let tasks = run.tasks.iter();
        tasks
            .filter(|task| task.quarantined.is_none())
            .filter(|task| wanted.contains(&task.outcome.as_str()))
            .count()
    };
    let (passed, failed) = (
        count(&["passed", "cached"]),
        count(&["failed", "timed-out"]),
    );
    let (skipped, canceled) = (count(&["skipped"]), count(&["canceled"]));
    let flaky = count(&["flaky"]);
    run.summary.cached = count(&["cached"]);
    run.summary.saved_ms = run.tasks.iter().filter_map(|task| task.saved_ms).sum();
    run.summary.passed = passed;
    run.summary.flaky = flaky;
    run.summary.quarantined = quarantined;
    run.summary.failed = failed;
    run.summary.skipped = skipped;
    run.summary.canceled = canceled;
}
