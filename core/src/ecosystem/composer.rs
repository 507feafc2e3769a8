//! PHP: Composer packages, and those of this repository that they require in any way: over a path repository, or by plain name.
//!
//! Source: "The composer.json schema" and "Repositories" (path) of the Composer documentation.

use std::collections::BTreeMap;
use std::sync::Arc;

use affected_graph::{
    Command, DependencyKind, EcosystemId, Evidence, Ownership, ProjectKind, RepoPath, Stage, Task,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Discovery, Ecosystem, FileName, FoundProject, Link, Reference, Scan, SharedFile, SharedRole,
    Standing, Symbol, is_material, line_of,
};
use crate::facts::{AnyParser, Broken, Parser};

/// Composer.
pub struct Composer;

const ID: EcosystemId = EcosystemId("composer");
const MANIFEST: Parser<Manifest> = Parser {
    id: "composer/manifest",
    version: 1,
    parse,
};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    name: Option<String>,
    is_project: bool,
    has_test_script: bool,
    /// Name, whether for development, line.
    requires: Vec<(String, bool, Option<u32>)>,
    /// Names that it stands in for.
    replaces: Vec<String>,
}

impl Ecosystem for Composer {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[FileName::Is("composer.json")]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&MANIFEST]
    }

    fn programs(&self) -> &'static [&'static str] {
        &["php", "composer"]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let paths = scan
            .candidates
            .iter()
            .filter(|path| !is_material(path))
            .cloned()
            .collect();
        let mut found: BTreeMap<RepoPath, Arc<Manifest>> = BTreeMap::new();
        for (path, parsed) in scan.parse_all(paths, &MANIFEST) {
            let manifest = parsed.unwrap_or_else(|fault| {
                discovery.faults.push(fault);
                Arc::default()
            });
            found.insert(path.parent().unwrap_or_default(), manifest);
        }
        // Every package of the repository can be meant: a monorepo that splits its packages for publishing requires
        // them by plain name, and develops them together.
        let mut by_name: BTreeMap<&str, Vec<&RepoPath>> = BTreeMap::new();
        for (folder, manifest) in &found {
            let own = manifest.name.as_deref().filter(|_| !folder.is_root());
            for name in own
                .into_iter()
                .chain(manifest.replaces.iter().map(String::as_str))
            {
                by_name.entry(name).or_default().push(folder);
            }
        }
        for (folder, manifest) in &found {
            discovery
                .projects
                .push(project(scan, folder, manifest, found.len() > 1));
            for (name, development, line) in &manifest.requires {
                let known = by_name.get(name.as_str()).into_iter().flatten();
                // A root that only stands in for its parts is not what they need of each other.
                for to in known.filter(|to| **to != folder && !to.is_root()) {
                    let kind = if *development {
                        DependencyKind::Test
                    } else {
                        DependencyKind::Link
                    };
                    let file = folder.join("composer.json").unwrap_or_default();
                    let evidence = Evidence {
                        file,
                        line: *line,
                        detail: format!("requires {name}"),
                    };
                    let (from, to) = (folder.clone(), Reference::Path((*to).clone()));
                    discovery.links.push(Link {
                        from,
                        to,
                        kind,
                        evidence,
                    });
                }
            }
        }
        discovery
    }

    fn shared_files(&self) -> &'static [SharedFile] {
        const fn shared(rule: &'static str, name: &'static str, role: SharedRole) -> SharedFile {
            SharedFile {
                rule,
                name: FileName::Is(name),
                role,
            }
        }
        const SHARED: &[SharedFile] = &[
            shared("composer lockfile", "composer.lock", SharedRole::Lockfile),
            shared("phpunit settings", "phpunit.xml", SharedRole::Settings),
            shared("phpunit settings", "phpunit.xml.dist", SharedRole::Settings),
            shared("phpstan settings", "phpstan.neon", SharedRole::Settings),
        ];
        SHARED
    }
}

fn project(
    scan: &Scan<'_>,
    folder: &RepoPath,
    manifest: &Manifest,
    has_others: bool,
) -> FoundProject {
    let fallback = || String::from_utf8_lossy(folder.file_name()).into_owned();
    let name = manifest.name.clone().unwrap_or_else(fallback);
    let has = |inside: &str| {
        folder
            .join(inside)
            .is_ok_and(|path| scan.files().is_file(&path))
    };
    let command: &[&str] = if manifest.has_test_script {
        &["composer", "test"]
    } else {
        &["vendor/bin/phpunit"]
    };
    let test = Task {
        name: "test".to_owned(),
        stage: Some(Stage::new("unit")),
        command: Command::Argv(command.iter().map(ToString::to_string).collect()),
        cwd: folder.clone(),
        env: BTreeMap::new(),
        timeout: None,
        script: None,
        inferred_by: Some(ID),
        needs: affected_graph::Needs::default(),
        origin: "composer.json".to_owned(),
    };
    let tested = manifest.has_test_script || has("phpunit.xml") || has("phpunit.xml.dist");
    let is_parent = folder.is_root() && has_others;
    FoundProject {
        root: folder.clone(),
        kind: if manifest.is_project || has("artisan") || has("bin/console") {
            ProjectKind::Service
        } else {
            ProjectKind::Library
        },
        standing: Standing::Manifest,
        manifest: folder.join("composer.json").unwrap_or_default(),
        ownership: if is_parent {
            Ownership::Only(
                ["composer.json", "src/**", "tests/**"]
                    .map(ToOwned::to_owned)
                    .to_vec(),
            )
        } else {
            Ownership::Tree
        },
        tasks: if tested { vec![test] } else { Vec::new() },
        provides: vec![Symbol {
            space: "composer",
            name: name.clone(),
        }],
        name,
    }
}

fn parse(bytes: &[u8]) -> Result<Manifest, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let document: Value = serde_json::from_str(&text).map_err(|error| Broken {
        line: u32::try_from(error.line()).ok(),
        message: error.to_string(),
    })?;
    let keys = |name: &str| {
        document
            .get(name)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(key, _)| key.clone())
    };
    let requires = |name: &str, development: bool| {
        keys(name)
            .map(|key| {
                (
                    key.clone(),
                    development,
                    line_of(&text, &format!("\"{key}\"")),
                )
            })
            .collect::<Vec<_>>()
    };
    Ok(Manifest {
        name: document
            .get("name")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned),
        is_project: document.get("type").and_then(Value::as_str) == Some("project"),
        has_test_script: document.pointer("/scripts/test").is_some(),
        requires: [requires("require", false), requires("require-dev", true)].concat(),
        replaces: keys("replace").collect(),
    })
}
