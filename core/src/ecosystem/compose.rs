//! Compose files: which service is built where, and who needs whom when running.
//!
//! Source: the Compose specification, sections "services", "build", "interpolation".

use std::collections::BTreeMap;
use std::sync::Arc;

use affected_graph::{DependencyKind, EcosystemId, Evidence, Ownership, ProjectKind, RepoPath};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Discovery, Ecosystem, FileName, FoundProject, Link, Reference, Scan, Standing, is_material,
    line_of,
};
use crate::facts::{AnyParser, Broken, Parser};

/// Compose.
pub struct Compose;

const ID: EcosystemId = EcosystemId("compose");

/// Parses a compose file.
pub(super) const COMPOSE: Parser<ComposeFile> = Parser {
    id: "compose/file",
    version: 4,
    parse,
};

/// What matters of a compose file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ComposeFile {
    services: BTreeMap<String, Service>,
    /// Other files that belong to the same application.
    includes: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Service {
    image: Option<String>,
    /// Context and Dockerfile.
    build: Option<(String, String)>,
    /// Whether a build says neither: then another file beside, which does, is meant.
    adds_to_build: bool,
    /// The file, if it is another one, and the service that this one starts from.
    extends: Option<(Option<String>, String)>,
    needs: Vec<String>,
    /// Everything that its environment says.
    environment: Vec<String>,
    /// Host paths that it reads: mounts, env files, extra contexts.
    reads: Vec<String>,
    line: Option<u32>,
}

impl Service {
    /// Tells whether some value holds a variable, which `.env` may set.
    fn expands(&self) -> bool {
        let build = self
            .build
            .iter()
            .flat_map(|(context, dockerfile)| [context, dockerfile]);
        let all = self
            .image
            .iter()
            .chain(build)
            .chain(&self.environment)
            .chain(&self.reads);
        all.into_iter().any(|text| text.contains('$'))
    }
}

impl Ecosystem for Compose {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[
            FileName::StartsWith("docker-compose"),
            FileName::StartsWith("compose."),
        ]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&COMPOSE]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let paths = scan
            .candidates
            .iter()
            .filter(|path| {
                let name = path.file_name();
                !is_material(path) && (name.ends_with(b".yml") || name.ends_with(b".yaml"))
            })
            .cloned()
            .collect();
        for (path, parsed) in scan.parse_all(paths, &COMPOSE) {
            match parsed {
                Ok(file) => {
                    contexts(scan, &path, &file, &mut discovery.projects);
                    links(scan, &path, &file, &mut discovery.links);
                }
                Err(fault) => discovery.faults.push(fault),
            }
        }
        discovery
    }
}

/// Lists context, Dockerfile and image of every service that is built, variables replaced.
pub(super) fn service_builds(
    scan: &Scan<'_>,
    path: &RepoPath,
    file: &ComposeFile,
) -> Vec<(String, String, Option<String>)> {
    let variables = dot_env(scan, path);
    let services = file.services.values();
    services
        .filter_map(|service| {
            let (context, dockerfile) = service.build.as_ref()?;
            let image = service
                .image
                .as_ref()
                .map(|image| expand(image, &variables));
            Some((
                expand(context, &variables),
                expand(dockerfile, &variables),
                image,
            ))
        })
        .collect()
}

/// A folder that is built by a Dockerfile elsewhere is a service too; one that holds its Dockerfile is found by that.
fn contexts(
    scan: &Scan<'_>,
    path: &RepoPath,
    file: &ComposeFile,
    projects: &mut Vec<FoundProject>,
) {
    let base = path.parent().unwrap_or_default();
    for (context, dockerfile, _) in service_builds(scan, path, file) {
        let Ok(root) = base.join(&context) else {
            continue;
        };
        let dockerfile = root.join(&dockerfile).ok();
        let dockerfile = dockerfile.filter(|file| scan.files().is_file(file));
        let outside = dockerfile.is_some_and(|file| !file.is_within(&root));
        if outside && !root.is_root() && scan.files().is_folder(&root) {
            projects.push(FoundProject {
                name: String::from_utf8_lossy(root.file_name()).into_owned(),
                root,
                kind: ProjectKind::Service,
                standing: Standing::Marker,
                manifest: path.clone(),
                ownership: Ownership::Tree,
                tasks: Vec::new(),
                provides: Vec::new(),
            });
        }
    }
}

