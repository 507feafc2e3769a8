//! The algorithms on small graphs, written as `a -> b kind`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use affected_graph::*;

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

fn project(name: &str) -> Project {
    Project {
        root: path(name),
        name: name.to_owned(),
        kind: ProjectKind::Library,
        ecosystems: vec![EcosystemId("test")],
        manifests: vec![],
        ownership: Ownership::Tree,
        tasks: vec![],
        inputs: vec![],
    }
}

fn kind(word: &str) -> DependencyKind {
    DependencyKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == word)
        .unwrap()
}

fn edges(text: &str) -> Vec<Dependency> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let evidence = Evidence {
                file: path(words[0]),
                line: None,
                detail: line.to_owned(),
            };
            let (from, to) = (path(words[0]), path(words[2]));
            Dependency {
                from,
                to,
                kind: kind(words[3]),
                source: "test",
                evidence,
            }
        })
        .collect()
}

fn graph(text: &str) -> ProjectGraph {
    let edges = edges(text);
    let ends = edges
        .iter()
        .flat_map(|edge| [edge.from.to_string(), edge.to.to_string()]);
    build(ends.map(|name| project(&name)).collect(), edges).0
}

fn reached(graph: &ProjectGraph, seed: &str, depth: Depth) -> String {
    let seed = Seed {
        project: graph.named(seed).unwrap(),
        impact: Impact::Rebuild,
    };
    closure::dependents(graph, &[seed], depth)
        .into_iter()
        .map(|(index, reach)| format!("{} {:?}", graph.project(index).name, reach.impact))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The table of edge kinds: what each hands on, and how far.
#[test]
fn kinds_decide_what_follows() {
    let all = DependencyKind::ALL.map(|kind| {
        let text = format!(
            "b -> a {}\nc -> b link\nd -> b runtime\ne -> d runtime",
            kind.as_str()
        );
        format!(
            "{}: {}",
            kind.as_str(),
            reached(&graph(&text), "a", Depth::All)
        )
    });
    assert_eq!(
        all.join("\n"),
        "link: a Rebuild, b Rebuild, c Rebuild, d Runtime, e Runtime\n\
         build: a Rebuild, b Rebuild, c Rebuild, d Runtime, e Runtime\n\
         declared: a Rebuild, b Rebuild, c Rebuild, d Runtime, e Runtime\n\
         observed: a Rebuild, b Tests\n\
         test: a Rebuild, b Tests\n\
         contract: a Rebuild, b Contract\n\
         runtime: a Rebuild, b Runtime, d Runtime, e Runtime"
    );
}

#[test]
fn depth_limits_the_walk() {
    let graph = graph("b -> a link\nc -> b link");
    assert_eq!(reached(&graph, "a", Depth::None), "a Rebuild");
    assert_eq!(reached(&graph, "a", Depth::Direct), "a Rebuild, b Rebuild");
}

/// The strongest impact counts, with the shortest chain that brings it.
#[test]
fn the_strongest_impact_wins() {
    let graph = graph("b -> a test\nb -> m link\nm -> a link");
    assert_eq!(
        reached(&graph, "a", Depth::All),
        "a Rebuild, b Rebuild, m Rebuild"
    );
}

/// S12: cycles end, and are told as values.
#[test]
fn s12_cycles_are_values() {
    let graph = graph("a -> b link\nb -> c link\nc -> a link\nd -> a link");
    assert_eq!(
        reached(&graph, "b", Depth::All).matches("Rebuild").count(),
        4
    );
    let groups = cycle::cycles(&graph, |_| true);
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].len(), 3);
    assert!(cycle::cycles(&graph, |kind| kind == DependencyKind::Test).is_empty());
    assert_eq!(
        order::waves(&graph)
            .iter()
            .map(Vec::len)
            .collect::<Vec<_>>(),
        [3, 1]
    );
}

#[test]
fn the_shortest_chain_explains() {
    let graph = graph("a -> b link\nb -> c link\na -> c test");
    let at = |name| graph.named(name).unwrap();
    let chain = path::shortest(&graph, at("a"), at("c")).unwrap();
    assert_eq!(
        chain
            .iter()
            .map(|edge| edge.evidence.detail.as_str())
            .collect::<Vec<_>>(),
        ["a -> c test"]
    );
    assert!(path::shortest(&graph, at("c"), at("a")).is_none());
}

/// S1, S3: the union has the edges and projects of both graphs; the head's names stay.
#[test]
fn s1_the_union_has_both_graphs() {
    let (base, head) = (graph("a -> b link\nold -> b link"), graph("a -> c link"));
    let union = delta::union(&base, &head);
    let edges: Vec<_> = union
        .edges()
        .iter()
        .map(|edge| edge.evidence.detail.clone())
        .collect();
    assert_eq!(edges, ["a -> b link", "a -> c link", "old -> b link"]);
    let delta = delta::compare(&base, &head);
    assert!(delta.removed.contains(&path("old")) && delta.added.contains(&path("c")));
    assert_eq!(delta.removed_edges.len(), 2);
}

#[test]
fn building_collects_every_fault() {
    let mut twin = project("x/twin");
    twin.name = "a".to_owned();
    let (graph, faults) = build(
        vec![project("a"), twin],
        edges("a -> gone link\na -> a link"),
    );
    assert_eq!(faults.len(), 2);
    assert!(graph.named("x/twin").is_some() && graph.edges().is_empty());
}
