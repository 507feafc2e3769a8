//! Running a plan: a scheduler that is a pure state machine, workers on a pool of their own, one process
//! group per task, and events for whoever tells people about it.

use std::time::Duration;

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It exited with 0.
    Passed,
    /// It exited otherwise, died, or could not be started.
    Failed,
    /// It was killed after its time.
    TimedOut,
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
            Self::Skipped => "skipped",
            Self::Canceled => "canceled",
        }
    }
}

/// How one action ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskResult {
    /// Its place in the plan.
    pub action: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// The exit code, if it exited.
    pub exit: Option<i32>,
    /// Why, in words, unless it passed: `exit code 1`, `killed by SIGSEGV`, `npm is not installed`.
    pub cause: Option<String>,
    /// Wall time.
    pub duration: Duration,
    /// The bounded output, stdout and stderr as they came.
    pub output: Vec<u8>,
}

/// What happens while a plan runs, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEvent {
    /// An action was started.
    Started {
        /// Its place in the plan.
        action: usize,
    },
    /// An action ended, or will never start.
    Finished(TaskResult),
}

/// What to do about a program that is not installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingTool {
    /// The task fails and says so.
    #[default]
    Fail,
    /// The task is skipped by name.
    Skip,
}

/// How a plan is run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Tasks at once, at least 1.
    pub jobs: usize,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// For actions without their own.
    pub default_timeout: Option<Duration>,
    /// About absent programs.
    pub missing_tool: MissingTool,
    /// Stop starting after the first failure.
    pub fail_fast: bool,
    /// The folder that [`crate::plan::Action::cwd`] is relative to.
    pub root: std::path::PathBuf,
}

