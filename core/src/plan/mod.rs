//! From affected projects to what is started: pure.

pub mod batch;
pub mod build;
pub mod digest;
pub mod jobs;
pub mod order;
pub mod shard;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use affected_graph::{Command, Needs, RepoPath, Stage};

/// One command to start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Action {
    /// `project:task`; unique in a plan.
    pub target: String,
    /// The project's name.
    pub project: String,
    /// The stage of a test task.
    pub stage: Option<Stage>,
    /// What is started.
    pub command: Command,
    /// The line that it starts in turn, as in [`affected_graph::Task::script`].
    pub script: Option<String>,
    /// Where, relative to the repository root.
    pub cwd: RepoPath,
    /// Variables set for it.
    pub env: BTreeMap<String, String>,
    /// Killed after this time.
    pub timeout: Option<Duration>,
    /// What it takes from others.
    pub needs: Needs,
    /// How long it is expected to take, where that is known.
    pub expected: Option<Duration>,
    /// Places in [`Plan::actions`] that must have passed before, all smaller than its own.
    pub after: BTreeSet<usize>,
    /// Reason codes of its selection, sorted.
    pub reasons: Vec<String>,
    /// The units it is restricted to: packages, files; empty for all.
    pub units: Vec<String>,
    /// Those of the units that run because something in their reach cannot be followed, with what that is.
    pub unproved: BTreeMap<String, String>,
    /// Why it is not restricted, where that was looked for.
    pub widened: Option<String>,
}

/// Everything to run, in the order in which it is started where nothing else decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The actions; dependencies point backwards, so there is no cycle.
    pub actions: Vec<Action>,
    /// What follows `affected check` to judge the same again; empty where the work tree itself is tested.
    pub judged: Vec<String>,
}
