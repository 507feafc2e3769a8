//! Tags a release and pushes the tags. Nothing is moved or deleted; what was left half done is completed by the next call (Q4).

use std::collections::{BTreeMap, BTreeSet};

use super::super::PipelineError;
use super::{Planned, ReleaseError, gather};
use crate::release::{Problem, Release, notes, version};
use crate::report::wire::release as wire;
use crate::vcs::{NewTag, Push, Signing};

/// How tags are made.
#[derive(Debug, Clone, Default)]
pub struct Publishing {
    /// The remote they are pushed to; none keeps them here.
    pub remote: Option<String>,
    /// Whether they are signed.
    pub signing: Signing,
    /// Whether all is only told.
    pub is_dry: bool,
}

/// Makes the tags of all releases in one transaction, and pushes them, and those of this commit that an earlier call left
/// behind, in one atomic push.
///
/// # Errors
/// [`ReleaseError::Refused`] before anything is written, where something is unsettled or a version is not written yet.
pub fn publish(planned: &Planned, how: &Publishing) -> Result<wire::ReleaseTags, PipelineError> {
    planned.settled()?;
    unwritten(planned)?;
    let here: BTreeSet<&str> = planned
        .tags
        .iter()
        .filter(|tag| tag.commit == planned.head)
        .map(|tag| tag.name.as_str())
        .collect();
    let mut states: BTreeMap<String, wire::TagState> = BTreeMap::new();
    // Tags of this commit that belong to a series of ours: a call before this one made them.
    for candidate in &planned.candidates {
        for tag in here
            .iter()
            .filter(|tag| candidate.series.version(tag).is_some())
        {
            states.insert((*tag).to_owned(), wire::TagState::Present);
        }
    }
    let fresh: Vec<&Release> = planned
        .releases()
        .filter(|it| !here.contains(it.tag.as_str()))
        .collect();
    if how.is_dry {
        states.extend(
            fresh
                .iter()
                .map(|it| (it.tag.clone(), wire::TagState::Planned)),
        );
        let commands = commands(how, &planned.head.to_string(), &tags_of(planned, &fresh)?);
        return Ok(report(planned, states, None, commands));
    }
    let remote = how.remote.as_deref();
    let known = remote
        .map(|remote| planned.repository.remote_tags(remote))
        .transpose()?;
    if let Some(known) = &known {
        taken_there(
            planned,
            known,
            fresh
                .iter()
                .map(|it| it.tag.as_str())
                .chain(states.keys().map(String::as_str)),
        )?;
    }
    let new = tags_of(planned, &fresh)?;
    planned
        .repository
        .create_tags(&new, &planned.head, how.signing)?;
    states.extend(
        new.into_iter()
            .map(|tag| (tag.name, wire::TagState::Created)),
    );
    let (Some(remote), Some(known)) = (remote, known) else {
        return Ok(report(planned, states, None, Vec::new()));
    };
    let refusal = push(planned, remote, &known, &mut states)?;
    Ok(report(planned, states, refusal, Vec::new()))
}

/// Pushes what the remote has not. Returns its words where it refused.
fn push(
    planned: &Planned,
    remote: &str,
    known: &BTreeMap<String, String>,
    states: &mut BTreeMap<String, wire::TagState>,
) -> Result<Option<String>, PipelineError> {
    let missing: Vec<String> = states
        .keys()
        .filter(|tag| !known.contains_key(*tag))
        .cloned()
        .collect();
    if missing.is_empty() {
        states
            .values_mut()
            .for_each(|state| *state = wire::TagState::Pushed);
        return Ok(None);
    }
    match planned.repository.push_tags(remote, &missing)? {
        Push::Done => {
            states
                .values_mut()
                .for_each(|state| *state = wire::TagState::Pushed);
            Ok(None)
        }
        Push::Refused(words) => {
            // Somebody may have been faster: the same commit under the same name is as good as ours.
            let there = planned.repository.remote_tags(remote)?;
            let head = planned.head.to_string();
            for (tag, state) in states.iter_mut() {
                match there.get(tag) {
                    Some(commit) if *commit == head => *state = wire::TagState::Pushed,
                    Some(_) => *state = wire::TagState::Taken,
                    None => *state = wire::TagState::NotPushed,
                }
            }
            let all = states
                .values()
                .all(|state| *state == wire::TagState::Pushed);
            Ok((!all).then_some(words))
        }
    }
}

fn report(
    planned: &Planned,
    states: BTreeMap<String, wire::TagState>,
    refusal: Option<String>,
    commands: Vec<String>,
) -> wire::ReleaseTags {
    wire::tags(planned.revision(), states, refusal, commands)
}

