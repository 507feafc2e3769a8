//! `libs.versions.toml` of Gradle: which build scripts name what changed. Source: "Version Catalogs" of the Gradle
//! user manual.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::{Asking, EVERYTHING, Format, Lock, Scope, toml_table};
use crate::facts::Broken;

pub(super) struct VersionCatalog;

impl Format for VersionCatalog {
    fn names(&self) -> &'static [&'static str] {
        &["libs.versions.toml"]
    }

    fn scope(&self) -> Scope {
        Scope::Asked
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let table = toml_table(text)?;
        let entries = |section: &str| table.get(section).and_then(Value::as_table).cloned();
        let versions = entries("versions").unwrap_or_default();
        let libraries = entries("libraries").unwrap_or_default();
        let mut lock = Lock::default();
        for (alias, version) in &versions {
            lock.share(accessor("versions.", alias), &version.to_string());
        }
        for (alias, library) in &libraries {
            lock.share(accessor("", alias), &resolved(library, &versions));
        }
        for (alias, plugin) in &entries("plugins").unwrap_or_default() {
            lock.share(accessor("plugins.", alias), &resolved(plugin, &versions));
        }
        for (alias, bundle) in &entries("bundles").unwrap_or_default() {
            let members = bundle.as_array().into_iter().flatten();
            let members = members.filter_map(|member| libraries.get(member.as_str()?));
            let members: Vec<String> = members.map(|one| resolved(one, &versions)).collect();
            lock.share(accessor("bundles.", alias), &members.join(" "));
        }
        const KNOWN: &[&str] = &["versions", "libraries", "plugins", "bundles"];
        for (section, value) in table
            .iter()
            .filter(|(key, _)| !KNOWN.contains(&key.as_str()))
        {
            lock.share_with_all(section, &value.to_string());
        }
        Ok(lock)
    }

    fn asking(&self) -> Option<&'static Asking> {
        const ENDS: &[&[u8]] = &[b".gradle", b".gradle.kts"];
        const ASKING: Asking = Asking {
            is_manifest: |name| ENDS.iter().any(|end| name.ends_with(end)),
            inherited: true,
            levels: 1,
            read: accessors,
        };
        Some(&ASKING)
    }
}

/// `spring-boot_web` is written `spring.boot.web` in scripts.
fn accessor(section: &str, alias: &str) -> String {
    format!("{section}{}", alias.replace(['-', '_'], "."))
}

/// A library or plugin with the version that it refers to.
fn resolved(entry: &Value, versions: &Table) -> String {
    let reference = entry.get("version").and_then(|version| version.get("ref"));
    let version = reference.and_then(|name| versions.get(name.as_str()?));
    format!(
        "{entry} {}",
        version.map(ToString::to_string).unwrap_or_default()
    )
}

/// Every chain of names without its first, which is the catalog's, and all beginnings of it.
fn accessors(script: &str) -> BTreeSet<String> {
    // Asked at run time by a text that may be computed, or by plugins that lie beside the script.
    const DYNAMIC: &[&str] = &[
        "VersionCatalog",
        "findLibrary",
        "findPlugin",
        "findBundle",
        "findVersion",
        "kotlin-dsl",
        "gradle-plugin",
    ];
    if DYNAMIC.iter().any(|word| script.contains(word)) {
        return BTreeSet::from([EVERYTHING.to_owned()]);
    }
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_');
    let chains = script.split(|letter: char| !is_part(letter));
    let mut found = BTreeSet::new();
    for (_, path) in chains.filter_map(|chain| chain.split_once('.')) {
        let ends = path.match_indices('.').map(|(at, _)| at);
        found.extend(ends.chain([path.len()]).map(|end| path[..end].to_owned()));
    }
    found
}
