//! Version 1 of the documents of `release`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::v1::{Revision, Tool, Warning};
use crate::release::{Problem as Told, Release as Decided};

/// `affected.release-plan/1`: what would be released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleasePlan {
    /// Always `affected.release-plan/1`.
    pub schema: String,
    /// The tool.
    pub tool: Tool,
    /// What is released.
    pub head: Revision,
    /// By path.
    pub releases: Vec<Release>,
    /// What stands against tagging, sorted.
    pub problems: Vec<Problem>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// One release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Release {
    /// The project's name.
    pub project: String,
    /// Its folder, `.` for the repository's root.
    pub path: String,
    /// The last final version; absent for the first release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The version to come.
    pub to: String,
    /// The tag that will name it.
    pub tag: String,
    /// `major minor patch`; `none` for the first release.
    pub bump: String,
    /// Why; never empty.
    pub reasons: Vec<Reason>,
    /// The commits that touch it since the last release, newest first.
    pub commits: Vec<Commit>,
}

/// Why something is released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// One of the closed list of reason codes.
    pub code: String,
    /// The projects from the changed one up to this one, itself left out.
    pub via: Vec<String>,
    /// In words, with the evidence.
    pub detail: String,
}

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Commit {
    /// Its id.
    pub id: String,
    /// `feat`, `fix` …; empty where it follows no convention.
    pub kind: String,
    /// What it did.
    pub subject: String,
    /// Whether it breaks something.
    pub breaking: bool,
}

/// Something that stands against a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Stable: `tag-taken`, `tag-name`, `unknown-project` …
    pub code: String,
    /// In words.
    pub message: String,
    /// The way out.
    pub help: String,
}

/// `affected.release-notes/1`: what releases say to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseNotes {
    /// Always `affected.release-notes/1`.
    pub schema: String,
    /// The tool.
    pub tool: Tool,
    /// What is released.
    pub head: Revision,
    /// By path of the project.
    pub notes: Vec<Note>,
}

/// The notes of one release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// The project's name.
    pub project: String,
    /// The version.
    pub version: String,
    /// Its tag.
    pub tag: String,
    /// Markdown.
    pub markdown: String,
}

/// `affected.release-version/1`: what was written into files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseVersion {
    /// Always `affected.release-version/1`.
    pub schema: String,
    /// The tool.
    pub tool: Tool,
    /// What is released.
    pub head: Revision,
    /// By path.
    pub releases: Vec<Release>,
    /// Every file that was changed, added or removed, sorted.
    pub files: Vec<String>,
}

/// `affected.release-tags/1`: what became of each tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseTags {
    /// Always `affected.release-tags/1`.
    pub schema: String,
    /// The tool.
    pub tool: Tool,
    /// The tagged commit.
    pub head: Revision,
    /// By name.
    pub tags: Vec<Tag>,
    /// The remote's words where it refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// With `--dry-run`: the commands that would do the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// What the user should know.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tag {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub state: TagState,
}

/// What became of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TagState {
    /// It would be made.
    Planned,
    /// It was made here.
    Created,
    /// It was there before: here, and with `--push` at the remote, on the same commit.
    Present,
    /// It was pushed, and the remote has it.
    Pushed,
    /// It is here, and the remote has not taken it; run the command again.
    NotPushed,
    /// The remote has this name on another commit.
    Taken,
}

impl TagState {
    /// Returns the word used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Created => "created",
            Self::Present => "present",
            Self::Pushed => "pushed",
            Self::NotPushed => "not-pushed",
            Self::Taken => "taken",
        }
    }
}

/// `affected.release-check/1`: whether tags and versions agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseCheck {
    /// Always `affected.release-check/1`.
    pub schema: String,
    /// The tool.
    pub tool: Tool,
    /// What was looked at.
    pub head: Revision,
    /// Sorted; empty if all is well.
    pub problems: Vec<Problem>,
    /// What the user should know.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

fn tool() -> Tool {
    Tool {
        name: "affected".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Makes the document of a plan.
pub(crate) fn plan<'r>(
    head: Revision,
    releases: impl Iterator<Item = &'r Decided>,
    problems: &[Told],
    warnings: Vec<Warning>,
) -> ReleasePlan {
    ReleasePlan {
        schema: "affected.release-plan/1".to_owned(),
        tool: tool(),
        head,
        releases: releases.map(release).collect(),
        problems: problems.iter().map(problem).collect(),
        warnings,
    }
}

/// Makes the document of notes.
pub(crate) fn notes(head: Revision, notes: impl Iterator<Item = Note>) -> ReleaseNotes {
    ReleaseNotes {
        schema: "affected.release-notes/1".to_owned(),
        tool: tool(),
        head,
        notes: notes.collect(),
    }
}

/// Makes the document of written versions.
pub(crate) fn version<'r>(
    head: Revision,
    releases: impl Iterator<Item = &'r Decided>,
    files: Vec<String>,
) -> ReleaseVersion {
    ReleaseVersion {
        schema: "affected.release-version/1".to_owned(),
        tool: tool(),
        head,
        releases: releases.map(release).collect(),
        files,
    }
}

/// Makes the document of tags.
pub(crate) fn tags(
    head: Revision,
    states: BTreeMap<String, TagState>,
    refusal: Option<String>,
    commands: Vec<String>,
    warnings: Vec<Warning>,
) -> ReleaseTags {
    let tag = |(name, state): (String, TagState)| Tag { name, state };
    ReleaseTags {
        schema: "affected.release-tags/1".to_owned(),
        tool: tool(),
        head,
        tags: states.into_iter().map(tag).collect(),
        refusal,
        commands,
        warnings,
    }
}

/// Makes the document of a check.
pub(crate) fn check(head: Revision, problems: &[Told], warnings: Vec<Warning>) -> ReleaseCheck {
    ReleaseCheck {
        schema: "affected.release-check/1".to_owned(),
        tool: tool(),
        head,
        problems: problems.iter().map(problem).collect(),
        warnings,
    }
}

fn release(of: &Decided) -> Release {
    let reason = |cause: &crate::release::Cause| Reason {
        code: cause.code.clone(),
        via: cause.via.clone(),
        detail: cause.detail.clone(),
    };
    let commit = |work: &crate::release::Work| Commit {
        id: work.commit.clone(),
        kind: work.message.kind.clone(),
        subject: work.message.subject.clone(),
        breaking: work.message.breaking.is_some(),
    };
    Release {
        project: of.project.clone(),
        path: of.path.to_string(),
        from: of.from.as_ref().map(ToString::to_string),
        to: of.to.to_string(),
        tag: of.tag.clone(),
        bump: of.bump.as_str().to_owned(),
        reasons: of.causes.iter().map(reason).collect(),
        commits: of.work.iter().map(commit).collect(),
    }
}

fn problem(of: &Told) -> Problem {
    Problem {
        code: of.code.to_owned(),
        message: of.message.clone(),
        help: of.help.clone(),
    }
}
