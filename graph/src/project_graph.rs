//! The graph of projects; the only place that knows petgraph.

use std::collections::BTreeMap;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{EdgeFiltered, EdgeRef};

use crate::dependency::{Dependency, DependencyKind};
use crate::project::Project;
use crate::repo_path::RepoPath;

/// The place of a project in one [`ProjectGraph`]; ordered as the roots are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectIndex(pub(crate) u32);

/// Projects, sorted by root, and the dependencies between them.
#[derive(Debug, Clone, Default)]
pub struct ProjectGraph {
    inner: DiGraph<Project, Dependency>,
    by_root: BTreeMap<RepoPath, ProjectIndex>,
    by_name: BTreeMap<String, ProjectIndex>,
}

impl ProjectGraph {
    /// Takes projects sorted by unique root and dependencies whose ends all exist.
    pub(crate) fn from_parts(projects: Vec<Project>, dependencies: Vec<Dependency>) -> Self {
        let mut graph = Self::default();
        for project in projects {
            let (root, name) = (project.root.clone(), project.name.clone());
            let index = Self::wrap(graph.inner.add_node(project));
            graph.by_root.insert(root, index);
            graph.by_name.insert(name, index);
        }
        for dependency in dependencies {
            let (from, to) = (
                graph.by_root[&dependency.from],
                graph.by_root[&dependency.to],
            );
            graph
                .inner
                .add_edge(Self::node(from), Self::node(to), dependency);
        }
        graph
    }

    fn wrap(node: NodeIndex) -> ProjectIndex {
        ProjectIndex(u32::try_from(node.index()).expect("petgraph indices are u32 by default"))
    }

    fn node(index: ProjectIndex) -> NodeIndex {
        NodeIndex::new(index.0 as usize)
    }

    /// Yields every project, sorted by root.
    pub fn projects(&self) -> impl Iterator<Item = (ProjectIndex, &Project)> {
        self.by_root
            .values()
            .map(|index| (*index, self.project(*index)))
    }

    /// Returns one project.
    #[must_use]
    pub fn project(&self, index: ProjectIndex) -> &Project {
        &self.inner[Self::node(index)]
    }

    /// Returns the number of projects.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.node_count()
    }

    /// Tells whether there is no project at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Finds the project whose root is exactly `root`.
    #[must_use]
    pub fn at(&self, root: &RepoPath) -> Option<ProjectIndex> {
        self.by_root.get(root).copied()
    }

    /// Finds a project by its unique name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<ProjectIndex> {
        self.by_name.get(name).copied()
    }

    /// Yields the projects whose root is `path` or a folder above it, deepest first.
    pub fn enclosing(&self, path: &RepoPath) -> impl Iterator<Item = ProjectIndex> {
        path.ancestors()
            .filter_map(|folder| self.at(&folder))
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Returns what `index` depends on, sorted.
    #[must_use]
    pub fn dependencies(&self, index: ProjectIndex) -> Vec<(ProjectIndex, &Dependency)> {
        self.neighbours(index, Direction::Outgoing)
    }

    /// Returns who depends on `index`, sorted.
    #[must_use]
    pub fn dependents(&self, index: ProjectIndex) -> Vec<(ProjectIndex, &Dependency)> {
        self.neighbours(index, Direction::Incoming)
    }

    fn neighbours(&self, of: ProjectIndex, way: Direction) -> Vec<(ProjectIndex, &Dependency)> {
        let mut found: Vec<_> = self
            .inner
            .edges_directed(Self::node(of), way)
            .map(|edge| match way {
                Direction::Outgoing => (Self::wrap(edge.target()), edge.weight()),
                Direction::Incoming => (Self::wrap(edge.source()), edge.weight()),
            })
            .collect();
        found.sort();
        found
    }

    /// Yields every dependency, sorted by its ends, then kind.
    #[must_use]
    pub fn edges(&self) -> Vec<&Dependency> {
        let mut all: Vec<_> = self.inner.edge_weights().collect();
        all.sort();
        all
    }

    /// Returns strongly connected groups over the edges that `follows` accepts, in dependency order
    /// (what is depended on first), each sorted.
    pub(crate) fn components(
        &self,
        follows: impl Fn(DependencyKind) -> bool,
    ) -> Vec<Vec<ProjectIndex>> {
        let filtered = EdgeFiltered::from_fn(&self.inner, |edge| follows(edge.weight().kind));
        petgraph::algo::tarjan_scc(&filtered)
            .into_iter()
            .map(|group| {
                let mut group: Vec<_> = group.into_iter().map(Self::wrap).collect();
                group.sort();
                group
            })
            .collect()
    }
}
