//! Turborepo: tasks that need a task of one named package, and files outside of a package that its tasks read.
//! Source: "Configuring turbo.json" of the Turborepo documentation (`tasks`, before version 2 `pipeline`).

use std::collections::BTreeMap;

use affected_graph::{DependencyKind, EcosystemId, Evidence, RepoPath};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Discovery, Ecosystem, FileName, Link, Reference, Scan, Symbol, is_material, line_of,
    without_comments,
};
use crate::facts::{AnyParser, Broken, Parser};

/// Turborepo.
pub struct Turbo;

const ID: EcosystemId = EcosystemId("turbo");
const SETTINGS: Parser<Settings> = Parser {
    id: "turbo/settings",
    version: 1,
    parse,
};
const NAME: Parser<Option<String>> = Parser {
    id: "turbo/package-name",
    version: 1,
    parse: parse_name,
};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Settings {
    /// Paths and globs from the repository's root, that all tasks read.
    global: Vec<Wish>,
    tasks: Vec<Wish>,
}

/// What a task needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Wish {
    /// The package that the task is of; `None` for that of the file, or for all at the root.
    package: Option<String>,
    task: String,
    /// `pkg#task`, or a path.
    wanted: String,
    line: Option<u32>,
}

impl Ecosystem for Turbo {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[
            FileName::Is("turbo.json"),
            FileName::Is("turbo.jsonc"),
            FileName::Is("package.json"),
        ]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&SETTINGS, &NAME]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let real = scan.candidates.iter().filter(|path| !is_material(path));
        let (packages, settings): (Vec<_>, Vec<_>) = real
            .cloned()
            .partition(|path| path.file_name() == b"package.json");
        if settings.is_empty() {
            return discovery;
        }
        let packages = Packages::new(scan, packages);
        for (path, parsed) in scan.parse_all(settings, &SETTINGS) {
            match parsed {
                Ok(settings) => packages.links(&path, &settings, &mut discovery.links),
                Err(fault) => discovery.faults.push(fault),
            }
        }
        discovery
    }
}

/// Named packages by their folder.
struct Packages(BTreeMap<RepoPath, String>);

impl Packages {
    fn new(scan: &Scan<'_>, manifests: Vec<RepoPath>) -> Self {
        let parsed = scan.parse_all(manifests, &NAME).into_iter();
        let named =
            parsed.filter_map(|(path, name)| Some((path.parent()?, (*name.ok()?).clone()?)));
        Self(named.collect())
    }

    fn links(&self, file: &RepoPath, settings: &Settings, links: &mut Vec<Link>) {
        let root = file.parent().unwrap_or_default();
        let everybody = || self.0.keys().filter(|folder| folder.is_within(&root));
        for wish in &settings.global {
            for folder in everybody().filter(|folder| **folder != root) {
                links.extend(link(folder, &root, file, wish, DependencyKind::Link));
            }
        }
        for wish in &settings.tasks {
            let of_package = |folder: &&RepoPath| match &wish.package {
                Some(package) if package == "//" => **folder == root,
                Some(package) => self.0.get(*folder) == Some(package),
                // A package below has settings of its own; the root's are for all but itself.
                None => self
                    .is_package(&root)
                    .map_or(**folder != root, |own| *folder == own),
            };
            let is_test = ["test", "e2e", "spec"]
                .iter()
                .any(|word| wish.task.contains(word));
            let kind = if is_test {
                DependencyKind::Test
            } else {
                DependencyKind::Build
            };
            for folder in everybody().filter(of_package) {
                let own = self.0.get(folder).map(String::as_str);
                if wish.wanted.split('#').next() == own {
                    continue;
                }
                links.extend(link(folder, &root, file, wish, kind));
            }
        }
    }

    /// The folder itself, if it is a package below another one's settings.
    fn is_package<'r>(&self, folder: &'r RepoPath) -> Option<&'r RepoPath> {
        (!folder.is_root() && self.0.contains_key(folder)).then_some(folder)
    }
}

