//! Dockerfiles: what is copied into an image, and which image it starts from.
//!
//! Source: "Dockerfile reference". A copied path outside of the service's own folder is a build edge.

mod context;
mod grammar;

use affected_graph::{DependencyKind, EcosystemId, Evidence, Ownership, ProjectKind, RepoPath};

use super::{
    Discovery, Ecosystem, FileName, FoundProject, Link, Reference, Scan, Standing, Symbol,
    is_material,
};
use crate::facts::AnyParser;
use context::Contexts;
use grammar::{DOCKERFILE, Dockerfile};

/// Docker.
pub struct Docker;

const ID: EcosystemId = EcosystemId("docker");

impl Ecosystem for Docker {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[
            FileName::Is("Dockerfile"),
            FileName::StartsWith("Dockerfile."),
            FileName::EndsWith(".Dockerfile"),
            FileName::EndsWith(".dockerfile"),
            FileName::Is("Containerfile"),
            FileName::StartsWith("docker-compose"),
            FileName::StartsWith("compose."),
            FileName::StartsWith("skaffold"),
        ]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&context::SKAFFOLD, &DOCKERFILE]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let contexts = Contexts::read(scan);
        let paths = scan
            .candidates
            .iter()
            .filter(|path| !is_material(path) && context::is_dockerfile(path))
            .cloned()
            .collect();
        for (path, parsed) in scan.parse_all(paths, &DOCKERFILE) {
            match parsed {
                Ok(file) => image(scan, &contexts, &path, &file, &mut discovery),
                Err(fault) => discovery.faults.push(fault),
            }
        }
        discovery
    }
}

/// The folder that a Dockerfile ships: its own, or the one above a folder that only holds build files.
fn home(path: &RepoPath) -> RepoPath {
    let folder = path.parent().unwrap_or_default();
    match folder.file_name() {
        b"docker" | b".docker" | b"build" | b"deploy" => folder.parent().unwrap_or_default(),
        _ => folder,
    }
}

fn image(
    scan: &Scan<'_>,
    contexts: &Contexts,
    path: &RepoPath,
    file: &Dockerfile,
    discovery: &mut Discovery,
) {
    let home = home(path);
    let context = contexts
        .of(path)
        .unwrap_or_else(|| context::guess(scan, path, file));
    if !home.is_root() {
        discovery.projects.push(FoundProject {
            root: home.clone(),
            name: String::from_utf8_lossy(home.file_name()).into_owned(),
            kind: ProjectKind::Service,
            standing: Standing::Marker,
            manifest: path.clone(),
            ownership: Ownership::Tree,
            tasks: Vec::new(),
            provides: contexts
                .images(path)
                .map(|name| Symbol {
                    space: "image",
                    name: name.to_owned(),
                })
                .collect(),
        });
    }
    let mut push = |to, line, detail: String| {
        let evidence = Evidence {
            file: path.clone(),
            line: Some(line),
            detail,
        };
        let kind = DependencyKind::Build;
        discovery.links.push(Link {
            from: home.clone(),
            to,
            kind,
            evidence,
        });
    };
    for (source, line) in &file.copies {
        if let Some(to) = copied(&home, &context, source) {
            push(to, *line, format!("copies {source}"));
        }
    }
    for (image, line) in &file.bases {
        let name = context::without_tag(image).to_owned();
        push(
            Reference::Provided(Symbol {
                space: "image",
                name,
            }),
            *line,
            format!("FROM {image}"),
        );
    }
}

/// What a source of COPY or ADD refers to. One that contains the service's own folder (`COPY . .` from the
/// repository root) only is the context: what is really used of it is told by the manifests. One inside of it may be a project
/// of its own.
fn copied(home: &RepoPath, context: &RepoPath, source: &str) -> Option<Reference> {
    if source.contains("://") || source.contains('$') {
        return None;
    }
    let path = context.join(source.trim_start_matches('/')).ok()?;
    if home.is_within(&path) || (home.is_root() && path.is_within(home)) {
        return None;
    }
    Some(match path.as_str() {
        Some(text) if text.contains(['*', '?', '[']) => Reference::Glob(text.to_owned()),
        _ => Reference::Path(path),
    })
}
