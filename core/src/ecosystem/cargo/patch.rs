//! Packages of the repository that take the place of packages of a registry: `[patch]` with a path. Whoever needs such a
//! package anywhere below is built with it, as the lockfile says. Source: "Overriding Dependencies" of the Cargo book.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{DependencyKind, Evidence, RepoPath};

use super::{Crates, manifest_path};
use crate::ecosystem::{Link, Reference, Scan};
use crate::lockfile::{self, Lock, Member};

/// Links members of a workspace with the patched packages that packages of others bring them. What a member asks for itself
/// is linked already.
pub(super) fn links(scan: &Scan<'_>, crates: &Crates, links: &mut Vec<Link>) {
    for (root, manifest) in &crates.manifests {
        let patched = manifest.patches.iter();
        let patched: BTreeMap<&str, RepoPath> = patched
            .filter_map(|(package, path)| Some((package.as_str(), root.join(path).ok()?)))
            .filter(|(_, folder)| crates.manifests.contains_key(folder))
            .collect();
        if patched.is_empty() {
            continue;
        }
        let Some(lock) = lock(scan, root) else {
            continue;
        };
        for (member, of) in &crates.workspace_of {
            let name = crates.manifests[member].name.as_deref();
            let Some(name) = name.filter(|_| of == root) else {
                continue;
            };
            let brought = brought(&lock, name);
            for (package, folder) in &patched {
                if folder != member && brought.contains(*package) {
                    links.push(link(root, member, folder, package));
                }
            }
        }
    }
}

fn link(root: &RepoPath, member: &RepoPath, folder: &RepoPath, package: &str) -> Link {
    Link {
        from: member.clone(),
        to: Reference::Path(folder.clone()),
        kind: DependencyKind::Link,
        evidence: Evidence {
            file: manifest_path(root),
            line: None,
            detail: format!("`[patch]` of `{package}`"),
        },
    }
}

/// The lockfile beside a manifest; without one nobody can tell what is brought.
fn lock(scan: &Scan<'_>, root: &RepoPath) -> Option<Lock> {
    let path = root.join("Cargo.lock").ok()?;
    let bytes = scan.read(&path).ok()?;
    let format = lockfile::format_of(path.file_name())?;
    format.parse(std::str::from_utf8(&bytes).ok()?).ok()
}

/// Names of packages of the repository that packages of others bring to a member.
fn brought<'l>(lock: &'l Lock, member: &str) -> BTreeSet<&'l str> {
    let own = lock.members.iter().filter_map(|(member, id)| match member {
        Member::Named(name) => Some((id.as_str(), name.as_str())),
        Member::Folder(_) => None,
    });
    let own: BTreeMap<&str, &str> = own.collect();
    let needs = |id: &str| lock.packages.get(id).into_iter().flat_map(|it| &it.needs);
    let start = lock.members.get(&Member::Named(member.to_owned()));
    let first = start.into_iter().flat_map(|start| needs(start));
    let mut open: Vec<&str> = first.map(String::as_str).collect();
    open.retain(|id| !own.contains_key(id));
    let mut seen: BTreeSet<&str> = open.iter().copied().collect();
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        for need in needs(id) {
            match own.get(need.as_str()) {
                Some(name) => {
                    found.insert(*name);
                }
                None if seen.insert(need) => open.push(need),
                None => {}
            }
        }
    }
    found
}
