//! Lockfiles that repeat the versions of packages in the repository.

use affected_graph::RepoPath;
use toml_edit::{Item, Table};

use super::{Manifest, Requirement, Target, When, cargo, json, npm, python, toml_spans};

/// `Cargo.lock`: packages without a `source` are the workspace's own.
pub(super) struct CargoLock;

/// `package-lock.json`: `packages` by folder, from version 2 on.
pub(super) struct PackageLock;

/// `uv.lock`: packages that are editable, virtual, or a folder.
pub(super) struct UvLock;

impl Manifest for CargoLock {
    fn id(&self) -> &'static str {
        cargo::ID
    }

    fn matches(&self, name: &str) -> bool {
        name == "Cargo.lock"
    }

    fn requirements(&self, _path: &RepoPath, text: &str) -> Vec<Requirement> {
        packages(text, |package| !package.contains_key("source"))
    }
}

impl Manifest for UvLock {
    fn id(&self) -> &'static str {
        python::ID
    }

    fn matches(&self, name: &str) -> bool {
        name == "uv.lock"
    }

    fn requirements(&self, _path: &RepoPath, text: &str) -> Vec<Requirement> {
        let is_own = |package: &Table| {
            let source = package.get("source").and_then(Item::as_table_like);
            let kinds = ["editable", "virtual", "directory"];
            source.is_some_and(|source| kinds.iter().any(|kind| source.contains_key(kind)))
        };
        packages(text, is_own)
    }

    fn spell(&self, version: &semver::Version) -> String {
        python::spell(version)
    }
}

impl Manifest for PackageLock {
    fn id(&self) -> &'static str {
        npm::ID
    }

    fn matches(&self, name: &str) -> bool {
        matches!(name, "package-lock.json" | "npm-shrinkwrap.json")
    }

    fn requirements(&self, path: &RepoPath, text: &str) -> Vec<Requirement> {
        let root = path.parent().unwrap_or_default();
        let read = |top: &jsonc_parser::ast::Object<'_>| {
            let mut found = Vec::new();
            let mut push = |object: &jsonc_parser::ast::Object<'_>, folder: &str| {
                let place = if folder.is_empty() {
                    Ok(root.clone())
                } else {
                    root.join(folder)
                };
                if let (Ok(place), Some(spot)) = (place, json::string(text, object, "version")) {
                    let (of, when) = (Target::Path(place), When::Always);
                    found.push(Requirement { of, spot, when });
                }
            };
            push(top, "");
            let packages = top.get_object("packages").map(json::objects);
            for (folder, package) in packages.unwrap_or_default() {
                if !folder.split('/').any(|part| part == "node_modules") {
                    push(package, &folder);
                }
            }
            found
        };
        json::with_top(text, read).unwrap_or_default()
    }
}

fn packages(text: &str, is_own: impl Fn(&Table) -> bool) -> Vec<Requirement> {
    let Some(document) = toml_spans::parse(text) else {
        return Vec::new();
    };
    let packages = document.get("package").and_then(Item::as_array_of_tables);
    let own = packages
        .into_iter()
        .flat_map(|all| all.iter())
        .filter(|one| is_own(one));
    own.filter_map(|package| {
        let name = package.get("name")?.as_str()?.to_owned();
        Some(Requirement {
            of: Target::Name(name),
            spot: toml_spans::string_at(text, package, "version")?,
            when: When::Always,
        })
    })
    .collect()
}
