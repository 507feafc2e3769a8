//! The `package.json` at the root of a workspace: what members notice of it. Source: "package.json" of the npm
//! documentation, and of Yarn, pnpm and Bun for their own fields.

use super::{Format, Lock, Scope, json};
use crate::facts::Broken;

pub(super) struct NpmWorkspace;

/// Fields about the root package itself; its packages are hoisted to where members find them, so those count.
const OWN: &[&str] = &[
    "name",
    "version",
    "private",
    "description",
    "keywords",
    "homepage",
    "bugs",
    "license",
    "author",
    "contributors",
    "maintainers",
    "funding",
    "repository",
    "files",
    "main",
    "module",
    "types",
    "typings",
    "exports",
    "bin",
    "man",
    "directories",
    "scripts",
    "publishConfig",
    "workspaces",
    "husky",
    "lint-staged",
    "simple-git-hooks",
    "commitlint",
    "release",
    "changelog",
];

impl Format for NpmWorkspace {
    fn names(&self) -> &'static [&'static str] {
        &["package.json"]
    }

    fn scope(&self) -> Scope {
        Scope::Readers
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let document = json(text)?;
        let mut lock = Lock::default();
        let fields = document.as_object().into_iter().flatten();
        for (key, value) in fields.filter(|(key, _)| !OWN.contains(&key.as_str())) {
            lock.share_with_all(key, &value.to_string());
        }
        // Catalogs may stand beside the list of members.
        for key in ["catalog", "catalogs"] {
            if let Some(catalog) = document.get("workspaces").and_then(|list| list.get(key)) {
                lock.share_with_all(key, &catalog.to_string());
            }
        }
        Ok(lock)
    }
}
