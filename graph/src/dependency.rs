//! Dependencies between projects, inputs outside a project, and the evidence for both.

use serde::{Deserialize, Serialize};

use crate::intern::{Name, interned};
use crate::repo_path::RepoPath;

/// Why one project depends on another; decides what must be redone in the dependent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DependencyKind {
    /// Import, path dependency, workspace member.
    Link,
    /// Code generation, build script, base image, a copy into the image.
    Build,
    /// Written in `affected.toml`; followed as [`Self::Link`].
    Declared,
    /// A traced test run read the file.
    Observed,
    /// Development dependency, or an import from test files only.
    Test,
    /// Compiles or calls against an interface description.
    Contract,
    /// Calls it when running.
    Runtime,
}

impl DependencyKind {
    /// Every kind, strongest first.
    pub const ALL: [Self; 7] = [
        Self::Link,
        Self::Build,
        Self::Declared,
        Self::Observed,
        Self::Test,
        Self::Contract,
        Self::Runtime,
    ];

    /// Returns the word used in JSON and help.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Build => "build",
            Self::Declared => "declared",
            Self::Observed => "observed",
            Self::Test => "test",
            Self::Contract => "contract",
            Self::Runtime => "runtime",
        }
    }
}

/// The place that proves a dependency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Evidence {
    /// The manifest or source file.
    pub file: RepoPath,
    /// 1-based, where the parser knows it.
    pub line: Option<u32>,
    /// What stands there, in few words: ``path = "../money"``.
    pub detail: String,
}

/// An edge: `from` depends on `to`; both are project roots.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependency {
    /// The dependent.
    pub from: RepoPath,
    /// What it depends on.
    pub to: RepoPath,
    /// Why.
    pub kind: DependencyKind,
    /// Who found it: an ecosystem's id or `affected.toml`.
    #[serde(deserialize_with = "interned")]
    pub source: Name,
    /// Where it is written.
    pub evidence: Evidence,
}

/// What an [`Input`] matches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum InputPattern {
    /// This path: the file itself, or everything below it if it is a folder.
    Path(RepoPath),
    /// A glob over paths from the repository root, `/` between components, `**` across them.
    Glob(String),
}

/// Files that a project reads although another project, or nobody, owns them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Input {
    /// Which paths.
    pub pattern: InputPattern,
    /// What a change of them means for the reader.
    pub kind: DependencyKind,
    /// Who found it.
    #[serde(deserialize_with = "interned")]
    pub source: Name,
    /// Where it is written.
    pub evidence: Evidence,
}
