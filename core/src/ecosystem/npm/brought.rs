//! Members of a workspace that packages of registries bring: where a member has the name and the version that such a package asks
//! for, package managers take the member. Only lockfiles tell. Sources: "Workspaces" and "package-lock.json" of the npm docs,
//! "Workspaces" of Yarn, "overrides" of pnpm.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use affected_graph::{DependencyKind, Evidence, RepoPath};
use serde::{Deserialize, Serialize};

use super::manifest::Manifest;
use super::{Packages, Workspaces};
use crate::ecosystem::{Link, Reference, Scan};
use crate::facts::{AnyParser, Broken, Parser};
use crate::lockfile::{self, Lock, Member};

/// What a lockfile says, by the folder of a member, or by `name@range` where the file does not tell who asks; folders, or names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Brought(BTreeMap<String, BTreeSet<String>>);

const PACKAGE_LOCK: Parser<Brought> =
    parser("npm/brought", |bytes| read(b"package-lock.json", bytes));
const YARN: Parser<Brought> = parser("npm/brought-yarn", |bytes| read(b"yarn.lock", bytes));
const PNPM: Parser<Brought> = parser("npm/brought-pnpm", |bytes| read(b"pnpm-lock.yaml", bytes));
const BUN: Parser<Brought> = parser("npm/brought-bun", |bytes| read(b"bun.lock", bytes));

const LOCKFILES: &[(&str, &Parser<Brought>)] = &[
    ("package-lock.json", &PACKAGE_LOCK),
    ("npm-shrinkwrap.json", &PACKAGE_LOCK),
    ("yarn.lock", &YARN),
    ("pnpm-lock.yaml", &PNPM),
    ("bun.lock", &BUN),
];

/// The parsers of this file.
pub(super) const PARSERS: [&dyn AnyParser; 4] = [&PACKAGE_LOCK, &YARN, &PNPM, &BUN];

const fn parser(id: &'static str, parse: fn(&[u8]) -> Result<Brought, Broken>) -> Parser<Brought> {
    Parser {
        id,
        version: 1,
        parse,
    }
}

fn read(name: &[u8], bytes: &[u8]) -> Result<Brought, Broken> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Broken::at(bytes, Some(error.valid_up_to()), "not valid UTF-8"))?;
    let Some(format) = lockfile::format_of(name) else {
        return Ok(Brought::default());
    };
    let mut lock = format.parse(text)?;
    let mut found = BTreeMap::new();
    for member in lock.members.keys() {
        if let Member::Folder(folder) = member {
            add(&mut found, folder, &lock, member);
        }
    }
    if !lock.provided.is_empty() {
        let requests: Vec<String> = lock.requested.keys().cloned().collect();
        for request in requests {
            lock.add_member(&request, &BTreeSet::from([request.clone()]));
            add(
                &mut found,
                &request,
                &lock,
                &Member::Folder(request.clone()),
            );
        }
    }
    Ok(Brought(found))
}

fn add(found: &mut BTreeMap<String, BTreeSet<String>>, who: &str, lock: &Lock, member: &Member) {
    let brought = lock.brought(member).into_iter().map(|member| match member {
        Member::Folder(name) | Member::Named(name) => name.clone(),
    });
    let brought: BTreeSet<String> = brought.collect();
    if !brought.is_empty() {
        found.insert(who.to_owned(), brought);
    }
}

/// Links the members of each workspace with those that packages of registries bring them.
pub(super) fn links(
    scan: &Scan<'_>,
    packages: &Packages,
    workspaces: &Workspaces,
    links: &mut Vec<Link>,
) {
    for root in workspaces.roots() {
        for (name, parser) in LOCKFILES {
            let lockfile = root.join(name).ok();
            let Some(lockfile) = lockfile.filter(|path| scan.files().is_file(path)) else {
                continue;
            };
            // A broken one counts as changed for everybody below it, which is told elsewhere.
            let Ok(brought) = scan.parse(&lockfile, parser) else {
                continue;
            };
            if !brought.0.is_empty() {
                Asked {
                    root,
                    lockfile,
                    packages,
                    workspaces,
                }
                .links(&brought, links);
            }
        }
    }
}

/// One lockfile, and who has it.
struct Asked<'a> {
    root: &'a RepoPath,
    lockfile: RepoPath,
    packages: &'a Packages,
    workspaces: &'a Workspaces,
}

impl Asked<'_> {
    fn links(&self, brought: &Brought, links: &mut Vec<Link>) {
        let members = self.packages.iter();
        let members =
            members.filter(|(folder, _)| self.workspaces.root_of(folder) == Some(self.root));
        for (folder, manifest) in members {
            for to in self.of(folder, manifest, brought) {
                if to == *folder {
                    continue;
                }
                links.push(Link {
                    from: folder.clone(),
                    to: Reference::Path(to),
                    // Imports name the package in between, so nobody can follow them to the member.
                    kind: DependencyKind::Build,
                    evidence: Evidence {
                        file: self.lockfile.clone(),
                        line: None,
                        detail: "a package that it needs asks for it".to_owned(),
                    },
                });
            }
        }
    }

    /// Folders of members that are brought to one.
    fn of(
        &self,
        folder: &RepoPath,
        manifest: &Arc<Manifest>,
        brought: &Brought,
    ) -> BTreeSet<RepoPath> {
        let inside = folder.relative_to(self.root).unwrap_or_default();
        let own = brought.0.get(&*String::from_utf8_lossy(inside));
        let by_folder = own.into_iter().flatten();
        let by_folder = by_folder.filter_map(|name| self.root.join(name).ok());
        let asked = manifest.dependencies.iter();
        let asked =
            asked.filter_map(|(name, wanted)| brought.0.get(&format!("{name}@{}", wanted.range)));
        let by_name = asked
            .flatten()
            .filter_map(|name| self.workspaces.named(self.root, name).cloned());
        let all = by_folder.chain(by_name);
        all.filter(|to| self.packages.contains_key(to)).collect()
    }
}
