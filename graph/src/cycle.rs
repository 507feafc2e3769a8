//! Cycles as values: fine for selection, refused for tasks.

use crate::dependency::DependencyKind;
use crate::project_graph::{ProjectGraph, ProjectIndex};

/// Returns each group of projects that depend on one another over edges of the accepted kinds, sorted.
#[must_use]
pub fn cycles(
    graph: &ProjectGraph,
    follows: impl Fn(DependencyKind) -> bool,
) -> Vec<Vec<ProjectIndex>> {
    let mut groups: Vec<_> = graph
        .components(follows)
        .into_iter()
        .filter(|group| group.len() > 1)
        .collect();
    groups.sort();
    groups
}
