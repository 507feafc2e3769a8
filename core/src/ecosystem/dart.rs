//! Dart and Flutter: pub packages, workspaces and path dependencies.
//!
//! Source: "The pubspec file", "Package dependencies" and "Pub workspaces" of the Dart documentation.

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

/// Dart and Flutter.
pub struct Dart;

const ID: EcosystemId = EcosystemId("dart");
const PUBSPEC: Parser<Pubspec> = Parser {
    id: "dart/pubspec",
    version: 1,
    parse,
};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Pubspec {
    name: Option<String>,
    members: Vec<String>,
    is_flutter: bool,
    has_executables: bool,
    uses: Vec<Use>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Use {
    name: String,
    path: Option<String>,
    development: bool,
    line: Option<u32>,
}

impl Ecosystem for Dart {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[FileName::Is("pubspec.yaml")]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&PUBSPEC]
    }

    fn programs(&self) -> &'static [&'static str] {
        &["dart", "flutter"]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let paths = scan
            .candidates
            .iter()
            .filter(|path| !is_material(path))
            .cloned()
            .collect();
        let mut found: BTreeMap<RepoPath, Arc<Pubspec>> = BTreeMap::new();
        for (path, parsed) in scan.parse_all(paths, &PUBSPEC) {
            let pubspec = parsed.unwrap_or_else(|fault| {
                discovery.faults.push(fault);
                Arc::default()
            });
            found.insert(path.parent().unwrap_or_default(), pubspec);
        }
        for (folder, pubspec) in &found {
            discovery.projects.push(project(scan, folder, pubspec));
            for wanted in &pubspec.uses {
                let to = match &wanted.path {
                    Some(path) => folder.join(path).ok(),
                    None => sibling(&found, folder, &wanted.name),
                };
                let Some(to) = to.filter(|to| to != folder) else {
                    continue;
                };
                let kind = if wanted.development {
                    DependencyKind::Test
                } else {
                    DependencyKind::Link
                };
                let (line, detail) = (wanted.line, format!("dependency `{}`", wanted.name));
                let evidence = Evidence {
                    file: folder.join("pubspec.yaml").unwrap_or_default(),
                    line,
                    detail,
                };
                let (from, to) = (folder.clone(), Reference::Path(to));
                discovery.links.push(Link {
                    from,
                    to,
                    kind,
                    evidence,
                });
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
            shared("pub lockfile", "pubspec.lock", SharedRole::Lockfile),
            shared(
                "dart analyzer settings",
                "analysis_options.yaml",
                SharedRole::Settings,
            ),
            shared("flutter version", ".fvmrc", SharedRole::Toolchain),
        ];
        SHARED
    }
}

/// Members of one workspace are resolved together, so a plain name means the member.
fn sibling(
    found: &BTreeMap<RepoPath, Arc<Pubspec>>,
    from: &RepoPath,
    name: &str,
) -> Option<RepoPath> {
    let members = |root: &RepoPath| {
        let listed = found
            .get(root)
            .into_iter()
            .flat_map(|pubspec| pubspec.members.clone());
        listed
            .filter_map(|member| root.join(member).ok())
            .collect::<Vec<_>>()
    };
    let root = from.ancestors().find(|root| members(root).contains(from))?;
    let named = |folder: &RepoPath| {
        found
            .get(folder)
            .is_some_and(|pubspec| pubspec.name.as_deref() == Some(name))
    };
    members(&root).into_iter().find(named)
}

fn project(scan: &Scan<'_>, folder: &RepoPath, pubspec: &Pubspec) -> FoundProject {
    let fallback = || String::from_utf8_lossy(folder.file_name()).into_owned();
    let name = pubspec.name.clone().unwrap_or_else(fallback);
    let has = |inside: &str| {
        folder
            .join(inside)
            .is_ok_and(|path| scan.files().is_folder(&path) || scan.files().is_file(&path))
    };
    let program = if pubspec.is_flutter {
        "flutter"
    } else {
        "dart"
    };
    let test = Task {
        name: "test".to_owned(),
        stage: Some(Stage::new("unit")),
        command: Command::Argv(vec![program.to_owned(), "test".to_owned()]),
        cwd: folder.clone(),
        env: BTreeMap::new(),
        timeout: None,
        script: None,
        inferred_by: Some(ID),
        needs: affected_graph::Needs::default(),
        origin: "pubspec.yaml".to_owned(),
    };
    let runs = pubspec.has_executables || has("bin") || has("lib/main.dart");
    FoundProject {
        root: folder.clone(),
        kind: if runs {
            ProjectKind::Service
        } else {
            ProjectKind::Library
        },
        standing: Standing::Manifest,
        manifest: folder.join("pubspec.yaml").unwrap_or_default(),
        ownership: if pubspec.members.is_empty() {
            Ownership::Tree
        } else {
            Ownership::Only(
                ["pubspec.yaml", "lib/**", "bin/**", "test/**"]
                    .map(ToOwned::to_owned)
                    .to_vec(),
            )
        },
        tasks: if has("test") { vec![test] } else { Vec::new() },
        provides: vec![Symbol {
            space: "pub",
            name: name.clone(),
        }],
        name,
    }
}

fn parse(bytes: &[u8]) -> Result<Pubspec, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let document: Value = super::yaml(&text)?;
    let mut pubspec = Pubspec {
        name: document
            .get("name")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned),
        has_executables: document.get("executables").is_some(),
        ..Pubspec::default()
    };
    let members = document
        .get("workspace")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    pubspec.members = members
        .filter_map(|member| Some(member.as_str()?.to_owned()))
        .collect();
    for (table, development) in [
        ("dependencies", false),
        ("dev_dependencies", true),
        ("dependency_overrides", false),
    ] {
        for (name, wish) in document
            .get(table)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            pubspec.is_flutter |= wish.get("sdk").and_then(Value::as_str) == Some("flutter");
            let path = wish
                .get("path")
                .and_then(Value::as_str)
                .map(ToOwned::to_owned);
            let line = line_of(&text, &format!("\n  {name}:")).map(|line| line + 1);
            pubspec.uses.push(Use {
                name: name.clone(),
                path,
                development,
                line,
            });
        }
    }
    Ok(pubspec)
}
