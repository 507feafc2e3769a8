//! Python projects: PEP 621, uv, poetry, setuptools and requirements files.
//!
//! Sources: PEP 503 (names), PEP 508 (requirements), PEP 621, PEP 735 (groups); "Workspaces" of uv and
//! "Path dependencies" of poetry.

mod imports;
mod lock;
mod manifest;
mod pytest;
mod shared;
mod tasks;
mod tools;

use std::collections::BTreeMap;
use std::sync::Arc;

use affected_graph::{DependencyKind, EcosystemId, Evidence, Ownership, ProjectKind, RepoPath};

use super::{
    Discovery, Ecosystem, FileLevel, FileName, FoundProject, Link, Reference, Scan, SharedFile,
    SharedRole, Standing, Symbol, is_material,
};
use crate::facts::AnyParser;
use lock::UV_LOCK;
use manifest::{Manifest, PIPFILE, PYPROJECT, REQUIREMENTS, SETUP_CFG, SETUP_PY, TOX, normalize};
use pytest::PYTEST_INI;

/// Python.
pub struct Python;

const ID: EcosystemId = EcosystemId("python");

const fn shared(rule: &'static str, name: &'static str, role: SharedRole) -> SharedFile {
    SharedFile {
        rule,
        name: FileName::Is(name),
        role,
    }
}

const SHARED: &[SharedFile] = &[
    shared("uv lockfile", "uv.lock", SharedRole::Lockfile),
    shared("poetry lockfile", "poetry.lock", SharedRole::Lockfile),
    shared("pdm lockfile", "pdm.lock", SharedRole::Lockfile),
    shared("pipenv lockfile", "Pipfile.lock", SharedRole::Lockfile),
    shared("python version", ".python-version", SharedRole::Toolchain),
    shared("tox settings", "tox.ini", SharedRole::Settings),
    shared("pytest settings", "pytest.ini", SharedRole::Settings),
    shared("type checker settings", "mypy.ini", SharedRole::Settings),
    shared("linter settings", "ruff.toml", SharedRole::Settings),
    shared("python settings", "setup.cfg", SharedRole::Settings),
    shared("python settings", "pyproject.toml", SharedRole::Settings),
    SharedFile {
        rule: "python requirements",
        name: FileName::EndsWith("requirements.txt"),
        role: SharedRole::Lockfile,
    },
];

impl Ecosystem for Python {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[
            FileName::Is("pyproject.toml"),
            FileName::Is("setup.cfg"),
            FileName::Is("setup.py"),
            FileName::Is("requirements.txt"),
            FileName::EndsWith("requirements.txt"),
            FileName::StartsWith("requirements"),
            FileName::Is("Pipfile"),
            FileName::Is("tox.ini"),
            FileName::Is("pytest.ini"),
            FileName::Is("uv.lock"),
            FileName::Is("conftest.py"),
        ]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[
            &PYPROJECT,
            &SETUP_CFG,
            &SETUP_PY,
            &PIPFILE,
            &TOX,
            &PYTEST_INI,
            &REQUIREMENTS,
            &UV_LOCK,
        ]
    }

    fn programs(&self) -> &'static [&'static str] {
        &["python3", "python", "uv", "poetry", "pytest", "tox"]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let found = read(scan, &mut discovery);
        let by_name: BTreeMap<String, RepoPath> = found
            .iter()
            .filter_map(|(folder, manifest)| {
                Some((normalize(manifest.name.as_deref()?), folder.clone()))
            })
            .collect();
        for (folder, manifest) in &found {
            discovery.projects.push(project(scan, folder, manifest));
            let names = manifest.requires.iter().map(|wanted| {
                // What is installed is mostly called as its module.
                module(&normalize(&wanted.name).replace('-', "_"))
            });
            let declared = names.map(|module| (folder.clone(), module));
            discovery.declared.extend(declared);
            links(folder, manifest, &by_name, &mut discovery.links);
        }
        shared::links(scan, &found, &by_name, &mut discovery.links);
        fixtures(scan, &found, &mut discovery.links);
        discovery
    }

    fn shared_files(&self) -> &'static [SharedFile] {
        SHARED
    }

    fn idle_fields(&self) -> &'static [&'static str] {
        tools::IDLE
    }

    fn file_level(&self) -> Option<&dyn FileLevel> {
        Some(self)
    }
}

type Found = BTreeMap<RepoPath, Manifest>;

/// Reads every manifest and joins those of one folder.
fn read(scan: &Scan<'_>, discovery: &mut Discovery) -> Found {
    let mut found = Found::new();
    for (name, parser) in [
        ("pyproject.toml", &PYPROJECT),
        ("setup.cfg", &SETUP_CFG),
        ("setup.py", &SETUP_PY),
    ] {
        let paths = scan
            .named(FileName::Is(name))
            .filter(|path| !is_material(path))
            .cloned()
            .collect();
        for (path, parsed) in scan.parse_all(paths, parser) {
            let folder = path.parent().unwrap_or_default();
            let parsed = parsed.unwrap_or_else(|fault| {
                discovery.faults.push(fault);
                Arc::new(Manifest {
                    is_package: true,
                    ..Manifest::default()
                })
            });
            found.entry(folder).or_default().absorb(name, &parsed);
        }
    }
    // A file that only configures tools makes no project.
    found.retain(|_, manifest| manifest.is_package);
    requirements(scan, &mut found);
    for name in ["pytest.ini", "tox.ini"] {
        let paths = scan.named(FileName::Is(name)).cloned().collect();
        for (path, parsed) in scan.parse_all(paths, &PYTEST_INI) {
            let owner = found.get_mut(&path.parent().unwrap_or_default());
            if let (Some(manifest), Ok(settings)) = (owner, parsed) {
                manifest.pytest.absorb(&settings);
            }
        }
    }
    locked(scan, &mut found);
    found
}

