//! The record of a run: what was asked, how each action ended, and what its end says about earlier runs.

use std::sync::Arc;
use std::time::Duration;

use affected_graph::ProjectGraph;

use super::Answer;
use crate::digest::Digest;
use crate::history::{HistoryError, Miss, Recorder, RunRecord, Scope, TaskRecord, TestRecord};
use crate::plan::Plan;
use crate::run::{TaskResult, Unstarted};
use crate::runner::TestCase;
use crate::vcs::Repository;

/// Runs looked at when fallbacks are counted.
const LOOKED_AT: u32 = 20;

/// The record of a run that is going on.
pub struct Recording {
    recorder: Option<Recorder>,
    command: String,
    repository: Option<Arc<Repository>>,
}

/// What the end of a run says about earlier ones.
#[derive(Debug, Default)]
pub struct Afterwards {
    /// To be told as warnings.
    pub warnings: Vec<String>,
    /// Failures that earlier runs had left out (Q6); of full runs only.
    pub misses: Vec<Miss>,
    /// How many of the newest runs selected everything for want of a decision, and how many were looked at (B6).
    pub fallbacks: (u32, u32),
}

impl Recording {
    /// Begins to record; what stands in the way is returned as a warning.
    #[must_use]
    pub fn begin(answer: &mut Answer, command: &str) -> (Self, Option<String>) {
        let record = record(answer, command);
        let begun = answer
            .recalled
            .history
            .take()
            .map(|history| history.begin(record));
        let (recorder, warning) = match begun {
            Some(Ok(recorder)) => (Some(recorder), None),
            Some(Err(error)) => (None, Some(format!("this run is not recorded: {error}"))),
            None => (None, None),
        };
        let recording = Self {
            recorder,
            command: command.to_owned(),
            repository: answer.recalled.repository.take(),
        };
        (recording, warning)
    }

    /// Records how actions ended; after the first error nothing more is tried, which is said once.
    pub fn ended<'r>(
        &mut self,
        plan: &Plan,
        results: impl Iterator<Item = (&'r TaskResult, Option<Digest>)>,
    ) -> Option<String> {
        let tasks: Vec<_> = results
            .map(|(result, digest)| task(plan, result, digest))
            .collect();
        if tasks.is_empty() {
            return None;
        }
        self.try_to(|recorder| recorder.tasks(&tasks)).err()
    }

    fn try_to<T>(
        &mut self,
        act: impl FnOnce(&mut Recorder) -> Result<T, HistoryError>,
    ) -> Result<Option<T>, String> {
        let Some(mut recorder) = self.recorder.take() else {
            return Ok(None);
        };
        match act(&mut recorder) {
            Ok(done) => {
                self.recorder = Some(recorder);
                Ok(Some(done))
            }
            Err(error) => Err(recorder.give_up(&error)),
        }
    }

    /// Of the runs that left a target out, keeps those whose commits HEAD stands on; where none is known to be (after a
    /// squash, say) any of them may be the one.
    fn of_this_history(&self, mut misses: Vec<Miss>) -> Vec<Miss> {
        let head = self
            .repository
            .as_ref()
            .and_then(|known| known.head().ok().flatten());
        let (Some(repository), Some(head)) = (&self.repository, head) else {
            return misses;
        };
        let is_below = |commit: &str| {
            let commit = repository.resolve_commit(commit).ok();
            commit.is_some_and(|commit| repository.is_ancestor(&commit, &head).unwrap_or(false))
        };
        for miss in &mut misses {
            let (below, others): (Vec<_>, Vec<_>) = std::mem::take(&mut miss.left_out_by)
                .into_iter()
                .partition(|run| run.commit.as_deref().is_some_and(is_below));
            miss.left_out_by = if below.is_empty() { others } else { below };
        }
        misses
    }

    /// Ends the record and looks back.
    #[must_use]
    pub fn finish(mut self) -> Afterwards {
        let mut after = Afterwards::default();
        let nightly = self.command == "nightly";
        let looked = self.try_to(|recorder| {
            let history = recorder.history();
            let misses = if nightly {
                history.misses(recorder.run())?
            } else {
                Vec::new()
            };
            Ok((misses, history.fallbacks(LOOKED_AT)?))
        });
        match looked {
            Ok(Some((misses, fallbacks))) => {
                after.misses = self.of_this_history(misses);
                after.fallbacks = fallbacks;
            }
            Ok(None) => {}
            Err(warning) => after.warnings.push(warning),
        }
        if let Some(recorder) = self.recorder.take()
            && let Err(error) = recorder.finish()
        {
            after
                .warnings
                .push(format!("the end of this run is not recorded: {error}"));
        }
        after
    }
}

fn record(answer: &Answer, command: &str) -> RunRecord {
    let about = &answer.recalled.about;
    let list = &answer.list;
    RunRecord {
        command: command.to_owned(),
        mode: list.mode.clone(),
        scope: about.scope.unwrap_or(Scope::Part),
        branch: about.branch.clone(),
        commit: list.head.commit.clone(),
        state: about.state.clone(),
        clean: about.clean,
        base: list.base.as_ref().and_then(|base| base.commit.clone()),
        base_source: list.base.as_ref().map(|base| base.source.clone()),
        fallback: about.fallback.clone(),
        universe: test_targets(&answer.graph),
        selected: sorted(
            answer
                .plan
                .actions
                .iter()
                .map(|action| action.target.clone()),
        ),
        changed: list
            .changes
            .iter()
            .map(|change| change.path.clone())
            .collect(),
    }
}

fn test_targets(graph: &ProjectGraph) -> Vec<String> {
    let of_project = |(_, project): (_, &affected_graph::Project)| {
        let tests = project.tasks.iter().filter(|task| task.stage.is_some());
        let names = tests.map(|task| format!("{}:{}", project.name, task.name));
        names.collect::<Vec<_>>()
    };
    sorted(graph.projects().flat_map(of_project))
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.dedup();
    names
}

fn task(plan: &Plan, result: &TaskResult, digest: Option<Digest>) -> TaskRecord {
    let action = &plan.actions[result.action];
    TaskRecord {
        target: action.target.clone(),
        project: action.project.clone(),
        stage: action.stage.as_ref().map(|stage| stage.0.clone()),
        outcome: result.outcome.as_str().to_owned(),
        held: result.unstarted == Some(Unstarted::Prerequisite),
        exit: result.exit,
        cause: result.cause.clone(),
        duration: result.duration,
        attempts: result.attempts,
        digest: digest.map(|digest| digest.to_string()),
        units: action.units.clone(),
        reasons: action.reasons.clone(),
        tests: result
            .tests
            .iter()
            .flat_map(|tests| &tests.cases)
            .map(test)
            .collect(),
    }
}

/// A test by the words with which the end of a run names it.
fn test(case: &TestCase) -> TestRecord {
    TestRecord {
        name: format!("{} {}", case.place, case.name)
            .trim_start()
            .to_owned(),
        outcome: case.outcome.as_str().to_owned(),
        duration: case.ms.map(Duration::from_millis),
    }
}
