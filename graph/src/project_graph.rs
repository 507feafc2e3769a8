//! The graph of projects; the only place that knows petgraph.

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
    /// Nodes stand in the order of their roots.
    inner: DiGraph<Project, Dependency>,
    /// All projects, sorted by name.
    by_name: Vec<ProjectIndex>,
}

impl ProjectGraph {
    /// Takes projects sorted by unique root, and dependencies; those with an end that does not exist are left out.
    pub(crate) fn from_parts(projects: Vec<Project>, dependencies: Vec<Dependency>) -> Self {
        let mut graph = Self {
            inner: DiGraph::with_capacity(projects.len(), dependencies.len()),
            by_name: Vec::new(),
        };
        for project in projects {
            let index = Self::wrap(graph.inner.add_node(project));
            graph.by_name.push(index);
        }
        let mut by_name = std::mem::take(&mut graph.by_name);
        by_name.sort_by(|a, b| graph.project(*a).name.cmp(&graph.project(*b).name));
        graph.by_name = by_name;
        // Dependencies come sorted by who has them.
        let mut last: Option<(RepoPath, ProjectIndex)> = None;
        for dependency in dependencies {
            let from = match &last {
                Some((root, index)) if *root == dependency.from => Some(*index),
                _ => graph.at(&dependency.from),
            };
            if let (Some(from), Some(to)) = (from, graph.at(&dependency.to)) {
                last = Some((dependency.from.clone(), from));
                let (from, to) = (Self::node(from), Self::node(to));
                graph.inner.add_edge(from, to, dependency);
            }
        }
        graph
    }

    /// Takes the graph apart, to be stored: projects sorted by root, and dependencies.
    #[must_use]
    pub fn parts(&self) -> (Vec<&Project>, Vec<&Dependency>) {
        let projects = self.projects().map(|(_, project)| project).collect();
        (projects, self.inner.edge_weights().collect())
    }

    /// Puts a graph together again from what [`Self::parts`] gave. `None` if it is no such thing.
    #[must_use]
    pub fn from_stored(projects: Vec<Project>, dependencies: Vec<Dependency>) -> Option<Self> {
        let sorted = projects.windows(2).all(|pair| pair[0].root < pair[1].root);
        let edges = dependencies.len();
        let graph = sorted.then(|| Self::from_parts(projects, dependencies))?;
        (graph.inner.edge_count() == edges).then_some(graph)
    }

    fn wrap(node: NodeIndex) -> ProjectIndex {
        ProjectIndex(u32::try_from(node.index()).expect("petgraph indices are u32 by default"))
    }

    fn node(index: ProjectIndex) -> NodeIndex {
        NodeIndex::new(index.0 as usize)
    }

    /// Yields every project, sorted by root.
    pub fn projects(&self) -> impl Iterator<Item = (ProjectIndex, &Project)> {
        let nodes = self.inner.node_indices();
        nodes.map(|node| (Self::wrap(node), &self.inner[node]))
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
        let nodes = self.inner.raw_nodes();
        let place = nodes.binary_search_by(|node| node.weight.root.cmp(root));
        Some(Self::wrap(NodeIndex::new(place.ok()?)))
    }

    /// Finds a project by its unique name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<ProjectIndex> {
        let name_of = |index: &ProjectIndex| self.project(*index).name.as_str();
        let place = self
            .by_name
            .binary_search_by(|index| name_of(index).cmp(name));
        Some(self.by_name[place.ok()?])
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
