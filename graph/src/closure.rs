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
