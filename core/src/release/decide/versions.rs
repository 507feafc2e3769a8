//! To what a version rises.

use semver::Version;

use super::super::{Bump, Candidate, Problem, version};
use super::levels::{Level, Standing};
use super::{Group, Question};

/// Returns the version that a candidate gets, with those it rises together with.
pub(super) fn next(
    question: &Question<'_>,
    groups: &[Group],
    standings: &[Standing],
    at: usize,
    problems: &mut Vec<Problem>,
) -> Version {
    let candidate = &question.candidates[at];
    let together = |group: &&Group| group.members.contains(&at);
    let mut members: Vec<usize> = vec![at];
    for group in groups.iter().filter(together) {
        let released = |at: &&usize| standings[**at].level != Level::No;
        members.extend(group.members.iter().filter(released));
    }
    let bump_of = |at: &usize| standings[*at].level.bump();
    let alone = |at: &usize| counted(question, &question.candidates[*at], bump_of(at));
    let bump = members.iter().map(bump_of).max().unwrap_or(Bump::Patch);
    let last = members
        .iter()
        .filter_map(|at| Some(&question.candidates[*at].last.as_ref()?.version))
        .max();
    let shared = last.map(|last| version::raised(last, bump, question.config.zero));
    let shared = shared.filter(|_| members.len() > 1);
    let highest = members.iter().map(alone).chain(shared).max();
    let mut to = highest.unwrap_or_else(|| Version::new(0, 1, 0));
    if let Some(asked) = asked_for(candidate, problems) {
        to = asked;
    }
    let Some(word) = question.pre else { return to };
    version::pre_release(&to, word, &candidate.taken).unwrap_or_else(|| {
        problems.push(Problem {
            code: "pre-release",
            message: format!("`{word}` is no word for a pre-release"),
            help: "use letters and digits, such as `rc`".to_owned(),
        });
        to
    })
}

/// The version that the newest `Release-As` asks for, if it is a rise.
fn asked_for(candidate: &Candidate, problems: &mut Vec<Problem>) -> Option<Version> {
    let asked = &candidate.since.asked.first()?.version;
    let last = candidate.last.as_ref().map(|last| &last.version);
    if last.is_some_and(|last| *asked <= *last) {
        problems.push(Problem {
            code: "version-too-low",
            message: format!(
                "`Release-As` wants `{}` as {asked}, which is no rise",
                candidate.name
            ),
            help: "write a commit that asks for a higher version".to_owned(),
        });
        return None;
    }
    Some(beyond(candidate, asked))
}

/// What a candidate would become alone. A version that is written already and higher is a release that was prepared.
fn counted(question: &Question<'_>, candidate: &Candidate, bump: Bump) -> Version {
    let initial =
        || version::parse(&question.config.initial).unwrap_or_else(|| Version::new(0, 1, 0));
    let nothing = Version::new(0, 0, 0);
    let written = candidate.written.as_ref().map(version::to_come);
    let written = written.filter(|written| *written > nothing);
    let written = written.map(|written| beyond(candidate, &written));
    match &candidate.last {
        None => written.unwrap_or_else(initial),
        Some(last) => {
            let counted = version::raised(&last.version, bump, question.config.zero);
            let prepared = written.filter(|written| *written > last.version);
            prepared.map_or(counted.clone(), |prepared| prepared.max(counted))
        }
    }
}

/// After a pre-release that has its tag comes the final version of the same numbers.
fn beyond(candidate: &Candidate, version: &Version) -> Version {
    let is_done = !version.pre.is_empty() && candidate.taken.contains(version);
    match is_done {
        true => Version::new(version.major, version.minor, version.patch),
        false => version.clone(),
    }
}

/// Tells whether a release was written that has no tag yet.
#[must_use]
pub fn is_prepared(candidate: &Candidate) -> bool {
    let (Some(written), Some(last)) = (&candidate.written, &candidate.last) else {
        return false;
    };
    let is_done = version::to_come(written) == *written;
    is_done && *written > last.version && !candidate.taken.contains(written)
}

pub(super) fn difference(from: &Version, to: &Version) -> Bump {
    match () {
        () if to.major != from.major => Bump::Major,
        () if to.minor != from.minor => Bump::Minor,
        () => Bump::Patch,
    }
}
