//! Versions that commits ask for: `Release-As: catalog 2.0.0`, in any commit, whatever it touches.

use std::collections::BTreeMap;

use crate::release::message::ReleaseAs;
use crate::release::{Asked, Candidate, named};
use crate::report::wire::v1;
use crate::vcs::CommitId;

/// Returns what is asked for one candidate, newest first.
pub(super) fn of(
    candidates: &[Candidate],
    at: usize,
    asked: &[(CommitId, ReleaseAs)],
) -> Vec<Asked> {
    let own = asked
        .iter()
        .filter(|(_, line)| target(candidates, line) == Some(at));
    let readable = own.filter_map(|(commit, line)| {
        Some(Asked {
            commit: commit.to_string(),
            version: line.version.clone()?,
        })
    });
    readable.collect()
}

/// Whom a line means. It needs no name where there is one project only.
fn target(candidates: &[Candidate], line: &ReleaseAs) -> Option<usize> {
    match &line.project {
        Some(name) => named(candidates, name),
        None => (candidates.len() == 1).then_some(0),
    }
}

/// Lines of commits that no release contains yet: those that every project still has before it. A mistake in older ones was
/// told when it was released, and a commit cannot be taken back.
#[derive(Default)]
pub(super) struct Lines {
    /// How many projects' histories were looked at.
    ranges: usize,
    /// By commit and place, in how many of them it is.
    counted: BTreeMap<(CommitId, String), (usize, ReleaseAs)>,
}

impl Lines {
    /// Adds the lines of one history.
    pub(super) fn add(&mut self, asked: &[(CommitId, ReleaseAs)]) {
        self.ranges += 1;
        let unique: BTreeMap<_, _> = asked
            .iter()
            .map(|(commit, line)| ((commit.clone(), line.value.clone()), line))
            .collect();
        for (key, line) in unique {
            let known = self.counted.entry(key).or_insert_with(|| (0, line.clone()));
            known.0 += 1;
        }
    }

    /// Tells which lines have no effect.
    pub(super) fn warnings(&self, candidates: &[Candidate]) -> Vec<v1::Warning> {
        let open = self
            .counted
            .iter()
            .filter(|(_, (count, _))| *count == self.ranges);
        let told = open.filter_map(|((commit, _), (_, line))| {
            let why = match (&line.project, &line.version) {
                (_, None) => "names no version".to_owned(),
                (Some(name), _) if named(candidates, name).is_none() => {
                    format!("names `{name}`, which is no project that is released")
                }
                (None, _) if candidates.len() != 1 => "names no project".to_owned(),
                _ => return None,
            };
            let short: String = commit.to_string().chars().take(9).collect();
            Some(v1::Warning {
                code: "release-as".to_owned(),
                message: format!("`Release-As: {}` in {short} has no effect: it {why}", line.value),
                help: Some("commit again (`git commit --allow-empty`) with a line such as `Release-As: catalog 2.0.0`".to_owned()),
            })
        });
        told.collect()
    }
}
