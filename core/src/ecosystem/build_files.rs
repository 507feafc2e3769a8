//! Bazel, Buck and Pants: folders with a build file, the labels that it names, and for Pants what sources import.
//!
//! Build files are programs; labels are strings in them, which is all that is read. A folder that a language's manifest
//! owns is no project of this kind: the manifest says more. Sources: "Labels" of the Bazel documentation, "Targets and
//! BUILD files" and "Source roots" of the Pants documentation.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{
    Command, DependencyKind, EcosystemId, Evidence, Ownership, ProjectKind, RepoPath, Stage, Task,
};
use serde::{Deserialize, Serialize};

use super::{
    Discovery, Ecosystem, FileName, FoundProject, Link, Reference, Scan, Standing, Symbol,
    is_material,
};
use crate::facts::{AnyParser, Broken, Parser};

/// Bazel, Buck and Pants.
pub struct BuildFiles;

const ID: EcosystemId = EcosystemId("build_files");
const FILE: Parser<BuildFile> = Parser {
    id: "build_files/file",
    version: 1,
    parse,
};
const IMPORTS: Parser<Vec<(String, u32)>> = Parser {
    id: "build_files/python-imports",
    version: 1,
    parse: parse_imports,
};
/// Files that make a folder the root of such a build, and how its tests are run.
const ROOTS: &[(&str, &str)] = &[
    ("MODULE.bazel", "bazel"),
    ("WORKSPACE", "bazel"),
    ("WORKSPACE.bazel", "bazel"),
    (".buckconfig", "buck2"),
    ("pants.toml", "pants"),
];
const BUILD_FILES: &[&str] = &["BUILD", "BUILD.bazel", "BUCK", "TARGETS", "BUILD.pants"];
/// Where Python packages start, below the root.
const SOURCE_ROOTS: &[&str] = &["", "src", "src/python", "src/py", "lib", "python"];

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct BuildFile {
    has_targets: bool,
    ships: bool,
    /// Strings, whether a test asks for them, line.
    words: Vec<(String, bool, u32)>,
}

impl Ecosystem for BuildFiles {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[
            FileName::Is("MODULE.bazel"),
            FileName::Is("WORKSPACE"),
            FileName::Is("WORKSPACE.bazel"),
            FileName::Is(".buckconfig"),
            FileName::Is("pants.toml"),
            FileName::Is("BUILD"),
            FileName::Is("BUILD.bazel"),
            FileName::Is("BUCK"),
            FileName::Is("TARGETS"),
            FileName::Is("BUILD.pants"),
            FileName::EndsWith(".py"),
        ]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&FILE, &IMPORTS]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let roots = roots(scan);
        if roots.is_empty() {
            return discovery;
        }
        let named = |path: &&RepoPath| {
            BUILD_FILES
                .iter()
                .any(|name| name.as_bytes() == path.file_name())
        };
        let files = scan
            .candidates
            .iter()
            .filter(named)
            .filter(|path| !is_material(path))
            .cloned()
            .collect();
        let files: Vec<_> = scan
            .parse_all(files, &FILE)
            .into_iter()
            .filter_map(|(path, file)| Some((path, file.ok()?)))
            .collect();
        let packages: BTreeSet<RepoPath> = files
            .iter()
            .filter(|(_, file)| file.has_targets)
            .filter_map(|(path, _)| path.parent())
            .filter(|folder| !folder.is_root())
            .collect();
        for (path, file) in &files {
            let folder = path.parent().unwrap_or_default();
            let Some((root, tool)) = above(&roots, &folder) else {
                continue;
            };
            if packages.contains(&folder) {
                discovery
                    .projects
                    .push(project(&root, tool, &folder, path, file));
            }
            labels(scan, &root, path, file, &packages, &mut discovery.links);
        }
        if roots.values().any(|tool| *tool == "pants") {
            imports(scan, &roots, &packages, &mut discovery.links);
        }
        discovery
    }
}

