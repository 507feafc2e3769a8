//! Who reads a path that is not its own.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::RepoPath;
use affected_graph::{DependencyKind, Impact, Input, InputPattern, ProjectGraph, ProjectIndex};
use globset::GlobSet;

use super::owner::{as_os_path, compile};
use super::{Hit, Hits, Reason, ReasonCode};
use crate::diff::Change;

/// All inputs of all projects, ready to be asked.
pub(super) struct Readers<'g> {
    by_path: BTreeMap<&'g RepoPath, Vec<(ProjectIndex, &'g Input)>>,
    globs: GlobSet,
    by_glob: Vec<(ProjectIndex, &'g Input)>,
}

impl<'g> Readers<'g> {
    pub(super) fn new(graph: &'g ProjectGraph) -> Self {
        let mut by_path: BTreeMap<&RepoPath, Vec<_>> = BTreeMap::new();
        let mut by_glob = Vec::new();
        let mut patterns = Vec::new();
        for (index, project) in graph.projects() {
            for input in &project.inputs {
                match &input.pattern {
                    InputPattern::Path(path) => {
                        by_path.entry(path).or_default().push((index, input));
                    }
                    InputPattern::Glob(glob) => {
                        patterns.push(glob.as_str());
                        by_glob.push((index, input));
                    }
                }
            }
        }
        Self {
            by_path,
            globs: compile(patterns),
            by_glob,
        }
    }

    /// Tells whether anybody names this path itself.
    pub(super) fn name(&self, path: &RepoPath) -> bool {
        (!self.by_glob.is_empty() && self.globs.is_match(as_os_path(path.as_bytes())))
            || self.by_path.contains_key(path)
    }

    /// Tells whether a project says itself that it reads one of its own files.
    pub(super) fn is_read_by(&self, path: &RepoPath, owner: ProjectIndex) -> bool {
        let readers = self.by_path.get(path).into_iter().flatten();
        readers.clone().any(|(index, _)| *index == owner)
    }

    /// Tells whether anybody reads all of a folder.
    pub(super) fn read_all_of(&self, folder: &RepoPath) -> bool {
        let mut above = folder.ancestors();
        above.any(|folder| self.by_path.contains_key(&folder))
    }

    /// Hits every reader of the changed path other than its owner; returns the first.
    pub(super) fn hit(
        &self,
        graph: &ProjectGraph,
        change: &Change,
        owner: Option<ProjectIndex>,
        answered: &BTreeSet<ProjectIndex>,
        hits: &mut Hits,
    ) -> Option<ProjectIndex> {
        let path = &change.path;
        let above: Vec<RepoPath> = path.ancestors().collect();
        let exact = above
            .iter()
            .filter_map(|folder| self.by_path.get(folder))
            .flatten();
        let matched = self.globs.matches(as_os_path(path.as_bytes()));
        let globbed = matched.into_iter().filter_map(|at| self.by_glob.get(at));
        let mut first = None;
        for (index, input) in exact.chain(globbed) {
            // A folder that holds projects was given for them; files of others below it do not count twice.
            // And for those whom a lockfile lists, it tells more exactly.
            if owner == Some(*index) || answered.contains(index) {
                continue;
            }
            hits.entry(*index)
                .or_default()
                .push(hit(graph, *index, input, path));
            first = first.or(Some(*index));
        }
        first
    }
}

fn hit(graph: &ProjectGraph, index: ProjectIndex, input: &Input, path: &RepoPath) -> Hit {
    let code = match input.kind {
        DependencyKind::Contract => ReasonCode::ContractChanged,
        DependencyKind::Declared => ReasonCode::Declared,
        _ => ReasonCode::FileChanged,
    };
    let place = &input.evidence;
    let line = place
        .line
        .map(|line| format!(":{line}"))
        .unwrap_or_default();
    let name = &graph.project(index).name;
    let kind = input.kind.as_str();
    let detail = format!(
        "`{name}` reads it ({kind}): {}{line} {}",
        place.file, place.detail
    );
    Hit {
        impact: Impact::of(input.kind),
        own: false,
        reason: Reason::of_file(code, path, &detail),
    }
}
