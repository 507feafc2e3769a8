//! The graph of projects; the only place that knows petgraph.

use std::borrow::Cow;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{EdgeFiltered, EdgeRef};
use serde::{Deserialize, Serialize};

use crate::dependency::{Dependency, DependencyKind, Evidence};
use crate::intern::{Name, interned};
use crate::project::Project;
use crate::repo_path::RepoPath;

/// The place of a project in one [`ProjectGraph`]; ordered as the roots are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectIndex(pub(crate) u32);

impl ProjectIndex {
    /// Returns the number of projects before it, for arrays with one element for each project.
    #[must_use]
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

/// Projects, sorted by root, and the dependencies between them.
#[derive(Debug, Clone, Default)]
pub struct ProjectGraph {
    /// Nodes stand in the order of their roots.
    inner: DiGraph<Project, Dependency>,
    /// All projects, sorted by name.
    by_name: Vec<ProjectIndex>,
}

/// A dependency as it is stored: its ends are places in the list of projects.
#[derive(Debug, Serialize, Deserialize)]
pub struct Edge<'g> {
    from: u32,
    to: u32,
    kind: DependencyKind,
    #[serde(deserialize_with = "interned")]
    source: Name,
    evidence: Cow<'g, Evidence>,
}

impl ProjectGraph {
    /// Takes projects sorted by unique root, and dependencies; those with an end that does not exist are left out.
    pub(crate) fn from_parts(projects: Vec<Project>, dependencies: Vec<Dependency>) -> Self {
        let mut graph = Self::of(projects, dependencies.len());
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

    fn of(projects: Vec<Project>, edges: usize) -> Self {
        let mut inner = DiGraph::with_capacity(projects.len(), edges);
        let mut by_name: Vec<_> = projects
            .into_iter()
            .map(|project| Self::wrap(inner.add_node(project)))
            .collect();
        let name = |index: &ProjectIndex| inner[Self::node(*index)].name.as_str();
        by_name.sort_by(|a, b| name(a).cmp(name(b)));
        Self { inner, by_name }
    }

    /// Takes the graph apart, to be stored: projects sorted by root, and dependencies with the places of their ends.
    #[must_use]
    pub fn parts(&self) -> (Vec<&Project>, Vec<Edge<'_>>) {
        let projects = self.projects().map(|(_, project)| project).collect();
        let edges = self.inner.edge_references().map(|edge| Edge {
            from: Self::wrap(edge.source()).0,
            to: Self::wrap(edge.target()).0,
            kind: edge.weight().kind,
            source: edge.weight().source,
            evidence: Cow::Borrowed(&edge.weight().evidence),
        });
        (projects, edges.collect())
    }

    /// Puts a graph together again from what [`Self::parts`] gave. `None` if it is no such thing.
    #[must_use]
    pub fn from_stored(projects: Vec<Project>, edges: Vec<Edge<'_>>) -> Option<Self> {
        if !projects.windows(2).all(|pair| pair[0].root < pair[1].root) {
            return None;
        }
        let mut graph = Self::of(projects, edges.len());
        for edge in edges {
            let [from, to] = [edge.from, edge.to].map(|end| NodeIndex::new(end as usize));
            let root = |node| graph.inner.node_weight(node).map(|it| it.root.clone());
            let dependency = Dependency {
                from: root(from)?,
                to: root(to)?,
                kind: edge.kind,
                source: edge.source,
                evidence: edge.evidence.into_owned(),
            };
            graph.inner.add_edge(from, to, dependency);
        }
        Some(graph)
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
