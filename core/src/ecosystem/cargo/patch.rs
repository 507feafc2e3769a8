//! Packages of the repository that take the place of packages of a registry: `[patch]` with a path. Whoever needs such a
//! package anywhere below is built with it, as the lockfile says. Source: "Overriding Dependencies" of the Cargo book.

use std::collections::BTreeMap;

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
            let brought = lock.brought(&Member::Named(name.to_owned()));
            for (package, folder) in &patched {
                let it = Member::Named((*package).to_owned());
                if folder != member && brought.contains(&it) {
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
