//! `package.json`: <https://docs.npmjs.com/cli/configuring-npm/package-json>.

use affected_graph::RepoPath;
use jsonc_parser::ast::Object;

use super::{Manifest, Reader, Requirement, Spot, Target, When, json};

/// npm and all that read its manifest.
pub(super) struct Npm;

/// Packages of this id name each other.
pub(super) const ID: &str = "npm";

impl Manifest for Npm {
    fn id(&self) -> &'static str {
        ID
    }

    fn matches(&self, name: &str) -> bool {
        name == "package.json"
    }

    fn name(&self, text: &str) -> Option<String> {
        let found = json::with_top(text, |text, top| json::string(text, top, "name"))??;
        Some(found.text)
    }

    fn version(&self, path: &RepoPath, read: &Reader<'_>) -> Option<(RepoPath, Spot)> {
        let text = read(path)?;
        let found = json::with_top(&text, |text, top| json::string(text, top, "version"))??;
        Some((path.clone(), found))
    }

    fn requirements(&self, _path: &RepoPath, text: &str) -> Vec<Requirement> {
        json::with_top(text, tables).unwrap_or_default()
    }
}

/// Reads the tables of dependencies of a package, as the manifest and the lockfile have them.
pub(super) fn tables(text: &str, package: &Object<'_>) -> Vec<Requirement> {
    const TABLES: [(&str, When); 4] = [
        ("dependencies", When::Always),
        ("devDependencies", When::Always),
        ("optionalDependencies", When::Always),
        ("peerDependencies", When::Unsatisfied),
    ];
    let mut found = Vec::new();
    for (table, when) in TABLES {
        let Some(table) = package.get_object(table) else {
            continue;
        };
        for (name, spot) in json::strings(text, table) {
            let of = Target::Name(name);
            found.push(Requirement { of, spot, when });
        }
    }
    found
}
