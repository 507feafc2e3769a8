//! `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3. Source: "package-lock.json" of the npm docs.

use serde_json::Value;

use super::{Format, Lock, Member, Package, pairs};
use crate::facts::Broken;

pub(super) struct PackageLock;

const KINDS: &[&str] = &[
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
];
const MODULES: &str = "node_modules/";

impl Format for PackageLock {
    fn names(&self) -> &'static [&'static str] {
        &["package-lock.json", "npm-shrinkwrap.json"]
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let document: Value = serde_json::from_str(text).map_err(|error| Broken {
            line: u32::try_from(error.line()).ok(),
            message: error.to_string(),
        })?;
        match document.get("packages").and_then(Value::as_object) {
            Some(packages) => Ok(places(packages)),
            None => Ok(nested(&document)),
        }
    }
}

/// Versions 2 and 3: every package by the folder that it is installed in.
fn places(packages: &serde_json::Map<String, Value>) -> Lock {
    let mut lock = Lock::default();
    for (place, package) in packages {
        let is_member = !place.contains(MODULES);
        if let Some(target) = package
            .get("resolved")
            .and_then(Value::as_str)
            .filter(|_| package.get("link").is_some())
        {
            // A link to a member: it has no content of its own.
            let needs = vec![target.to_owned()];
            lock.packages.insert(
                place.clone(),
                Package {
                    identity: String::new(),
                    needs,
                },
            );
            continue;
        }
        let wishes = KINDS.iter().flat_map(|kind| pairs(package.get(*kind)));
        let needs = wishes
            .filter_map(|(name, _)| installed(place, name, |place| packages.contains_key(place)))
            .collect();
        let identity = if is_member {
            String::new()
        } else {
            identity(place, package)
        };
        if is_member {
            lock.members
                .insert(Member::Folder(place.clone()), place.clone());
        }
        lock.packages
            .insert(place.clone(), Package { identity, needs });
    }
    lock
}

fn identity(place: &str, package: &Value) -> String {
    let field = |name: &str| {
        package
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let name = place.rsplit_once(MODULES).map_or(place, |(_, name)| name);
    format!(
        "{name} {} {} {}",
        field("version"),
        field("resolved"),
        field("integrity")
    )
}

/// Node's way to find a package: here, then in each folder above.
fn installed(from: &str, name: &str, exists: impl Fn(&str) -> bool) -> Option<String> {
    let mut folder = from;
    loop {
        let place = if folder.is_empty() {
            format!("{MODULES}{name}")
        } else {
            format!("{folder}/{MODULES}{name}")
        };
        if exists(&place) {
            return Some(place);
        }
        folder = match folder.rsplit_once('/') {
            Some((above, _)) => above.trim_end_matches("/node_modules"),
            None if folder.is_empty() => return None,
            None => "",
        };
    }
}

/// Version 1: a tree of dependencies, and nothing about who asked for what at its top.
fn nested(document: &Value) -> Lock {
    let mut found: Vec<(String, &Value)> = Vec::new();
    let mut open = vec![(String::new(), document)];
    while let Some((place, node)) = open.pop() {
        let inside = node
            .get("dependencies")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        for (name, package) in inside {
            let place = format!(
                "{place}{}{MODULES}{name}",
                if place.is_empty() { "" } else { "/" }
            );
            found.push((place.clone(), package));
            open.push((place, package));
        }
    }
    let known: std::collections::BTreeSet<String> =
        found.iter().map(|(place, _)| place.clone()).collect();
    let mut lock = Lock::default();
    let top = known
        .iter()
        .filter(|place| place.matches(MODULES).count() == 1)
        .cloned()
        .collect();
    lock.packages.insert(
        String::new(),
        Package {
            identity: String::new(),
            needs: top,
        },
    );
    lock.members
        .insert(Member::Folder(String::new()), String::new());
    for (place, package) in found {
        let wishes = pairs(package.get("requires"));
        let needs = wishes
            .filter_map(|(name, _)| installed(&place, name, |place| known.contains(place)))
            .collect();
        let identity = identity(&place, package);
        lock.packages.insert(place, Package { identity, needs });
    }
    lock
}
