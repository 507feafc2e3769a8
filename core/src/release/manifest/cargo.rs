//! `Cargo.toml`: <https://doc.rust-lang.org/cargo/reference/manifest.html>.

use affected_graph::RepoPath;
use toml_edit::{Item, TableLike};

use super::{Manifest, Reader, Requirement, Spot, Target, When, toml_spans, upwards};

/// Cargo.
pub(super) struct Cargo;

/// Packages of this id name each other, also in the lockfile.
pub(super) const ID: &str = "cargo";

impl Manifest for Cargo {
    fn id(&self) -> &'static str {
        ID
    }

    fn matches(&self, name: &str) -> bool {
        name == "Cargo.toml"
    }

    fn name(&self, text: &str) -> Option<String> {
        let document = toml_spans::parse(text)?;
        let name = toml_spans::at(&document, &["package", "name"])?.as_str()?;
        Some(name.to_owned())
    }

    fn version(&self, path: &RepoPath, read: &Reader<'_>) -> Option<(RepoPath, Spot)> {
        let text = read(path)?;
        let document = toml_spans::parse(&text)?;
        let version = toml_spans::at(&document, &["package", "version"])?;
        if let Some(found) = toml_spans::string(&text, version) {
            return Some((path.clone(), found));
        }
        let is_shared = version.get("workspace").and_then(Item::as_bool)?;
        let shared = |path: RepoPath| {
            let text = read(&path)?;
            let document = toml_spans::parse(&text)?;
            let version = toml_spans::at(&document, &["workspace", "package", "version"])?;
            Some((path, toml_spans::string(&text, version)?))
        };
        upwards(path, "Cargo.toml")
            .filter(|_| is_shared)
            .find_map(shared)
    }

    fn requirements(&self, _path: &RepoPath, text: &str) -> Vec<Requirement> {
        let Some(document) = toml_spans::parse(text) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        tables(text, document.as_item(), &mut found);
        if let Some(workspace) = document.get("workspace") {
            tables(text, workspace, &mut found);
        }
        let targets = document.get("target").and_then(Item::as_table_like);
        for (_, target) in targets.into_iter().flat_map(TableLike::iter) {
            tables(text, target, &mut found);
        }
        found
    }
}

/// Reads the tables of dependencies in `item`. Only those with a path are of this repository.
fn tables(text: &str, item: &Item, found: &mut Vec<Requirement>) {
    for name in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let table = item.get(name).and_then(Item::as_table_like);
        for (key, dependency) in table.into_iter().flat_map(TableLike::iter) {
            let Some(dependency) = dependency
                .as_table_like()
                .filter(|it| it.contains_key("path"))
            else {
                continue;
            };
            let package = dependency.get("package").and_then(Item::as_str);
            if let Some(spot) = toml_spans::string_at(text, dependency, "version") {
                found.push(Requirement {
                    of: Target::Name(package.unwrap_or(key).to_owned()),
                    spot,
                    when: When::Always,
                });
            }
        }
    }
}
