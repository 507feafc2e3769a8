//! Version 1 of every document. Durations are integer milliseconds, paths are relative with `/`.

mod gate;
mod past;
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use gate::{
    Base, JudgedTask, Plan, PlanShard, PlanSummary, PlannedShard, PlannedTask, Verdict,
    VerdictSummary,
};
pub use past::{Flaky, History, LeftOut, Missed, PastResult, PastRun, Story};
pub use tests::{TestPart, TestService, TestStage, TestTask, Tests, TestsSummary};

/// `affected.list/1`: what a change affects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct List {
    /// Always `affected.list/1`.
    pub schema: String,
    /// The tool.
    pub tool: Tool,
    /// What is compared with; absent where everything is selected without a base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Revision>,
    /// What is judged.
    pub head: Revision,
    /// `affected` or `all`.
    pub mode: String,
    /// Every project of the head, sorted by path.
    pub projects: Vec<Project>,
    /// The tasks that would run, in order.
    pub targets: Vec<Target>,
    /// Every changed path, sorted.
    pub changes: Vec<Change>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// Counts.
    pub summary: Summary,
}

/// The tool that wrote a document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// `affected`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One side of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Revision {
    /// As it was named: `origin/main`, `worktree`, `index`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The commit compared with (for a base the merge base); absent for a work tree without commits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Who named it: `flag`, `AFFECTED_BASE`, a CI host, `config`, `default-branch`.
    pub source: String,
}

/// One project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Project {
    /// Unique.
    pub name: String,
    /// The root folder, `.` for the repository's.
    pub path: String,
    /// `service library contract infra`.
    pub kind: String,
    /// The ecosystem that named it.
    pub ecosystem: String,
    /// Whether it changed or is reached other than at run time only.
    pub affected: bool,
    /// `changed dependent runtime none`.
    pub reach: String,
    /// The test stages to run, lowest first.
    pub stages: Arc<[String]>,
    /// Why; never empty where `reach` is not `none`.
    pub reasons: Vec<Reason>,
}

/// Why a project is selected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// One of the closed list of reason codes.
    pub code: String,
    /// The changed file, if one is at the root of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The projects from the changed one up to this one, itself left out.
    pub via: Vec<String>,
    /// In words, with the evidence.
    pub detail: String,
}

/// One task that would run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// `project:task`.
    pub target: String,
    /// The project's name.
    pub project: String,
    /// The stage of a test task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// The argument vector; one element with `shell` true for a shell line.
    pub command: Vec<String>,
    /// Whether `command` is a line for the shell.
    pub shell: bool,
    /// Where it starts.
    pub cwd: String,
    /// The units that `command` is restricted to (Go packages, test files); empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<String>,
    /// Those of `units` that run because something in their reach cannot be followed, with what that is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unproved: BTreeMap<String, String>,
    /// Why it is not restricted, where that was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub widened: Option<String>,
}

/// One changed path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Where.
    pub path: String,
    /// `added deleted modified mode-changed`.
    pub kind: String,
    /// `owned ruled ignored unknown`.
    pub disposition: String,
    /// The owner, the rule, or what follows.
    pub detail: String,
}

/// Something the user should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// Stable: `base-missing`, `unreadable` …
    pub code: String,
    /// In words.
    pub message: String,
    /// The way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Counts of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Projects of the head.
    pub projects: usize,
    /// Of them affected.
    pub affected: usize,
    /// Tasks that would run.
    pub targets: usize,
    /// Changed paths.
    pub changes: usize,
}

/// `affected.run/1`: how a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Always `affected.run/1`.
    pub schema: String,
    /// The tool.
    pub tool: Tool,
    /// What was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Revision>,
    /// What was judged.
    pub head: Revision,
    /// `affected` or `all`.
    pub mode: String,
    /// Which part of a plan for several jobs this was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<PlanShard>,
    /// Every task, in plan order.
    pub tasks: Vec<RanTask>,
    /// The chain of tasks, each waiting for the one before, that took longest.
    #[serde(default)]
    pub critical_path: Vec<String>,
    /// Of a nightly run: failures that the runs before it had left out (Q6).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<Missed>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// Counts.
    pub summary: RunSummary,
}

/// One task of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RanTask {
    /// `project:task`.
    pub target: String,
    /// The project's name.
    pub project: String,
    /// The stage of a test task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// `passed failed timed-out flaky cached skipped canceled`.
    pub outcome: String,
    /// The exit code, if it exited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// When it was started, in ms from the beginning of the run; 0 if never.
    #[serde(default)]
    pub start: u64,
    /// Wall time; nothing where it was not run.
    pub ms: u64,
    /// The digest of everything that can change its result; absent where that may not be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How long it took when it ran, of a cached one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_ms: Option<u64>,
    /// Why it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// A file with more output than is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// How its single tests ended; absent where its runner is not known, or left no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<RanTests>,
    /// Of a failure in quarantine: who mends it, and until when it is forgiven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<String>,
    /// How often it was tried; 0 where it was never started.
    #[serde(default)]
    pub attempts: u32,
    /// Reason codes of its selection.
    pub reasons: Vec<String>,
}

/// The tests of one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RanTests {
    /// How many passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// How many their runner left out, by what they say themselves.
    pub skipped: usize,
    /// The first 1,000 that failed, in the order in which they ended.
    pub failures: Vec<RanTest>,
}

