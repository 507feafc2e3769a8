//! Files that repeat versions of others: when `release version` writes the new version of a library into the manifest of a
//! project that only tests with it, and into a lockfile, nothing of that project is released again.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use affected_graph::RepoPath;

use super::super::Judged;
use crate::release::manifest::{self, Edits, Manifest, Target};
use crate::tree::Tree;

/// Names that packages of the repository have in their ecosystems; read when first asked for.
pub(super) struct Repeated<'j> {
    now: &'j Judged,
    names: OnceCell<BTreeSet<(&'static str, String)>>,
}

impl<'j> Repeated<'j> {
    /// Looks at the projects of the head.
    pub(super) fn new(now: &'j Judged) -> Self {
        Self {
            now,
            names: OnceCell::new(),
        }
    }

    /// Tells whether a file differs between the sides of `judged` in nothing but versions of the repository's own projects.
    pub(super) fn is_all(&self, judged: &Judged, path: &RepoPath) -> bool {
        let texts = || {
            let kind = manifest::of(path)?;
            let (base, head) = (judged.trees.base.as_deref()?, judged.trees.head.as_ref());
            let before = self.without(kind, path, &text(base, path)?);
            Some(before == self.without(kind, path, &text(head, path)?))
        };
        texts().unwrap_or(false)
    }

    /// Takes the versions of own projects out of a file.
    fn without(&self, kind: &dyn Manifest, path: &RepoPath, text: &str) -> String {
        let mut edits = Edits::new();
        for one in kind.requirements(path, text) {
            let is_own = match one.of {
                Target::Name(name) => self.names().contains(&(kind.id(), name)),
                Target::Path(place) => self.now.head.graph.at(&place).is_some(),
            };
            if is_own {
                edits.insert(one.spot.range.start, (one.spot.range, String::new()));
            }
        }
        manifest::apply(text, &edits)
    }

    fn names(&self) -> &BTreeSet<(&'static str, String)> {
        self.names.get_or_init(|| {
            let projects = self.now.head.graph.projects();
            let paths = projects.flat_map(|(_, project)| &project.manifests);
            let named = |path: &RepoPath| {
                let kind = manifest::of(path)?;
                let text = text(self.now.trees.head.as_ref(), path)?;
                Some((kind.id(), kind.name(&text)?))
            };
            paths.filter_map(named).collect()
        })
    }
}

fn text(tree: &dyn Tree, path: &RepoPath) -> Option<String> {
    String::from_utf8(tree.read(path).ok()?).ok()
}
