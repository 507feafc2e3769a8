//! The commits since a release: whom each touches, what it asks for, and what commits of releases took away.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{Depth, ProjectGraph, RepoPath};

use super::super::{Judged, PipelineError};
use crate::diff::{ChangeSet, compare};
use crate::ecosystem;
use crate::release::change_file::{self, ChangeFile};
use crate::release::message::ReleaseAs;
use crate::release::{Work, manifest, message, notes};
use crate::select;
use crate::vcs::{Commit, CommitId, Differences, Repository};

/// Commits looked at where a project has no tag yet: they only may ask for its first version.
const MOST: usize = 20_000;

/// Commits, and whom each touches; looked at once however many projects ask.
pub(super) struct History<'r> {
    pub(super) repository: &'r Repository,
    pub(super) head: &'r CommitId,
    /// Files that have the version of a project, beside those that always do.
    pub(super) places: BTreeSet<RepoPath>,
    pub(super) seen: BTreeMap<CommitId, Seen>,
}

/// What one commit did.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// The folders of the projects it touches.
    roots: BTreeSet<RepoPath>,
    /// The change files that it used up, if it wrote a release.
    spent: Vec<ChangeFile>,
}

/// What all commits since a base did.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    /// By project, newest first.
    pub(super) work: BTreeMap<RepoPath, Vec<Work>>,
    /// Newest first.
    pub(super) spent: Vec<ChangeFile>,
    /// With the commits that ask, newest first.
    pub(super) asked: Vec<(CommitId, ReleaseAs)>,
}

impl History<'_> {
    /// Returns what happened since `base`. Merges bring what their commits brought, but may ask for versions.
    pub(super) fn since(
        &mut self,
        judged: &Judged,
        now: &Judged,
        base: &CommitId,
    ) -> Result<Past, PipelineError> {
        let mut past = Past::default();
        for commit in self.repository.commits(self.head, Some(base))? {
            let message = message::read(&commit.message);
            let asked = message.release_as.iter().cloned();
            past.asked
                .extend(asked.map(|asked| (commit.id.clone(), asked)));
            if commit.parents > 1 {
                continue;
            }
            let seen = self.seen(&commit, judged, now)?;
            for file in seen.spent {
                if past.spent.iter().all(|known| known.path != file.path) {
                    past.spent.push(file);
                }
            }
            for root in seen.roots {
                past.work.entry(root).or_default().push(Work {
                    commit: commit.id.to_string(),
                    message: message.clone(),
                });
            }
        }
        Ok(past)
    }

    /// Returns what the newest commits ask for, wherever they are.
    pub(super) fn asked(&self) -> Result<Vec<(CommitId, ReleaseAs)>, PipelineError> {
        let commits = self.repository.newest_commits(self.head, MOST)?;
        let asked = |commit: Commit| {
            let lines = message::read(&commit.message).release_as;
            lines
                .into_iter()
                .map(move |asked| (commit.id.clone(), asked))
        };
        Ok(commits.into_iter().flat_map(asked).collect())
    }

    fn seen(
        &mut self,
        commit: &Commit,
        judged: &Judged,
        now: &Judged,
    ) -> Result<Seen, PipelineError> {
        if let Some(known) = self.seen.get(&commit.id) {
            return Ok(known.clone());
        }
        // A shallow or partial clone ends somewhere.
        let seen = match self.repository.changes_of(commit) {
            Ok(differences) => self.look(commit, &differences, judged, now)?,
            Err(_) => Seen::default(),
        };
        self.seen.insert(commit.id.clone(), seen.clone());
        Ok(seen)
    }

    fn look(
        &self,
        commit: &Commit,
        differences: &Differences,
        judged: &Judged,
        now: &Judged,
    ) -> Result<Seen, PipelineError> {
        let is_release = self.writes_a_release(commit, differences)?;
        let changes = compare::of_git(differences);
        let mut seen = Seen::default();
        if is_release {
            let folder = &now.trees.config.release.changes;
            seen.spent = self.spent(commit, differences, folder)?;
        }
        let counts = |path: &RepoPath| {
            let repeats = manifest::of(path).is_some() || self.places.contains(path);
            !is_release || !repeats
        };
        seen.roots = touched(&changes, &judged.union, now, &counts);
        Ok(seen)
    }

    /// Tells whether a commit puts a version into a changelog, as `release version` and its like do. What else such a commit does to
    /// manifests and lockfiles is the release, and no work that it could be released for.
    fn writes_a_release(
        &self,
        commit: &Commit,
        differences: &Differences,
    ) -> Result<bool, PipelineError> {
        for path in differences.keys() {
            if path.file_name() != notes::CHANGELOG.as_bytes() {
                continue;
            }
            let versions = |at: Option<&CommitId>| -> Result<_, PipelineError> {
                let bytes = at.map(|at| self.repository.file_at(at, path)).transpose()?;
                let text = bytes.flatten().unwrap_or_default();
                Ok(notes::versions(&String::from_utf8_lossy(&text)))
            };
            let before = versions(commit.parent.as_ref())?;
            if versions(Some(&commit.id))?
                .difference(&before)
                .next()
                .is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn spent(
        &self,
        commit: &Commit,
        differences: &Differences,
        folder: &str,
    ) -> Result<Vec<ChangeFile>, PipelineError> {
        let (Some(parent), Ok(folder)) = (&commit.parent, RepoPath::new(folder.as_bytes())) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for (path, (_, after)) in differences {
            if after.is_some() || !path.is_within(&folder) || !change_file::is_name(path) {
                continue;
            }
            let bytes = self.repository.file_at(parent, path)?.unwrap_or_default();
            found.extend(change_file::read(path, &bytes));
        }
        Ok(found)
    }
}

/// Whom a commit touches by files that count: the same selection as for tests, without dependents. What it does to a lockfile
/// or a file of everybody is a reason to release, but no work of theirs.
fn touched(
    changes: &ChangeSet,
    graph: &ProjectGraph,
    now: &Judged,
    counts: &dyn Fn(&RepoPath) -> bool,
) -> BTreeSet<RepoPath> {
    let nothing = BTreeMap::new();
    let affected = select::determine(&select::Question {
        graph,
        changes,
        config: &now.trees.config,
        ecosystems: ecosystem::ALL,
        faults: &[],
        locks: &nothing,
        fields: &BTreeMap::new(),
        depth: Depth::None,
    });
    let mut roots = BTreeSet::new();
    for (index, touched) in &affected.touched {
        let project = graph.project(*index);
        let is_changed = |path: &&RepoPath| changes.changes().iter().any(|it| it.path == **path);
        let manifests = project.manifests.iter().filter(is_changed);
        if touched.files.iter().chain(manifests).any(counts) {
            roots.insert(project.root.clone());
        }
    }
    roots
}
