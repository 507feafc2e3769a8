//! From a tree to an inventory: every ecosystem is asked, and what they found becomes one graph.

mod declared;
mod outward;
mod resolve;
pub mod snapshot;
pub mod units;

use std::sync::Arc;

use affected_graph::{EcosystemId, GraphFault, ProjectGraph, RepoPath, builder};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::ecosystem::{self, Discovery, Ecosystem, Reads, Scan};
use crate::facts::{FactStore, Fault};
use crate::tree::Tree;
use units::Units;

/// What is in one tree.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// Projects and dependencies.
    pub graph: Arc<ProjectGraph>,
    /// Broken files.
    pub faults: Vec<Fault>,
    /// What had to be mended while building the graph.
    pub graph_faults: Vec<GraphFault>,
    /// Names in `affected.toml` that are no project: `(file, name, what it says)`.
    pub unknown_names: Vec<UnknownName>,
    /// Compile units.
    pub units: Units,
}

/// A name in `affected.toml` that no project has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnknownName {
    /// The configuration file.
    pub file: RepoPath,
    /// The key that holds it: `project.catalog.calls`.
    pub key: String,
    /// The name.
    pub name: String,
}

/// What one ecosystem found.
pub(crate) struct Found {
    pub(crate) id: EcosystemId,
    pub(crate) discovery: Discovery,
}

/// Scans a tree. Parsing starts nothing: no language tool, hook or filter of the repository (X1).
#[must_use]
pub fn inventory(tree: &dyn Tree, config: &Config, facts: &FactStore) -> Inventory {
    inventory_with_reads(tree, config, facts, &Reads::default())
}

/// Scans a tree, and notes in `reads` what decided.
#[must_use]
pub fn inventory_with_reads(
    tree: &dyn Tree,
    config: &Config,
    facts: &FactStore,
    reads: &Reads,
) -> Inventory {
    let mut found: Vec<Found> = ecosystem::ALL
        .par_iter()
        .map(|member| Found {
            id: member.id(),
            discovery: discover(*member, tree, facts, reads),
        })
        .collect();
    let mut faults: Vec<Fault> = found
        .iter()
        .flat_map(|found| found.discovery.faults.iter().cloned())
        .collect();
    faults.sort();
    faults.dedup();
    let units = found
        .iter_mut()
        .filter_map(|found| Some((found.id.0.to_owned(), found.discovery.units.take()?)));
    let units = Units::new(units.collect());
    let mut resolved = resolve::resolve(tree, found);
    outward::add(tree, facts, &mut resolved);
    let unknown_names = declared::apply(config, &mut resolved);
    let (graph, graph_faults) = builder::build(resolved.projects, resolved.dependencies);
    Inventory {
        graph: Arc::new(graph),
        faults,
        graph_faults,
        unknown_names,
        units,
    }
}

fn discover(
    member: &dyn Ecosystem,
    tree: &dyn Tree,
    facts: &FactStore,
    reads: &Reads,
) -> Discovery {
    let names = member.reads();
    let candidates = tree
        .files()
        .entries()
        .iter()
        .filter(|entry| names.iter().any(|name| name.matches(&entry.path)))
        .map(|entry| entry.path.clone())
        .collect();
    member.discover(&Scan {
        tree,
        facts,
        reads,
        candidates,
    })
}
