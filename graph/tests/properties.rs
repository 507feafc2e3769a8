//! What must hold for every graph, not only for the small ones that somebody thought of.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use affected_graph::{
    Dependency, DependencyKind, Depth, Evidence, Impact, Ownership, Project, ProjectGraph,
    ProjectIndex, ProjectKind, RepoPath, Seed, builder, closure, cycle, path,
};
use proptest::prelude::*;

const KINDS: [DependencyKind; 5] = [
    DependencyKind::Link,
    DependencyKind::Build,
    DependencyKind::Test,
    DependencyKind::Contract,
    DependencyKind::Runtime,
];

fn project(number: usize) -> Project {
    Project {
        root: RepoPath::new(format!("p{number}")).unwrap(),
        name: format!("p{number}"),
        kind: ProjectKind::Library,
        ecosystems: Vec::new(),
        manifests: Vec::new(),
        ownership: Ownership::Tree,
        tasks: Vec::new(),
        inputs: Vec::new(),
    }
}

fn graph(count: usize, edges: &[(usize, usize, usize)]) -> ProjectGraph {
    let root = |number: usize| RepoPath::new(format!("p{}", number % count)).unwrap();
    let edges = edges.iter().map(|(from, to, kind)| Dependency {
        from: root(*from),
        to: root(*to),
        kind: KINDS[kind % KINDS.len()],
        source: "test",
        evidence: Evidence {
            file: RepoPath::root(),
            line: None,
            detail: String::new(),
        },
    });
    builder::build((0..count).map(project).collect(), edges.collect()).0
}

fn reached(
    graph: &ProjectGraph,
    seeds: &[ProjectIndex],
    depth: Depth,
) -> Vec<(ProjectIndex, Impact)> {
    let seeds: Vec<Seed> = seeds
        .iter()
        .map(|project| Seed {
            project: *project,
            impact: Impact::Rebuild,
        })
        .collect();
    closure::dependents(graph, &seeds, depth)
        .into_iter()
        .map(|(index, reach)| (index, reach.impact))
        .collect()
}

fn graphs() -> impl Strategy<Value = (usize, Vec<(usize, usize, usize)>)> {
    (2_usize..14).prop_flat_map(|count| {
        let edge = (0..count, 0..count, 0..KINDS.len());
        (Just(count), prop::collection::vec(edge, 0..40))
    })
}

proptest! {
    /// A second change never makes anybody less affected.
    #[test]
    fn more_changes_reach_no_less((count, edges) in graphs(), first in 0..14_usize, second in 0..14_usize) {
        let graph = graph(count, &edges);
        let index = |number: usize| graph.named(&format!("p{}", number % count)).unwrap();
        let one = reached(&graph, &[index(first)], Depth::All);
        let both = reached(&graph, &[index(first), index(second)], Depth::All);
        for (project, impact) in one {
            let with = both.iter().find(|(other, _)| *other == project);
            prop_assert!(with.is_some_and(|(_, with)| *with >= impact));
        }
    }

    /// Whoever links or builds on a change, however far, is rebuilt; and nobody is reached without a path.
    #[test]
    fn reach_is_exactly_what_paths_allow((count, edges) in graphs(), start in 0..14_usize) {
        let graph = graph(count, &edges);
        let start = graph.named(&format!("p{}", start % count)).unwrap();
        let found = reached(&graph, &[start], Depth::All);
        let hard: Vec<_> = edges.iter().copied().filter(|(_, _, kind)| kind % KINDS.len() < 2).collect();
        let hard = self::graph(count, &hard);
        for (index, project) in graph.projects() {
            let reach = found.iter().find(|(other, _)| *other == index).map(|(_, impact)| *impact);
            let from = hard.named(&project.name).unwrap();
            let to = hard.named(&graph.project(start).name).unwrap();
            if path::shortest(&hard, from, to).is_some() {
                prop_assert_eq!(reach, Some(Impact::Rebuild));
            }
            if reach.is_some() {
                prop_assert!(path::shortest(&graph, index, start).is_some());
            }
        }
    }

    /// S12: circles neither hang nor lose anybody.
    #[test]
    fn circles_end((count, mut edges) in graphs()) {
        edges.extend((0..count).map(|number| (number, (number + 1) % count, 0)));
        let graph = graph(count, &edges);
        prop_assert!(!cycle::cycles(&graph, |_| true).is_empty());
        let start = graph.named("p0").unwrap();
        prop_assert_eq!(reached(&graph, &[start], Depth::All).len(), count);
    }
}
