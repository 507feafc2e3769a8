//! Elixir: Mix projects, umbrellas and path dependencies. Source: `Mix.Tasks.Deps` and "Umbrella projects".

use std::collections::BTreeMap;
use std::sync::Arc;

use affected_graph::{
    Command, DependencyKind, EcosystemId, Evidence, Ownership, ProjectKind, RepoPath, Stage, Task,
};
use serde::{Deserialize, Serialize};

use super::{
    Discovery, Ecosystem, FileName, FoundProject, Link, Reference, Scan, SharedFile, SharedRole,
    Standing, Symbol, is_material,
};
use crate::facts::{AnyParser, Broken, Parser};

/// Mix.
pub struct Mix;

const ID: EcosystemId = EcosystemId("mix");
const MANIFEST: Parser<Manifest> = Parser {
    id: "mix/manifest",
    version: 1,
    parse,
};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    app: Option<String>,
    /// Where an umbrella keeps its projects.
    apps_path: Option<String>,
    /// Name, folder (`None`: beside this one in the umbrella), whether for tests only, line.
    uses: Vec<(String, Option<String>, bool, u32)>,
    ships: bool,
}

impl Ecosystem for Mix {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[FileName::Is("mix.exs")]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&MANIFEST]
    }

    fn programs(&self) -> &'static [&'static str] {
        &["elixir", "erl", "mix"]
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
            if let Ok(manifest) = parsed {
                found.insert(path.parent().unwrap_or_default(), manifest);
            }
        }
        for (folder, manifest) in &found {
            discovery.projects.push(project(scan, folder, manifest));
            let file = folder.join("mix.exs").unwrap_or_default();
            let mut push = |to: RepoPath, kind, line, detail| {
                let evidence = Evidence {
                    file: file.clone(),
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
            };
            for (name, path, test, line) in &manifest.uses {
                let beside = format!("../{name}");
                let Ok(to) = folder.join(path.as_ref().unwrap_or(&beside)) else {
                    continue;
                };
                let kind = if *test {
                    DependencyKind::Test
                } else {
                    DependencyKind::Link
                };
                push(to, kind, Some(*line), format!("dependency :{name}"));
            }
            // Configuration of the umbrella holds for all of its projects.
            let umbrella = folder.ancestors().skip(1).find(|above| {
                let apps = found.get(above).and_then(|above| above.apps_path.clone());
                apps.and_then(|apps| above.join(apps).ok())
                    .is_some_and(|apps| folder.is_within(&apps))
            });
            for inside in umbrella
                .iter()
                .flat_map(|above| ["mix.exs", "config"].map(|name| above.join(name)))
            {
                push(
                    inside.unwrap_or_default(),
                    DependencyKind::Link,
                    None,
                    "its umbrella".to_owned(),
                );
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
            shared("mix lockfile", "mix.lock", SharedRole::Lockfile),
            shared("linter settings", ".credo.exs", SharedRole::Settings),
            shared("formatter settings", ".formatter.exs", SharedRole::Settings),
        ];
        SHARED
    }
}

fn project(scan: &Scan<'_>, folder: &RepoPath, manifest: &Manifest) -> FoundProject {
    let fallback = || String::from_utf8_lossy(folder.file_name()).into_owned();
    let name = manifest.app.clone().unwrap_or_else(fallback);
    let is_umbrella = manifest.apps_path.is_some();
    let tested = folder
        .join("test")
        .is_ok_and(|path| scan.files().is_folder(&path));
    let test = Task {
        name: "test".to_owned(),
        stage: Some(Stage::new("unit")),
        command: Command::Argv(vec!["mix".to_owned(), "test".to_owned()]),
        cwd: folder.clone(),
        env: BTreeMap::new(),
        timeout: None,
        script: None,
        inferred_by: Some(ID),
        needs: affected_graph::Needs::default(),
        origin: "mix.exs".to_owned(),
    };
    FoundProject {
        root: folder.clone(),
        kind: match () {
            () if is_umbrella => ProjectKind::Infra,
            () if manifest.ships => ProjectKind::Service,
            () => ProjectKind::Library,
        },
        standing: Standing::Manifest,
        manifest: folder.join("mix.exs").unwrap_or_default(),
        ownership: if is_umbrella {
            Ownership::Only(vec!["mix.exs".to_owned(), "config/**".to_owned()])
        } else {
            Ownership::Tree
        },
        tasks: if tested && !is_umbrella {
            vec![test]
        } else {
            Vec::new()
        },
        provides: vec![Symbol {
            space: "hex",
            name: name.clone(),
        }],
        name,
    }
}

/// `mix.exs` is a program; its usual forms are read: `app: :x`, `apps_path: "apps"`, `{:x, in_umbrella: true}`,
/// `{:x, path: "../x", only: :test}`.
fn parse(bytes: &[u8]) -> Result<Manifest, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let code: Vec<&str> = text
        .lines()
        .map(|line| line.split(" #").next().unwrap_or_default())
        .collect();
    let after = |key: &str| {
        let line = code
            .iter()
            .find(|line| !line.trim_start().starts_with('#') && line.contains(key))?;
        Some(line.split_once(key)?.1.trim())
    };
    let quoted = |text: &str| text.split('"').nth(1).map(ToOwned::to_owned);
    let mut manifest = Manifest {
        app: after(" app: :").map(|rest| rest.trim_end_matches(',').to_owned()),
        apps_path: after("apps_path:").and_then(quoted),
        ships: after(" mod: {").is_some() || after("releases:").is_some(),
        ..Manifest::default()
    };
    let mut open: Option<(String, u32)> = None;
    for (line, number) in code.iter().zip(1..) {
        if line.trim_start().starts_with('#') {
            continue;
        }
        // A dependency may go over several lines: from `{:` to the next `}`.
        for part in line.split_inclusive(['{', '}']) {
            match &mut open {
                Some((tuple, _)) => tuple.push_str(part),
                None if part.ends_with('{') => open = Some((String::new(), number)),
                None => {}
            }
            if part.ends_with('}')
                && let Some((tuple, line)) = open.take()
            {
                manifest.uses.extend(used(&tuple, line));
            }
        }
    }
    Ok(manifest)
}

fn used(tuple: &str, line: u32) -> Option<(String, Option<String>, bool, u32)> {
    let (name, options) = tuple.trim().strip_prefix(':')?.split_once(',')?;
    let path = options
        .split_once("path:")
        .and_then(|(_, rest)| rest.split('"').nth(1))
        .map(ToOwned::to_owned);
    let in_umbrella = options.contains("in_umbrella: true");
    let only = options.split_once("only:").map(|(_, rest)| rest.trim());
    let test = only.is_some_and(|only| {
        only.starts_with(":test")
            || only.starts_with("[:test]")
            || only.starts_with("[:dev, :test]")
    });
    (in_umbrella || path.is_some()).then(|| (name.trim().to_owned(), path, test, line))
}
