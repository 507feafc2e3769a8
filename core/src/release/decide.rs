//! Decides what is released and as what: pure.
//!
//! `levels` says who is released and how much that raises, `versions` to what. The answer is the same before and after
//! `release version` was committed: what a release commit took away (`Since::spent`) is heard until the tag is there.

mod levels;
mod versions;

use std::collections::BTreeMap;

use affected_graph::RepoPath;

use super::change_file::ChangeFile;
use super::{Bump, Candidate, Cause, Problem, Release, named};
use crate::config::release::ReleaseConfig;
use levels::{Level, Standing};
pub use versions::is_prepared;

/// All that was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// By path.
    pub releases: Vec<Release>,
    /// What stands against them; sorted.
    pub problems: Vec<Problem>,
}

/// What is asked.
pub struct Question<'a> {
    /// Every project that can be released, by path.
    pub candidates: &'a [Candidate],
    /// The rules.
    pub config: &'a ReleaseConfig,
    /// Words that wait for a release.
    pub changes: &'a [ChangeFile],
    /// `rc`, `beta` …: a pre-release is asked for.
    pub pre: Option<&'a str>,
    /// Who is built with a project, and over which chain, in the graph of the head.
    pub followers: &'a dyn Fn(&RepoPath) -> Vec<(RepoPath, Cause)>,
}

/// Decides. Commits and change files are both heard, the higher counts; who only is built with something that is released
/// gets a patch.
#[must_use]
pub fn decide(question: &Question<'_>) -> Decision {
    let mut problems = Vec::new();
    let groups = groups(question, &mut problems);
    let standings = levels::settle(question, &groups, &mut problems);
    let mut releases = Vec::new();
    for (at, candidate) in question.candidates.iter().enumerate() {
        if standings[at].level == Level::No {
            continue;
        }
        let to = versions::next(question, &groups, &standings, at, &mut problems);
        releases.push(release(candidate, &standings[at], to));
    }
    collisions(question.candidates, &releases, &mut problems);
    problems.sort();
    problems.dedup();
    Decision { releases, problems }
}

/// Projects that rise together.
struct Group {
    members: Vec<usize>,
    is_fixed: bool,
}

fn groups(question: &Question<'_>, problems: &mut Vec<Problem>) -> Vec<Group> {
    let mut groups = Vec::new();
    let config = question.config;
    let written = [(&config.fixed, true), (&config.linked, false)];
    for (lists, is_fixed) in written {
        for list in lists {
            let mut members = Vec::new();
            for name in list {
                match named(question.candidates, name) {
                    Some(at) => members.push(at),
                    None => problems.push(unknown("a release group", name)),
                }
            }
            groups.push(Group { members, is_fixed });
        }
    }
    let mut places: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (at, candidate) in question.candidates.iter().enumerate() {
        if let Some(place) = &candidate.place {
            places.entry(place).or_default().push(at);
        }
    }
    let shared = places.into_values().filter(|members| members.len() > 1);
    groups.extend(shared.map(|members| Group {
        members,
        is_fixed: true,
    }));
    groups
}

fn release(candidate: &Candidate, standing: &Standing, to: semver::Version) -> Release {
    let from = candidate.last.as_ref().map(|last| last.version.clone());
    let mut causes = standing.causes.clone();
    if standing.level == Level::First {
        causes = vec![cause("requested", "it was never released".to_owned())];
    }
    Release {
        project: candidate.name.clone(),
        path: candidate.path.clone(),
        bump: from
            .as_ref()
            .map_or(Bump::None, |from| versions::difference(from, &to)),
        from,
        tag: candidate.series.tag(&to),
        to,
        causes,
        work: candidate.since.work.clone(),
        notes: standing.notes.clone(),
        written: candidate.written.clone(),
    }
}

fn cause(code: &str, detail: String) -> Cause {
    Cause {
        code: code.to_owned(),
        via: Vec::new(),
        detail,
    }
}

/// Two projects that would get one tag are told before anything is written.
fn collisions(candidates: &[Candidate], releases: &[Release], problems: &mut Vec<Problem>) {
    let mut by_tag: BTreeMap<&str, &str> = BTreeMap::new();
    for release in releases {
        if let Some(other) = by_tag.insert(&release.tag, &release.project) {
            problems.push(Problem {
                code: "tag-shared",
                message: format!(
                    "`{other}` and `{}` would both be tagged `{}`",
                    release.project, release.tag
                ),
                help: "give one of them a pattern: `release.tag` in its table of affected.toml"
                    .to_owned(),
            });
        }
    }
    for release in releases {
        let own = candidates.iter().find(|one| one.path == release.path);
        if own.is_some_and(|own| own.taken.contains(&release.to)) {
            problems.push(Problem {
                code: "tag-taken",
                message: format!(
                    "`{}` has a tag `{}` already, on a commit that is not part of this history",
                    release.project, release.tag
                ),
                help: "merge that commit, or ask for a higher version with `Release-As`".to_owned(),
            });
        }
    }
}

fn unknown(place: &str, name: &str) -> Problem {
    Problem {
        code: "unknown-project",
        message: format!("{place} names `{name}`, which is no project that is released"),
        help: "`affected list --all --format names` shows every name".to_owned(),
    }
}

#[cfg(test)]
mod tests;
