//! Nx: projects by `project.json`, what they declare, and what they import by the aliases of the workspace.
//!
//! Source: "Project Configuration" of the Nx documentation, and `paths` of the TypeScript documentation. Only a folder
//! with `nx.json` is looked at: elsewhere a `project.json` means something else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use affected_graph::{
    Command, DependencyKind, EcosystemId, Evidence, Ownership, ProjectKind, RepoPath, Stage, Task,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Discovery, Ecosystem, FileName, FoundProject, Link, Reference, Scan, SharedFile, SharedRole,
    Standing, Symbol, is_material, line_of, without_comments,
};
use crate::facts::{AnyParser, Broken, Parser};

/// Nx.
pub struct Nx;

const ID: EcosystemId = EcosystemId("nx");
const PROJECT: Parser<Config> = Parser {
    id: "nx/project",
    version: 1,
    parse: parse_project,
};
const ALIASES: Parser<Vec<(String, String)>> = Parser {
    id: "nx/aliases",
    version: 1,
    parse: parse_aliases,
};
const IMPORTS: Parser<Vec<(String, u32)>> = Parser {
    id: "nx/imports",
    version: 1,
    parse: parse_imports,
};
const SOURCES: &[&str] = &[
    ".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".vue", ".svelte",
];

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Config {
    name: Option<String>,
    is_application: bool,
    /// Names, with their line; `!name` takes one back.
    implicit: Vec<(String, Option<u32>)>,
    /// Names of targets.
    targets: Vec<String>,
}

impl Ecosystem for Nx {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[
            FileName::Is("nx.json"),
            FileName::Is("project.json"),
            FileName::Is("tsconfig.base.json"),
            FileName::Is("tsconfig.json"),
            FileName::EndsWith(".ts"),
            FileName::EndsWith(".tsx"),
            FileName::EndsWith(".mts"),
            FileName::EndsWith(".cts"),
            FileName::EndsWith(".js"),
            FileName::EndsWith(".jsx"),
            FileName::EndsWith(".mjs"),
            FileName::EndsWith(".cjs"),
            FileName::EndsWith(".vue"),
            FileName::EndsWith(".svelte"),
        ]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&PROJECT, &ALIASES, &IMPORTS]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let roots = scan
            .named(FileName::Is("nx.json"))
            .filter(|path| !is_material(path));
        for root in roots.filter_map(RepoPath::parent) {
            workspace(scan, &root, &mut discovery);
        }
        discovery
    }

    fn shared_files(&self) -> &'static [SharedFile] {
        &[SharedFile {
            rule: "task runner settings",
            name: FileName::Is("nx.json"),
            role: SharedRole::Settings,
        }]
    }
}

fn workspace(scan: &Scan<'_>, root: &RepoPath, discovery: &mut Discovery) {
    let configs = scan.named(FileName::Is("project.json"));
    let configs = configs
        .filter(|path| path.is_within(root) && !is_material(path))
        .cloned()
        .collect();
    let mut found: BTreeMap<RepoPath, (RepoPath, Arc<Config>)> = BTreeMap::new();
    for (path, parsed) in scan.parse_all(configs, &PROJECT) {
        let folder = path.parent().unwrap_or_default();
        let config = parsed.unwrap_or_else(|fault| {
            discovery.faults.push(fault);
            Arc::default()
        });
        found.insert(folder, (path, config));
    }
    if found.is_empty() {
        return;
    }
    let names: BTreeMap<String, RepoPath> = found
        .iter()
        .map(|(folder, (_, config))| (name_of(folder, config), folder.clone()))
        .collect();
    for (folder, (path, config)) in &found {
        discovery.projects.push(project(root, folder, path, config));
        implicit(folder, path, config, &names, &mut discovery.links);
        package_around(scan, root, folder, path, &mut discovery.links);
    }
    imports(scan, root, &found, &mut discovery.links);
}

fn name_of(folder: &RepoPath, config: &Config) -> String {
    let fallback = || String::from_utf8_lossy(folder.file_name()).into_owned();
    config.name.clone().unwrap_or_else(fallback)
}

