//! Builds a [`ProjectGraph`] and collects every fault on the way instead of stopping at the first.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::dependency::Dependency;
use crate::project::Project;
use crate::project_graph::ProjectGraph;
use crate::repo_path::RepoPath;

/// Something that was mended while building; the graph is usable all the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Error, Serialize, Deserialize)]
pub enum GraphFault {
    /// One end of a dependency is no project; the edge was left out.
    #[error("`{}` ({}) names `{missing}`, which is no project", dependency.evidence.file, dependency.evidence.detail)]
    UnknownProject {
        /// The edge that was left out.
        dependency: Box<Dependency>,
        /// The end that does not exist.
        missing: RepoPath,
    },
    /// Several projects claim one name; their paths became their names.
    #[error(
        "projects at {} are all named `{name}`, so each goes by its path",
        list(roots)
    )]
    DuplicateName {
        /// The name.
        name: String,
        /// Their roots, sorted.
        roots: Vec<RepoPath>,
    },
}

fn list(roots: &[RepoPath]) -> String {
    roots
        .iter()
        .map(|root| format!("`{root}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Builds the graph. Projects of one root are merged, self-dependencies and repeated edges dropped.
#[must_use]
pub fn build(
    projects: Vec<Project>,
    dependencies: Vec<Dependency>,
) -> (ProjectGraph, Vec<GraphFault>) {
    let mut faults = Vec::new();
    let mut projects = merge(projects);
    separate_names(&mut projects, &mut faults);
    let roots: BTreeSet<&RepoPath> = projects.iter().map(|project| &project.root).collect();
    let mut kept = Vec::new();
    for dependency in dependencies.into_iter().collect::<BTreeSet<_>>() {
        let missing = [&dependency.from, &dependency.to]
            .into_iter()
            .find(|end| !roots.contains(end))
            .cloned();
        match missing {
            Some(missing) => {
                faults.push(GraphFault::UnknownProject {
                    dependency: Box::new(dependency),
                    missing,
                });
            }
            None if dependency.from != dependency.to => kept.push(dependency),
            None => {}
        }
    }
    faults.sort();
    (ProjectGraph::from_parts(projects, kept), faults)
}

/// Merges what several ecosystems found in one folder; the first to name it stays first.
fn merge(projects: Vec<Project>) -> Vec<Project> {
    let mut by_root: BTreeMap<RepoPath, Project> = BTreeMap::new();
    for project in projects {
        let Some(known) = by_root.get_mut(&project.root) else {
            by_root.insert(project.root.clone(), project);
            continue;
        };
        absorb(known, project);
    }
    by_root.into_values().collect()
}

fn absorb(known: &mut Project, other: Project) {
    known.kind = known.kind.max(other.kind);
    for id in other.ecosystems {
        if !known.ecosystems.contains(&id) {
            known.ecosystems.push(id);
        }
    }
    known.manifests.extend(other.manifests);
    known.manifests.sort();
    known.manifests.dedup();
    if other.ownership == crate::project::Ownership::Tree {
        known.ownership = other.ownership;
    }
    for mut task in other.tasks {
        if known.tasks.iter().any(|mine| mine.name == task.name) {
            let by = task.inferred_by.map_or("declared", |id| id.0);
            task.name = format!("{}@{by}", task.name);
        }
        if !known.tasks.iter().any(|mine| mine.name == task.name) {
            known.tasks.push(task);
        }
    }
    known.inputs.extend(other.inputs);
    known.inputs.sort();
    known.inputs.dedup();
}

fn separate_names(projects: &mut [Project], faults: &mut Vec<GraphFault>) {
    let mut by_name: BTreeMap<String, Vec<RepoPath>> = BTreeMap::new();
    for project in projects.iter() {
        by_name
            .entry(project.name.clone())
            .or_default()
            .push(project.root.clone());
    }
    by_name.retain(|_, roots| roots.len() > 1);
    for project in projects.iter_mut() {
        if by_name.contains_key(&project.name) {
            project.name = project.root.to_string();
        }
    }
    faults.extend(
        by_name
            .into_iter()
            .map(|(name, roots)| GraphFault::DuplicateName { name, roots }),
    );
}
