//! Lockfiles that repeat the versions of packages in the repository.

use std::collections::BTreeSet;

use affected_graph::RepoPath;
use jsonc_parser::ast::Object;
use toml_edit::{Item, Table};

use super::{Manifest, Requirement, Target, When, cargo, json, npm, python, spot, toml_spans};

/// `Cargo.lock`: packages without a `source` are the workspace's own.
pub(super) struct CargoLock;

/// `package-lock.json`: `packages` by folder, from version 2 on.
pub(super) struct PackageLock;

/// `uv.lock`: packages that are editable, virtual, or a folder.
pub(super) struct UvLock;

/// `pnpm-lock.yaml`: what each importer's manifest requires of the others (<https://pnpm.io/git#lockfiles>).
pub(super) struct PnpmLock;

impl Manifest for CargoLock {
    fn id(&self) -> &'static str {
        cargo::ID
    }

    fn matches(&self, name: &str) -> bool {
        name == "Cargo.lock"
    }

    fn requirements(&self, _path: &RepoPath, text: &str) -> Vec<Requirement> {
        let is_own = |package: &Table| !package.contains_key("source");
        let mut found = packages(text, is_own);
        let repeated = told_apart(text, &found);
        found.extend(repeated);
        found
    }
}

/// Where a lockfile has two packages of one name, dependencies on them are written with their version: `"money 1.2.0"`. Those
/// on a package of the repository have no source behind.
fn told_apart(text: &str, own: &[Requirement]) -> Vec<Requirement> {
    let named = |one: &Requirement| match &one.of {
        Target::Name(name) => Some(format!("{name} {}", one.spot.text)),
        Target::Path(_) => None,
    };
    let own: BTreeSet<String> = own.iter().filter_map(named).collect();
    let mut found = Vec::new();
    for (at, _) in text.match_indices("\n \"") {
        let start = at + 3;
        let Some(end) = text[start..].find('"') else {
            break;
        };
        let entry = &text[start..start + end];
        let Some((name, version)) = entry.split_once(' ').filter(|_| own.contains(entry)) else {
            continue;
        };
        let from = start + name.len() + 1;
        if let Some(spot) = spot(text, from..from + version.len()) {
            let (of, when) = (Target::Name(name.to_owned()), When::Always);
            found.push(Requirement { of, spot, when });
        }
    }
    found
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
        json::with_top(text, |text, top| in_package_lock(&root, text, top)).unwrap_or_default()
    }
}

impl Manifest for PnpmLock {
    fn id(&self) -> &'static str {
        npm::ID
    }

    fn matches(&self, name: &str) -> bool {
        name == "pnpm-lock.yaml"
    }

    /// Below `importers:`, a package's name, then `specifier` as its manifest has it, then `version: link:…` where it is of the
    /// repository.
    fn requirements(&self, _path: &RepoPath, text: &str) -> Vec<Requirement> {
        let mut found = Vec::new();
        let (mut at, mut name, mut specifier) = (0, None, None);
        for line in text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            let (key, value) = line.trim().split_once(':').unwrap_or_default();
            let word = value.trim().trim_matches(['"', '\'']);
            match key {
                "specifier" => {
                    let from = start + line.find(word).unwrap_or_default();
                    specifier = spot(text, from..from + word.len());
                }
                "version" if word.starts_with("link:") => {
                    if let (Some(name), Some(spot)) = (name.take(), specifier.take()) {
                        let (of, when) = (Target::Name(name), When::Always);
                        found.push(Requirement { of, spot, when });
                    }
                }
                key if word.is_empty() => name = Some(key.trim_matches(['"', '\'']).to_owned()),
                _ => {}
            }
        }
        found
    }
}

/// Versions of the packages of the repository, and what they require, which the lockfile repeats from their manifests.
fn in_package_lock(root: &RepoPath, text: &str, top: &Object<'_>) -> Vec<Requirement> {
    let mut found = Vec::new();
    let mut push = |object: &Object<'_>, folder: &str| {
        let place = match folder {
            "" => Ok(root.clone()),
            folder => root.join(folder),
        };
        if let (Ok(place), Some(spot)) = (place, json::string(text, object, "version")) {
            let (of, when) = (Target::Path(place), When::Always);
            found.push(Requirement { of, spot, when });
        }
    };
    push(top, "");
    let packages = top.get_object("packages").map(json::objects);
    let is_own = |folder: &str| !folder.split('/').any(|part| part == "node_modules");
    let own = packages.unwrap_or_default().into_iter();
    let own: Vec<_> = own.filter(|(folder, _)| is_own(folder)).collect();
    for (folder, package) in &own {
        push(package, folder);
    }
    let repeated = own
        .iter()
        .flat_map(|(_, package)| npm::tables(text, package));
    found.extend(repeated);
    found
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
