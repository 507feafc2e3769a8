//! `package.json`: <https://docs.npmjs.com/cli/configuring-npm/package-json>.

use affected_graph::RepoPath;

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
        json::with_top(text, |top| Some(json::string(text, top, "name")?.text))?
    }

    fn version(&self, path: &RepoPath, read: &Reader<'_>) -> Option<(RepoPath, Spot)> {
        let text = read(path)?;
        let found = json::with_top(&text, |top| json::string(&text, top, "version"))??;
        Some((path.clone(), found))
    }

    fn requirements(&self, _path: &RepoPath, text: &str) -> Vec<Requirement> {
        const TABLES: [(&str, When); 4] = [
            ("dependencies", When::Always),
            ("devDependencies", When::Always),
            ("optionalDependencies", When::Always),
            ("peerDependencies", When::Unsatisfied),
        ];
        let read = |top: &jsonc_parser::ast::Object<'_>| {
            let mut found = Vec::new();
            for (table, when) in TABLES {
                let Some(table) = top.get_object(table) else {
                    continue;
                };
                for (name, spot) in json::strings(text, table) {
                    let of = Target::Name(name);
                    found.push(Requirement { of, spot, when });
                }
            }
            found
        };
        json::with_top(text, read).unwrap_or_default()
    }
}
