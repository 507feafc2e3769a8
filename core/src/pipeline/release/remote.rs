//! Our tags and those of a remote: what it lacks, and what it has otherwise.

use std::collections::BTreeMap;

use super::super::PipelineError;
use super::{Planned, ReleaseError, faults};
use crate::release::{Candidate, Problem};
use crate::vcs::Tag;

/// Returns the tags here that belong to a series of the projects that were asked for, by name.
pub(super) fn own_tags(planned: &Planned) -> impl Iterator<Item = &Tag> {
    let is_own = |tag: &&Tag| {
        let mut all = planned.shown_candidates();
        all.any(|candidate| candidate.series.version(&tag.name).is_some())
    };
    planned.tags.iter().filter(is_own)
}

/// Returns those of them that the remote lacks and that are part of this history: a push that was refused left them behind, and
/// later commits do not bring them.
pub(super) fn missing<'p>(
    planned: &'p Planned,
    known: &BTreeMap<String, String>,
) -> Result<Vec<&'p Tag>, PipelineError> {
    let mut found = Vec::new();
    for tag in own_tags(planned).filter(|tag| !known.contains_key(&tag.name)) {
        let is_released = planned.repository.is_ancestor(&tag.commit, &planned.head)?;
        if is_released {
            found.push(tag);
        }
    }
    Ok(found)
}

/// Refuses names that the remote has on another commit, and names that it cannot have beside those it has.
pub(super) fn taken<'t>(
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
        let names = known.keys().map(String::as_str);
        if let Some(other) = faults::in_the_way(tag, names) {
            return Err(ReleaseError::Refused {
                message: format!("the remote: {}", faults::blocked(tag, other)),
                help: Some(faults::UNBLOCK.to_owned()),
            });
        }
    }
    Ok(())
}

/// Compares all tags of our series with those of a remote, for `check`.
pub(super) fn problems(
    planned: &Planned,
    remote: &str,
    known: &BTreeMap<String, String>,
) -> Result<Vec<Problem>, PipelineError> {
    let missing = missing(planned, known)?;
    let mut problems = Vec::new();
    for candidate in planned.shown_candidates() {
        let lost: Vec<&str> = of(candidate, &missing).collect();
        if let Some(last) = lost.last() {
            let (count, name) = (lost.len(), &candidate.name);
            let which = match count {
                1 => format!("the tag `{last}`"),
                _ => format!("{count} tags of `{name}`, such as `{last}`"),
            };
            problems.push(Problem {
                code: "tag-not-pushed",
                message: format!("the remote `{remote}` lacks {which}"),
                help: "`affected release tag --push` pushes what was left behind".to_owned(),
            });
        }
    }
    for tag in own_tags(planned) {
        let other = known.get(&tag.name);
        if let Some(other) = other.filter(|other| **other != tag.commit.to_string()) {
            problems.push(Problem {
                code: "tag-differs",
                message: format!(
                    "the tag `{}` names {} here and {other} at `{remote}`",
                    tag.name, tag.commit
                ),
                help: "a tag is never moved: find out which one was released, and delete the other by hand"
                    .to_owned(),
            });
        }
    }
    Ok(problems)
}

fn of<'t>(candidate: &'t Candidate, tags: &'t [&Tag]) -> impl Iterator<Item = &'t str> {
    let own = tags
        .iter()
        .filter(|tag| candidate.series.version(&tag.name).is_some());
    own.map(|tag| tag.name.as_str())
}
