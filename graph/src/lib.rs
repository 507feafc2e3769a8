//! The model of a monorepo and the algorithms over it.
//!
//! This crate is pure: no file, clock, environment, process or thread is touched here, so every
//! answer is a function of its arguments. petgraph stays inside [`project_graph`].

pub mod builder;
pub mod closure;
pub mod cycle;
pub mod delta;
pub mod dependency;
mod intern;
pub mod order;
pub mod path;
pub mod project;
pub mod project_graph;
pub mod repo_path;
pub mod task;

pub use builder::{GraphFault, build};
pub use closure::{Depth, Impact, Reach, Seed};
pub use dependency::{Dependency, DependencyKind, Evidence, Input, InputPattern};
pub use project::{EcosystemId, Ownership, Project, ProjectKind};
pub use project_graph::{Edge, ProjectGraph, ProjectIndex};
pub use repo_path::{RepoPath, RepoPathError};
pub use task::{Command, Needs, Stage, StageOrder, Task};
