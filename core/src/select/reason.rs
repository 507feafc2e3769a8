//! Why something is selected.

use affected_graph::{ProjectGraph, Reach, RepoPath};
use rustc_hash::FxHashMap;

/// How many files are named for one project; the rest are counted.
const NAMED: usize = 10;

/// The closed list of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReasonCode {
    /// A file it owns or reads.
    FileChanged,
    /// Its manifest.
    ManifestChanged,
    /// Something it depends on.
    DependencyChanged,
    /// Resolved versions.
    LockfileChanged,
    /// A file that a rule gives to many, or that nobody knows.
    GlobalFile,
    /// The tool's own configuration.
    ConfigChanged,
    /// Compiler or interpreter.
    ToolchainChanged,
    /// An interface description it uses.
    ContractChanged,
    /// An input written in `affected.toml`.
    Declared,
    /// The user named it, or it did not pass last time.
    Requested,
    /// Everything was asked for.
    Everything,
    /// No base to compare with.
    BaseMissing,
    /// A file that cannot be read.
    Unreadable,
}

impl ReasonCode {
    /// Returns the word used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FileChanged => "file-changed",
            Self::ManifestChanged => "manifest-changed",
            Self::DependencyChanged => "dependency-changed",
            Self::LockfileChanged => "lockfile-changed",
            Self::GlobalFile => "global-file",
            Self::ConfigChanged => "config-changed",
            Self::ToolchainChanged => "toolchain-changed",
            Self::ContractChanged => "contract-changed",
            Self::Declared => "declared",
            Self::Requested => "requested",
            Self::Everything => "everything",
            Self::BaseMissing => "base-missing",
            Self::Unreadable => "unreadable",
        }
    }
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// Which of the closed list.
    pub code: ReasonCode,
    /// The changed file.
    pub file: Option<RepoPath>,
    /// Names of the projects from the changed one up to this one, itself left out.
    pub via: Vec<String>,
    /// In words, with the evidence.
    pub detail: String,
}

impl Reason {
    pub(super) fn of_file(code: ReasonCode, file: &RepoPath, detail: &str) -> Self {
        Self {
            code,
            file: Some(file.clone()),
            via: Vec::new(),
            detail: detail.to_owned(),
        }
    }

    /// Tells the chain from the changed project up to the reached one, with the evidence of each edge.
    pub(super) fn of_chain(names: &Names<'_>, reach: &Reach<'_>, file: Option<RepoPath>) -> Self {
        let name = |root| names.get(root).copied().unwrap_or_default();
        let upwards = reach.chain.iter().rev();
        let via = upwards.map(|edge| name(&edge.to).to_owned()).collect();
        Self {
            code: ReasonCode::DependencyChanged,
            file,
            via,
            detail: told(names, reach),
        }
    }
}

/// Writes the edges of a chain one after the other. Pushed, not formatted: there are as many chains as projects.
fn told(names: &Names<'_>, reach: &Reach<'_>) -> String {
    let name = |root| names.get(root).copied().unwrap_or_default();
    let mut told = String::with_capacity(reach.chain.len() * 96);
    for edge in &reach.chain {
        let place = &edge.evidence;
        if !told.is_empty() {
            told.push_str("; ");
        }
        for text in ["`", name(&edge.from), "` -> `", name(&edge.to), "` ("] {
            told.push_str(text);
        }
        told.push_str(edge.kind.as_str());
        told.push_str(", ");
        match place.file.as_str() {
            Some(file) => told.push_str(file),
            None => told.push_str(&place.file.to_string()),
        }
        if let Some(line) = place.line {
            told.push(':');
            told.push_str(&line.to_string());
        }
        for text in [" ", place.detail.as_str(), ")"] {
            told.push_str(text);
        }
    }
    told
}

/// Names of projects by their roots: a chain names each of its projects twice, and there are as many chains as projects.
pub(super) type Names<'g> = FxHashMap<&'g RepoPath, &'g str>;

/// Gathers the names of a graph.
pub(super) fn names(graph: &ProjectGraph) -> Names<'_> {
    let projects = graph.projects();
    projects
        .map(|(_, project)| (&project.root, project.name.as_str()))
        .collect()
}

/// Sorts reasons and names only the first files; the others are in the list of changes.
pub(super) fn shorten(reasons: &mut Vec<Reason>) {
    reasons.sort();
    reasons.dedup();
    if reasons.len() <= NAMED {
        return;
    }
    // The first of each code stays: a reader who looks for lockfiles must find that there was one.
    let mut codes = Vec::new();
    let all = std::mem::take(reasons);
    let count = all.len();
    for (at, reason) in all.into_iter().enumerate() {
        if !codes.contains(&reason.code) || at < NAMED {
            codes.push(reason.code);
            reasons.push(reason);
        }
    }
    let more = count - reasons.len();
    if let Some(last) = reasons.get_mut(NAMED - 1).filter(|_| more > 0) {
        last.detail = format!("{}; and {more} more like it", last.detail);
    }
}
