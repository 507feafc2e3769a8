//! `pnpm-lock.yaml`, versions 5 to 9. Source: "lockfile" in the specifications of pnpm.

use affected_graph::RepoPath;
use serde_json::{Map, Value};

use super::{Format, Lock, Member, Package, yaml};
use crate::facts::Broken;

pub(super) struct PnpmLock;

const KINDS: &[&str] = &["dependencies", "devDependencies", "optionalDependencies"];

impl Format for PnpmLock {
    fn names(&self) -> &'static [&'static str] {
        &["pnpm-lock.yaml"]
    }

    fn parse(&self, text: &str) -> Result<Lock, Broken> {
        let document = yaml(text)?;
        let empty = Map::new();
        let table = |name: &str| {
            document
                .get(name)
                .and_then(Value::as_object)
                .unwrap_or(&empty)
        };
        let (packages, snapshots) = (table("packages"), table("snapshots"));
        // Since version 9 the graph stands in `snapshots`, and `packages` tells the content.
        let graph = if snapshots.is_empty() {
            packages
        } else {
            snapshots
        };
        let mut lock = Lock::default();
        for (key, package) in graph {
            let content = packages
                .get(key)
                .or_else(|| packages.get(without_peers(key)))
                .unwrap_or(package);
            let resolution = content
                .get("resolution")
                .map(Value::to_string)
                .unwrap_or_default();
            let needs = wishes(package)
                .filter_map(|(name, version)| {
                    // An override may give a member to all, written from the lockfile's folder.
                    let linked = version.strip_prefix("link:");
                    let linked = linked.map(|folder| format!("member:{}", cleaned(folder)));
                    linked.or_else(|| find(name, version, graph))
                })
                .collect();
            let identity = format!("{key} {resolution}");
            lock.packages
                .insert(key.clone(), Package { identity, needs });
        }
        let importers = document.get("importers").and_then(Value::as_object);
        match importers {
            Some(importers) => importers
                .iter()
                .for_each(|(folder, importer)| member(&mut lock, folder, importer, graph)),
            None => member(&mut lock, ".", &document, graph),
        }
        Ok(lock)
    }
}

fn member(lock: &mut Lock, folder: &str, importer: &Value, graph: &Map<String, Value>) {
    let folder = if folder == "." { "" } else { folder };
    let mut needs = Vec::new();
    for (name, version) in wishes(importer) {
        if let Some(linked) = version.strip_prefix("link:") {
            let to = RepoPath::new(folder).and_then(|folder| folder.join(linked));
            let to = to.map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
            needs.extend(to.map(|to| format!("member:{to}")));
        } else if let Some(id) = find(name, version, graph) {
            needs.push(id);
        } else {
            // Not described further: what is asked for is all that is known.
            let id = format!("{name}@{version}");
            lock.packages.insert(
                id.clone(),
                Package {
                    identity: id.clone(),
                    needs: Vec::new(),
                },
            );
            needs.push(id);
        }
    }
    let id = format!("member:{folder}");
    lock.packages.insert(
        id.clone(),
        Package {
            identity: String::new(),
            needs,
        },
    );
    lock.members.insert(Member::Folder(folder.to_owned()), id);
}

/// Names and versions; versions before 6 are plain text, later ones stand beside their specifier.
fn wishes(value: &Value) -> impl Iterator<Item = (&str, &str)> {
    let tables = KINDS
        .iter()
        .filter_map(|kind| value.get(*kind)?.as_object());
    tables.flatten().filter_map(|(name, wish)| {
        let version = wish.as_str().or_else(|| wish.get("version")?.as_str())?;
        Some((name.as_str(), version))
    })
}

fn find(name: &str, version: &str, graph: &Map<String, Value>) -> Option<String> {
    let forms = [
        format!("{name}@{version}"),
        format!("/{name}@{version}"),
        format!("/{name}/{version}"),
        version.to_owned(),
        format!("/{version}"),
    ];
    forms.into_iter().find(|form| graph.contains_key(form))
}

/// `./packages/a` is `packages/a`.
fn cleaned(folder: &str) -> &str {
    let folder = folder.trim_start_matches("./").trim_end_matches('/');
    if folder == "." { "" } else { folder }
}

fn without_peers(key: &str) -> &str {
    key.find('(').map_or(key, |at| &key[..at])
}
