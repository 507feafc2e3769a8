//! Documents about earlier runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Tool;

/// `affected.history/1`: the newest runs, or the story of targets and tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct History {
    /// Always `affected.history/1`.
    pub schema: String,
    /// The tool.
    pub tool: Tool,
    /// The newest runs, newest first; empty where targets or tests were asked for.
    pub runs: Vec<PastRun>,
    /// The targets and tests asked for.
    pub stories: Vec<Story>,
    /// How many of the newest comparing runs selected everything for want of a decision.
    pub fallbacks: u32,
    /// How many of them were looked at.
    pub looked_at: u32,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PastRun {
    /// Its number; numbers grow.
    pub run: i64,
    /// When it began, in UTC.
    pub began: String,
    /// Whether it came to its end.
    pub ended: bool,
    /// `test run nightly`.
    pub command: String,
    /// `affected` or `all`.
    pub mode: String,
    /// The branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit at HEAD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The commit compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Reason code, where everything was selected for want of a decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Tasks that passed, cached and flaky ones included.
    pub passed: u32,
    /// Tasks that failed or timed out.
    pub failed: u32,
    /// Other tasks.
    pub others: u32,
}

/// What is known of a target or one of its tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Story {
    /// `project:task`.
    pub target: String,
    /// The test, where this is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// When it was first seen, in UTC.
    pub first_seen: String,
    /// How often it really ran.
    pub runs: u32,
    /// How often it failed.
    pub failures: u32,
    /// How often it passed after a retry, or contradicted itself on the same inputs.
    pub flakes: u32,
    /// Flakes in a thousand runs.
    pub flake_permille: u32,
    /// Average wall time of a pass.
    pub ms: u32,
    /// Its last outcomes, newest last: `P` passed, `L` flaky, `F` failed.
    pub recent: String,
    /// Its last outcome.
    pub outcome: String,
    /// Its newest runs, newest first; of a test only those that did not pass, and the first pass after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<PastResult>,
}

/// How a target or test ended in one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PastResult {
    /// The run.
    pub run: i64,
    /// When the run began, in UTC.
    pub began: String,
    /// The branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit at HEAD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// The exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// Wall time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<i64>,
    /// How often it was tried.
    pub attempts: u32,
    /// The action's digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Why it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// `affected.flaky/1`: what passes and fails on the same inputs, the shakiest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Flaky {
    /// Always `affected.flaky/1`.
    pub schema: String,
    /// The tool.
    pub tool: Tool,
    /// The flaky targets, then the flaky tests.
    pub flaky: Vec<Story>,
}

/// A failure of a full run that earlier runs had left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Missed {
    /// `project:task`.
    pub target: String,
    /// Its failing tests, where the runner tells them.
    pub tests: Vec<String>,
    /// The runs that left it out since it last passed, oldest first: one of their changes may have broken it.
    pub left_out_by: Vec<LeftOut>,
}

/// A run that left a target out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// The run.
    pub run: i64,
    /// The branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit at HEAD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The commit compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// What had changed, at most 200 paths.
    pub changed: Vec<String>,
    /// The units it was restricted to; empty where it was not selected at all.
    pub units: Vec<String>,
}
