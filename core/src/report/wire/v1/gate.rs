//! A plan that is worked off by several jobs, and the verdict over what they did.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Revision, Tool, Warning};

/// `affected.plan/1`: what is to run, cut into shards, bound to two commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Always `affected.plan/1`.
    pub schema: String,
    /// The tool.
    pub tool: Tool,
    /// What was compared with; absent where everything is selected without a base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Revision>,
    /// What is judged; a run of this plan must stand on the same commit.
    pub head: Revision,
    /// `affected` or `all`.
    pub mode: String,
    /// The shards, in order; one without tasks needs no job.
    pub shards: Vec<PlannedShard>,
    /// Every task, sorted by target.
    pub tasks: Vec<PlannedTask>,
    /// Over commits, tasks and shards: reports name it, and a plan that was changed is refused.
    pub digest: String,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// Counts.
    pub summary: PlanSummary,
}

/// One part of a plan, for one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedShard {
    /// 1-based.
    pub index: usize,
    /// Tasks in it.
    pub tasks: usize,
    /// Time it should take one worker; 0 where no time is known.
    pub ms: u64,
}

/// One task of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedTask {
    /// `project:task`.
    pub target: String,
    /// The project's name.
    pub project: String,
    /// The stage of a test task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// The shard it belongs to, 1-based.
    pub shard: usize,
    /// How long it took before, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// Reason codes of its selection.
    pub reasons: Vec<String>,
}

/// Counts of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanSummary {
    /// Projects of the head.
    pub projects: usize,
    /// Of them affected.
    pub affected: usize,
    /// Tasks to run.
    pub tasks: usize,
    /// Shards that have tasks.
    pub shards: usize,
}

/// Which part of which plan a run was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanShard {
    /// The plan's digest.
    pub plan: String,
    /// 1-based.
    pub index: usize,
    /// How many shards there are.
    pub count: usize,
}

/// `affected.verdict/1`: whether all that was planned was run, and passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// Always `affected.verdict/1`.
    pub schema: String,
    /// The tool.
    pub tool: Tool,
    /// The plan's digest.
    pub plan: String,
    /// What was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Revision>,
    /// What was judged.
    pub head: Revision,
    /// `passed`, `failed`, `incomplete` (something planned was not run) or `not-needed` (nothing was planned).
    pub verdict: String,
    /// Every planned task, sorted by target.
    pub tasks: Vec<JudgedTask>,
    /// Reports that could not be counted, and why.
    pub problems: Vec<Warning>,
    /// Counts.
    pub summary: VerdictSummary,
}

/// What became of one planned task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JudgedTask {
    /// `project:task`.
    pub target: String,
    /// The shard it belongs to, 1-based.
    pub shard: usize,
    /// The outcome as reported, or `not-run` where no report has it.
    pub outcome: String,
    /// Why it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// Counts of a verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerdictSummary {
    /// Planned tasks.
    pub planned: usize,
    /// Passed, those from the cache and after a retry included.
    pub passed: usize,
    /// Failed, timed out included.
    pub failed: usize,
    /// Planned, but skipped, canceled, or in no report.
    pub not_run: usize,
    /// Projects that nothing reached, so that nothing of them was planned.
    pub not_needed: usize,
}

/// `affected.base/1`: what a CI host builds, and what that is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Base {
    /// Always `affected.base/1`.
    pub schema: String,
    /// The tool.
    pub tool: Tool,
    /// `github gitlab buildkite jenkins teamcity azure circleci bitbucket generic`; absent elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// `push pull-request merge-queue tag schedule manual`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The branch or tag that the host says it builds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit that the host says it builds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What is compared with; absent where everything is selected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Revision>,
    /// What is judged.
    pub head: Revision,
    /// Why there is no base, and what was fetched.
    pub warnings: Vec<Warning>,
}