fn project(root: &RepoPath, folder: &RepoPath, path: &RepoPath, config: &Config) -> FoundProject {
    let name = name_of(folder, config);
    let task = |target: &String| Task {
        name: target.clone(),
        stage: match target.as_str() {
            "test" => Some(Stage::new("unit")),
            "e2e" => Some(Stage::new("e2e")),
            _ => None,
        },
        command: Command::Argv(vec![
            "npx".to_owned(),
            "nx".to_owned(),
            "run".to_owned(),
            format!("{name}:{target}"),
        ]),
        cwd: root.clone(),
        env: BTreeMap::new(),
        timeout: None,
        script: None,
        inferred_by: Some(ID),
        needs: affected_graph::Needs::default(),
        origin: "project.json".to_owned(),
    };
    FoundProject {
        root: folder.clone(),
        kind: if config.is_application {
            ProjectKind::Service
        } else {
            ProjectKind::Library
        },
        standing: Standing::Manifest,
        manifest: path.clone(),
        ownership: Ownership::Tree,
        tasks: config
            .targets
            .iter()
            .filter(|target| matches!(target.as_str(), "test" | "e2e" | "build" | "lint"))
            .map(task)
            .collect(),
        provides: vec![Symbol {
            space: "nx",
            name: name.clone(),
        }],
        name,
    }
}

fn implicit(
    folder: &RepoPath,
    path: &RepoPath,
    config: &Config,
    names: &BTreeMap<String, RepoPath>,
    links: &mut Vec<Link>,
) {
    let refused: BTreeSet<&str> = config
        .implicit
        .iter()
        .filter_map(|(name, _)| name.strip_prefix('!'))
        .collect();
    for (wanted, line) in &config.implicit {
        for (name, to) in names {
            let meant = name == wanted
                || wanted == "*"
                || wanted
                    .strip_suffix('*')
                    .is_some_and(|start| name.starts_with(start));
            if meant && to != folder && !refused.contains(name.as_str()) {
                let detail = format!("implicit dependency `{wanted}`");
                let evidence = Evidence {
                    file: path.clone(),
                    line: *line,
                    detail,
                };
                let (from, to) = (folder.clone(), Reference::Path(to.clone()));
                links.push(Link {
                    from,
                    to,
                    kind: DependencyKind::Link,
                    evidence,
                });
            }
        }
    }
}

/// A project inside of a package is a part of it: who uses the package uses the project as well.
fn package_around(
    scan: &Scan<'_>,
    root: &RepoPath,
    folder: &RepoPath,
    path: &RepoPath,
    links: &mut Vec<Link>,
) {
    let has_package = |folder: &RepoPath| {
        folder
            .join("package.json")
            .is_ok_and(|path| scan.files().is_file(&path))
    };
    let mut above = folder.ancestors().take_while(|above| above != root);
    let Some(from) = above.find(has_package).filter(|package| package != folder) else {
        return;
    };
    let evidence = Evidence {
        file: path.clone(),
        line: None,
        detail: "lies inside of the package".to_owned(),
    };
    links.push(Link {
        from,
        to: Reference::Path(folder.clone()),
        kind: DependencyKind::Link,
        evidence,
    });
}

/// The package that an import names: `@a/b/c` is `@a/b`.
fn package_of(word: &str) -> String {
    let parts = if word.starts_with('@') { 2 } else { 1 };
    word.split('/').take(parts).collect::<Vec<_>>().join("/")
}

/// Imports by an alias or by the name of a package, and relative ones that leave the project.
fn imports(
    scan: &Scan<'_>,
    root: &RepoPath,
    found: &BTreeMap<RepoPath, (RepoPath, Arc<Config>)>,
    links: &mut Vec<Link>,
) {
    let aliases = aliases(scan, root);
    let owner = |path: &RepoPath| path.ancestors().find(|above| found.contains_key(above));
    let is_source = |path: &&RepoPath| {
        let name = path.file_name();
        path.is_within(root)
            && !is_material(path)
            && SOURCES
                .iter()
                .any(|ending| name.ends_with(ending.as_bytes()))
    };
    let sources = scan.candidates.iter().filter(is_source).cloned().collect();
    let mut seen = BTreeSet::new();
    for (path, parsed) in scan.parse_all(sources, &IMPORTS) {
        let (Ok(words), Some(from)) = (parsed, owner(&path)) else {
            continue;
        };
        let kind = if is_test(&path) {
            DependencyKind::Test
        } else {
            DependencyKind::Link
        };
        let folder = path.parent().unwrap_or_default();
        for (word, line) in words.iter() {
            let target = if word.starts_with('.') {
                Some(folder.join(word).unwrap_or_default())
            } else {
                aliased(root, &aliases, word)
            };
            let to = match &target {
                None => Reference::Provided(Symbol {
                    space: "npm",
                    name: package_of(word),
                }),
                Some(target) => match owner(target).filter(|to| *to != from) {
                    Some(to) => Reference::Path(to),
                    None => continue,
                },
            };
            if seen.insert((from.clone(), to.clone(), kind)) {
                let detail = format!("imports {word}");
                let evidence = Evidence {
                    file: path.clone(),
                    line: Some(*line),
                    detail,
                };
                links.push(Link {
                    from: from.clone(),
                    to,
                    kind,
                    evidence,
                });
            }
        }
    }
}

