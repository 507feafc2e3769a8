//! Base against head: what differs between two graphs, and the union in which selection walks.

use std::collections::BTreeSet;

use crate::builder;
use crate::dependency::Dependency;
use crate::project::Project;
use crate::project_graph::ProjectGraph;
use crate::repo_path::RepoPath;

/// What differs between two graphs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delta {
    /// Roots that only the head has.
    pub added: BTreeSet<RepoPath>,
    /// Roots that only the base has.
    pub removed: BTreeSet<RepoPath>,
    /// Edges `(from, to)` that only the base has.
    pub removed_edges: BTreeSet<(RepoPath, RepoPath)>,
}

/// Compares two graphs.
#[must_use]
pub fn compare(base: &ProjectGraph, head: &ProjectGraph) -> Delta {
    let roots = |graph: &ProjectGraph| -> BTreeSet<RepoPath> {
        graph
            .projects()
            .map(|(_, project)| project.root.clone())
            .collect()
    };
    let edges = |graph: &ProjectGraph| -> BTreeSet<(RepoPath, RepoPath)> {
        graph
            .edges()
            .into_iter()
            .map(|edge| (edge.from.clone(), edge.to.clone()))
            .collect()
    };
    let (old, new) = (roots(base), roots(head));
    Delta {
        added: new.difference(&old).cloned().collect(),
        removed: old.difference(&new).cloned().collect(),
        removed_edges: edges(base).difference(&edges(head)).cloned().collect(),
    }
}

/// Joins both graphs: whoever depends on something in either depends on it here. Where both have a
/// project, the head's name, tasks and ownership stay and the inputs of both count.
#[must_use]
pub fn union(base: &ProjectGraph, head: &ProjectGraph) -> ProjectGraph {
    let mut projects: Vec<Project> = head
        .projects()
        .map(|(_, project)| project.clone())
        .collect();
    for (_, old) in base.projects() {
        let mut old = old.clone();
        if let Some(index) = head.at(&old.root) {
            let new = head.project(index);
            (old.name, old.kind) = (new.name.clone(), new.kind);
            (old.ownership, old.tasks) = (new.ownership.clone(), Vec::new());
            old.ecosystems.clone_from(&new.ecosystems);
            old.manifests.clone_from(&new.manifests);
        } else if head.named(&old.name).is_some() {
            // A moved project: its old self must not take the new one's name away.
            old.name = old.root.to_string();
        }
        projects.push(old);
    }
    let edges: Vec<Dependency> = [head, base]
        .into_iter()
        .flat_map(ProjectGraph::edges)
        .cloned()
        .collect();
    builder::build(projects, edges).0
}