/// Lists of what the project itself needs, not only its tests.
const MAIN: &[&[u8]] = &[b"requirements.txt", b"Pipfile"];

/// Requirements belong to the project around them; a folder with sources and requirements, and no project
/// around it, is a service without a manifest.
fn requirements(scan: &Scan<'_>, found: &mut Found) {
    let paths: Vec<RepoPath> = scan
        .candidates
        .iter()
        .filter(|path| {
            let name = path.file_name();
            name.ends_with(b".txt") && memchr::memmem::find(name, b"requirements").is_some()
        })
        .filter(|path| !is_material(path))
        .cloned()
        .collect();
    let other = |name, parser| {
        let paths = scan.named(FileName::Is(name));
        let paths = paths.filter(|path| !is_material(path)).cloned().collect();
        scan.parse_all(paths, parser)
    };
    let lists = scan.parse_all(paths, &REQUIREMENTS).into_iter();
    let lists = lists.chain(other("Pipfile", &PIPFILE));
    for (path, parsed) in lists.chain(other("tox.ini", &TOX)) {
        let Ok(parsed) = parsed else { continue };
        let folder = path.parent().unwrap_or_default();
        let around = folder.ancestors().find(|above| found.contains_key(above));
        let owner = match around {
            Some(around) if !around.is_root() || folder.is_root() => around,
            _ if MAIN.contains(&path.file_name()) && has_sources(scan, &folder) => folder.clone(),
            _ => continue,
        };
        if is_sample(&folder, &owner) {
            continue;
        }
        let development = !MAIN.contains(&path.file_name());
        let manifest = found.entry(owner.clone()).or_default();
        if manifest.source.is_empty() {
            manifest.source = String::from_utf8_lossy(path.file_name()).into_owned();
        }
        let name = path
            .relative_to(&owner)
            .map(|inside| String::from_utf8_lossy(inside).into_owned());
        let base = |path: &str| nearest(scan, &folder, path);
        manifest.add_requirements(&name.unwrap_or_default(), base, &parsed, development);
    }
}

/// What a build computes is known from the lockfile only.
fn locked(scan: &Scan<'_>, found: &mut Found) {
    if !found.values().any(|manifest| manifest.is_dynamic) {
        return;
    }
    let paths = scan.named(FileName::Is("uv.lock"));
    let paths = paths.filter(|path| !is_material(path)).cloned().collect();
    for (path, parsed) in scan.parse_all(paths, &UV_LOCK) {
        let Ok(members) = parsed else { continue };
        let root = path.parent().unwrap_or_default();
        for member in members.iter() {
            let folder = root.join(&member.folder).unwrap_or_default();
            let Some(manifest) = found.get_mut(&folder).filter(|found| found.is_dynamic) else {
                continue;
            };
            let ups = member
                .folder
                .split('/')
                .filter(|name| !name.is_empty())
                .count();
            let file = format!("{}uv.lock", "../".repeat(ups));
            manifest.add_requirements(&file, |_| root.clone(), &member.requires, false);
        }
    }
}

/// Tells whether requirements belong to a sample or to documentation: nothing that a project needs itself.
fn is_sample(folder: &RepoPath, owner: &RepoPath) -> bool {
    const SAMPLES: &[&[u8]] = &[
        b"examples",
        b"example",
        b"samples",
        b"sample",
        b"docs",
        b"doc",
    ];
    let inside = folder.relative_to(owner).unwrap_or_default();
    inside
        .split(|byte| *byte == b'/')
        .any(|name| SAMPLES.contains(&name))
}

/// The folder that a path of a requirements file is meant from: pip takes the one it is started in, which is
/// that of the file, or one above it, mostly the repository's root.
fn nearest(scan: &Scan<'_>, folder: &RepoPath, path: &str) -> RepoPath {
    let files = scan.files();
    let exists = |above: &RepoPath| {
        above
            .join(path)
            .is_ok_and(|path| files.is_folder(&path) || files.is_file(&path))
    };
    folder
        .ancestors()
        .find(exists)
        .unwrap_or_else(|| folder.clone())
}