/// One test that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RanTest {
    /// The file, class, package or target that holds it; empty where its runner does not say.
    pub place: String,
    /// Its name there.
    pub name: String,
    /// How long it took, where its runner says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// Why it failed, shortened; empty where its runner does not say.
    pub message: String,
}

/// Counts of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunSummary {
    /// Passed, cached ones included; flaky ones are counted apart.
    pub passed: usize,
    /// Those of `passed` that were not run, since their result was known.
    #[serde(default)]
    pub cached: usize,
    /// How long those took when they ran.
    #[serde(default)]
    pub saved_ms: u64,
    /// Passed only after they were tried again.
    #[serde(default)]
    pub flaky: usize,
    /// Failed, but in quarantine; counted nowhere else.
    #[serde(default)]
    pub quarantined: usize,
    /// Failed, timed out included.
    pub failed: usize,
    /// Never started.
    pub skipped: usize,
    /// Interrupted.
    pub canceled: usize,
    /// Those of `skipped` that would not have fitted into the budget.
    pub deferred: usize,
    /// Tasks of the same kind in the repository that were not part of the run.
    #[serde(default)]
    pub spared: usize,
    /// How long those took in earlier runs, as far as that is known.
    #[serde(default)]
    pub spared_ms: u64,
    /// How long the critical path took: no number of jobs makes the run shorter.
    #[serde(default)]
    pub critical_ms: u64,
    /// Wall time of the whole run.
    pub ms: u64,
}

/// `affected.why/1`: why one project is affected, or depends on another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Why {
    /// Always `affected.why/1`.
    pub schema: String,
    /// The project asked about.
    pub project: String,
    /// Whether it is affected.
    pub affected: bool,
    /// Why; empty where it is not reached.
    pub reasons: Vec<Reason>,
    /// The shortest chain of dependencies: down to the changed project, or to the one asked about.
    pub chain: Vec<WhyEdge>,
}

/// `affected.why-not/1`: the proof that a project is not affected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WhyNot {
    /// Always `affected.why-not/1`.
    pub schema: String,
    /// The project asked about.
    pub project: String,
    /// Whether it is affected after all.
    pub affected: bool,
    /// Why it is; empty where nothing reaches it.
    pub reasons: Vec<Reason>,
    /// Whether it is reached at run time only, so that its integration and e2e tests run all the same.
    pub runtime_only: bool,
    /// Everything that it depends on, near or far, of any kind, in the base or in the head; sorted.
    pub depends_on: Vec<String>,
    /// Projects with changed files; none of them is in `depends_on` of a project that is not affected.
    pub changed: Vec<String>,
    /// Every changed path, and what became of it.
    pub changes: Vec<Change>,
}

/// One dependency, with the place that proves it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct WhyEdge {
    /// The dependent's name.
    pub from: String,
    /// The name of what it depends on.
    pub to: String,
    /// `link build declared observed test contract runtime`.
    pub kind: String,
    /// Where it is written.
    pub file: String,
    /// 1-based, where the parser knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What stands there, in few words.
    pub detail: String,
}

/// `affected.graph/1`: the projects and what they depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Graph {
    /// Always `affected.graph/1`.
    pub schema: String,
    /// The tool.
    pub tool: Tool,
    /// The projects, sorted by path.
    pub projects: Vec<GraphProject>,
    /// The dependencies, sorted by their ends, then kind.
    pub dependencies: Vec<WhyEdge>,
}

/// One project of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GraphProject {
    /// Unique.
    pub name: String,
    /// The root folder, `.` for the repository's.
    pub path: String,
    /// `service library contract infra`.
    pub kind: String,
    /// The ecosystem that named it.
    pub ecosystem: String,
    /// Whether it is affected.
    pub affected: bool,
    /// `changed dependent runtime none`.
    pub reach: String,
}

/// `affected.cache-stats/1`: what the local cache holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CacheStats {
    /// Always `affected.cache-stats/1`.
    pub schema: String,
    /// Results.
    pub records: u64,
    /// Logs, outputs and lists of files.
    pub blobs: u64,
    /// Of all of them together.
    pub bytes: u64,
    /// At most so many.
    pub limit: u64,
    /// Files that were removed just now.
    pub removed: u64,
}

/// `affected.cache-explain/1`: what makes the digest of a task another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CacheExplain {
    /// Always `affected.cache-explain/1`.
    pub schema: String,
    /// `project:task`, or what was asked about.
    pub target: String,
    /// `hit`: its result is known; `changed`: the last known one had other inputs; `new`: none is known; `never`: none
    /// is kept; `same`: the two compared have the same inputs.
    pub state: String,
    /// Why none is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The digest now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The parts that differ, sorted.
    pub differences: Vec<CacheDifference>,
}

/// One part in which two digests differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CacheDifference {
    /// `command`, `variable CI`, `program go`, `files of libs/money`; never a value.
    pub part: String,
    /// `added removed changed`.
    pub change: String,
    /// The files that differ, where the part is a list of files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<CacheFile>,
}

/// One file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CacheFile {
    /// Where.
    pub path: String,
    /// `added removed changed`.
    pub change: String,
}
