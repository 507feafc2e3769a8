//! Looks down from many projects at what each is built or tested with. Of large graphs most is affected at once, so
//! nothing is asked of the graph twice, and nothing is entered from which no change can be met.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use affected_graph::{
    Dependency, DependencyKind, EcosystemId, ProjectGraph, ProjectIndex, RepoPath,
};
use fixedbitset::FixedBitSet;

use crate::select::{AffectedSet, Touched};

type Edges<'g> = Rc<[(ProjectIndex, &'g Dependency)]>;

/// What changed, seen from above.
pub(super) struct Downwards<'g> {
    pub(super) graph: &'g ProjectGraph,
    touched: &'g BTreeMap<ProjectIndex, Touched>,
    /// Projects from which one that is touched is met.
    leading: FixedBitSet,
    edges: RefCell<Vec<Option<Edges<'g>>>>,
    walk: RefCell<Walk<'g>>,
    strangers: BTreeMap<ProjectIndex, &'g RepoPath>,
}

/// A place, and the edge of another ecosystem over which it was reached first.
type Step<'g> = (ProjectIndex, Option<&'g Dependency>);

/// Memory of one walk, used again by the next.
#[derive(Default)]
struct Walk<'g> {
    open: Vec<Step<'g>>,
    /// By place: the last walk that met it over edges of the ecosystem alone, and over others.
    met: Vec<[u32; 2]>,
    round: u32,
}

impl<'g> Downwards<'g> {
    pub(super) fn new(graph: &'g ProjectGraph, affected: &'g AffectedSet) -> Self {
        let mut leading = FixedBitSet::with_capacity(graph.len());
        let mut open: Vec<ProjectIndex> = affected.touched.keys().copied().collect();
        while let Some(at) = open.pop() {
            if !leading.put(at.place()) {
                let above = graph.dependents(at).into_iter();
                open.extend(
                    above
                        .filter(|(_, edge)| counts(edge))
                        .map(|(above, _)| above),
                );
            }
        }
        let stranger = |(at, touched): (&ProjectIndex, &'g Touched)| {
            let is_stranger = |path: &&RepoPath| graph.enclosing(path).next() != Some(*at);
            Some((*at, touched.files.iter().find(is_stranger)?))
        };
        Self {
            graph,
            touched: &affected.touched,
            leading,
            edges: RefCell::new(vec![None; graph.len()]),
            walk: RefCell::new(Walk {
                met: vec![[0; 2]; graph.len()],
                ..Walk::default()
            }),
            strangers: affected.touched.iter().filter_map(stranger).collect(),
        }
    }

    /// Returns a changed file that a project reads without owning it.
    pub(super) fn stranger(&self, of: ProjectIndex) -> Option<&'g RepoPath> {
        self.strangers.get(&of).copied()
    }

    fn edges(&self, of: ProjectIndex) -> Edges<'g> {
        let mut known = self.edges.borrow_mut();
        let edges = known[of.place()].get_or_insert_with(|| {
            let mut edges = self.graph.dependencies(of);
            edges.retain(|(to, edge)| counts(edge) && self.leading.contains(to.place()));
            edges.into()
        });
        Rc::clone(edges)
    }

    /// Calls `see` with what changed of a project and of all that it is built or tested with; for what is used over an
    /// edge that is none of the ecosystem's own, with that edge.
    pub(super) fn below(
        &self,
        of: ProjectIndex,
        id: EcosystemId,
        mut see: impl FnMut(ProjectIndex, &'g Touched, Option<&'g Dependency>) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut walk = self.walk.borrow_mut();
        let Walk { open, met, round } = &mut *walk;
        *round += 1;
        open.clear();
        // A project may be reached over edges of the ecosystem and over others: then it is met twice.
        open.push((of, None));
        met[of.place()][0] = *round;
        while let Some((at, foreign)) = open.pop() {
            if let Some(touched) = self.touched.get(&at) {
                see(at, touched, foreign)?;
            }
            for (below, edge) in self.edges(at).iter() {
                let plain = edge.source == id.0 && edge.kind != DependencyKind::Build;
                let foreign = foreign.or_else(|| (!plain).then_some(*edge));
                let met = &mut met[below.place()][usize::from(foreign.is_some())];
                if std::mem::replace(met, *round) != *round {
                    open.push((*below, foreign));
                }
            }
        }
        Ok(())
    }
}

/// Tells whether one is built or tested with what it uses over this edge.
fn counts(edge: &Dependency) -> bool {
    edge.kind != DependencyKind::Runtime
}