/// The folder a service ships: its context, or its Dockerfile's folder where the context is wider.
fn home(
    base: &RepoPath,
    service: &Service,
    variables: &BTreeMap<String, String>,
) -> Option<RepoPath> {
    let (context, _) = service.build.as_ref()?;
    let dockerfile = dockerfile(base, service, variables)?.parent()?;
    let context = base.join(expand(context, variables)).ok()?;
    Some(if dockerfile.is_within(&context) {
        dockerfile
    } else {
        context
    })
    .filter(|home| !home.is_root())
}

/// Files that include or extend each other deeper than this are a circle.
const DEPTH: usize = 8;

/// The folder that each service of an application ships: of this file, of those that it includes, and of those
/// beside it, which are given to Compose together with it (`docker-compose.override.yml`).
fn homes(scan: &Scan<'_>, path: &RepoPath, file: &ComposeFile) -> BTreeMap<String, RepoPath> {
    let (mut homes, mut guessed) = (BTreeMap::new(), BTreeMap::new());
    let mut open = vec![(path.clone(), Arc::new(file.clone()), 0)];
    let beside = |other: &&RepoPath| *other != path && other.parent() == path.parent();
    for other in scan.candidates.iter().filter(beside) {
        open.extend(
            scan.parse(other, &COMPOSE)
                .ok()
                .map(|file| (other.clone(), file, 0)),
        );
    }
    open.reverse();
    while let Some((path, file, depth)) = open.pop() {
        for (name, service) in &file.services {
            if let Some(home) = home_of(scan, &path, &file, name, 0) {
                let of = match service.adds_to_build {
                    true => &mut guessed,
                    false => &mut homes,
                };
                of.entry(name.clone()).or_insert(home);
            }
        }
        let base = path.parent().unwrap_or_default();
        for include in file.includes.iter().filter(|_| depth < DEPTH) {
            let Ok(path) = base.join(include) else {
                continue;
            };
            let included = scan
                .files()
                .is_file(&path)
                .then(|| scan.parse(&path, &COMPOSE).ok());
            open.extend(included.flatten().map(|file| (path, file, depth + 1)));
        }
    }
    for (name, home) in guessed {
        homes.entry(name).or_insert(home);
    }
    homes
}

/// The folder that a service ships, if need be that of the service which it extends.
fn home_of(
    scan: &Scan<'_>,
    path: &RepoPath,
    file: &ComposeFile,
    name: &str,
    depth: usize,
) -> Option<RepoPath> {
    let service = file.services.get(name).filter(|_| depth < DEPTH)?;
    let base = path.parent().unwrap_or_default();
    if let Some(home) = home(&base, service, &dot_env(scan, path)) {
        return Some(home);
    }
    match service.extends.as_ref()? {
        (None, other) => home_of(scan, path, file, other, depth + 1),
        (Some(other_file), other) => {
            let path = base
                .join(other_file)
                .ok()
                .filter(|path| scan.files().is_file(path))?;
            let file = scan.parse(&path, &COMPOSE).ok()?;
            home_of(scan, &path, &file, other, depth + 1)
        }
    }
}

fn dockerfile(
    base: &RepoPath,
    service: &Service,
    variables: &BTreeMap<String, String>,
) -> Option<RepoPath> {
    let (context, dockerfile) = service.build.as_ref()?;
    let context = base.join(expand(context, variables)).ok()?;
    context.join(expand(dockerfile, variables)).ok()
}