/// Tells whether requirements are of sources beside them, or in the folders beside them unless these are services of their own.
fn has_sources(scan: &Scan<'_>, folder: &RepoPath) -> bool {
    let below = scan.files().below(folder).iter();
    let depths = |is_meant: fn(&RepoPath) -> bool| {
        let meant = below.clone().filter(move |entry| is_meant(&entry.path));
        meant.map(|entry| {
            let inside = entry.path.relative_to(folder).unwrap_or_default();
            inside.iter().filter(|byte| **byte == b'/').count()
        })
    };
    let sources = depths(|path| path.file_name().ends_with(b".py"));
    let mut images = depths(|path| path.file_name().starts_with(b"Dockerfile"));
    match sources.min() {
        Some(0) => true,
        Some(1) => !folder.is_root() && images.all(|depth| depth == 0),
        _ => false,
    }
}

fn project(scan: &Scan<'_>, folder: &RepoPath, manifest: &Manifest) -> FoundProject {
    const STARTS: [&str; 7] = [
        "Dockerfile",
        "Procfile",
        "manage.py",
        "app.py",
        "main.py",
        "server.py",
        "wsgi.py",
    ];
    let has = |file: &&str| {
        folder
            .join(file)
            .is_ok_and(|path| scan.files().is_file(&path))
    };
    let fallback = || String::from_utf8_lossy(folder.file_name()).into_owned();
    let virtual_root = manifest.is_workspace && manifest.name.is_none();
    FoundProject {
        root: folder.clone(),
        name: manifest.name.clone().unwrap_or_else(fallback),
        kind: match () {
            () if virtual_root => ProjectKind::Infra,
            () if STARTS.iter().any(has) => ProjectKind::Service,
            () => ProjectKind::Library,
        },
        standing: Standing::Manifest,
        manifest: folder.join(&manifest.source).unwrap_or_default(),
        ownership: if manifest.is_workspace {
            Ownership::Only(
                ["pyproject.toml", "src/**", "tests/**"]
                    .map(ToOwned::to_owned)
                    .to_vec(),
            )
        } else {
            Ownership::Tree
        },
        tasks: tasks::infer(scan, folder, manifest),
        provides: provided(scan, folder, manifest),
    }
}

/// The name of a project, and those of the modules in it, which others may import by a path that is set from outside.
fn provided(scan: &Scan<'_>, folder: &RepoPath, manifest: &Manifest) -> Vec<Symbol> {
    let mut found: Vec<Symbol> = manifest
        .name
        .iter()
        .map(|name| Symbol {
            space: "python",
            name: normalize(name),
        })
        .collect();
    let below = scan.files().below(folder).iter();
    let inside = below.filter_map(|entry| entry.path.relative_to(folder));
    let modules = inside.filter_map(|path| top_module(path.strip_prefix(b"src/").unwrap_or(path)));
    let mut modules: Vec<Symbol> = modules.map(module).collect();
    modules.sort();
    modules.dedup();
    found.extend(modules);
    found
}

/// The module that a file makes importable where it lies: `a/__init__.py`, `a.py`. Those that every project has one of are no
/// names for others.
fn top_module(path: &[u8]) -> Option<&str> {
    const COMMON: &[&str] = &[
        "__init__", "__main__", "conftest", "conf", "setup", "test", "tests", "noxfile",
    ];
    let path = std::str::from_utf8(path).ok()?;
    let name = path
        .strip_suffix("/__init__.py")
        .or_else(|| path.strip_suffix(".py"))?;
    let is_own = !name.contains('/') && !COMMON.contains(&name) && !name.starts_with("test_");
    (is_own && !imports::is_standard(name)).then_some(name)
}

fn module(name: &str) -> Symbol {
    Symbol {
        space: "python module",
        name: name.to_owned(),
    }
}

/// `conftest.py` of every folder above takes part in the tests of a project.
fn fixtures(scan: &Scan<'_>, found: &Found, links: &mut Vec<Link>) {
    let files: Vec<&RepoPath> = scan.named(FileName::Is("conftest.py")).collect();
    for folder in found.keys() {
        for file in &files {
            let above = file.parent().unwrap_or_default();
            if folder != &above && folder.is_within(&above) {
                links.push(Link {
                    from: folder.clone(),
                    to: Reference::Path((*file).clone()),
                    kind: DependencyKind::Test,
                    evidence: Evidence {
                        file: (*file).clone(),
                        line: None,
                        detail: "takes part in tests below it".to_owned(),
                    },
                });
            }
        }
    }
}

fn links(
    folder: &RepoPath,
    manifest: &Manifest,
    by_name: &BTreeMap<String, RepoPath>,
    links: &mut Vec<Link>,
) {
    for wanted in &manifest.requires {
        let base = wanted.base.as_ref().unwrap_or(folder);
        let to = match &wanted.path {
            Some(path) => base.join(path).ok(),
            // Monorepos install each other by plain name as well.
            None => by_name.get(&normalize(&wanted.name)).cloned(),
        };
        let Some(to) = to.filter(|to| to != folder) else {
            continue;
        };
        let kind = if wanted.development {
            DependencyKind::Test
        } else {
            DependencyKind::Link
        };
        let evidence = Evidence {
            file: folder.join(&wanted.file).unwrap_or_default(),
            line: wanted.line,
            detail: format!("requires {}", wanted.name),
        };
        links.push(Link {
            from: folder.clone(),
            to: Reference::Path(to),
            kind,
            evidence,
        });
    }
}
