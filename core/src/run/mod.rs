//! Running a plan: a scheduler that is a pure state machine, workers on a pool of their own, one process
//! group per task, and events for whoever tells people about it.
//!
//! `execution` is the loop that owns all state; `scheduler` decides what may start; `worker` turns one action
//! into one result with `environment` (variables and programs), `process` (a supervised process group) and
//! `capture` (bounded output). [`Interrupt`] stops a run, [`watchdog_main`] cleans up if the tool is killed.
//! Nothing here prints, and the environment arrives as a value.

mod capture;
mod environment;
mod execution;
mod group;
mod interrupt;
mod process;
mod scheduler;
#[cfg(all(test, unix))]
mod tests;
mod watchdog;
mod worker;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub use execution::execute;
pub use interrupt::{Interrupt, Subscription, Urgency};
pub use watchdog::watchdog_main;

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
    /// Why, in words, unless it passed: `exit code 1`, `killed by SIGSEGV (11)`,
    /// `` `npm` is not installed or not on PATH ``, `because shop:test:unit failed`.
    pub cause: Option<String>,
    /// Wall time.
    pub duration: Duration,
    /// The bounded output, stdout and stderr as they came.
    pub output: Vec<u8>,
}

impl TaskResult {
    /// Builds the result of an action that was never started.
    pub(crate) fn unstarted(action: usize, outcome: Outcome, cause: String) -> Self {
        let (exit, duration, output) = (None, Duration::ZERO, Vec::new());
        Self {
            action,
            outcome,
            exit,
            cause: Some(cause),
            duration,
            output,
        }
    }
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
    /// Something the user should know; the run goes on.
    Warning(String),
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
    pub root: PathBuf,
    /// What tasks inherit, usually `std::env::vars_os()`. Variables of git hooks and the tool's own tokens
    /// are taken out, programs are looked up on its `PATH`.
    pub environment: Vec<(OsString, OsString)>,
    /// Program and arguments that call [`watchdog_main`] on their standard input; `None` runs without one.
    pub watchdog: Option<Vec<OsString>>,
}

impl Default for RunOptions {
    /// One task at a time in the current folder, with an empty environment and without a watchdog.
    fn default() -> Self {
        Self {
            jobs: 1,
            grace: Duration::from_secs(3),
            default_timeout: None,
            missing_tool: MissingTool::Fail,
            fail_fast: false,
            root: PathBuf::from("."),
            environment: Vec::new(),
            watchdog: None,
        }
    }
}
