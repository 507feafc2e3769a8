//! `uv.lock`. Source: "Lockfile" of the uv documentation ("Resolution", "Workspaces").

use std::collections::BTreeMap;

use toml::Value;

use super::{Format, Lock, Member, Package, toml_table};
use crate::facts::Broken;

pub(super) struct UvLock;

impl Format for UvLock {
    fn names(&self) -> &'static [&'static str] {
        &["uv.lock"]
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let table = toml_table(text)?;
        let packages = table
            .get("package")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let mut lock = Lock::default();
        let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for package in &packages {
            by_name
                .entry(field(package, "name").to_owned())
                .or_default()
                .push(id_of(package));
        }
        for package in &packages {
            let mut needs = Vec::new();
            collect(package.get("dependencies"), &by_name, &mut needs);
            for groups in ["optional-dependencies", "dev-dependencies"] {
                for (_, list) in package
                    .get(groups)
                    .and_then(Value::as_table)
                    .into_iter()
                    .flatten()
                {
                    collect(Some(list), &by_name, &mut needs);
                }
            }
            let id = id_of(package);
            let folder = ["editable", "virtual", "directory"]
                .iter()
                .find_map(|kind| package.get("source")?.get(*kind)?.as_str());
            if let Some(folder) = folder {
                let folder = if folder == "." { "" } else { folder };
                lock.members
                    .insert(Member::Folder(folder.to_owned()), id.clone());
            }
            let hash = package
                .get("sdist")
                .map(|sdist| field(sdist, "hash"))
                .unwrap_or_default();
            let identity = if folder.is_some() {
                String::new()
            } else {
                format!("{id} {hash}")
            };
            lock.packages.insert(id, Package { identity, needs });
        }
        Ok(lock)
    }
}

fn field<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn id_of(package: &Value) -> String {
    let source = package
        .get("source")
        .map(ToString::to_string)
        .unwrap_or_default();
    format!(
        "{} {} {source}",
        field(package, "name"),
        field(package, "version")
    )
}

/// A wish names a version only where the lockfile holds several.
fn collect(list: Option<&Value>, by_name: &BTreeMap<String, Vec<String>>, needs: &mut Vec<String>) {
    for wish in list.and_then(Value::as_array).into_iter().flatten() {
        let known = by_name.get(field(wish, "name")).into_iter().flatten();
        let version = field(wish, "version");
        let start = format!("{} {version} ", field(wish, "name"));
        needs.extend(
            known
                .filter(|id| version.is_empty() || id.starts_with(&start))
                .cloned(),
        );
    }
}
