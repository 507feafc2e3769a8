//! The npm family: npm, yarn, pnpm and bun workspaces.
//!
//! Sources: the `package.json` page of the npm docs, "Workspaces" of npm, yarn, pnpm and bun.

mod brought;
mod level;
mod manifest;
mod package;
mod range;
mod resolve;
mod settings;
mod source;
mod suite;
mod tasks;
mod workspace;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use affected_graph::{DependencyKind, EcosystemId, Evidence, Ownership, ProjectKind, RepoPath};

use super::{
    Discovery, Ecosystem, FileLevel, FileName, FoundProject, Link, Reference, Scan, SharedFile,
    SharedRole, Standing, Symbol, is_material, line_of,
};
use crate::facts::AnyParser;
use manifest::{MANIFEST, Manifest, PNPM, PnpmWorkspace};
use workspace::Workspaces;

/// npm, yarn, pnpm and bun.
pub struct Npm;

const ID: EcosystemId = EcosystemId("npm");

const fn shared(rule: &'static str, name: &'static str, role: SharedRole) -> SharedFile {
    SharedFile {
        rule,
        name: FileName::Is(name),
        role,
    }
}

const SHARED: &[SharedFile] = &[
    shared("npm lockfile", "package-lock.json", SharedRole::Lockfile),
    shared("npm lockfile", "npm-shrinkwrap.json", SharedRole::Lockfile),
    shared("yarn lockfile", "yarn.lock", SharedRole::Lockfile),
    shared("pnpm lockfile", "pnpm-lock.yaml", SharedRole::Lockfile),
    shared(
        "pnpm workspace",
        "pnpm-workspace.yaml",
        SharedRole::Lockfile,
    ),
    shared("bun lockfile", "bun.lock", SharedRole::Lockfile),
    shared("bun lockfile", "bun.lockb", SharedRole::Lockfile),
    shared("node version", ".nvmrc", SharedRole::Toolchain),
    shared("node version", ".node-version", SharedRole::Toolchain),
    shared("package manager settings", ".npmrc", SharedRole::Settings),
    shared(
        "package manager settings",
        ".yarnrc.yml",
        SharedRole::Settings,
    ),
    shared(
        "package manager settings",
        ".pnpmfile.cjs",
        SharedRole::Settings,
    ),
    shared("task runner settings", "turbo.json", SharedRole::Settings),
    shared("task runner settings", "nx.json", SharedRole::Settings),
    shared("task runner settings", "lerna.json", SharedRole::Settings),
    shared("typescript settings", "tsconfig.json", SharedRole::Settings),
    SharedFile {
        rule: "typescript settings",
        name: FileName::StartsWith("tsconfig."),
        role: SharedRole::Settings,
    },
    SharedFile {
        rule: "test runner settings",
        name: FileName::StartsWith("jest."),
        role: SharedRole::Settings,
    },
    SharedFile {
        rule: "test runner settings",
        name: FileName::StartsWith("vitest."),
        role: SharedRole::Settings,
    },
    SharedFile {
        rule: "compiler settings",
        name: FileName::StartsWith("babel.config."),
        role: SharedRole::Settings,
    },
    SharedFile {
        rule: "linter settings",
        name: FileName::StartsWith("eslint.config."),
        role: SharedRole::Settings,
    },
    SharedFile {
        rule: "linter settings",
        name: FileName::StartsWith(".eslintrc"),
        role: SharedRole::Settings,
    },
    SharedFile {
        rule: "formatter settings",
        name: FileName::StartsWith(".prettierrc"),
        role: SharedRole::Settings,
    },
];

impl Ecosystem for Npm {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[
            FileName::Is("package.json"),
            FileName::Is("pnpm-workspace.yaml"),
        ]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        const ALL: &[&dyn AnyParser] = &[
            &MANIFEST,
            &PNPM,
            brought::PARSERS[0],
            brought::PARSERS[1],
            brought::PARSERS[2],
            brought::PARSERS[3],
        ];
        ALL
    }

    /// As changesets and lerna write them.
    fn tag_pattern(&self) -> &'static str {
        "{name}@{version}"
    }

    fn programs(&self) -> &'static [&'static str] {
        &["node", "npm", "pnpm", "yarn", "bun"]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let packages = packages(scan, &mut discovery);
        let pnpm = pnpm_workspaces(scan, &mut discovery);
        let workspaces = Workspaces::new(&packages, &pnpm);
        let kept: BTreeSet<&RepoPath> = packages
            .iter()
            .filter(|(folder, manifest)| is_project(folder, manifest, &workspaces))
            .map(|(folder, _)| folder)
            .collect();
        for folder in &kept {
            let manifest = &packages[*folder];
            discovery
                .projects
                .push(project(scan, folder, manifest, &packages, &workspaces));
            let names = manifest.dependencies.keys().chain(manifest.peers.keys());
            let declared = names.map(|name| ((*folder).clone(), symbol(name)));
            discovery.declared.extend(declared);
            links(
                folder,
                manifest,
                &packages,
                &workspaces,
                &mut discovery.links,
            );
        }
        brought::links(scan, &packages, &workspaces, &mut discovery.links);
        discovery
    }

    fn shared_files(&self) -> &'static [SharedFile] {
        SHARED
    }

    fn file_level(&self) -> Option<&dyn FileLevel> {
        Some(self)
    }
}

