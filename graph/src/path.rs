//! The shortest chain of dependencies between two projects.

use std::collections::{BTreeMap, VecDeque};

use crate::dependency::Dependency;
use crate::project_graph::{ProjectGraph, ProjectIndex};

/// Returns the edges that lead from `from` down to `to`; empty when they are equal, `None` when
/// `from` does not depend on `to` in any way.
#[must_use]
pub fn shortest(
    graph: &ProjectGraph,
    from: ProjectIndex,
    to: ProjectIndex,
) -> Option<Vec<&Dependency>> {
    let mut came: BTreeMap<ProjectIndex, Option<(ProjectIndex, &Dependency)>> =
        BTreeMap::from([(from, None)]);
    let mut queue = VecDeque::from([from]);
    while let Some(here) = queue.pop_front() {
        if here == to {
            let mut chain = Vec::new();
            let mut end = to;
            while let Some(Some((previous, edge))) = came.get(&end) {
                chain.push(*edge);
                end = *previous;
            }
            chain.reverse();
            return Some(chain);
        }
        for (next, edge) in graph.dependencies(here) {
            came.entry(next).or_insert_with(|| {
                queue.push_back(next);
                Some((here, edge))
            });
        }
    }
    None
}
