//! Whom a change reaches, and how hard, by the kind of each edge.

use std::collections::{BTreeMap, VecDeque};

use crate::dependency::{Dependency, DependencyKind};
use crate::project_graph::{ProjectGraph, ProjectIndex};

/// What must be redone in a project, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Impact {
    /// Something it calls changed: integration and e2e tests. Goes on over runtime edges only.
    Runtime,
    /// An interface description it compiles or calls against changed: contract tests and later.
    Contract,
    /// Only its tests use what changed: all test stages. Goes no further.
    Tests,
    /// It must be built anew: all test stages. Goes on to its dependents.
    Rebuild,
}

impl Impact {
    /// Returns what an edge of `kind` hands on from a dependency that is reached with `self`.
    #[must_use]
    pub fn over(self, kind: DependencyKind) -> Option<Self> {
        match (self, kind) {
            (Self::Rebuild, kind) => Some(Self::of(kind)),
            (Self::Runtime, DependencyKind::Runtime) => Some(Self::Runtime),
            _ => None,
        }
    }

    /// Returns what a change of something read through `kind` means for its reader.
    #[must_use]
    pub fn of(kind: DependencyKind) -> Self {
        match kind {
            DependencyKind::Link | DependencyKind::Build | DependencyKind::Declared => {
                Self::Rebuild
            }
            DependencyKind::Test | DependencyKind::Observed => Self::Tests,
            DependencyKind::Contract => Self::Contract,
            DependencyKind::Runtime => Self::Runtime,
        }
    }
}

/// How far dependents are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// Only the changed projects themselves.
    None,
    /// One edge.
    Direct,
    /// To the end.
    #[default]
    All,
}

/// A project the change touches by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seed {
    /// Which.
    pub project: ProjectIndex,
    /// How hard.
    pub impact: Impact,
}

/// How one project is reached: the strongest impact, and the shortest chain that brings it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach<'g> {
    /// The strongest impact.
    pub impact: Impact,
    /// Edges from the reached project down to the seed; empty for a seed.
    pub chain: Vec<&'g Dependency>,
    /// Where the chain ends.
    pub seed: ProjectIndex,
}

/// A project at one strength.
type State = (ProjectIndex, Impact);

/// Each state that was reached, and over which edge from where; `None` for a seed.
type Found<'g> = BTreeMap<State, Option<(State, &'g Dependency)>>;

/// Returns every project reached from `seeds` by following dependents, the seeds included.
#[must_use]
pub fn dependents<'g>(
    graph: &'g ProjectGraph,
    seeds: &[Seed],
    depth: Depth,
) -> BTreeMap<ProjectIndex, Reach<'g>> {
    let mut found: Found<'g> = BTreeMap::new();
    let mut queue: VecDeque<(State, usize)> = VecDeque::new();
    let mut sorted = seeds.to_vec();
    sorted.sort();
    for seed in sorted {
        let state = (seed.project, seed.impact);
        if found.insert(state, None).is_none() {
            queue.push_back((state, 0));
        }
    }
    let limit = match depth {
        Depth::None => 0,
        Depth::Direct => 1,
        Depth::All => usize::MAX,
    };
    while let Some((state, distance)) = queue.pop_front() {
        if distance >= limit {
            continue;
        }
        for (dependent, edge) in graph.dependents(state.0) {
            let Some(impact) = state.1.over(edge.kind) else {
                continue;
            };
            let next = (dependent, impact);
            if let std::collections::btree_map::Entry::Vacant(slot) = found.entry(next) {
                slot.insert(Some((state, edge)));
                queue.push_back((next, distance + 1));
            }
        }
    }
    let mut reached = BTreeMap::new();
    for (project, impact) in found.keys().copied() {
        // Keys ascend by impact, so the strongest one is inserted last.
        reached.insert(project, trace(&found, (project, impact)));
    }
    reached
}

/// Whom projects rely on: [`dependents`] read backwards.
#[derive(Debug, Clone, Default)]
pub struct Supporters {
    /// What each project depends on, by its place.
    edges: Vec<Vec<(ProjectIndex, DependencyKind)>>,
}

impl Supporters {
    /// Lists the edges of a graph once.
    #[must_use]
    pub fn new(graph: &ProjectGraph) -> Self {
        let of = |(index, _)| {
            let edges = graph.dependencies(index).into_iter();
            let mut edges: Vec<_> = edges.map(|(to, edge)| (to, edge.kind)).collect();
            edges.dedup();
            edges
        };
        Self {
            edges: graph.projects().map(of).collect(),
        }
    }

    /// Returns each project, with how hard it must be hit, whose change reaches `project` with one of `impacts`;
    /// `project` itself included, sorted.
    #[must_use]
    pub fn of(&self, project: ProjectIndex, impacts: &[Impact]) -> Vec<(ProjectIndex, Impact)> {
        const ALL: [Impact; 4] = [
            Impact::Runtime,
            Impact::Contract,
            Impact::Tests,
            Impact::Rebuild,
        ];
        let mut seen = vec![[false; ALL.len()]; self.edges.len()];
        let mut open: Vec<(ProjectIndex, Impact)> = Vec::new();
        let mut found = Vec::new();
        let mut reach = |state: (ProjectIndex, Impact), open: &mut Vec<_>| {
            let known = &mut seen[state.0.0 as usize][state.1 as usize];
            if !std::mem::replace(known, true) {
                open.push(state);
                found.push(state);
            }
        };
        for impact in impacts {
            reach((project, *impact), &mut open);
        }
        while let Some((at, impact)) = open.pop() {
            for (to, kind) in &self.edges[at.0 as usize] {
                let handed = ALL.iter().filter(|from| from.over(*kind) == Some(impact));
                for from in handed {
                    reach((*to, *from), &mut open);
                }
            }
        }
        found.sort_unstable();
        found
    }
}

fn trace<'g>(found: &Found<'g>, end: State) -> Reach<'g> {
    let mut chain = Vec::new();
    let mut state = end;
    while let Some(Some((previous, edge))) = found.get(&state) {
        chain.push(*edge);
        state = *previous;
    }
    Reach {
        impact: end.1,
        chain,
        seed: state.0,
    }
}
