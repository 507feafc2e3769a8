//! Cycles as values: fine for selection, refused for tasks.

use crate::project_graph::{ProjectGraph, ProjectIndex};

/// Returns each group of projects that depend on one another, sorted.
#[must_use]
pub fn cycles(graph: &ProjectGraph) -> Vec<Vec<ProjectIndex>> {
    let mut groups: Vec<_> =
        graph.components().into_iter().filter(|group| group.len() > 1).collect();
    groups.sort();
    groups
}
