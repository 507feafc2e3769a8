//! Which packages form a workspace, and what a dependency means inside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use affected_graph::RepoPath;
use globset::{GlobBuilder, GlobMatcher};

use super::Packages;
use super::manifest::PnpmWorkspace;
use super::range::meets;

/// Every workspace of the tree.
pub(super) struct Workspaces {
    members: BTreeMap<RepoPath, RepoPath>,
    roots: Vec<RepoPath>,
    by_name: BTreeMap<(RepoPath, String), RepoPath>,
}

impl Workspaces {
    pub(super) fn new(packages: &Packages, pnpm: &BTreeMap<RepoPath, Arc<PnpmWorkspace>>) -> Self {
        let mut globs: BTreeMap<RepoPath, Vec<String>> = BTreeMap::new();
        for (folder, manifest) in packages {
            if let Some(own) = &manifest.workspaces {
                globs.insert(folder.clone(), own.clone());
            }
        }
        for (folder, workspace) in pnpm {
            globs.insert(folder.clone(), workspace.packages.clone());
        }
        let mut found = Self {
            members: BTreeMap::new(),
            roots: Vec::new(),
            by_name: BTreeMap::new(),
        };
        // Roots come before what lies below them, so the innermost workspace is the last to claim a package.
        for (root, patterns) in globs {
            // pnpm does not read `workspaces`: below its own list they say something to another tool only.
            let claimed = |folder: &RepoPath, found: &Self| {
                let outer = found.members.get(folder);
                outer.is_some_and(|outer| *outer != root && pnpm.contains_key(outer))
            };
            if claimed(&root, &found) && !pnpm.contains_key(&root) {
                continue;
            }
            let matchers = Matchers::new(&patterns);
            for folder in packages.keys() {
                let inside = folder
                    .relative_to(&root)
                    .filter(|inside| !inside.is_empty());
                if inside.is_some_and(|inside| matchers.accept(inside)) {
                    found.members.insert(folder.clone(), root.clone());
                }
            }
            found
                .members
                .entry(root.clone())
                .or_insert_with(|| root.clone());
            found.roots.push(root);
        }
        for (member, root) in &found.members {
            if let Some(name) = packages
                .get(member)
                .and_then(|manifest| manifest.name.clone())
            {
                found.by_name.insert((root.clone(), name), member.clone());
            }
        }
        found
    }

    pub(super) fn is_root(&self, folder: &RepoPath) -> bool {
        self.roots.contains(folder)
    }

    pub(super) fn roots(&self) -> &[RepoPath] {
        &self.roots
    }

    /// The member of a workspace that has this name.
    pub(super) fn named(&self, root: &RepoPath, name: &str) -> Option<&RepoPath> {
        self.by_name.get(&(root.clone(), name.to_owned()))
    }

    pub(super) fn is_member(&self, folder: &RepoPath) -> bool {
        self.members.contains_key(folder)
    }

    pub(super) fn root_of(&self, folder: &RepoPath) -> Option<&RepoPath> {
        self.members.get(folder)
    }

    /// Returns the folder in this repository that a dependency means, `None` for one from a registry.
    pub(super) fn resolve(
        &self,
        from: &RepoPath,
        name: &str,
        range: &str,
        packages: &Packages,
    ) -> Option<RepoPath> {
        for protocol in ["file:", "link:", "portal:"] {
            if let Some(path) = range.strip_prefix(protocol) {
                return from.join(path).ok();
            }
        }
        let root = self.members.get(from)?;
        let local = |name: &str| self.named(root, name);
        if let Some(wanted) = range.strip_prefix("workspace:") {
            if wanted.starts_with('.') {
                return from.join(wanted).ok();
            }
            let alias = wanted
                .rsplit_once('@')
                .map(|(alias, _)| alias)
                .filter(|a| !a.is_empty());
            return local(alias.unwrap_or(name)).cloned();
        }
        let (name, range) = match range.strip_prefix("npm:") {
            Some(alias) => match alias[1.min(alias.len())..].find('@') {
                Some(at) => (&alias[..=at], &alias[at + 2..]),
                None => (alias, "*"),
            },
            None => (name, range),
        };
        let elsewhere = range.contains("://") || range.starts_with("git") || range.contains('/');
        let member = local(name).filter(|_| !elsewhere)?;
        let version = packages
            .get(member)
            .and_then(|manifest| manifest.version.as_deref());
        (range.starts_with("catalog:") || meets(range, version)).then(|| member.clone())
    }
}

/// Globs of a workspace, in order; one that begins with `!` takes away.
struct Matchers(Vec<(bool, GlobMatcher)>);

impl Matchers {
    fn new(patterns: &[String]) -> Self {
        let matchers = patterns.iter().filter_map(|pattern| {
            let (keep, glob) = match pattern.strip_prefix('!') {
                Some(rest) => (false, rest),
                None => (true, pattern.as_str()),
            };
            let glob = glob
                .trim_start_matches("./")
                .trim_start_matches('/')
                .trim_end_matches('/');
            let glob = GlobBuilder::new(glob)
                .literal_separator(true)
                .empty_alternates(true)
                .build()
                .ok()?;
            Some((keep, glob.compile_matcher()))
        });
        Self(matchers.collect())
    }

    fn accept(&self, inside: &[u8]) -> bool {
        let Ok(inside) = std::str::from_utf8(inside) else {
            return false;
        };
        let mut accepted = false;
        for (keep, glob) in &self.0 {
            if glob.is_match(inside) {
                accepted = *keep;
            }
        }
        accepted
    }
}