fn link(
    folder: &RepoPath,
    root: &RepoPath,
    file: &RepoPath,
    wish: &Wish,
    kind: DependencyKind,
) -> Option<Link> {
    let wanted = wish.wanted.as_str();
    let to = match wanted.split_once('#') {
        Some((package, _)) => Reference::Provided(Symbol {
            space: "npm",
            name: package.to_owned(),
        }),
        None => {
            let path = match wanted.strip_prefix("$TURBO_ROOT$/") {
                Some(inside) => Some(inside.to_owned()),
                None if wish.task.is_empty() => Some(wanted.to_owned()),
                // Only what leads out of the package is not its own anyway.
                None => wanted.starts_with("../").then(|| {
                    folder
                        .join(wanted.split('*').next().unwrap_or_default())
                        .map(|_| wanted.to_owned())
                        .ok()
                })?,
            }?;
            let base = if wanted.starts_with("../") {
                folder
            } else {
                root
            };
            reference(base, &path)?
        }
    };
    let evidence = Evidence {
        file: file.clone(),
        line: wish.line,
        detail: match wish.task.as_str() {
            "" => format!("globalDependencies: {wanted}"),
            task => format!("task {task} needs {wanted}"),
        },
    };
    Some(Link {
        from: folder.clone(),
        to,
        kind,
        evidence,
    })
}

fn reference(base: &RepoPath, path: &str) -> Option<Reference> {
    let fixed = path.split(['*', '?', '[', '{']).next().unwrap_or_default();
    if fixed.len() == path.len() {
        return Some(Reference::Path(base.join(path).ok()?));
    }
    let folder = fixed.rsplit_once('/').map_or("", |(folder, _)| folder);
    let rest = path[folder.len()..].trim_start_matches('/');
    let folder = base.join(folder).ok()?;
    let folder = folder.as_str()?;
    Some(Reference::Glob(if folder.is_empty() {
        rest.to_owned()
    } else {
        format!("{folder}/{rest}")
    }))
}

fn parse(bytes: &[u8]) -> Result<Settings, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let value: Value = serde_json::from_str(&without_comments(&text)).map_err(|error| Broken {
        line: u32::try_from(error.line()).ok(),
        message: format!("not valid JSON: {error}"),
    })?;
    let words = |value: Option<&Value>| -> Vec<String> {
        let list = value.and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str)
            .map(ToOwned::to_owned)
            .collect()
    };
    let mut settings = Settings::default();
    for wanted in words(value.get("globalDependencies")) {
        // Negations and variables take nothing in.
        if !wanted.starts_with(['!', '$']) || wanted.starts_with("$TURBO_ROOT$/") {
            settings.global.push(Wish {
                package: None,
                task: String::new(),
                line: line_of(&text, &format!("\"{wanted}\"")),
                wanted,
            });
        }
    }
    let tasks = value.get("tasks").or_else(|| value.get("pipeline"));
    for (key, task) in tasks.and_then(Value::as_object).into_iter().flatten() {
        let (package, name) = match key.rsplit_once('#') {
            Some((package, name)) => (Some(package.to_owned()), name),
            None => (None, key.as_str()),
        };
        let needs = words(task.get("dependsOn")).into_iter();
        let needs = needs.filter(|need| need.contains('#') && !need.starts_with(['^', '/', '$']));
        let inputs = words(task.get("inputs")).into_iter();
        let inputs =
            inputs.filter(|input| input.starts_with("../") || input.starts_with("$TURBO_ROOT$/"));
        for wanted in needs.chain(inputs) {
            settings.tasks.push(Wish {
                package: package.clone(),
                task: name.to_owned(),
                line: line_of(&text, &format!("\"{wanted}\"")),
                wanted,
            });
        }
    }
    Ok(settings)
}

fn parse_name(bytes: &[u8]) -> Result<Option<String>, Broken> {
    let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
    Ok(value
        .get("name")
        .and_then(Value::as_str)
        .map(ToOwned::to_owned))
}
