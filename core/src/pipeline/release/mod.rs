//! Composes a release: gathers what git, the graph and the manifests say, and lets [`crate::release::decide`] decide.

mod checked;
mod faults;
mod gather;
mod history;
mod publish;
mod reach;
mod remote;
mod repeated;
mod requested;
mod write;

use std::sync::Arc;

use affected_graph::{ProjectGraph, RepoPath};
use miette::Diagnostic;
use thiserror::Error;

pub use checked::{Against, check};
pub use publish::{Publishing, publish};
pub use write::{Writing, write};

use super::PipelineError;
use crate::ci::Environment;
use crate::config::Config;
use crate::release::change_file::ChangeFile;
use crate::release::decide::{self, Decision};
use crate::release::{Candidate, Release, notes};
use crate::report::wire::{release as wire, v1};
use crate::tree::SharedTree;
use crate::vcs::{CommitId, Repository, Tag};

/// What is to be released.
#[derive(Debug, Clone, Default)]
pub struct ReleaseRequest {
    /// Where the repository is looked for.
    pub directory: std::path::PathBuf,
    /// The commit; HEAD if not given.
    pub head: Option<String>,
    /// Every project counts as released here, whatever tags say.
    pub base: Option<String>,
    /// `rc`, `beta` …: pre-releases.
    pub pre: Option<String>,
    /// Globs over project names and paths; empty means all.
    pub filter: Vec<String>,
    /// Globs to leave out.
    pub exclude: Vec<String>,
}

/// Says why nothing is released.
#[derive(Debug, Error, Diagnostic)]
pub enum ReleaseError {
    /// Something has to be settled by people first; nothing was written.
    #[error("nothing was written: {message}")]
    #[diagnostic(code(release::refused))]
    Refused {
        /// What.
        message: String,
        /// The way out.
        #[help]
        help: Option<String>,
    },
    /// Nothing new could be tagged; what an earlier call had left behind was pushed all the same.
    #[error("only {pushed}, left behind by an earlier call, was pushed: {message}")]
    #[diagnostic(code(release::refused))]
    Earlier {
        /// Those tags.
        pushed: String,
        /// What stands against the rest.
        message: String,
        /// The way out.
        #[help]
        help: Option<String>,
    },
    /// A file could not be written. Those named before it were.
    #[error("failed to write `{path}`")]
    #[diagnostic(
        code(release::write),
        help("files written before it are shown by `git status`; running it again is safe")
    )]
    Write {
        /// Which.
        path: RepoPath,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A release that was decided, with what it was decided from.
pub struct Planned {
    repository: Arc<Repository>,
    head: CommitId,
    request: ReleaseRequest,
    tree: SharedTree,
    graph: Arc<ProjectGraph>,
    config: Config,
    tags: Vec<Tag>,
    candidates: Vec<Candidate>,
    changes: Vec<ChangeFile>,
    decision: Decision,
    warnings: Vec<v1::Warning>,
    shown: super::Names,
}

/// Decides what would be released. Reads only (Q5).
pub fn plan(request: &ReleaseRequest, env: &Environment) -> Result<Planned, PipelineError> {
    let mut planned = gather::gather(request, env)?;
    planned.decision = decide::decide(&decide::Question {
        candidates: &planned.candidates,
        config: &planned.config.release,
        changes: &planned.changes,
        pre: request.pre.as_deref(),
        followers: &|path| reach::followers(&planned.graph, path),
    });
    let more = faults::faults(&planned);
    planned.decision.problems.extend(more);
    planned.decision.problems.sort();
    Ok(planned)
}

impl Planned {
    /// Returns the releases that were asked for.
    fn releases(&self) -> impl Iterator<Item = &Release> {
        let releases = self.decision.releases.iter();
        releases.filter(|release| self.is_shown(&release.path))
    }

    /// Returns the projects that were asked for.
    fn shown_candidates(&self) -> impl Iterator<Item = &Candidate> {
        let candidates = self.candidates.iter();
        candidates.filter(|candidate| self.is_shown(&candidate.path))
    }

    fn is_shown(&self, path: &RepoPath) -> bool {
        let at = self.graph.at(path);
        at.is_some_and(|at| self.shown.accept(self.graph.project(at)))
    }

    /// Returns the document.
    #[must_use]
    pub fn document(&self) -> wire::ReleasePlan {
        wire::plan(
            self.revision(),
            self.releases(),
            &self.decision.problems,
            self.warnings.clone(),
        )
    }

    /// Returns the notes of every release.
    pub fn notes(&self) -> Result<wire::ReleaseNotes, PipelineError> {
        let (day, url) = (self.repository.day_of(&self.head)?, self.commit_url());
        let note = |release: &Release| wire::Note {
            project: release.project.clone(),
            version: release.to.to_string(),
            tag: release.tag.clone(),
            markdown: self.words(release, &day, &url),
        };
        Ok(wire::notes(self.revision(), self.releases().map(note)))
    }

    /// What a release says: as its changelog has it, where `release version` wrote it or people did, and else as it would be
    /// written. A section that lacks a commit or a change file is older than the release, and counts no more.
    fn words(&self, release: &Release, day: &str, url: &notes::CommitUrl) -> String {
        let path = release.path.join(notes::CHANGELOG).ok();
        let text = path.and_then(|path| self.text(&path)).unwrap_or_default();
        let section = notes::section_of(&text, &release.to);
        let section = section.filter(|section| notes::is_whole(section, release));
        section.unwrap_or_else(|| notes::markdown(release, day, url))
    }

    /// Returns what the user should know.
    #[must_use]
    pub fn warnings(&self) -> &[v1::Warning] {
        &self.warnings
    }

    fn commit_url(&self) -> notes::CommitUrl {
        let written = self.config.release.commit_url.clone();
        written.or_else(|| notes::commit_url(&self.repository.remote_url("origin")?))
    }

    fn revision(&self) -> v1::Revision {
        let (reference, source) = match &self.request.head {
            Some(head) => (head.as_str(), "--head"),
            None => ("HEAD", "HEAD"),
        };
        v1::Revision {
            reference: reference.to_owned(),
            commit: Some(self.head.to_string()),
            source: source.to_owned(),
        }
    }

    /// Reads a file of the head, as text.
    fn text(&self, path: &RepoPath) -> Option<String> {
        String::from_utf8(self.tree.read(path).ok()?).ok()
    }

    /// Refuses to write anything while something is unsettled.
    fn settled(&self) -> Result<(), ReleaseError> {
        let problems = &self.decision.problems;
        let Some(first) = problems.first() else {
            return Ok(());
        };
        let messages: Vec<&str> = problems.iter().map(|it| it.message.as_str()).collect();
        Err(ReleaseError::Refused {
            message: messages.join("; "),
            help: Some(first.help.clone()),
        })
    }
}
