//! Cargo: packages, workspaces and path dependencies.
//!
//! Source: "The Manifest Format", "Workspaces" and "Specifying Dependencies" of the Cargo book.

mod arguments;
mod include;
mod manifest;
mod patch;
mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use affected_graph::{
    Command, DependencyKind, EcosystemId, Evidence, Needs, Ownership, ProjectKind, RepoPath, Stage,
    Task,
};
use globset::GlobBuilder;

use super::{
    Discovery, Ecosystem, FileName, FoundProject, Link, Reference, Scan, SharedFile, SharedRole,
    Standing, Symbol, is_material,
};
use crate::config::defects;
use crate::facts::AnyParser;
use crate::runner::Selected;
use manifest::{BUILD_SCRIPT, MANIFEST, Manifest};

/// Cargo.
pub struct Cargo;

const ID: EcosystemId = EcosystemId("cargo");

const SHARED: &[SharedFile] = &[
    SharedFile {
        rule: "cargo lockfile",
        name: FileName::Is("Cargo.lock"),
        role: SharedRole::Lockfile,
    },
    SharedFile {
        rule: "rust toolchain",
        name: FileName::Is("rust-toolchain.toml"),
        role: SharedRole::Toolchain,
    },
    SharedFile {
        rule: "rust toolchain",
        name: FileName::Is("rust-toolchain"),
        role: SharedRole::Toolchain,
    },
    SharedFile {
        rule: "clippy settings",
        name: FileName::Is("clippy.toml"),
        role: SharedRole::Settings,
    },
    SharedFile {
        rule: "clippy settings",
        name: FileName::Is(".clippy.toml"),
        role: SharedRole::Settings,
    },
    SharedFile {
        rule: "rustfmt settings",
        name: FileName::Is("rustfmt.toml"),
        role: SharedRole::Settings,
    },
    SharedFile {
        rule: "rustfmt settings",
        name: FileName::Is(".rustfmt.toml"),
        role: SharedRole::Settings,
    },
];

impl Ecosystem for Cargo {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[FileName::Is("Cargo.toml"), FileName::EndsWith(".rs")]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[
            &include::INCLUDES,
            &MANIFEST,
            &BUILD_SCRIPT,
            &targets::TEST_FILE,
        ]
    }

    fn programs(&self) -> &'static [&'static str] {
        &["cargo", "rustc"]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let crates = Crates::read(scan, &mut discovery);
        for folder in crates.projects() {
            discovery.projects.push(crates.project(scan, &folder));
            crates.links(&folder, &mut discovery.links);
            build_script(scan, &folder, &mut discovery.links);
        }
        let packages = crates.projects();
        let readers = include::readers(scan, &packages);
        include::links(scan, &packages, &readers, &mut discovery.links);
        patch::links(scan, &crates, &mut discovery.links);
        discovery.units = Some(targets::units(scan, &crates, &packages, &readers));
        discovery
    }

    fn shared_files(&self) -> &'static [SharedFile] {
        SHARED
    }

    fn unit_of(&self, root: &RepoPath, path: &RepoPath) -> Option<(RepoPath, bool)> {
        targets::unit_of(root, path)
    }

    fn selected(&self, unit: &str) -> Selected {
        Selected::Target(unit.to_owned())
    }
}

/// Every manifest by its folder, and the workspace root of each.
struct Crates {
    manifests: BTreeMap<RepoPath, Arc<Manifest>>,
    workspace_of: BTreeMap<RepoPath, RepoPath>,
}

impl Crates {
    fn read(scan: &Scan<'_>, discovery: &mut Discovery) -> Self {
        let mut manifests = BTreeMap::new();
        let paths = scan.named(FileName::Is("Cargo.toml")).cloned().collect();
        for (path, parsed) in scan.parse_all(paths, &MANIFEST) {
            let folder = path.parent().unwrap_or_default();
            match parsed {
                Ok(manifest) => {
                    manifests.insert(folder, manifest);
                }
                Err(_) if is_material(&path) => {}
                Err(fault) => {
                    discovery.faults.push(fault);
                    // The folder stays a project (S11).
                    let name = Some(String::from_utf8_lossy(folder.file_name()).into_owned());
                    manifests.insert(
                        folder,
                        Arc::new(Manifest {
                            name,
                            ..Manifest::default()
                        }),
                    );
                }
            }
        }
        let mut crates = Self {
            manifests,
            workspace_of: BTreeMap::new(),
        };
        crates.join_workspaces();
        crates
    }

    fn join_workspaces(&mut self) {
        for (root, manifest) in &self.manifests {
            let Some(workspace) = &manifest.workspace else {
                continue;
            };
            let matches = |globs: &[String], folder: &RepoPath| {
                globs.iter().any(|glob| matches_below(root, glob, folder))
            };
            for folder in self.manifests.keys() {
                let listed =
                    matches(&workspace.members, folder) && !matches(&workspace.exclude, folder);
                if folder == root || listed {
                    self.workspace_of.insert(folder.clone(), root.clone());
                }
            }
        }
        self.join_by_path();
    }

