//! Waves: groups of projects that can be worked on side by side, dependencies first.

use std::collections::BTreeMap;

use crate::project_graph::{ProjectGraph, ProjectIndex};

/// Returns the projects in waves; a project stands in a later wave than all it depends on.
/// The members of a cycle share one wave.
#[must_use]
pub fn waves(graph: &ProjectGraph) -> Vec<Vec<ProjectIndex>> {
    let mut level: BTreeMap<ProjectIndex, usize> = BTreeMap::new();
    let mut waves: Vec<Vec<ProjectIndex>> = Vec::new();
    for group in graph.components(|_| true) {
        let height = group
            .iter()
            .flat_map(|member| graph.dependencies(*member))
            .filter_map(|(dependency, _)| level.get(&dependency))
            .max()
            .map_or(0, |below| below + 1);
        if waves.len() <= height {
            waves.resize(height + 1, Vec::new());
        }
        for member in group {
            level.insert(member, height);
            waves[height].push(member);
        }
    }
    waves.iter_mut().for_each(|wave| wave.sort());
    waves
}
