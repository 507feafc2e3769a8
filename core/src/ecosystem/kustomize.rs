//! Kustomize: which files above a service its manifests are made of.
//!
//! Source: "The Kustomization File" of the Kustomize documentation.

use std::collections::BTreeSet;

use affected_graph::{DependencyKind, EcosystemId, Evidence, RepoPath};
use serde_json::Value;

use super::{Discovery, Ecosystem, FileName, Link, Reference, Scan, is_material};
use crate::facts::{AnyParser, Broken, Parser};

/// Kustomize.
pub struct Kustomize;

const ID: EcosystemId = EcosystemId("kustomize");
const NAMES: &[&str] = &["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// A chain of more folders than any real one ends the search.
const FOLDERS: usize = 1024;
const KUSTOMIZATION: Parser<Vec<String>> = Parser {
    id: "kustomize/kustomization",
    version: 1,
    parse,
};

impl Ecosystem for Kustomize {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[
            FileName::Is("kustomization.yaml"),
            FileName::Is("kustomization.yml"),
            FileName::Is("Kustomization"),
        ]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&KUSTOMIZATION]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        for path in scan.candidates.iter().filter(|path| !is_material(path)) {
            if let Err(fault) = scan.parse(path, &KUSTOMIZATION) {
                discovery.faults.push(fault);
                continue;
            }
            let folder = path.parent().unwrap_or_default();
            for (file, through) in closure(scan, &folder) {
                if file.is_within(&folder) {
                    continue;
                }
                let detail = format!("kustomize reads {file}");
                let evidence = Evidence {
                    file: through,
                    line: None,
                    detail,
                };
                let (from, to) = (folder.clone(), Reference::Path(file));
                discovery.links.push(Link {
                    from,
                    to,
                    kind: DependencyKind::Build,
                    evidence,
                });
            }
        }
        discovery
    }
}

/// Every file that a kustomization is made of, directly or through others, and which one names it.
pub(super) fn closure(scan: &Scan<'_>, folder: &RepoPath) -> BTreeSet<(RepoPath, RepoPath)> {
    let files = scan.files();
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::from([folder.clone()]);
    let mut open = vec![folder.clone()];
    while let Some(folder) = open.pop() {
        let names = NAMES.iter().filter_map(|name| folder.join(name).ok());
        let Some(path) = names.into_iter().find(|path| files.is_file(path)) else {
            continue;
        };
        found.insert((path.clone(), path.clone()));
        let Ok(words) = scan.parse(&path, &KUSTOMIZATION) else {
            continue;
        };
        for to in words.iter().filter_map(|word| folder.join(word).ok()) {
            if files.is_file(&to) {
                found.insert((to, path.clone()));
            } else if files.is_folder(&to) && seen.len() < FOLDERS && seen.insert(to.clone()) {
                open.push(to);
            }
        }
    }
    found
}

/// All words that may be paths: which fields hold one differs by version, and what is no file is dropped later.
fn parse(bytes: &[u8]) -> Result<Vec<String>, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let document: Value = super::yaml(&text)?;
    let mut words = BTreeSet::new();
    super::words_of(&document, &mut |word| {
        // `files: [name=path]`
        let path = word.rsplit_once('=').map_or(word, |(_, path)| path);
        let is_path = !path.is_empty() && !path.contains(['\n', ':', ' ']) && path != ".";
        if is_path {
            words.insert(path.to_owned());
        }
    });
    Ok(words.into_iter().collect())
}
