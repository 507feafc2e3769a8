//! Releases: the graph that chose the tests chooses what is released. Pure; git and files are `pipeline`'s.
//!
//! `series` names tags, `version` counts, `message` and `change_file` say how much, `decide` puts them together, `manifest`
//! finds versions in files so that they can be replaced without another byte changing, `notes` words what was done.

pub mod change_file;
pub mod decide;
pub mod manifest;
pub mod message;
pub mod notes;
pub mod series;
pub mod version;

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::RepoPath;
use semver::Version;

pub use crate::config::release::{Bump, Zero};
use change_file::ChangeFile;
use message::Message;
use series::Series;

/// A version that was released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// Its tag.
    pub tag: String,
    /// What the tag says.
    pub version: Version,
}

/// A commit that touches a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Its id, in full.
    pub commit: String,
    /// What it says.
    pub message: Message,
}

/// Why a project is released.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cause {
    /// A reason code, as in all other documents.
    pub code: String,
    /// The projects from the changed one up to this one, itself left out.
    pub via: Vec<String>,
    /// In words.
    pub detail: String,
}

/// A version that a commit asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The commit, in full.
    pub commit: String,
    /// The version.
    pub version: Version,
}

/// What happened to a project since a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Since {
    /// Why it is affected over `link` and `build` edges: what changed of itself, and a chain from another one of which something
    /// changed that is shipped; empty if it is not. Whether that other one was tagged in between does not matter.
    pub causes: Vec<Cause>,
    /// The commits that touch it, newest first, without those that only wrote a release.
    pub work: Vec<Work>,
    /// Change files that were there at that commit, and so were heard.
    pub heard: Vec<ChangeFile>,
    /// Change files that commits of releases took away since, newest first.
    pub spent: Vec<ChangeFile>,
    /// Versions that `Release-As` asks for it, newest first.
    pub asked: Vec<Asked>,
}

/// What is known of a project before it is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Unique.
    pub name: String,
    /// Its folder.
    pub path: RepoPath,
    /// Names of its tags.
    pub series: Series,
    /// The last final release that the head contains.
    pub last: Option<Released>,
    /// Every version that has a tag, wherever.
    pub taken: BTreeSet<Version>,
    /// What its manifest says.
    pub written: Option<Version>,
    /// Where that stands: those that share a place share their version.
    pub place: Option<(RepoPath, usize)>,
    /// What happened since its last release.
    pub since: Since,
    /// What happened since its last pre-release with the word that is asked for, if that is newer than its last release.
    pub recent: Option<Since>,
}

/// Finds a candidate as people name it: by its name, else by its folder.
#[must_use]
pub fn named(candidates: &[Candidate], name: &str) -> Option<usize> {
    let by_name = candidates.iter().position(|one| one.name == name);
    by_name.or_else(|| {
        let mut all = candidates.iter();
        all.position(|one| one.path.as_str() == Some(name))
    })
}

/// Tells how much commits raise what they touch. What was changed by no commit that could be read (a merge by hand, a
/// lockfile) changed all the same.
#[must_use]
pub fn raised_by(work: &[Work], types: &BTreeMap<String, Bump>) -> Bump {
    let said = work.iter().map(|work| message::bump(&work.message, types));
    said.max().unwrap_or(Bump::Patch)
}

/// One release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The project's name.
    pub project: String,
    /// Its folder.
    pub path: RepoPath,
    /// Before; `None` for the first one.
    pub from: Option<Version>,
    /// After.
    pub to: Version,
    /// The tag that will name it.
    pub tag: String,
    /// How much.
    pub bump: Bump,
    /// Why.
    pub causes: Vec<Cause>,
    /// The commits that touch it, newest first.
    pub work: Vec<Work>,
    /// Words of change files.
    pub notes: Vec<String>,
    /// What its manifest says now.
    pub written: Option<Version>,
}

/// Something that stands against a release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Stable: `unknown-project`, `version-too-low`, `tag-taken` …
    pub code: &'static str,
    /// In words.
    pub message: String,
    /// The way out.
    pub help: String,
}