type Packages = BTreeMap<RepoPath, Arc<Manifest>>;

/// Parses every package.json; a broken one stands for an empty package, so that its folder is not lost (S11).
fn packages(scan: &Scan<'_>, discovery: &mut Discovery) -> Packages {
    let paths = scan
        .named(FileName::Is("package.json"))
        .filter(|path| !path.components().any(|name| name == b"node_modules"))
        .cloned()
        .collect();
    let mut packages = Packages::new();
    for (path, parsed) in scan.parse_all(paths, &MANIFEST) {
        let folder = path.parent().unwrap_or_default();
        match parsed {
            Ok(manifest) => {
                packages.insert(folder, manifest);
            }
            Err(_) if is_material(&path) => {}
            Err(fault) => {
                discovery.faults.push(fault);
                packages.insert(
                    folder,
                    Arc::new(Manifest {
                        broken: true,
                        ..Manifest::default()
                    }),
                );
            }
        }
    }
    packages
}

fn pnpm_workspaces(
    scan: &Scan<'_>,
    discovery: &mut Discovery,
) -> BTreeMap<RepoPath, Arc<PnpmWorkspace>> {
    let paths = scan
        .named(FileName::Is("pnpm-workspace.yaml"))
        .cloned()
        .collect();
    let mut found = BTreeMap::new();
    for (path, parsed) in scan.parse_all(paths, &PNPM) {
        match parsed {
            Ok(workspace) => {
                found.insert(path.parent().unwrap_or_default(), workspace);
            }
            Err(fault) => discovery.faults.push(fault),
        }
    }
    found
}

/// A `package.json` that only sets the module type belongs to the package around it.
fn is_project(folder: &RepoPath, manifest: &Manifest, workspaces: &Workspaces) -> bool {
    if workspaces.is_member(folder) || workspaces.is_root(folder) || manifest.broken {
        return true;
    }
    let says_something = manifest.name.is_some()
        || !manifest.scripts.is_empty()
        || !manifest.dependencies.is_empty()
        || !manifest.peers.is_empty();
    says_something && !is_material(&manifest_path(folder))
}

fn manifest_path(folder: &RepoPath) -> RepoPath {
    folder.join("package.json").unwrap_or_default()
}

fn project(
    scan: &Scan<'_>,
    folder: &RepoPath,
    manifest: &Manifest,
    packages: &Packages,
    workspaces: &Workspaces,
) -> FoundProject {
    let is_root = workspaces.is_root(folder);
    let dockerfile = folder
        .join("Dockerfile")
        .is_ok_and(|path| scan.files().is_file(&path));
    let kind = match () {
        () if is_root => ProjectKind::Infra,
        () if dockerfile || manifest.scripts.contains_key("start") => ProjectKind::Service,
        () => ProjectKind::Library,
    };
    let own = ["package.json", "src/**", "test/**", "tests/**", "lib/**"];
    FoundProject {
        root: folder.clone(),
        name: manifest.name.clone().unwrap_or_else(|| folder_name(folder)),
        kind,
        standing: Standing::Manifest,
        manifest: manifest_path(folder),
        ownership: if is_root {
            Ownership::Only(own.map(ToOwned::to_owned).to_vec())
        } else {
            Ownership::Tree
        },
        tasks: tasks::infer(scan, folder, manifest, packages),
        provides: manifest.name.iter().map(|name| symbol(name)).collect(),
    }
}

fn symbol(name: &str) -> Symbol {
    Symbol {
        space: "npm",
        name: name.to_owned(),
    }
}

fn folder_name(folder: &RepoPath) -> String {
    if folder.is_root() {
        return "root".to_owned();
    }
    String::from_utf8_lossy(folder.file_name()).into_owned()
}

fn links(
    folder: &RepoPath,
    manifest: &Manifest,
    packages: &Packages,
    workspaces: &Workspaces,
    links: &mut Vec<Link>,
) {
    let mut push = |to: Reference, kind, line, detail: String| {
        let evidence = Evidence {
            file: manifest_path(folder),
            line,
            detail,
        };
        links.push(Link {
            from: folder.clone(),
            to,
            kind,
            evidence,
        });
    };
    for (name, wanted) in manifest.dependencies.iter().chain(&manifest.peers) {
        let kind = if wanted.development {
            DependencyKind::Test
        } else {
            DependencyKind::Link
        };
        let to = workspaces.resolve(folder, name, &wanted.range, packages);
        if let Some(to) = to {
            let detail = format!("\"{name}\": \"{}\"", wanted.range);
            push(Reference::Path(to), kind, wanted.line, detail);
        }
    }
    if let Some(root) = workspaces.root_of(folder).filter(|root| *root != folder) {
        let detail = "member of the workspace".to_owned();
        push(
            Reference::Path(manifest_path(root)),
            DependencyKind::Link,
            None,
            detail,
        );
    }
}