fn links(scan: &Scan<'_>, path: &RepoPath, file: &ComposeFile, links: &mut Vec<Link>) {
    let base = path.parent().unwrap_or_default();
    let variables = dot_env(scan, path);
    let homes = homes(scan, path, file);
    for (name, service) in &file.services {
        let Some(from) = homes.get(name) else {
            continue;
        };
        let mut push = |to: RepoPath, kind, detail: String| {
            let evidence = Evidence {
                file: path.clone(),
                line: service.line,
                detail,
            };
            links.push(Link {
                from: from.clone(),
                to: Reference::Path(to),
                kind,
                evidence,
            });
        };
        push(
            path.clone(),
            DependencyKind::Runtime,
            format!("service `{name}`"),
        );
        if service.expands()
            && let Ok(defaults) = base.join(".env")
        {
            let detail = format!("`{name}` expands variables");
            push(defaults, DependencyKind::Runtime, detail);
        }
        for (other, home) in &homes {
            let called = service
                .environment
                .iter()
                .any(|text| names_host(text, other));
            if other != name && home != from && (service.needs.contains(other) || called) {
                push(
                    home.clone(),
                    DependencyKind::Runtime,
                    format!("`{name}` needs `{other}`"),
                );
            }
        }
        let places = files_of(&base, service, &variables);
        let known = |to: &RepoPath| scan.files().is_file(to) || scan.files().is_folder(to);
        for to in places.into_iter().filter(known) {
            if !to.is_within(from) && !from.is_within(&to) {
                let detail = format!("`{name}` reads {to}");
                push(to, DependencyKind::Build, detail);
            }
        }
    }
}

/// What a service reads beside what it ships: its Dockerfile, mounts, env files, contexts, what it extends.
fn files_of(
    base: &RepoPath,
    service: &Service,
    variables: &BTreeMap<String, String>,
) -> Vec<RepoPath> {
    let extended = service.extends.iter().filter_map(|(file, _)| file.as_ref());
    let written = service.reads.iter().chain(extended);
    written
        .filter_map(|read| base.join(expand(read, variables)).ok())
        .chain(dockerfile(base, service, variables))
        .collect()
}

/// Tells whether a value of the environment holds `host` as the host of an address.
fn names_host(text: &str, host: &str) -> bool {
    let mut rest = text;
    if host.is_empty() {
        return false;
    }
    while let Some(at) = rest.find(host) {
        let before = rest[..at].chars().next_back();
        let after = rest[at + host.len()..].chars().next();
        let starts = matches!(before, None | Some('/' | '@' | ',' | '='));
        if starts && matches!(after, Some(':' | '/')) || (before == Some('/') && after.is_none()) {
            return true;
        }
        rest = &rest[at + host.len()..];
    }
    false
}

/// The `.env` file beside a compose file: defaults for its variables.
fn dot_env(scan: &Scan<'_>, path: &RepoPath) -> BTreeMap<String, String> {
    let beside = path.parent().and_then(|folder| folder.join(".env").ok());
    let text = beside
        .and_then(|path| scan.read(&path).ok())
        .unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.trim().trim_start_matches("export ").split_once('='))
        .map(|(name, value)| {
            (
                name.trim().to_owned(),
                value.trim().trim_matches(['"', '\'']).to_owned(),
            )
        })
        .collect()
}

/// Replaces `$X`, `${X}`, `${X:-default}` and `${X-default}`; an unset variable is empty, as in Compose.
fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(inner) = after.strip_prefix('{')
            && let Some(end) = inner.find('}')
        {
            let cut = inner[..end].find([':', '-', '?', '+']).unwrap_or(end);
            let default = inner[cut..end]
                .trim_start_matches(':')
                .strip_prefix('-')
                .unwrap_or_default();
            out.push_str(variables.get(&inner[..cut]).map_or(default, String::as_str));
            rest = &inner[end + 1..];
        } else {
            let end = after
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(after.len());
            out.push_str(variables.get(&after[..end]).map_or("", String::as_str));
            rest = &after[end..];
        }
    }
    out.push_str(rest);
    out
}

fn parse(bytes: &[u8]) -> Result<ComposeFile, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let document: Value = super::yaml(&text)?;
    let services = document
        .get("services")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let services = services
        .map(|(name, value)| {
            let line = line_of(&text, &format!("\n  {name}:")).map(|line| line + 1);
            (
                name.clone(),
                Service {
                    line,
                    ..service(value, &document)
                },
            )
        })
        .collect();
    let includes = document
        .get("include")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let includes = includes.flat_map(|include| match include {
        Value::String(path) => vec![path.clone()],
        other => words(other.get("path")),
    });
    let includes = includes.collect();
    Ok(ComposeFile { services, includes })
}