fn tags_of(planned: &Planned, fresh: &[&Release]) -> Result<Vec<NewTag>, PipelineError> {
    let (day, url) = (
        planned.repository.day_of(&planned.head)?,
        planned.commit_url(),
    );
    let tag = |release: &&Release| NewTag {
        name: release.tag.clone(),
        message: format!(
            "{} {}\n\n{}",
            release.project.escape_debug(),
            release.to,
            notes::markdown(release, &day, &url)
        ),
    };
    Ok(fresh.iter().map(tag).collect())
}

/// A tag says what the manifest says, or the build of the tag would say something else.
fn unwritten(planned: &Planned) -> Result<(), ReleaseError> {
    let mut wrong: Vec<String> = Vec::new();
    for release in planned.releases() {
        if let Some(written) = release
            .written
            .as_ref()
            .filter(|written| **written != release.to)
        {
            wrong.push(format!(
                "`{}` is {written} in its manifest, not {}",
                release.project, release.to
            ));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(ReleaseError::Refused {
        message: wrong.join("; "),
        help: Some("run `affected release version`, commit what it wrote, then tag".to_owned()),
    })
}

fn taken_there<'t>(
    planned: &Planned,
    known: &BTreeMap<String, String>,
    wanted: impl Iterator<Item = &'t str>,
) -> Result<(), ReleaseError> {
    let head = planned.head.to_string();
    for tag in wanted {
        if let Some(commit) = known.get(tag).filter(|commit| **commit != head) {
            return Err(ReleaseError::Refused {
                message: format!("the remote has the tag `{tag}` on {commit} already"),
                help: Some("a tag is never moved; fetch the tags, then plan again".to_owned()),
            });
        }
    }
    Ok(())
}

/// The commands that would do the same in a shell, with every byte of what they write.
fn commands(how: &Publishing, commit: &str, new: &[NewTag]) -> Vec<String> {
    let sign = match how.signing {
        Signing::AsConfigured => "-a",
        Signing::Always => "-s",
        Signing::Never => "-a --no-sign",
    };
    let one = |tag: &NewTag| {
        let message = tag.message.trim_end();
        let mut end = "END".to_owned();
        while message.lines().any(|line| line == end) {
            end.push('_');
        }
        let name = quoted(&tag.name);
        format!(
            "git tag {sign} --cleanup=verbatim -F - -- {name} {commit} <<'{end}'\n{message}\n{end}"
        )
    };
    let mut all: Vec<String> = new.iter().map(one).collect();
    if let Some(remote) = how.remote.as_deref().filter(|_| !new.is_empty()) {
        let spec = |tag: &NewTag| quoted(&format!("refs/tags/{}", tag.name));
        let specs: Vec<String> = new.iter().map(spec).collect();
        let remote = quoted(remote);
        all.push(format!("git push --atomic -- {remote} {}", specs.join(" ")));
    }
    all
}

/// One word of a shell. Git allows names that a shell would run (X3).
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./@:+%,".contains(c);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// Compares tags and manifests: a tag without its version, a version without its tag.
pub fn check(planned: &Planned) -> Result<wire::ReleaseCheck, PipelineError> {
    let mut problems: Vec<Problem> = planned.decision.problems.clone();
    for candidate in &planned.candidates {
        let Some(written) = &candidate.written else {
            continue;
        };
        let is_done = version::to_come(written) == *written;
        let is_known = candidate.taken.contains(written);
        if is_done && !is_known && *written > semver::Version::new(0, 0, 0) {
            problems.push(Problem {
                code: "version-without-tag",
                message: format!(
                    "`{}` is {written} in its manifest, and there is no tag `{}`",
                    candidate.name,
                    candidate.series.tag(written)
                ),
                help: "tag it with `affected release tag`".to_owned(),
            });
        }
        let Some(last) = &candidate.last else {
            continue;
        };
        let Some(tag) = planned.tags.iter().find(|tag| tag.name == last.tag) else {
            continue;
        };
        let then = gather::written_at(planned, &tag.commit, &candidate.path)?;
        if let Some(then) = then.filter(|then| *then != last.version) {
            problems.push(Problem {
                code: "tag-without-version",
                message: format!(
                    "the tag `{}` names a commit in which `{}` is {then}",
                    last.tag, candidate.name
                ),
                help: "release it again with `affected release version` and `tag`".to_owned(),
            });
        }
    }
    problems.sort();
    Ok(wire::check(planned.revision(), &problems))
}
