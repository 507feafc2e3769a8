//! Which folder is the context of a Dockerfile, and which names its image has.

use affected_graph::RepoPath;
use serde::{Deserialize, Serialize};

use super::super::Scan;
use super::super::compose::{COMPOSE, service_builds};
use super::grammar::Dockerfile;
use crate::facts::{Broken, Parser};

pub(super) const SKAFFOLD: Parser<Vec<Artifact>> = Parser {
    id: "docker/skaffold",
    version: 1,
    parse: parse_skaffold,
};

/// An image and how it is built.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Artifact {
    image: String,
    context: String,
    dockerfile: String,
}

/// What build descriptions say of Dockerfiles.
pub(super) struct Contexts(Vec<(RepoPath, RepoPath, Option<String>)>);

impl Contexts {
    pub(super) fn read(scan: &Scan<'_>) -> Self {
        let mut found = Vec::new();
        let mut add = |base: &RepoPath, context: &str, dockerfile: &str, image: Option<String>| {
            let Ok(context) = base.join(context) else {
                return;
            };
            if let Ok(dockerfile) = context.join(dockerfile) {
                found.push((dockerfile, context, image));
            }
        };
        for path in &scan.candidates {
            let base = path.parent().unwrap_or_default();
            let name = path.file_name();
            if name.starts_with(b"skaffold") {
                for artifact in scan
                    .parse(path, &SKAFFOLD)
                    .iter()
                    .flat_map(|all| all.iter())
                {
                    add(
                        &base,
                        &artifact.context,
                        &artifact.dockerfile,
                        Some(artifact.image.clone()),
                    );
                }
            } else if !is_dockerfile(path) {
                let Ok(compose) = scan.parse(path, &COMPOSE) else {
                    continue;
                };
                for (context, dockerfile, image) in service_builds(scan, path, &compose) {
                    add(
                        &base,
                        &context,
                        &dockerfile,
                        image.map(|image| without_tag(&image).to_owned()),
                    );
                }
            }
        }
        Self(found)
    }

    pub(super) fn of(&self, dockerfile: &RepoPath) -> Option<RepoPath> {
        self.0
            .iter()
            .find(|(path, ..)| path == dockerfile)
            .map(|(_, context, _)| context.clone())
    }

    pub(super) fn images(&self, dockerfile: &RepoPath) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(path, ..)| path == dockerfile)
            .filter_map(|(.., image)| image.as_deref())
    }
}

/// Tells whether a file is a Dockerfile by its name.
pub(super) fn is_dockerfile(path: &RepoPath) -> bool {
    let name = path.file_name();
    name == b"Dockerfile"
        || name == b"Containerfile"
        || name.starts_with(b"Dockerfile.")
        || name.to_ascii_lowercase().ends_with(b".dockerfile")
}

/// Drops the tag or digest of an image name; a port of a registry stays.
pub(super) fn without_tag(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

/// Nobody says what the context is: the nearest folder above in which all that is copied exists.
pub(super) fn guess(scan: &Scan<'_>, path: &RepoPath, file: &Dockerfile) -> RepoPath {
    let plain: Vec<&String> = file
        .copies
        .iter()
        .map(|(source, _)| source)
        .filter(|source| !source.contains(['*', '$', '?']) && !source.contains("://"))
        .collect();
    let exists = |folder: &RepoPath, source: &str| {
        folder
            .join(source.trim_start_matches('/'))
            .is_ok_and(|path| scan.files().is_file(&path) || scan.files().is_folder(&path))
    };
    let own = path.parent().unwrap_or_default();
    let mut best = (0, own.clone());
    for folder in own.ancestors() {
        let here = plain
            .iter()
            .filter(|source| exists(&folder, source))
            .count();
        if here > best.0 {
            best = (here, folder);
        }
    }
    best.1
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Skaffold {
    build: SkaffoldBuild,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SkaffoldBuild {
    artifacts: Vec<SkaffoldArtifact>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SkaffoldArtifact {
    image: String,
    context: Option<String>,
    docker: Option<SkaffoldDocker>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SkaffoldDocker {
    dockerfile: Option<String>,
}

fn parse_skaffold(bytes: &[u8]) -> Result<Vec<Artifact>, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let documents: Vec<Skaffold> = super::super::yaml_documents(&text)?;
    let artifacts = documents
        .into_iter()
        .flat_map(|document| document.build.artifacts);
    Ok(artifacts
        .map(|artifact| Artifact {
            image: artifact.image,
            context: artifact.context.unwrap_or_else(|| ".".to_owned()),
            dockerfile: artifact
                .docker
                .and_then(|docker| docker.dockerfile)
                .unwrap_or_else(|| "Dockerfile".to_owned()),
        })
        .collect())
}