/// Context and Dockerfile, in the short and the long form.
fn build(value: &Value) -> Option<(String, String)> {
    let string = |value: &Value| value.as_str().map(ToOwned::to_owned);
    match value {
        Value::String(context) => Some((context.clone(), "Dockerfile".to_owned())),
        Value::Object(build) => {
            let get = |key: &str, default: &str| {
                build
                    .get(key)
                    .and_then(string)
                    .unwrap_or_else(|| default.to_owned())
            };
            Some((get("context", "."), get("dockerfile", "Dockerfile")))
        }
        _ => None,
    }
}

fn service(value: &Value, document: &Value) -> Service {
    let string = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let said = value.get("build");
    let says = |key: &str| said.is_some_and(|said| said.get(key).is_some());
    let adds_to_build = said.is_some_and(Value::is_object)
        && !(says("context") || says("dockerfile") || says("dockerfile_inline"));
    let build = said.and_then(build);
    let mut needs = words(value.get("depends_on"));
    needs.extend(
        words(value.get("links"))
            .iter()
            .filter_map(|link| Some(link.split(':').next()?.to_owned())),
    );
    let environment = match value.get("environment") {
        Some(Value::Object(map)) => map.values().filter_map(string).collect(),
        other => words(other),
    };
    let mut reads = words(value.get("env_file"));
    let volumes = value
        .get("volumes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    reads.extend(volumes.filter_map(|volume| {
        let source = volume
            .as_str()
            .map(|text| text.split(':').next().unwrap_or_default());
        let source = source.or_else(|| volume.get("source")?.as_str())?;
        source.starts_with('.').then(|| source.to_owned())
    }));
    reads.extend(contexts_of(value));
    for kind in ["configs", "secrets"] {
        let places = [value.get(kind), value.pointer(&format!("/build/{kind}"))];
        let lists = places.into_iter().flatten().filter_map(Value::as_array);
        let names = lists.flatten();
        let names = names.filter_map(|item| item.as_str().or_else(|| item.get("source")?.as_str()));
        let file = |name: &str| document.get(kind)?.get(name)?.get("file").and_then(string);
        reads.extend(names.filter_map(file));
    }
    if let Some(other) = value.get("network_mode").and_then(Value::as_str) {
        needs.extend(other.strip_prefix("service:").map(ToOwned::to_owned));
    }
    let extends = value.get("extends").and_then(|extends| match extends {
        Value::String(other) => Some((None, other.clone())),
        other => Some((
            other.get("file").and_then(string),
            string(other.get("service")?)?,
        )),
    });
    Service {
        image: value.get("image").and_then(string),
        build,
        adds_to_build,
        extends,
        needs,
        environment,
        reads,
        line: None,
    }
}

/// Folders that a build may copy from beside its context: a map, or a list of `name=path`.
fn contexts_of(service: &Value) -> Vec<String> {
    let extra = service.pointer("/build/additional_contexts");
    let texts: Vec<&str> = match extra {
        Some(Value::Object(map)) => map.values().filter_map(Value::as_str).collect(),
        Some(Value::Array(list)) => {
            let texts = list.iter().filter_map(Value::as_str);
            texts
                .filter_map(|text| Some(text.split_once('=')?.1))
                .collect()
        }
        _ => Vec::new(),
    };
    // With a colon it is an address, an image or a service.
    let local = texts.into_iter().filter(|path| !path.contains(':'));
    local.map(ToOwned::to_owned).collect()
}

/// Reads a list of words, the keys of a map, or one word.
fn words(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(word)) => vec![word.clone()],
        Some(Value::Array(list)) => {
            let word = |item: &Value| {
                item.as_str()
                    .or_else(|| item.get("path")?.as_str())
                    .map(ToOwned::to_owned)
            };
            list.iter().filter_map(word).collect()
        }
        Some(Value::Object(map)) => map.keys().cloned().collect(),
        _ => Vec::new(),
    }
}
