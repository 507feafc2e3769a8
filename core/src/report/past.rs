//! The documents of earlier runs.

use super::list::tool;
use super::wire::v1;
use crate::history::{History, HistoryError, Miss, Ran, Story, ToldRun};

/// Runs and results that are told.
const TOLD: u32 = 20;

/// Tells the newest runs, or everything about the target, project or test of this name.
pub fn history(history: &History, name: Option<&str>) -> Result<v1::History, HistoryError> {
    let (fallbacks, looked_at) = history.fallbacks(TOLD)?;
    let (runs, stories) = match name {
        None => (history.runs(TOLD)?, Vec::new()),
        Some(name) => (Vec::new(), history.stories(name)?),
    };
    let stories = stories.into_iter().map(|known| {
        let results = match &known.test {
            None => history.runs_of(&known.target, TOLD)?,
            Some(test) => history.runs_of_test(&known.target, test, TOLD)?,
        };
        Ok(story(known, results))
    });
    Ok(v1::History {
        schema: "affected.history/1".to_owned(),
        tool: tool(),
        runs: runs.into_iter().map(run).collect(),
        stories: stories.collect::<Result<_, HistoryError>>()?,
        fallbacks,
        looked_at,
    })
}

/// Tells what is flaky; of no history nothing is.
pub fn flaky(history: Option<&History>) -> Result<v1::Flaky, HistoryError> {
    let known = history.map(History::flaky).transpose()?.unwrap_or_default();
    Ok(v1::Flaky {
        schema: "affected.flaky/1".to_owned(),
        tool: tool(),
        flaky: known
            .into_iter()
            .map(|known| story(known, Vec::new()))
            .collect(),
    })
}

/// Tells what a full run found that earlier runs had left out.
#[must_use]
pub fn missed(misses: &[Miss]) -> Vec<v1::Missed> {
    let left_out = |skipping: &crate::history::Skipping| v1::LeftOut {
        run: skipping.run,
        branch: skipping.branch.clone(),
        commit: skipping.commit.clone(),
        base: skipping.base.clone(),
        changed: skipping.changed.clone(),
        units: skipping.units.clone(),
    };
    let missed = |miss: &Miss| v1::Missed {
        target: miss.target.clone(),
        tests: miss.tests.clone(),
        left_out_by: miss.left_out_by.iter().map(left_out).collect(),
    };
    misses.iter().map(missed).collect()
}

fn run(run: ToldRun) -> v1::PastRun {
    v1::PastRun {
        run: run.run,
        began: run.began,
        ended: run.ended,
        command: run.command,
        mode: run.mode,
        branch: run.branch,
        commit: run.commit,
        base: run.base,
        fallback: run.fallback,
        passed: run.passed,
        failed: run.failed,
        others: run.others,
    }
}

fn story(story: Story, results: Vec<Ran>) -> v1::Story {
    v1::Story {
        flake_permille: story.flakes * 1000 / story.runs.max(1),
        target: story.target,
        test: story.test,
        first_seen: story.first_seen,
        runs: story.runs,
        failures: story.failures,
        flakes: story.flakes,
        ms: story.ms,
        recent: story.recent,
        outcome: story.outcome,
        results: results.into_iter().map(result).collect(),
    }
}

fn result(ran: Ran) -> v1::PastResult {
    v1::PastResult {
        run: ran.run,
        began: ran.began,
        branch: ran.branch,
        commit: ran.commit,
        outcome: ran.outcome,
        exit: ran.exit,
        ms: ran.ms,
        attempts: ran.attempts,
        digest: ran.digest,
        cause: ran.cause,
    }
}
