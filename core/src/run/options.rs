//! How a plan is run, as a value.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Outcome;
use crate::plan::Plan;

/// What to do about a program that is not installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingTool {
    /// The task fails and says so.
    #[default]
    Fail,
    /// The task is skipped by name.
    Skip,
}

/// What is done about processes whose parents have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Orphans {
    /// Those that can be recognised are ended with the run.
    #[default]
    Leave,
    /// They become children of this process, where the system can do that, and every child of it other than those that
    /// the run knows is ended with the run: for programs that do nothing else.
    Adopt,
}

/// When a run starts nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stop {
    /// Never: everything runs that does not wait for a failure.
    #[default]
    Never,
    /// After this many failures, at least 1.
    AfterFailures(usize),
}

/// Who decides which of the ready actions starts first.
pub trait Order: std::fmt::Debug + Send + Sync {
    /// Returns a rank for each action of `plan`, small first, or `None` to leave the order as it is. Asked at the beginning
    /// and after each end that was no success; `outcomes` holds `None` for what has not ended.
    fn ranks(&self, plan: &Plan, outcomes: &[Option<Outcome>]) -> Option<Vec<usize>>;
}

/// Whether one command may do several tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Batching {
    /// Where it is known to be as good: see [`crate::plan::batch`].
    #[default]
    Join,
    /// Never.
    Single,
}

/// What becomes of tasks that still run when the budget ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overrun {
    /// They go on.
    #[default]
    Finish,
    /// They are ended, and count as not run.
    Stop,
}

/// How a plan is run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Tasks at once, at least 1; a task of more weight takes several places.
    pub jobs: usize,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// For actions without their own.
    pub default_timeout: Option<Duration>,
    /// About absent programs.
    pub missing_tool: MissingTool,
    /// About failures.
    pub stop: Stop,
    /// Nothing is started that is not expected to end within this time from the beginning.
    pub budget: Option<Duration>,
    /// About tasks that take longer than that.
    pub overrun: Overrun,
    /// Failures that fail no run.
    pub quarantine: super::Quarantine,
    /// How often a task that failed is tried again; each such pass is [`super::Outcome::Flaky`].
    pub retries: u32,
    /// Who orders what is ready; `None` means plan order.
    pub order: Option<Arc<dyn Order>>,
    /// The folder that [`crate::plan::Action::cwd`] is relative to.
    pub root: PathBuf,
    /// What tasks inherit, usually `std::env::vars_os()`. Variables of git hooks and the tool's own tokens
    /// are taken out, programs are looked up on its `PATH`.
    pub environment: Vec<(OsString, OsString)>,
    /// Program and arguments that call [`super::watchdog_main`] on their standard input; `None` runs without one.
    pub watchdog: Option<Vec<OsString>>,
    /// Whether one command may do several tasks.
    pub batching: Batching,
    /// Where folders for the results of test runners are made, one for each task while it runs; `None` where there is no place for them.
    pub reports: Option<PathBuf>,
    /// About processes that leave their task.
    pub orphans: Orphans,
    /// A folder for output that is too long for memory; `None` keeps head and tail only.
    pub logs: Option<PathBuf>,
    /// Results of earlier runs; `None` runs everything.
    pub cache: Option<Arc<crate::cache::Session>>,
}

impl Default for RunOptions {
    /// One task at a time in the current folder, with an empty environment and without a watchdog.
    fn default() -> Self {
        Self {
            jobs: 1,
            grace: Duration::from_secs(3),
            default_timeout: None,
            missing_tool: MissingTool::Fail,
            stop: Stop::Never,
            budget: None,
            overrun: Overrun::default(),
            quarantine: super::Quarantine::default(),
            retries: 0,
            order: None,
            root: PathBuf::from("."),
            environment: Vec::new(),
            watchdog: None,
            batching: Batching::default(),
            reports: None,
            orphans: Orphans::Leave,
            logs: None,
            cache: None,
        }
    }
}
