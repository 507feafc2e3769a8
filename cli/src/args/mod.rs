//! Groups of flags that several commands share, as they are typed.

use clap::{Args, ValueEnum};

/// What is compared and which projects count.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Selection")]
pub(crate) struct Selection {
    /// Compare with the merge base of this revision.
    #[arg(long, value_name = "REV")]
    pub(crate) base: Option<String>,
    /// Judge this revision instead of the work tree.
    #[arg(long, value_name = "REV")]
    pub(crate) head: Option<String>,
    /// Compare with exactly this revision, without looking for a merge base.
    #[arg(long, value_name = "REV")]
    pub(crate) since: Option<String>,
    /// Judge uncommitted work only: HEAD against the work tree.
    #[arg(long)]
    pub(crate) uncommitted: bool,
    /// Judge what is staged only: HEAD against the index.
    #[arg(long)]
    pub(crate) staged: bool,
    /// Take these paths as changed; `-` reads them from standard input, NUL or newline separated.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) files: Vec<String>,
    /// Only projects whose name or path matches this glob; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub(crate) filter: Vec<String>,
    /// Leave out projects whose name or path matches this glob; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,
    /// Select everything.
    #[arg(long)]
    pub(crate) all: bool,
    /// How far dependents are followed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) dependents: Dependents,
    /// Only these test stages; may be repeated.
    #[arg(long, value_name = "STAGE")]
    pub(crate) stage: Vec<String>,
    /// Only test stages up to this one.
    #[arg(long, value_name = "STAGE", conflicts_with = "stage")]
    pub(crate) until: Option<String>,
    /// Only this part of the projects: `1/4`.
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<String>,
    /// What to do when no base can be found.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) on_unknown: Unknown,
    /// Whether a base that is missing on a CI host may be fetched.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) fetch: Fetching,
}

/// About a base that is not in the clone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fetching {
    /// On a CI host, as little as is needed.
    #[default]
    Auto,
    /// Leave the clone as it is.
    Never,
}

/// How far dependents are followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dependents {
    None,
    Direct,
    #[default]
    All,
}

/// About an unknown base.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unknown {
    #[default]
    All,
    Fail,
}

/// The form of the answer.
#[derive(Debug, Clone, Args, Default)]
pub(crate) struct Output {
    /// The form of the answer.
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = crate::format::parser())]
    pub(crate) format: String,
}

/// How tasks are run.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Running")]
pub(crate) struct Running {
    /// Tasks at once: a number, or a share of the cores such as `50%`.
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<String>,
    /// Kill a task after this time: `90s`, `5m`.
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<String>,
    /// Start each task by itself, also where Maven or Gradle could do several in one go.
    #[arg(long)]
    pub(crate) no_batch: bool,
    /// Start nothing more after the first failure.
    #[arg(long, conflicts_with_all = ["keep_going", "max_fail"])]
    pub(crate) fail_fast: bool,
    /// Run everything that does not wait for a failure, which is the default.
    #[arg(long, conflicts_with = "max_fail")]
    pub(crate) keep_going: bool,
    /// Start nothing more after this many failures.
    #[arg(long, value_name = "N")]
    pub(crate) max_fail: Option<std::num::NonZero<usize>>,
    /// Start nothing that is not expected to end within this time: `8m`.
    #[arg(long, value_name = "TIME")]
    pub(crate) budget: Option<String>,
    /// Also end what still runs when the budget ends; it counts as not run.
    #[arg(long, requires = "budget")]
    pub(crate) hard_budget: bool,
    /// Only targets that did not pass last time on this branch.
    #[arg(long)]
    pub(crate) last_failed: bool,
    /// Try a failed task again so often; a pass after that counts as flaky.
    #[arg(long, value_name = "N")]
    pub(crate) retries: Option<u32>,
    /// What to say when a task passed only after it was tried again.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) flaky: Flaky,
    /// What to do about a program that is not installed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) missing_tool: Missing,
    /// What to say when there is nothing to run.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) no_tasks: NoTasks,
    /// Run everything, also what passed before with the same inputs, and keep nothing.
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Write a report when the run has ended: `junit=FILE`, `json=FILE`, `markdown=FILE`, `trace=FILE`; may be repeated. A FILE alone is JSON.
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) report: Vec<String>,
    /// Tell what happens while it happens, one JSON object a line; `-` for stdout.
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<String>,
    /// Show what would run, and run nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// About a program that is not installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Missing {
    #[default]
    Fail,
    Skip,
}

/// About tasks that passed only after they were tried again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flaky {
    #[default]
    Pass,
    Fail,
}

/// About a run without tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum NoTasks {
    #[default]
    Pass,
    Fail,
}
