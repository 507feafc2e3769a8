//! Tasks: what can be run for a project, and the stages of the test pyramid.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::project::EcosystemId;
use crate::repo_path::RepoPath;

/// A level of the test pyramid: `smoke unit contract component integration e2e`, or a configured name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stage(pub String);

impl Stage {
    /// Names a stage.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

/// The stages of a workspace, lowest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageOrder(pub Vec<Stage>);

impl Default for StageOrder {
    fn default() -> Self {
        Self(
            [
                "smoke",
                "unit",
                "contract",
                "component",
                "integration",
                "e2e",
            ]
            .map(Stage::new)
            .to_vec(),
        )
    }
}

impl Default for Command {
    /// Nothing.
    fn default() -> Self {
        Self::Argv(Vec::new())
    }
}

impl StageOrder {
    /// Returns the place of `stage`, lowest 0; unknown stages come last.
    #[must_use]
    pub fn rank(&self, stage: &Stage) -> usize {
        self.0
            .iter()
            .position(|known| known == stage)
            .unwrap_or(self.0.len())
    }
}

/// How a task is started.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Command {
    /// A program and its arguments, started without a shell.
    Argv(Vec<String>),
    /// One line for the system's shell, as people write it in configuration.
    Shell(String),
}

/// What a task takes from others while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// How many of the places that `--jobs` gives, at least 1.
    pub weight: usize,
    /// Names of things that only one task may use at a time, sorted.
    pub locks: Vec<String>,
    /// Names of locks that are taken for a part of its time, such as a build folder's, by its own tool or for it: two at once
    /// are right, but one may only wait for the other.
    pub build_locks: Vec<String>,
}

impl Default for Needs {
    fn default() -> Self {
        Self {
            weight: 1,
            locks: Vec::new(),
            build_locks: Vec::new(),
        }
    }
}

/// Something that can be run for a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Unique in its project: `test`, `test:integration`, `build`, `lint` …
    pub name: String,
    /// Set for tests only.
    pub stage: Option<Stage>,
    /// What is started.
    pub command: Command,
    /// The shell line that the command starts in turn: the body of a `package.json` script.
    pub script: Option<String>,
    /// The folder it is started in.
    pub cwd: RepoPath,
    /// Variables set for it.
    pub env: BTreeMap<String, String>,
    /// Killed after this time.
    pub timeout: Option<Duration>,
    /// What it takes from others.
    pub needs: Needs,
    /// Which ecosystem inferred it, or has the units that a written command with a placeholder takes; `None` for other commands of
    /// `affected.toml`.
    pub inferred_by: Option<EcosystemId>,
    /// Where the command comes from, for people: `package.json scripts.test`, `affected.toml`.
    pub origin: String,
}
