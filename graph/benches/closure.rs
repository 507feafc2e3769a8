//! Following dependents through graphs of 10,000 and 100,000 projects: `cargo bench -p affected-graph`.
#![allow(missing_docs, reason = "benchmarks are called by their runner only")]

use affected_graph::{
    Dependency, DependencyKind, Depth, Evidence, Impact, Ownership, Project, ProjectGraph,
    ProjectKind, RepoPath, Seed, builder, closure, delta, order,
};
use divan::Bencher;

const SIZES: [usize; 2] = [10_000, 100_000];
/// Dependencies of each project, on some before it.
const USES: usize = 5;

fn main() {
    divan::main();
}

fn root(number: usize) -> RepoPath {
    RepoPath::from_normalized(format!("p/p{number:06}").into_bytes())
}

fn parts(size: usize) -> (Vec<Project>, Vec<Dependency>) {
    let project = |number| Project {
        name: format!("p{number:06}"),
        root: root(number),
        kind: ProjectKind::Library,
        ecosystems: Vec::new(),
        manifests: Vec::new(),
        ownership: Ownership::Tree,
        tasks: Vec::new(),
        inputs: Vec::new(),
    };
    let edge = |from: usize, step: usize| Dependency {
        from: root(from),
        to: root(from * (step + 1) / (USES + 1)),
        kind: DependencyKind::Link,
        source: "bench",
        evidence: Evidence {
            file: root(from),
            line: Some(1),
            detail: String::new(),
        },
    };
    let edges = (1..size).flat_map(|from| (0..USES).map(move |step| edge(from, step)));
    ((0..size).map(project).collect(), edges.collect())
}

fn graph(size: usize) -> ProjectGraph {
    let (projects, edges) = parts(size);
    builder::build(projects, edges).0
}

/// Everything that the project most others use reaches.
#[divan::bench(args = SIZES, sample_count = 20)]
fn dependents_of_the_root(bencher: Bencher<'_, '_>, size: usize) {
    let graph = graph(size);
    let project = graph.at(&root(0)).expect("the first project is there");
    let seeds = [Seed {
        project,
        impact: Impact::Rebuild,
    }];
    bencher.bench(|| closure::dependents(&graph, &seeds, Depth::All).len());
}

/// What a service that nobody uses reaches.
#[divan::bench(args = SIZES)]
fn dependents_of_a_leaf(bencher: Bencher<'_, '_>, size: usize) {
    let graph = graph(size);
    let project = graph
        .at(&root(size - 1))
        .expect("the last project is there");
    let seeds = [Seed {
        project,
        impact: Impact::Rebuild,
    }];
    bencher.bench(|| closure::dependents(&graph, &seeds, Depth::All).len());
}

/// Putting a graph together from what was found.
#[divan::bench(args = SIZES, sample_count = 10)]
fn build(bencher: Bencher<'_, '_>, size: usize) {
    bencher
        .with_inputs(|| parts(size))
        .bench_values(|(projects, edges)| builder::build(projects, edges).0.len());
}

/// Joining the graphs of base and head.
#[divan::bench(args = [10_000], sample_count = 10)]
fn union(bencher: Bencher<'_, '_>, size: usize) {
    let (base, head) = (graph(size), graph(size));
    bencher.bench(|| delta::union(&base, &head).len());
}

/// The order in which tasks of all projects may run.
#[divan::bench(args = SIZES, sample_count = 10)]
fn waves(bencher: Bencher<'_, '_>, size: usize) {
    let graph = graph(size);
    bencher.bench(|| order::waves(&graph).len());
}
