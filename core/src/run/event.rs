//! What a run tells: how tasks end, and what happens meanwhile.

use std::path::PathBuf;
use std::time::Duration;

use crate::plan::Plan;
use crate::runner::Tests;

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It exited with 0.
    Passed,
    /// It exited otherwise, died, or could not be started.
    Failed,
    /// It was killed after its time.
    TimedOut,
    /// It passed after the same inputs had failed.
    Flaky,
    /// It was not started: the same inputs passed before, and its output and files are here again.
    Cached,
    /// It was not started: something before it failed, or its tool is missing and may be.
    Skipped,
    /// The run was interrupted before it ended.
    Canceled,
}

impl Outcome {
    /// Returns the word used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Flaky => "flaky",
            Self::Cached => "cached",
            Self::Skipped => "skipped",
            Self::Canceled => "canceled",
        }
    }

    /// Tells whether what waits for it may start.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::Passed | Self::Flaky | Self::Cached)
    }

    /// Tells whether it makes the whole run fail.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut)
    }
}

/// Why an action was never started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unstarted {
    /// Something it waits for did not pass.
    Prerequisite,
    /// The run stops after so many failures.
    Stopped,
    /// It would not have fitted into the budget, or did not: then it was started and ended.
    Deferred,
    /// Its program is not installed, or it could not be started for another reason.
    CannotStart,
    /// The run was interrupted before.
    Interrupted,
}

/// How one action ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskResult {
    /// Its place in the plan.
    pub action: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// Set where no process was started.
    pub unstarted: Option<Unstarted>,
    /// The exit code, if it exited.
    pub exit: Option<i32>,
    /// Why, in words, unless it passed: `exit code 1`, `killed by SIGSEGV (11)`,
    /// `` `npm` is not installed or not on PATH ``, `because shop:test:unit failed`.
    pub cause: Option<String>,
    /// When it was started, counted from the beginning of the run.
    pub started: Duration,
    /// Wall time; of a cached one, how long it took when it ran.
    pub duration: Duration,
    /// Who mends the failure and until when it is forgiven, where it is in quarantine.
    pub forgiven: Option<String>,
    /// How often it was tried; more than once only where that was asked for.
    pub attempts: u32,
    /// The bounded output, stdout and stderr as they came; of earlier attempts as well.
    pub output: Vec<u8>,
    /// The file with more of the output, where not all of it is in `output`.
    pub log: Option<PathBuf>,
    /// How its single tests ended; `None` where its runner is not known, or left no result.
    pub tests: Option<Tests>,
}

impl TaskResult {
    /// Builds the result of an action that was never started.
    pub(crate) fn unstarted(
        action: usize,
        outcome: Outcome,
        why: Unstarted,
        cause: String,
    ) -> Self {
        Self {
            action,
            outcome,
            unstarted: Some(why),
            exit: None,
            cause: Some(cause),
            started: Duration::ZERO,
            duration: Duration::ZERO,
            forgiven: None,
            attempts: 0,
            output: Vec::new(),
            log: None,
            tests: None,
        }
    }

    /// Tells whether it fails the run: it did not pass, and nobody vouches for that.
    #[must_use]
    pub fn fails_the_run(&self) -> bool {
        self.outcome.is_failure() && self.forgiven.is_none()
    }

    /// Tells whether it is known to have run no test: such a pass proves nothing (C3).
    #[must_use]
    pub fn ran_no_test(&self) -> bool {
        self.tests.as_ref().is_some_and(Tests::is_empty)
    }
}

/// What happens while a plan runs, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEvent {
    /// An action was started.
    Started {
        /// Its place in the plan.
        action: usize,
        /// When, counted from the beginning of the run.
        at: Duration,
    },
    /// An action ended, or will never start.
    Finished(TaskResult),
    /// Something the user should know; the run goes on.
    Warning(String),
}

/// Somebody who is told what happens: the terminal, a stream of events, the history.
///
/// Events come one after the other on the thread that called [`super::execute`]; a sink that takes its time holds up the
/// start of the next task, not the supervision of those that run.
pub trait Sink {
    /// Hears of one event of a run of `plan`.
    fn tell(&mut self, plan: &Plan, event: &RunEvent);

    /// Hears of several events at once, in their order; for those to whom each call costs something.
    fn tell_all(&mut self, plan: &Plan, events: &[RunEvent]) {
        for event in events {
            self.tell(plan, event);
        }
    }
}

impl<F: FnMut(&RunEvent)> Sink for F {
    fn tell(&mut self, _plan: &Plan, event: &RunEvent) {
        self(event);
    }
}

/// Several sinks, told in this order.
#[derive(Default)]
pub struct Sinks<'s>(pub Vec<Box<dyn Sink + 's>>);

impl Sink for Sinks<'_> {
    fn tell(&mut self, plan: &Plan, event: &RunEvent) {
        for sink in &mut self.0 {
            sink.tell(plan, event);
        }
    }

    fn tell_all(&mut self, plan: &Plan, events: &[RunEvent]) {
        for sink in &mut self.0 {
            sink.tell_all(plan, events);
        }
    }
}
