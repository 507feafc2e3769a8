//! `Directory.Packages.props`: versions for the `PackageReference`s of all projects below. Source: "Central Package
//! Management" of the NuGet documentation.

use std::collections::{BTreeMap, BTreeSet};

use super::{Asking, EVERYTHING, Format, Lock, Scope, complaint};
use crate::facts::Broken;

pub(super) struct CentralPackages;

impl Format for CentralPackages {
    fn names(&self) -> &'static [&'static str] {
        &["Directory.Packages.props"]
    }

    fn scope(&self) -> Scope {
        Scope::Asked
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let text = text.trim_start_matches('\u{feff}');
        let document = roxmltree::Document::parse(text)
            .map_err(|error| complaint(&format!("not valid XML: {error}")))?;
        let mut versions: BTreeMap<String, String> = BTreeMap::new();
        let mut rest = String::new();
        let mut properties: BTreeMap<&str, String> = BTreeMap::new();
        let mut is_transitive = false;
        for node in document.descendants().filter(roxmltree::Node::is_element) {
            let name = node.tag_name().name();
            let group = node.parent_element();
            let source = text.get(node.range()).unwrap_or_default();
            let condition = group.and_then(|group| group.attribute("Condition"));
            let value = format!("{} {source}", condition.unwrap_or_default());
            match (name, node.attribute("Include").or(node.attribute("Update"))) {
                ("PackageVersion", Some(packages)) => {
                    for package in packages.split(';').map(str::trim) {
                        let known = versions.entry(package.to_lowercase()).or_default();
                        known.push_str(&value);
                    }
                }
                _ if group.is_some_and(|group| group.tag_name().name() == "PropertyGroup") => {
                    is_transitive |= name == "CentralPackageTransitivePinningEnabled"
                        && node.text().is_some_and(|text| text.trim() == "true");
                    properties.entry(name).or_default().push_str(&value);
                }
                ("Project" | "PropertyGroup" | "ItemGroup", _) => {}
                _ => rest.push_str(&value),
            }
        }
        let mut lock = Lock::default();
        for value in versions.values_mut() {
            for (name, property) in &properties {
                if value.contains(&format!("$({name})")) {
                    value.push_str(property);
                }
            }
        }
        let in_versions = |name: &str| {
            let word = format!("$({name})");
            versions.values().any(|value| value.contains(&word))
        };
        for (name, value) in properties.iter().filter(|(name, _)| !in_versions(name)) {
            lock.share_with_all(name, value);
        }
        lock.share_with_all("items", &rest);
        for (package, value) in versions {
            if is_transitive {
                // A pinned version also holds for what other packages bring along.
                lock.share_with_all(&package, &value);
            } else {
                lock.share(package, &value);
            }
        }
        Ok(lock)
    }

    fn asking(&self) -> Option<&'static Asking> {
        const ASKING: Asking = Asking {
            is_manifest: |name| {
                name.ends_with(b"proj") || name.ends_with(b".props") || name.ends_with(b".targets")
            },
            inherited: true,
            levels: 0,
            read: references,
        };
        Some(&ASKING)
    }
}

fn references(project: &str) -> BTreeSet<String> {
    let text = project.trim_start_matches('\u{feff}');
    let Ok(document) = roxmltree::Document::parse(text) else {
        return BTreeSet::from([EVERYTHING.to_owned()]);
    };
    let nodes = document.descendants();
    // Old projects have a namespace.
    let references = nodes.filter(|node| node.tag_name().name() == "PackageReference");
    let names =
        references.filter_map(|node| node.attribute("Include").or(node.attribute("Update")));
    let each = names.flat_map(|names| names.split(';'));
    each.map(|name| name.trim().to_lowercase())
        .map(|name| {
            if name.contains(['$', '@', '*']) {
                EVERYTHING.to_owned()
            } else {
                name
            }
        })
        .collect()
}