fn is_test(path: &RepoPath) -> bool {
    let name = String::from_utf8_lossy(path.file_name()).into_owned();
    let named = [".spec.", ".test.", ".stories.", ".cy."]
        .iter()
        .any(|part| name.contains(part));
    named
        || path
            .components()
            .any(|part| part == b"__tests__" || part == b"test-setup")
}

/// Aliases of the workspace, from the first of the usual files that has some.
fn aliases(scan: &Scan<'_>, root: &RepoPath) -> Arc<Vec<(String, String)>> {
    let found = ["tsconfig.base.json", "tsconfig.json"]
        .iter()
        .find_map(|name| {
            let path = root
                .join(name)
                .ok()
                .filter(|path| scan.files().is_file(path))?;
            scan.parse(&path, &ALIASES)
                .ok()
                .filter(|aliases| !aliases.is_empty())
        });
    found.unwrap_or_default()
}

/// The place that an alias gives a word: the longest that fits.
fn aliased(root: &RepoPath, aliases: &[(String, String)], word: &str) -> Option<RepoPath> {
    let fits = |alias: &str| match alias.strip_suffix('*') {
        Some(start) => word.strip_prefix(start).map(ToOwned::to_owned),
        None => (alias == word).then(String::new),
    };
    let all = aliases
        .iter()
        .filter_map(|(alias, place)| Some((alias.len(), place, fits(alias)?)));
    let (_, place, rest) = all.max_by_key(|(length, ..)| *length)?;
    root.join(place.replacen('*', &rest, 1)).ok()
}

fn json(bytes: &[u8]) -> Result<Value, Broken> {
    let text = without_comments(&String::from_utf8_lossy(bytes));
    // Trailing commas are allowed there, and in YAML's flow form.
    serde_json::from_str(&text)
        .or_else(|_| serde_saphyr::from_str(&text))
        .map_err(|error| Broken {
            line: None,
            message: format!("not valid JSON: {error}"),
        })
}

fn parse_project(bytes: &[u8]) -> Result<Config, Broken> {
    let document = json(bytes)?;
    let text = String::from_utf8_lossy(bytes);
    let word = |key: &str| {
        document
            .get(key)
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
    };
    let implicit = document
        .get("implicitDependencies")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let implicit = implicit
        .filter_map(Value::as_str)
        .map(|name| (name.to_owned(), line_of(&text, &format!("\"{name}\""))));
    let targets = document
        .get("targets")
        .or_else(|| document.get("architect"))
        .and_then(Value::as_object);
    Ok(Config {
        name: word("name"),
        is_application: word("projectType").as_deref() == Some("application"),
        implicit: implicit.collect(),
        targets: targets
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect(),
    })
}

fn parse_aliases(bytes: &[u8]) -> Result<Vec<(String, String)>, Broken> {
    let document = json(bytes)?;
    let base = document
        .pointer("/compilerOptions/baseUrl")
        .and_then(Value::as_str)
        .unwrap_or(".");
    let paths = document
        .pointer("/compilerOptions/paths")
        .and_then(Value::as_object);
    let place = |places: &Value| Some(format!("{base}/{}", places.get(0)?.as_str()?));
    Ok(paths
        .into_iter()
        .flatten()
        .filter_map(|(alias, places)| Some((alias.clone(), place(places)?)))
        .collect())
}

/// Strings after `from`, `import` and `require`.
fn parse_imports(bytes: &[u8]) -> Result<Vec<(String, u32)>, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        for key in ["from ", "import ", "import(", "require("] {
            let Some((_, after)) = line.split_once(key) else {
                continue;
            };
            let after = after.trim_start();
            let Some(quote) = after
                .chars()
                .next()
                .filter(|letter| matches!(letter, '"' | '\''))
            else {
                continue;
            };
            let word = after[1..].split(quote).next().unwrap_or_default();
            if !word.is_empty() && !word.starts_with("./") {
                found.push((word.to_owned(), number));
            }
        }
    }
    Ok(found)
}
