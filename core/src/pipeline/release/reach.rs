//! Who is affected over edges that build, and by whom: what each project did itself, and the chains to those it is built into.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{Impact, ProjectGraph, RepoPath};

use super::super::Judged;
use super::repeated::Repeated;
use crate::config::release::{Bump, ReleaseConfig};
use crate::release::{Cause, Work, raised_by};
use crate::select::{self, Reason, ReasonCode};

/// Why projects are affected since a base, by their folders.
pub(super) type Causes = BTreeMap<RepoPath, Vec<Cause>>;

/// Finds what changed of each project itself, and who is built with one of which something changed that is shipped.
///
/// Chains start at projects whose changes count since this base, released in between or not: who is built with them was not.
pub(super) fn causes(
    judged: &Judged,
    repeated: &Repeated<'_>,
    work: &BTreeMap<RepoPath, Vec<Work>>,
    config: &ReleaseConfig,
) -> Causes {
    let graph: &ProjectGraph = &judged.union;
    let mut found = Causes::new();
    let mut seeds = BTreeSet::new();
    for (index, affected) in &judged.affected.projects {
        if affected.impact != Impact::Rebuild {
            continue;
        }
        let reasons = affected.reasons.iter();
        let own = reasons.filter(|it| it.via.is_empty() && !ships_nothing(judged, repeated, it));
        let own: Vec<Cause> = own.map(cause).collect();
        if own.is_empty() {
            continue;
        }
        let root = &graph.project(*index).root;
        let work = work.get(root).map(Vec::as_slice).unwrap_or_default();
        if raised_by(work, &config.types) > Bump::None {
            seeds.insert(*index);
        }
        found.insert(root.clone(), own);
    }
    for (index, reason) in select::rebuilt_with(graph, &seeds) {
        let root = graph.project(index).root.clone();
        found.entry(root).or_default().push(cause(&reason));
    }
    found
}

/// Finds who is built with a project, and over which chain.
pub(super) fn followers(graph: &ProjectGraph, of: &RepoPath) -> Vec<(RepoPath, Cause)> {
    let seeds = graph.at(of).into_iter().collect();
    let reached = select::rebuilt_with(graph, &seeds).into_iter();
    reached
        .map(|(index, reason)| (graph.project(index).root.clone(), cause(&reason)))
        .collect()
}

/// That others were released is no reason of its own, and neither is the configuration of this tool, which nothing ships.
fn ships_nothing(judged: &Judged, repeated: &Repeated<'_>, reason: &Reason) -> bool {
    if reason.code == ReasonCode::ConfigChanged {
        return true;
    }
    let codes = [ReasonCode::ManifestChanged, ReasonCode::LockfileChanged];
    let file = reason.file.as_ref();
    let file = file.filter(|_| codes.contains(&reason.code));
    file.is_some_and(|file| repeated.is_all(judged, file))
}

fn cause(reason: &Reason) -> Cause {
    Cause {
        code: reason.code.as_str().to_owned(),
        via: reason.via.clone(),
        detail: reason.detail.clone(),
    }
}
