//! Projects: the units of ownership.

use serde::{Deserialize, Serialize};

use crate::dependency::Input;
use crate::intern::{Name, interned};
use crate::repo_path::RepoPath;
use crate::task::Task;

/// The name of an ecosystem as its own file gives it: `cargo`, `npm`, `docker` …
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EcosystemId(#[serde(deserialize_with = "interned")] pub Name);

/// What a project is to the people who run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProjectKind {
    /// Something else is built from it.
    Library,
    /// An interface description that others compile or call against.
    Contract,
    /// Deployment descriptions: charts, manifests, modules.
    Infra,
    /// Something ships it: an image, a binary with a main, a compose or cluster entry.
    Service,
}

/// Which files below its root a project owns, unless a deeper project does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Ownership {
    /// Everything below the root.
    #[default]
    Tree,
    /// Only paths matching these globs, relative to the root: for the root package of a workspace,
    /// which must not swallow files that belong to nobody.
    Only(Vec<String>),
}

/// A unit of ownership. Its root path is its identity in every graph; its name is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// The folder; unique in a graph.
    pub root: RepoPath,
    /// Unique in a graph after building; the path where two manifests claim one name.
    pub name: String,
    /// What it is.
    pub kind: ProjectKind,
    /// The ecosystems that found it, the one that named it first; never empty.
    pub ecosystems: Vec<EcosystemId>,
    /// The manifests that describe it.
    pub manifests: Vec<RepoPath>,
    /// Which files are its own.
    pub ownership: Ownership,
    /// What can be run for it.
    pub tasks: Vec<Task>,
    /// What it reads outside its own files (or inside, where that has another meaning).
    pub inputs: Vec<Input>,
}