    /// A path dependency inside the workspace's folder is a member without being listed.
    fn join_by_path(&mut self) {
        let mut open: Vec<RepoPath> = self.workspace_of.keys().cloned().collect();
        while let Some(member) = open.pop() {
            let root = self.workspace_of[&member].clone();
            for dependency in &self.manifests[&member].dependencies {
                let Some(to) = dependency
                    .path
                    .as_ref()
                    .and_then(|path| member.join(path).ok())
                else {
                    continue;
                };
                let free = !self.workspace_of.contains_key(&to) && self.manifests.contains_key(&to);
                if free && to.is_within(&root) {
                    self.workspace_of.insert(to.clone(), root.clone());
                    open.push(to);
                }
            }
        }
    }

    /// Folders of packages: all that are no material, and material that a project names.
    fn projects(&self) -> Vec<RepoPath> {
        let package = |folder: &RepoPath| {
            self.manifests
                .get(folder)
                .is_some_and(|manifest| manifest.name.is_some())
        };
        let mut kept: BTreeSet<RepoPath> = self
            .manifests
            .keys()
            .filter(|folder| {
                package(folder) && (!is_material(&manifest_path(folder)) || self.is_listed(folder))
            })
            .cloned()
            .collect();
        let mut open: Vec<RepoPath> = kept.iter().cloned().collect();
        while let Some(folder) = open.pop() {
            for (to, ..) in self.resolved(&folder) {
                if package(&to) && kept.insert(to.clone()) {
                    open.push(to);
                }
            }
        }
        kept.into_iter().collect()
    }

    /// A member of a workspace that itself is no material.
    fn is_listed(&self, folder: &RepoPath) -> bool {
        self.workspace_of
            .get(folder)
            .is_some_and(|root| !is_material(&manifest_path(root)))
    }

    fn project(&self, scan: &Scan<'_>, folder: &RepoPath) -> FoundProject {
        let manifest = &self.manifests[folder];
        let name = manifest.name.clone().unwrap_or_default();
        let shares = self
            .workspace_of
            .values()
            .filter(|root| *root == folder)
            .count()
            > 1;
        let has = |file: &str| {
            folder
                .join(file)
                .is_ok_and(|path| scan.files().is_file(&path))
        };
        let bins = folder
            .join("src/bin")
            .is_ok_and(|path| scan.files().is_folder(&path));
        let is_service = manifest.has_bin || has("src/main.rs") || bins;
        FoundProject {
            root: folder.clone(),
            kind: if is_service {
                ProjectKind::Service
            } else {
                ProjectKind::Library
            },
            standing: Standing::Manifest,
            manifest: manifest_path(folder),
            ownership: if shares {
                Ownership::Only(own_files(manifest))
            } else {
                Ownership::Tree
            },
            tasks: self.tasks(folder, &name),
            provides: vec![Symbol {
                space: "crate",
                name: name.clone(),
            }],
            name,
        }
    }

    fn tasks(&self, folder: &RepoPath, name: &str) -> Vec<Task> {
        let cwd = self.workspace_of.get(folder).unwrap_or(folder);
        let task = |task: &str, stage: Option<&str>, verb: &str, more: &[&str]| Task {
            name: task.to_owned(),
            stage: stage.map(Stage::new),
            command: Command::Argv(
                ["cargo", verb, "-p", name]
                    .iter()
                    .chain(more)
                    .map(ToString::to_string)
                    .collect(),
            ),
            cwd: cwd.clone(),
            env: BTreeMap::new(),
            timeout: None,
            script: None,
            inferred_by: Some(ID),
            needs: Needs {
                build_locks: vec![format!("cargo {cwd}")],
                ..Needs::default()
            },
            origin: "Cargo.toml".to_owned(),
        };
        let mut tasks = vec![
            task("test", Some("unit"), "test", &[]),
            task("build", None, "build", &[]),
            task("lint", None, "clippy", &[]),
        ];
        for target in &self.manifests[folder].apart {
            let Some(stage) = stage_of(&target.name) else {
                continue;
            };
            let features = target.features.join(",");
            let mut more = vec!["--test", &target.name];
            if !features.is_empty() {
                more.extend(["--features", &features]);
            }
            let name = format!("test:{}", target.name);
            tasks.push(task(&name, Some(stage), "test", &more));
        }
        tasks
    }

