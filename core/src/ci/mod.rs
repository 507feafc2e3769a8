//! Which CI host this is, what it builds, and which base follows from that. Only here and in `config` is the
//! environment read; event and property files that a variable points to count as part of it.
//!
//! What a build is compared with (B5); `situation` keeps to it for every host:
//!
//! | event | base | if it cannot be told |
//! |---|---|---|
//! | pull or merge request | merge base with the target branch | everything |
//! | merge queue or train | the commit that the group stands on | everything |
//! | push to the default branch | exactly what was there before the push (Jenkins: the last green commit) | everything |
//! | push to another branch | merge base with the default branch, so that a red branch stays red | everything |
//! | tag, schedule, started by hand on the default branch | nothing: everything is selected | |
//!
//! A detached HEAD, a merge or an octopus merge at HEAD change nothing: HEAD is a commit like any other.
//!
//! To add a host, add its file and the two lines below.

use std::borrow::Cow;
use std::path::PathBuf;

pub mod azure;
pub mod bitbucket;
pub mod buildkite;
pub mod circleci;
pub mod generic;
pub mod github;
pub mod gitlab;
pub mod jenkins;
pub mod teamcity;

mod environment;
mod jobs;
mod log;
mod situation;
mod trust;

pub use environment::{Environment, says_something};
pub use jobs::{Job, JobList, Workflow};
pub use log::{Annotation, Blanks, Ended, Group, LineMarks, quiet_json, shorten};
pub use situation::{Event, Fork, HostBase, Pushed, Said, Situation};
pub use trust::Trust;

/// Every known host; the first that recognises itself counts, so the generic one is last.
pub static ALL: &[&dyn Host] = &[
    &github::GitHub,
    &gitlab::GitLab,
    &buildkite::Buildkite,
    &teamcity::TeamCity,
    &azure::Azure,
    &circleci::CircleCi,
    &bitbucket::Bitbucket,
    &jenkins::Jenkins,
    &generic::Generic,
];

/// One CI host.
pub trait Host: Sync {
    /// What is typed: `github`.
    fn id(&self) -> &'static str;

    /// Tells whether this is where we run.
    fn detect(&self, env: &Environment) -> bool;

    /// Returns what is built, and what the host says of its base.
    fn situation(&self, env: &Environment) -> Situation;

    /// Tells how far this build may be believed.
    fn trust(&self, _env: &Environment) -> Trust {
        Trust::Untrusted
    }

    /// Writes a list of jobs as the host takes it; `None` where it knows no such thing.
    fn job_list(&self, _list: &JobList) -> Option<String> {
        None
    }

    /// What the host takes for a command wherever it stands in a line, in lower case.
    fn marks(&self) -> &'static [&'static str] {
        &[]
    }

    /// What it takes for a command at the head of a line.
    fn line_marks(&self) -> Option<LineMarks> {
        None
    }

    /// Makes text of others harmless: nothing in it is a command for the host (X3).
    fn defuse<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let text = log::break_marks(text, self.marks());
        match self.line_marks() {
            Some(marks) => log::shield_lines(text, &marks),
            None => text,
        }
    }

    /// Opens a part of the log that can be folded.
    fn open_group(&self, _group: &Group<'_>) -> Option<String> {
        None
    }

    /// Closes it.
    fn close_group(&self, _group: &Group<'_>) -> Option<String> {
        None
    }

    /// Shows a failure beside the log.
    fn annotation(&self, _annotation: &Annotation<'_>) -> Option<String> {
        None
    }

    /// How many annotations are shown at most.
    fn most_annotations(&self) -> usize {
        10
    }

    /// Lists a task among the tests of the build.
    fn ended(&self, _ended: &Ended<'_>) -> Option<String> {
        None
    }

    /// The file whose Markdown is shown with the build.
    fn summary_file(&self, _env: &Environment) -> Option<PathBuf> {
        None
    }

    /// Makes the host show that file, where it does not look by itself.
    fn show_summary(&self, _path: &str) -> Option<String> {
        None
    }

    /// The program that takes Markdown on its standard input and shows it with the build.
    fn summary_program(&self) -> Option<&'static [&'static str]> {
        None
    }

    /// Makes the host read a file of test results (JUnit XML); where it takes none by command, the pipeline
    /// names the file.
    fn results(&self, _path: &str) -> Option<String> {
        None
    }

    /// Returns a short pipeline: plan, test in several jobs, verdict.
    fn workflow(&self) -> Workflow;
}

/// Returns how far the build that we are in may be believed.
#[must_use]
pub fn trust(env: &Environment) -> Trust {
    here(env).map_or(Trust::Untrusted, |host| host.trust(env))
}

/// Returns the host we run on.
#[must_use]
pub fn here(env: &Environment) -> Option<&'static dyn Host> {
    ALL.iter().find(|host| host.detect(env)).copied()
}

/// Finds a host by its name.
#[must_use]
pub fn named(id: &str) -> Option<&'static dyn Host> {
    ALL.iter().find(|host| host.id() == id).copied()
}

#[cfg(test)]
mod tests;
