//! `composer.lock`. Source: `Composer\Package\Locker`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Format, Lock, Member, Package, Scope, json};
use crate::facts::Broken;

pub(super) struct ComposerLock;

impl Format for ComposerLock {
    fn names(&self) -> &'static [&'static str] {
        &["composer.lock"]
    }

    fn scope(&self) -> Scope {
        Scope::Environment
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let document = json(text)?;
        let packages: Vec<&Value> = ["packages", "packages-dev"]
            .iter()
            .filter_map(|key| document.get(*key)?.as_array())
            .flatten()
            .collect();
        if document.get("packages").is_none() {
            return Err(super::complaint("it has no `packages`"));
        }
        let mut providers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for package in &packages {
            let names = ["provide", "replace"].map(|key| package.get(key)?.as_object());
            let names = names.into_iter().flatten().flat_map(|names| names.keys());
            for name in names.map(String::as_str).chain([name(package)]) {
                let known = providers.entry(name.to_lowercase()).or_default();
                known.push(name_id(package));
            }
        }
        let mut lock = Lock::default();
        for package in packages {
            let wishes = package.get("require").and_then(Value::as_object);
            let wishes = wishes.into_iter().flat_map(|wishes| wishes.keys());
            let needs = wishes
                .filter_map(|name| providers.get(&name.to_lowercase()))
                .flatten()
                .cloned()
                .collect();
            let id = name_id(package);
            let identity = match folder(package) {
                Some(folder) => {
                    lock.members.insert(Member::folder(folder), id.clone());
                    String::new()
                }
                None => content(package),
            };
            lock.packages.insert(id, Package { identity, needs });
        }
        lock.give_all("");
        Ok(lock)
    }
}

fn name(package: &Value) -> &str {
    package
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn name_id(package: &Value) -> String {
    name(package).to_lowercase()
}

/// Where a package of the repository itself lies.
fn folder(package: &Value) -> Option<&str> {
    let dist = package.get("dist")?;
    (dist.get("type")?.as_str()? == "path").then(|| dist.get("url")?.as_str())?
}

/// What is installed: not when it was released, nor who wrote it.
fn content(package: &Value) -> String {
    const OF_CONTENT: &[&str] = &["name", "version", "source", "dist", "autoload", "extra"];
    let fields = OF_CONTENT.iter().filter_map(|key| package.get(*key));
    fields.map(ToString::to_string).collect()
}
