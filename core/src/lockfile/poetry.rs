//! `poetry.lock`, all versions. Source: `poetry.packages.locker` of Poetry.

use toml::Value;

use super::python::{Entry, environment};
use super::{Format, Lock, Scope, toml_table};
use crate::facts::Broken;

pub(super) struct PoetryLock;

impl Format for PoetryLock {
    fn names(&self) -> &'static [&'static str] {
        &["poetry.lock"]
    }

    fn scope(&self) -> Scope {
        Scope::Environment
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let table = toml_table(text)?;
        let metadata = table.get("metadata");
        let version = metadata.and_then(|metadata| metadata.get("lock-version")?.as_str());
        if let Some(version) = version
            && !matches!(version.split('.').next(), Some("0" | "1" | "2"))
        {
            return Err(super::unknown_version(version));
        }
        let packages = table.get("package").and_then(Value::as_array);
        let packages = packages.map_or(&[][..], Vec::as_slice);
        let entries = packages.iter().map(|package| entry(package, metadata));
        Ok(environment(entries.collect()))
    }
}

fn entry(package: &Value, metadata: Option<&Value>) -> Entry {
    let field = |name: &str| package.get(name).and_then(Value::as_str);
    let name = field("name").unwrap_or_default();
    // Checksums stood in `metadata` before version 2.
    let files = package.get("files").or_else(|| {
        let metadata = metadata?;
        metadata
            .get("files")
            .or_else(|| metadata.get("hashes"))?
            .get(name)
    });
    let source = package.get("source");
    let of_source = |key: &str| source.and_then(|source| source.get(key)?.as_str());
    let folder = (of_source("type") == Some("directory"))
        .then(|| of_source("url").unwrap_or_default().to_owned());
    let wishes = package.get("dependencies").and_then(Value::as_table);
    Entry {
        name: name.to_owned(),
        identity: format!(
            "{} {} {}",
            field("version").unwrap_or_default(),
            source.map(ToString::to_string).unwrap_or_default(),
            files.map(ToString::to_string).unwrap_or_default()
        ),
        folder,
        needs: wishes
            .into_iter()
            .flat_map(toml::map::Map::keys)
            .cloned()
            .collect(),
    }
}
