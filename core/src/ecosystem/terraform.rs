//! Terraform and OpenTofu: folders of configuration, the modules they use by path, and the files they read.
//!
//! Source: "Module Sources" and "Filesystem and Workspace Info" of the Terraform language documentation.

use std::collections::BTreeMap;

use affected_graph::{
    Command, DependencyKind, EcosystemId, Evidence, Ownership, ProjectKind, RepoPath, Task,
};

use super::{
    Discovery, Ecosystem, FileName, FoundProject, Link, Reference, Scan, SharedFile, SharedRole,
    Standing, is_material,
};
use crate::facts::{AnyParser, Broken, Parser};

/// Terraform.
pub struct Terraform;

const ID: EcosystemId = EcosystemId("terraform");
/// Relative paths in strings, with their line.
const PATHS: Parser<Vec<(String, u32)>> = Parser {
    id: "terraform/paths",
    version: 1,
    parse,
};

impl Ecosystem for Terraform {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[FileName::EndsWith(".tf"), FileName::EndsWith(".tofu")]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&PATHS]
    }

    fn programs(&self) -> &'static [&'static str] {
        &["terraform"]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let mut folders: BTreeMap<RepoPath, RepoPath> = BTreeMap::new();
        let paths = scan
            .candidates
            .iter()
            .filter(|path| !is_material(path))
            .cloned()
            .collect();
        for (path, parsed) in scan.parse_all(paths, &PATHS) {
            let folder = path.parent().unwrap_or_default();
            if let Ok(words) = parsed {
                links(scan, &folder, &path, &words, &mut discovery.links);
            }
            folders.entry(folder).or_insert(path);
        }
        let known: Vec<RepoPath> = folders.keys().cloned().collect();
        for (folder, manifest) in folders {
            // A folder in the folder of another configuration is a module of its own all the same.
            if !folder.is_root() || known.len() == 1 {
                discovery.projects.push(project(folder, manifest));
            }
        }
        discovery
    }

    fn shared_files(&self) -> &'static [SharedFile] {
        &[SharedFile {
            rule: "terraform provider lockfile",
            name: FileName::Is(".terraform.lock.hcl"),
            role: SharedRole::Lockfile,
        }]
    }
}

fn project(folder: RepoPath, manifest: RepoPath) -> FoundProject {
    let name = String::from_utf8_lossy(folder.file_name()).into_owned();
    let task = Task {
        name: "lint".to_owned(),
        stage: None,
        command: Command::Argv(["terraform", "validate"].map(ToOwned::to_owned).to_vec()),
        cwd: folder.clone(),
        env: BTreeMap::new(),
        timeout: None,
        script: None,
        inferred_by: Some(ID),
        needs: affected_graph::Needs::default(),
        origin: "*.tf".to_owned(),
    };
    FoundProject {
        root: folder,
        name,
        kind: ProjectKind::Infra,
        // Infrastructure of a service that lies in the service's own folder is a part of it.
        standing: Standing::Marker,
        manifest,
        ownership: Ownership::Tree,
        tasks: vec![task],
        provides: Vec::new(),
    }
}

fn links(
    scan: &Scan<'_>,
    folder: &RepoPath,
    path: &RepoPath,
    words: &[(String, u32)],
    links: &mut Vec<Link>,
) {
    for (word, line) in words {
        let Ok(to) = folder.join(word) else { continue };
        let exists = scan.files().is_file(&to) || scan.files().is_folder(&to);
        if exists && to != *folder && !folder.is_within(&to) {
            let evidence = Evidence {
                file: path.clone(),
                line: Some(*line),
                detail: format!("uses {word}"),
            };
            let (from, to) = (folder.clone(), Reference::Path(to));
            links.push(Link {
                from,
                to,
                kind: DependencyKind::Link,
                evidence,
            });
        }
    }
}

/// Strings that start with `./`, `../` or `${path.module}/`: what is no file or folder is dropped by the caller.
fn parse(bytes: &[u8]) -> Result<Vec<(String, u32)>, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let code = line.trim_start();
        if code.starts_with('#') || code.starts_with("//") {
            continue;
        }
        for word in line.split('"').skip(1).step_by(2) {
            let word = word
                .strip_prefix("${path.module}/")
                .or_else(|| (word.starts_with("./") || word.starts_with("../")).then_some(word));
            // `//` divides a module's source from a folder inside of it.
            if let Some(word) = word.filter(|word| !word.contains("${")) {
                found.push((word.replace("//", "/"), number));
            }
        }
    }
    Ok(found)
}
