//! Helm: charts, the charts of this repository they contain, and the images they run.
//!
//! Source: "Charts" and "Chart Dependency" of the Helm documentation.

use affected_graph::{DependencyKind, EcosystemId, Evidence, Ownership, ProjectKind, RepoPath};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::yaml;
use super::{
    Discovery, Ecosystem, FileName, FoundProject, Link, Reference, Scan, Standing, Symbol,
    is_material, line_of,
};
use crate::facts::{AnyParser, Broken, Parser};

/// Helm.
pub struct Helm;

const ID: EcosystemId = EcosystemId("helm");
const CHART: Parser<Chart> = Parser {
    id: "helm/chart",
    version: 1,
    parse: parse_chart,
};
const VALUES: Parser<Vec<(String, Option<u32>)>> = Parser {
    id: "helm/values",
    version: 1,
    parse: parse_values,
};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Chart {
    name: Option<String>,
    /// Folders of charts it contains, with their line.
    contains: Vec<(String, Option<u32>)>,
}

impl Ecosystem for Helm {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[
            FileName::Is("Chart.yaml"),
            FileName::Is("Chart.yml"),
            FileName::Is("requirements.yaml"),
        ]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&CHART, &VALUES]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let paths = scan
            .candidates
            .iter()
            .filter(|path| !is_material(path))
            .cloned()
            .collect();
        for (path, parsed) in scan.parse_all(paths, &CHART) {
            let folder = path.parent().unwrap_or_default();
            let chart = parsed.unwrap_or_else(|fault| {
                discovery.faults.push(fault);
                Default::default()
            });
            if path.file_name().starts_with(b"Chart") && !folder.is_root() {
                discovery.projects.push(project(&folder, &path, &chart));
                images(scan, &folder, &mut discovery.links);
            }
            for (contained, line) in &chart.contains {
                let Ok(to) = folder.join(contained) else {
                    continue;
                };
                let detail = format!("contains {contained}");
                let evidence = Evidence {
                    file: path.clone(),
                    line: *line,
                    detail,
                };
                let (from, to) = (folder.clone(), Reference::Path(to));
                discovery.links.push(Link {
                    from,
                    to,
                    kind: DependencyKind::Link,
                    evidence,
                });
            }
        }
        discovery
    }
}

fn project(folder: &RepoPath, path: &RepoPath, chart: &Chart) -> FoundProject {
    let fallback = || String::from_utf8_lossy(folder.file_name()).into_owned();
    FoundProject {
        root: folder.clone(),
        name: chart.name.clone().unwrap_or_else(fallback),
        kind: ProjectKind::Infra,
        standing: Standing::Marker,
        manifest: path.clone(),
        ownership: Ownership::Tree,
        tasks: Vec::new(),
        provides: Vec::new(),
    }
}

/// A chart runs the images that its values name.
fn images(scan: &Scan<'_>, folder: &RepoPath, links: &mut Vec<Link>) {
    let Ok(path) = folder.join("values.yaml") else {
        return;
    };
    if !scan.files().is_file(&path) {
        return;
    }
    let Ok(images) = scan.parse(&path, &VALUES) else {
        return;
    };
    for (name, line) in images.iter() {
        let evidence = Evidence {
            file: path.clone(),
            line: *line,
            detail: format!("runs {name}"),
        };
        let to = Reference::Provided(Symbol {
            space: "image",
            name: name.clone(),
        });
        links.push(Link {
            from: folder.clone(),
            to,
            kind: DependencyKind::Runtime,
            evidence,
        });
    }
}

fn parse_chart(bytes: &[u8]) -> Result<Chart, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let document: Value = yaml(&text)?;
    let list = document.get("dependencies").and_then(Value::as_array);
    let contains = list.into_iter().flatten().filter_map(|one| {
        let repository = one.get("repository")?.as_str()?;
        let path = repository.strip_prefix("file://")?;
        Some((path.to_owned(), line_of(&text, repository)))
    });
    Ok(Chart {
        name: document
            .get("name")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned),
        contains: contains.collect(),
    })
}

/// Names of images: `image: a/b:1`, `repository: a/b`.
fn parse_values(bytes: &[u8]) -> Result<Vec<(String, Option<u32>)>, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let named = text.lines().zip(1..).filter_map(|(line, number)| {
        let line = line.trim().trim_start_matches("- ");
        let value = line
            .strip_prefix("image:")
            .or_else(|| line.strip_prefix("repository:"))?;
        let value = value
            .split(" #")
            .next()
            .unwrap_or_default()
            .trim()
            .trim_matches(['"', '\'']);
        let (path, last) = value
            .rsplit_once('/')
            .map_or(("", value), |(path, last)| (path, last));
        let name = last.split([':', '@']).next().unwrap_or_default();
        let name = if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}/{name}")
        };
        (!name.is_empty() && !name.contains(['{', '$', ' '])).then_some((name, Some(number)))
    });
    Ok(named.collect())
}
