//! Every case below `fixtures/ecosystems`: the projects and edges that must be found, and no others.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use affected_core::config;
use affected_core::facts::FactStore;
use affected_core::scan;
use affected_core::tree::memory::MemoryTree;
use affected_fixtures::Case;
use affected_graph::InputPattern;

fn tree(case: &Case) -> MemoryTree {
    let (mut files, mut links) = (Vec::new(), Vec::new());
    let mut open = vec![case.tree.clone()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let is_link = path.is_symlink();
            if path.is_dir() && !is_link {
                open.push(path);
                continue;
            }
            let inside = path
                .strip_prefix(&case.tree)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if is_link {
                let target = std::fs::read_link(&path).unwrap();
                links.push((inside, target.to_str().unwrap().to_owned()));
            } else {
                files.push((inside, std::fs::read(&path).unwrap()));
            }
        }
    }
    MemoryTree::new(files).with_links(links)
}

/// What each project reads outside of its own folder.
fn inputs(found: &scan::Inventory) -> BTreeSet<String> {
    let projects = found.graph.projects();
    let inputs = projects.flat_map(|(_, project)| {
        let root = project.root.to_string();
        let own = format!("{root}/");
        project.inputs.iter().filter_map(move |input| {
            let pattern = match &input.pattern {
                InputPattern::Path(path) => path.to_string(),
                InputPattern::Glob(glob) => glob.clone(),
            };
            let apart = !pattern.starts_with(&own);
            apart.then(|| format!("{root} reads {pattern} {}", input.kind.as_str()))
        })
    });
    inputs.collect()
}

#[test]
fn every_case_is_found_as_expected() {
    let cases = affected_fixtures::cases();
    assert!(cases.len() >= 8, "the cases are missing");
    for case in cases {
        let tree = tree(&case);
        let config = config::load(&tree).unwrap();
        let found = scan::inventory(&tree, &config, &FactStore::default());
        let projects: BTreeSet<String> = found
            .graph
            .projects()
            .map(|(_, project)| format!("{} = {}", project.root, project.name))
            .collect();
        let edges: BTreeSet<String> = found
            .graph
            .edges()
            .into_iter()
            .map(|edge| format!("{} -> {} {}", edge.from, edge.to, edge.kind.as_str()))
            .collect();
        let name = format!("{}/{}", case.ecosystem, case.name);
        if let Some(expected) = &case.inputs {
            let inputs = inputs(&found);
            assert_eq!(
                inputs,
                expected.iter().cloned().collect(),
                "inputs of {name}"
            );
        }
        assert_eq!(
            projects,
            case.projects.iter().cloned().collect(),
            "projects of {name}"
        );
        assert_eq!(
            edges,
            case.edges.iter().cloned().collect(),
            "edges of {name}"
        );
    }
}
