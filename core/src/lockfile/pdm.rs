//! `pdm.lock`, versions 2 to 4. Source: `pdm.models.repositories.lock` of PDM.

use toml::Value;

use super::python::{Entry, environment, required};
use super::{Format, Lock, Scope, toml_table};
use crate::facts::Broken;

pub(super) struct PdmLock;

impl Format for PdmLock {
    fn names(&self) -> &'static [&'static str] {
        &["pdm.lock"]
    }

    fn scope(&self) -> Scope {
        Scope::Environment
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let table = toml_table(text)?;
        let version = table
            .get("metadata")
            .and_then(|metadata| metadata.get("lock_version")?.as_str());
        if let Some(version) = version
            && !matches!(version.split('.').next(), Some("2" | "3" | "4"))
        {
            return Err(super::unknown_version(version));
        }
        let packages = table.get("package").and_then(Value::as_array);
        Ok(environment(
            packages.into_iter().flatten().map(entry).collect(),
        ))
    }
}

/// A package stands there once for every set of extras.
fn entry(package: &Value) -> Entry {
    let field = |name: &str| {
        package
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let path = field("path");
    let is_archive = path.ends_with(".whl") || path.ends_with(".gz") || path.ends_with(".zip");
    let wishes = package.get("dependencies").and_then(Value::as_array);
    // A group says who asked, a marker where it counts; everything else is its content.
    let content = package.as_table().into_iter().flatten();
    let content = content.filter(|(key, _)| !matches!(key.as_str(), "dependencies" | "groups"));
    let content: Vec<String> = content
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    Entry {
        name: field("name").to_owned(),
        identity: content.join(" "),
        folder: (!path.is_empty() && !is_archive).then(|| path.to_owned()),
        needs: wishes
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(required)
            .collect(),
    }
}
