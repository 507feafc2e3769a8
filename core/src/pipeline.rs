//! Composes the stages; the only module that knows them all.

use std::path::PathBuf;

use affected_graph::{Depth, ProjectGraph, RepoPath, Stage};

use crate::plan::Plan;
use crate::report::wire::v1;

/// Which trees are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The base (found by the base order) against the work tree, or HEAD in a bare repository.
    WorkTree,
    /// HEAD against the work tree.
    Uncommitted,
    /// HEAD against the index.
    Staged,
    /// The base against this revision.
    Head(String),
    /// These paths count as changed; nothing is compared.
    Files(Vec<RepoPath>),
    /// Everything counts as changed: `--all`, `nightly`.
    Everything,
}

/// What to do when no base can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnUnknown {
    /// Select everything and say so.
    #[default]
    All,
    /// An error.
    Fail,
}

/// One request, resolved from what was typed.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where the repository is looked for.
    pub directory: PathBuf,
    /// What is compared.
    pub comparison: Comparison,
    /// `--base`; empty text and all-zero ids count as not given.
    pub base: Option<String>,
    /// `--since`: the base itself, without looking for a merge base.
    pub since: Option<String>,
    /// About an unknown base.
    pub on_unknown: OnUnknown,
    /// How far dependents are followed.
    pub depth: Depth,
    /// Globs over project names and paths; empty means all.
    pub filter: Vec<String>,
    /// Globs over project names and paths to leave out.
    pub exclude: Vec<String>,
    /// Only these stages; empty means all.
    pub stages: Vec<Stage>,
    /// `1/4`: index (1-based) and count.
    pub shard: Option<(usize, usize)>,
    /// Which task; `None` means the test tasks.
    pub task: Option<String>,
}

/// All that is known after selecting; every command is a view of this.
pub struct Answer {
    /// The document of `list`, with every project, change, reason and warning.
    pub list: v1::List,
    /// The head's graph.
    pub graph: ProjectGraph,
    /// What would run.
    pub plan: Plan,
    /// The work tree's root, `None` where there is none.
    pub work_tree: Option<PathBuf>,
}
