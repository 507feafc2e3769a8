//! `Cargo.lock`, versions 1 to 4. Source: `cargo::core::resolver::encode` describes the format.

use std::collections::BTreeMap;

use toml::Value;

use super::{Format, Lock, Member, Package, toml_table};
use crate::facts::Broken;

pub(super) struct CargoLock;

impl Format for CargoLock {
    fn names(&self) -> &'static [&'static str] {
        &["Cargo.lock"]
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let table = toml_table(text)?;
        let packages = table
            .get("package")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let field = |package: &Value, name: &str| {
            package
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let mut lock = Lock {
            through_members: true,
            ..Lock::default()
        };
        let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for package in &packages {
            let (name, source) = (field(package, "name"), field(package, "source"));
            let id = id_of(package);
            by_name.entry(name.clone()).or_default().push(id.clone());
            if source.is_empty() {
                lock.members.insert(Member::Named(name), id);
            }
        }
        for package in &packages {
            let needs = package
                .get("dependencies")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let needs = needs
                .filter_map(Value::as_str)
                .filter_map(|wish| resolve(wish, &by_name))
                .collect();
            let is_member = field(package, "source").is_empty();
            let identity = format!("{} {}", id_of(package), field(package, "checksum"));
            let identity = if is_member { String::new() } else { identity };
            lock.packages
                .insert(id_of(package), Package { identity, needs });
        }
        Ok(lock)
    }
}

/// `name version (source)`, as dependencies write it in full.
fn id_of(package: &Value) -> String {
    let field = |name: &str| {
        package
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    match field("source") {
        "" => format!("{} {}", field("name"), field("version")),
        source => format!("{} {} ({source})", field("name"), field("version")),
    }
}

/// A wish leaves out what is clear: the source, and the version if there is one only.
fn resolve(wish: &str, by_name: &BTreeMap<String, Vec<String>>) -> Option<String> {
    let name = wish.split(' ').next()?;
    let known = by_name.get(name)?;
    // With the next character, so that 1.0 is not taken for 1.0.1.
    let fits = |id: &&String| {
        **id == wish
            || id
                .strip_prefix(wish)
                .is_some_and(|rest| rest.starts_with(' '))
    };
    known.iter().find(fits).or_else(|| known.first()).cloned()
}