    /// Dependencies of a package that lie in this repository: folder, kind, line, words.
    fn resolved(&self, folder: &RepoPath) -> Vec<(RepoPath, DependencyKind, Option<u32>, String)> {
        let manifest = &self.manifests[folder];
        let root = self.workspace_of.get(folder);
        let workspace = root.and_then(|root| self.manifests.get(root));
        let mut found = Vec::new();
        for dependency in &manifest.dependencies {
            let kind = dependency.kind();
            if kind == DependencyKind::Test && defects::is("lose-dev-edges") {
                continue;
            }
            let inherited = workspace
                .filter(|_| dependency.inherited)
                .and_then(|workspace| {
                    workspace
                        .workspace
                        .as_ref()?
                        .dependencies
                        .get(&dependency.key)
                });
            let (base, path) = match (&dependency.path, inherited, root) {
                (Some(path), ..) => (folder, Some(path)),
                (None, Some(inherited), Some(root)) => (root, inherited.path.as_ref()),
                _ => (folder, None),
            };
            let package = inherited.map_or(&dependency.package, |inherited| &inherited.package);
            let target = match path {
                Some(path) => base.join(path).ok(),
                None => workspace
                    .zip(root)
                    .and_then(|(workspace, root)| root.join(workspace.patches.get(package)?).ok()),
            };
            if let Some(target) = target {
                found.push((target, kind, dependency.line, dependency.key.clone()));
            }
        }
        found
    }

    fn links(&self, folder: &RepoPath, links: &mut Vec<Link>) {
        let mut push = |to: RepoPath, kind, line, detail| {
            let evidence = Evidence {
                file: manifest_path(folder),
                line,
                detail,
            };
            links.push(Link {
                from: folder.clone(),
                to: Reference::Path(to),
                kind,
                evidence,
            });
        };
        for (to, kind, line, key) in self.resolved(folder) {
            push(to, kind, line, format!("dependency `{key}`"));
        }
        // Profiles, lints, patches and inherited values stand in the workspace's manifest.
        if let Some(root) = self.workspace_of.get(folder).filter(|root| *root != folder) {
            let detail = "member of the workspace".to_owned();
            push(manifest_path(root), DependencyKind::Link, None, detail);
        }
    }
}

/// The usual places, and the modules of targets that lie elsewhere: they are looked for beside the file of the target and
/// below. Source: "Module source filenames" of the Rust reference.
fn own_files(manifest: &Manifest) -> Vec<String> {
    let usual = [
        "Cargo.toml",
        "build.rs",
        "src/**",
        "tests/**",
        "benches/**",
        "examples/**",
    ];
    let modules = manifest.target_paths.iter().map(|path| {
        let folder = path.rsplit_once('/').map(|(folder, _)| folder);
        folder.map_or_else(|| "*.rs".to_owned(), |folder| format!("{folder}/**/*.rs"))
    });
    let usual = usual.iter().map(ToString::to_string);
    usual
        .chain(manifest.target_paths.iter().cloned())
        .chain(modules)
        .collect()
}

fn manifest_path(folder: &RepoPath) -> RepoPath {
    folder.join("Cargo.toml").unwrap_or_default()
}

fn matches_below(root: &RepoPath, glob: &str, folder: &RepoPath) -> bool {
    let Ok(anchored) = root.join(glob) else {
        return false;
    };
    let (Some(glob), Some(text)) = (anchored.as_str(), folder.as_str()) else {
        return false;
    };
    GlobBuilder::new(glob)
        .literal_separator(true)
        .build()
        .is_ok_and(|glob| glob.compile_matcher().is_match(text))
}

/// What a build script says it reads outside of its package.
fn build_script(scan: &Scan<'_>, folder: &RepoPath, links: &mut Vec<Link>) {
    let Ok(path) = folder.join("build.rs") else {
        return;
    };
    if !scan.files().is_file(&path) {
        return;
    }
    let Ok(reads) = scan.parse(&path, &BUILD_SCRIPT) else {
        return;
    };
    for (read, line) in &reads.paths {
        let Ok(to) = folder.join(read) else { continue };
        let exists = scan.files().is_file(&to) || scan.files().is_folder(&to);
        if exists && !to.is_within(folder) {
            let evidence = Evidence {
                file: path.clone(),
                line: Some(*line),
                detail: read.clone(),
            };
            let (from, to) = (folder.clone(), Reference::Path(to));
            links.push(Link {
                from,
                to,
                kind: DependencyKind::Build,
                evidence,
            });
        }
    }
}

/// The stage that the name of a test target holds as one of its words.
fn stage_of(target: &str) -> Option<&'static str> {
    const STAGES: [(&str, &str); 7] = [
        ("smoke", "smoke"),
        ("contract", "contract"),
        ("component", "component"),
        ("functional", "component"),
        ("integration", "integration"),
        ("e2e", "e2e"),
        ("acceptance", "e2e"),
    ];
    let mut words = target.split(['_', '-']);
    words.find_map(|word| {
        let known = STAGES.iter().find(|(name, _)| *name == word);
        known.map(|(_, stage)| *stage)
    })
}
