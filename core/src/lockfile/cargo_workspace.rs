//! A workspace's `Cargo.toml`: what members take from it. Source: "Workspaces" of the Cargo book. Members that come
//! or go, and path dependencies, are differences of the graph.

use std::collections::BTreeSet;

use toml::Value;

use super::{Asking, EVERYTHING, Format, Lock, Scope, toml_table};
use crate::facts::Broken;

pub(super) struct CargoWorkspace;

/// Tables of the root's own package.
const OWN: &[&str] = &[
    "package",
    "dependencies",
    "dev-dependencies",
    "build-dependencies",
    "target",
    "features",
    "lib",
    "bin",
    "example",
    "test",
    "bench",
    "badges",
    "lints",
];

const DEPENDENCIES: &[&str] = &[
    "dependencies",
    "dev-dependencies",
    "dev_dependencies",
    "build-dependencies",
    "build_dependencies",
];

impl Format for CargoWorkspace {
    fn names(&self) -> &'static [&'static str] {
        &["Cargo.toml"]
    }

    fn scope(&self) -> Scope {
        Scope::Readers
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let table = toml_table(text)?;
        let mut lock = Lock::default();
        for (key, value) in table.iter().filter(|(key, _)| !OWN.contains(&key.as_str())) {
            if key != "workspace" {
                lock.share_with_all(key, &value.to_string());
            }
        }
        let workspace = table.get("workspace").and_then(Value::as_table);
        for (key, value) in workspace.into_iter().flatten() {
            match key.as_str() {
                "dependencies" | "package" => {
                    for (name, value) in value.as_table().into_iter().flatten() {
                        lock.share(format!("{key} {name}"), &value.to_string());
                    }
                }
                "lints" => lock.share("lints".to_owned(), &value.to_string()),
                "members" | "default-members" | "exclude" | "metadata" => {}
                _ => lock.share_with_all(key, &value.to_string()),
            }
        }
        Ok(lock)
    }

    fn asking(&self) -> Option<&'static Asking> {
        const ASKING: Asking = Asking {
            is_manifest: |name| name == b"Cargo.toml",
            inherited: false,
            levels: 0,
            read: inherited,
        };
        Some(&ASKING)
    }
}

fn inherited(manifest: &str) -> BTreeSet<String> {
    let Ok(table) = toml_table(manifest) else {
        return BTreeSet::from([EVERYTHING.to_owned()]);
    };
    let mut wishes = BTreeSet::new();
    let targets = table.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flatten().map(|(_, target)| target);
    let whole = Value::Table(table.clone());
    for place in targets.chain([&whole]) {
        for list in DEPENDENCIES.iter().filter_map(|kind| place.get(*kind)) {
            wishes.extend(inheriting(list).map(|name| format!("dependencies {name}")));
        }
    }
    let package = table.get("package").into_iter().flat_map(inheriting);
    wishes.extend(package.map(|name| format!("package {name}")));
    if table.get("lints").is_some_and(inherits) {
        wishes.insert("lints".to_owned());
    }
    wishes
}

fn inheriting(list: &Value) -> impl Iterator<Item = &str> {
    let fields = list.as_table().into_iter().flatten();
    fields.filter_map(|(name, value)| inherits(value).then_some(name.as_str()))
}

fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}