fn roots(scan: &Scan<'_>) -> BTreeMap<RepoPath, &'static str> {
    let tool = |path: &RepoPath| {
        ROOTS
            .iter()
            .find(|(name, _)| name.as_bytes() == path.file_name())
    };
    let found = scan.candidates.iter().filter(|path| !is_material(path));
    found
        .filter_map(|path| Some((path.parent()?, tool(path)?.1)))
        .collect()
}

fn above(
    roots: &BTreeMap<RepoPath, &'static str>,
    folder: &RepoPath,
) -> Option<(RepoPath, &'static str)> {
    folder
        .ancestors()
        .find_map(|above| roots.get(&above).map(|tool| (above.clone(), *tool)))
}

fn project(
    root: &RepoPath,
    tool: &str,
    folder: &RepoPath,
    path: &RepoPath,
    file: &BuildFile,
) -> FoundProject {
    let inside = String::from_utf8_lossy(folder.relative_to(root).unwrap_or_default()).into_owned();
    let target = if tool == "pants" {
        format!("{inside}:")
    } else {
        format!("//{inside}:all")
    };
    let test = Task {
        name: "test".to_owned(),
        stage: Some(Stage::new("unit")),
        command: Command::Argv(vec![tool.to_owned(), "test".to_owned(), target]),
        cwd: root.clone(),
        env: BTreeMap::new(),
        timeout: None,
        script: None,
        inferred_by: Some(ID),
        needs: affected_graph::Needs::default(),
        origin: String::from_utf8_lossy(path.file_name()).into_owned(),
    };
    let tested = file.words.iter().any(|(_, test, _)| *test);
    FoundProject {
        root: folder.clone(),
        name: inside.clone(),
        kind: if file.ships {
            ProjectKind::Service
        } else {
            ProjectKind::Library
        },
        standing: Standing::Package,
        manifest: path.clone(),
        ownership: Ownership::Tree,
        tasks: if tested { vec![test] } else { Vec::new() },
        provides: vec![Symbol {
            space: "label",
            name: inside,
        }],
    }
}

/// `//a/b:c` and `//a/b` name the package `a/b`; Pants leaves out the slashes. `load` names a file.
fn labels(
    scan: &Scan<'_>,
    root: &RepoPath,
    path: &RepoPath,
    file: &BuildFile,
    packages: &BTreeSet<RepoPath>,
    links: &mut Vec<Link>,
) {
    let folder = path.parent().unwrap_or_default();
    for (word, test, line) in &file.words {
        let label = word.trim_start_matches("//");
        let (package, target) = label.split_once(':').unwrap_or((label, ""));
        if package.is_empty() || word.starts_with('@') {
            continue;
        }
        let Ok(to) = root.join(package) else { continue };
        let source = to
            .join(target)
            .ok()
            .filter(|path| !target.is_empty() && scan.files().is_file(path));
        let to = match source {
            Some(source) if target.ends_with(".bzl") || !packages.contains(&to) => source,
            _ if packages.contains(&to) => to,
            _ => continue,
        };
        if to != folder {
            let kind = match () {
                () if target.ends_with(".bzl") => DependencyKind::Build,
                () if *test => DependencyKind::Test,
                () => DependencyKind::Link,
            };
            let evidence = Evidence {
                file: path.clone(),
                line: Some(*line),
                detail: format!("label {word}"),
            };
            let (from, to) = (folder.clone(), Reference::Path(to));
            links.push(Link {
                from,
                to,
                kind,
                evidence,
            });
        }
    }
}

/// Pants takes dependencies from Python's imports.
fn imports(
    scan: &Scan<'_>,
    roots: &BTreeMap<RepoPath, &'static str>,
    packages: &BTreeSet<RepoPath>,
    links: &mut Vec<Link>,
) {
    let sources = scan
        .named(FileName::EndsWith(".py"))
        .filter(|path| !is_material(path))
        .cloned()
        .collect();
    let mut seen = BTreeSet::new();
    for (path, parsed) in scan.parse_all(sources, &IMPORTS) {
        let Some((root, "pants")) = above(roots, &path.parent().unwrap_or_default()) else {
            continue;
        };
        let Some(from) = path.ancestors().find(|above| packages.contains(above)) else {
            continue;
        };
        let name = path.file_name();
        let is_test =
            name.ends_with(b"_test.py") || name.starts_with(b"test_") || name == b"conftest.py";
        let kind = if is_test {
            DependencyKind::Test
        } else {
            DependencyKind::Link
        };
        for (module, line) in parsed.iter().flat_map(|modules| modules.iter()) {
            let to = place(scan, &root, module)
                .and_then(|place| place.ancestors().find(|above| packages.contains(above)));
            let Some(to) =
                to.filter(|to| *to != from && seen.insert((from.clone(), to.clone(), kind)))
            else {
                continue;
            };
            let evidence = Evidence {
                file: path.clone(),
                line: Some(*line),
                detail: format!("imports {module}"),
            };
            links.push(Link {
                from: from.clone(),
                to: Reference::Path(to),
                kind,
                evidence,
            });
        }
    }
}

/// The file or folder that holds a module: of `a.b.c` the longest part that there is.
fn place(scan: &Scan<'_>, root: &RepoPath, module: &str) -> Option<RepoPath> {
    let mut path = module.replace('.', "/");
    loop {
        for source in SOURCE_ROOTS {
            let Ok(base) = root.join(source) else {
                continue;
            };
            let file = base
                .join(format!("{path}.py"))
                .ok()
                .filter(|file| scan.files().is_file(file));
            let folder = || {
                base.join(&path)
                    .ok()
                    .filter(|folder| scan.files().is_folder(folder))
            };
            if let Some(found) = file.or_else(folder) {
                return Some(found);
            }
        }
        path.truncate(path.rfind('/')?);
    }
}

fn parse(bytes: &[u8]) -> Result<BuildFile, Broken> {
    const NO_TARGETS: &[&str] = &[
        "load",
        "package",
        "exports_files",
        "licenses",
        "workspace",
        "python_requirements",
        "glob",
        "select",
    ];
    let text = String::from_utf8_lossy(bytes);
    let mut file = BuildFile::default();
    let mut is_test = false;
    for (line, number) in text.lines().zip(1..) {
        let code = line.trim_start();
        if code.starts_with('#') {
            continue;
        }
        // A call at the start of a line is a rule.
        let call = line.split_once('(').map(|(call, _)| call);
        let is_name = |call: &&str| {
            !call.is_empty()
                && call
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
        };
        if let Some(call) = call.filter(is_name) {
            is_test = call.ends_with("_test") || call.ends_with("_tests") || call == "test_suite";
            file.has_targets |= !NO_TARGETS.contains(&call);
            file.ships |= call.ends_with("_binary") || call.ends_with("_image");
        }
        let quote = if code.contains('"') { '"' } else { '\'' };
        let strings = code
            .split(quote)
            .skip(1)
            .step_by(2)
            .filter(|word| !word.is_empty());
        file.words
            .extend(strings.map(|word| (word.to_owned(), is_test, number)));
        if is_test && file.words.is_empty() {
            file.words.push((":".to_owned(), true, number));
        }
    }
    Ok(file)
}

/// `import a.b`, `from a.b import c`: both what is named and what may be a module of it.
fn parse_imports(bytes: &[u8]) -> Result<Vec<(String, u32)>, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let code = line.trim_start();
        if let Some(rest) = code.strip_prefix("import ") {
            let names = rest
                .split(',')
                .filter_map(|name| name.split_whitespace().next());
            found.extend(names.map(|name| (name.to_owned(), number)));
        } else if let Some((module, names)) = code
            .strip_prefix("from ")
            .and_then(|rest| rest.split_once(" import "))
        {
            if module.starts_with('.') {
                continue;
            }
            let names = names
                .trim_matches(['(', ')', ' '])
                .split(',')
                .filter_map(|name| name.split_whitespace().next());
            found.extend(names.map(|name| (format!("{}.{name}", module.trim()), number)));
        }
    }
    Ok(found)
}
