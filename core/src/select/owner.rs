//! Who owns a path, and which written rule names it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use affected_graph::{Ownership, ProjectGraph, ProjectIndex, RepoPath};
use bstr::ByteSlice;
use globset::{GlobSet, GlobSetBuilder};

use super::is_partial;
use crate::config::{Config, Rule, Territory};

/// Compiles globs with `/` as a real separator; one that is no glob matches nothing.
pub(super) fn compile<'p>(patterns: impl IntoIterator<Item = &'p str>) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        // An unusable glob must keep its place, since matches are told by place.
        let glob = crate::glob::of_paths(pattern);
        let fallback = || crate::glob::of_paths("\u{0}").expect("a plain name is a glob");
        builder.add(glob.unwrap_or_else(|_| fallback()));
    }
    builder.build().unwrap_or_else(|_| GlobSet::empty())
}

/// Matches bytes, also those that are not text.
pub(super) fn as_os_path(path: &[u8]) -> &std::path::Path {
    path.to_path()
        .unwrap_or_else(|_| std::path::Path::new("\u{fffd}"))
}

/// Finds the owner of a path: the deepest project above it that owns it.
pub(super) struct Owners<'g> {
    graph: &'g ProjectGraph,
    partial: BTreeMap<ProjectIndex, GlobSet>,
}

impl<'g> Owners<'g> {
    pub(super) fn new(graph: &'g ProjectGraph) -> Self {
        let partial = graph
            .projects()
            .filter(|(_, project)| is_partial(&project.ownership))
            .map(|(index, project)| match &project.ownership {
                Ownership::Only(globs) => (index, compile(globs.iter().map(String::as_str))),
                Ownership::Tree => (index, GlobSet::empty()),
            })
            .collect();
        Self { graph, partial }
    }

    pub(super) fn of(&self, path: &RepoPath) -> Option<ProjectIndex> {
        self.graph.enclosing(path).find(|index| {
            let Some(globs) = self.partial.get(index) else {
                return true;
            };
            let root = &self.graph.project(*index).root;
            path.relative_to(root)
                .is_some_and(|inside| globs.is_match(as_os_path(inside)))
        })
    }
}

/// Finds the rule for a path: the user's before the tool's, of each the last that matches.
pub(super) struct Rules<'c> {
    config: &'c Config,
    users: Vec<OnceLock<GlobSet>>,
    defaults: Vec<OnceLock<GlobSet>>,
}

impl<'c> Rules<'c> {
    pub(super) fn new(config: &'c Config) -> Self {
        // Compiled when first asked: most rules are for places where nothing changed.
        let unasked = |rules: &[Rule]| vec![OnceLock::new(); rules.len()];
        Self {
            config,
            users: unasked(&config.rules),
            defaults: unasked(&config.default_rules),
        }
    }

    pub(super) fn users(&self, path: &RepoPath, here: Territory) -> Option<&'c Rule> {
        last_match(&self.config.rules, &self.users, path, here)
    }

    pub(super) fn defaults(&self, path: &RepoPath, here: Territory) -> Option<&'c Rule> {
        last_match(&self.config.default_rules, &self.defaults, path, here)
    }
}

fn last_match<'c>(
    rules: &'c [Rule],
    globs: &[OnceLock<GlobSet>],
    path: &RepoPath,
    here: Territory,
) -> Option<&'c Rule> {
    rules
        .iter()
        .zip(globs)
        .rev()
        .find(|(rule, globs)| {
            let applies = match rule.territory {
                Territory::Everywhere => true,
                Territory::Top => here != Territory::Everywhere,
                Territory::Outside => here == Territory::Outside,
            };
            let globs = || globs.get_or_init(|| compile(rule.paths.iter().map(String::as_str)));
            applies && globs().is_match(as_os_path(path.as_bytes()))
        })
        .map(|(rule, _)| rule)
}
