//! `bun.lock`. Source: "Lockfile" of the Bun documentation. The binary `bun.lockb` cannot be read.

use serde_json::{Map, Value};

use super::{Format, Lock, Member, Package, pairs};
use crate::facts::Broken;

pub(super) struct BunLock;

const KINDS: &[&str] = &[
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
];

impl Format for BunLock {
    fn names(&self) -> &'static [&'static str] {
        &["bun.lock"]
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        // The format is JSON with trailing commas, which is also YAML's flow form.
        let document: Value = super::yaml(text)?;
        let empty = Map::new();
        let packages = document
            .get("packages")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        let mut lock = Lock::default();
        for (key, package) in packages {
            lock.packages
                .insert(key.clone(), resolved(key, package, packages));
        }
        for (folder, member) in document
            .get("workspaces")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let name = member
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let needs = needs(name, Some(member), packages);
            let id = format!("member:{folder}");
            lock.packages.insert(
                id.clone(),
                Package {
                    identity: String::new(),
                    needs,
                },
            );
            lock.members.insert(Member::Folder(folder.clone()), id);
        }
        Ok(lock)
    }
}

/// `["name@version", registry, {dependencies}, checksum]`; of a member the first only.
fn resolved(key: &str, package: &Value, packages: &Map<String, Value>) -> Package {
    let resolved = package.get(0).and_then(Value::as_str).unwrap_or(key);
    if let Some((_, folder)) = resolved.split_once("@workspace:") {
        return Package {
            identity: String::new(),
            needs: vec![format!("member:{folder}")],
        };
    }
    let details = package
        .as_array()
        .into_iter()
        .flatten()
        .find(|part| part.is_object());
    let checksum = package
        .as_array()
        .and_then(|parts| parts.last()?.as_str())
        .unwrap_or_default();
    Package {
        identity: format!("{resolved} {checksum}"),
        needs: needs(key, details, packages),
    }
}

fn needs(from: &str, wishes: Option<&Value>, packages: &Map<String, Value>) -> Vec<String> {
    let wishes = KINDS
        .iter()
        .flat_map(|kind| pairs(wishes.and_then(|wishes| wishes.get(*kind))));
    wishes
        .filter_map(|(name, _)| find(from, name, packages))
        .collect()
}

/// A package of one dependent stands under that one's key, others under their name.
fn find(from: &str, name: &str, packages: &Map<String, Value>) -> Option<String> {
    let mut here = from;
    loop {
        let key = if here.is_empty() {
            name.to_owned()
        } else {
            format!("{here}/{name}")
        };
        if packages.contains_key(&key) {
            return Some(key);
        }
        if here.is_empty() {
            return None;
        }
        here = here.rsplit_once('/').map_or("", |(above, _)| above);
    }
}
