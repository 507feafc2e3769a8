//! `pnpm-workspace.yaml`: catalogs, and settings for all. Source: "Catalogs" and "Settings" of the pnpm
//! documentation. Members that come or go are differences of the graph.

use std::collections::BTreeSet;

use super::{Asking, Format, Lock, Scope, json, pairs, yaml};
use crate::facts::Broken;

pub(super) struct PnpmWorkspace;

impl Format for PnpmWorkspace {
    fn names(&self) -> &'static [&'static str] {
        &["pnpm-workspace.yaml"]
    }

    fn scope(&self) -> Scope {
        Scope::Asked
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let document = yaml(text)?;
        let mut lock = Lock::default();
        for (key, value) in document.as_object().into_iter().flatten() {
            match key.as_str() {
                "packages" => {}
                "catalog" => share(&mut lock, "default", Some(value)),
                "catalogs" => {
                    for (name, catalog) in value.as_object().into_iter().flatten() {
                        share(&mut lock, name, Some(catalog));
                    }
                }
                _ => lock.share_with_all(key, &value.to_string()),
            }
        }
        Ok(lock)
    }

    fn asking(&self) -> Option<&'static Asking> {
        const ASKING: Asking = Asking {
            is_manifest: |name| name == b"package.json",
            inherited: false,
            levels: 0,
            read: wishes,
        };
        Some(&ASKING)
    }
}

fn share(lock: &mut Lock, catalog: &str, entries: Option<&serde_json::Value>) {
    for (package, range) in pairs(entries) {
        lock.share(format!("{package}@catalog:{catalog}"), range);
    }
}

fn wishes(manifest: &str) -> BTreeSet<String> {
    const KINDS: &[&str] = &[
        "dependencies",
        "devDependencies",
        "optionalDependencies",
        "peerDependencies",
    ];
    let manifest = json(manifest).unwrap_or_default();
    let wishes = KINDS.iter().flat_map(|kind| pairs(manifest.get(*kind)));
    let of_catalogs = wishes.filter_map(|(package, range)| {
        let catalog = range.strip_prefix("catalog:")?;
        let catalog = if catalog.is_empty() {
            "default"
        } else {
            catalog
        };
        Some(format!("{package}@catalog:{catalog}"))
    });
    of_catalogs.collect()
}
