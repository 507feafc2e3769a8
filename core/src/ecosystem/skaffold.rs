//! Skaffold: what is deployed before a service, and what its deployment is made of.
//!
//! Source: "skaffold.yaml" reference of the Skaffold documentation. Images and contexts are read by `docker`.

use std::collections::BTreeSet;

use affected_graph::{DependencyKind, EcosystemId, Evidence, RepoPath};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Discovery, Ecosystem, FileName, Link, Reference, Scan, is_material, kustomize, line_of,
};
use crate::facts::{AnyParser, Broken, Parser};

/// Skaffold.
pub struct Skaffold;

const ID: EcosystemId = EcosystemId("skaffold");
const CONFIG: Parser<Config> = Parser {
    id: "skaffold/config",
    version: 1,
    parse,
};

/// What matters of all documents of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Config {
    /// Paths of required configurations, with their line.
    requires: Vec<(String, Option<u32>)>,
    /// Other words that leave the folder.
    outside: Vec<(String, Option<u32>)>,
}

impl Ecosystem for Skaffold {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[FileName::StartsWith("skaffold")]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&CONFIG]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let is_config = |path: &&RepoPath| {
            let name = path.file_name();
            !is_material(path) && (name.ends_with(b".yaml") || name.ends_with(b".yml"))
        };
        let paths = scan.candidates.iter().filter(is_config).cloned().collect();
        for (path, parsed) in scan.parse_all(paths, &CONFIG) {
            match parsed {
                Ok(config) => links(scan, &path, &config, &mut discovery.links),
                Err(fault) => discovery.faults.push(fault),
            }
        }
        discovery
    }
}

fn links(scan: &Scan<'_>, path: &RepoPath, config: &Config, links: &mut Vec<Link>) {
    let folder = path.parent().unwrap_or_default();
    let files = scan.files();
    let mut push = |to: RepoPath, line: Option<u32>, detail: String| {
        let evidence = Evidence {
            file: path.clone(),
            line,
            detail,
        };
        if !to.is_within(&folder) && !folder.is_within(&to) {
            let (from, to) = (folder.clone(), Reference::Path(to));
            links.push(Link {
                from,
                to,
                kind: DependencyKind::Build,
                evidence,
            });
        }
    };
    for (required, line) in &config.requires {
        let Ok(to) = folder.join(required) else {
            continue;
        };
        let detail = format!("requires {required}");
        // The configuration stands beside what it deploys.
        if files.is_file(&to) {
            push(to.parent().unwrap_or_default(), *line, detail.clone());
        }
        push(to, *line, detail);
    }
    for (word, line) in &config.outside {
        let Ok(to) = folder.join(word) else { continue };
        let detail = format!("reads {word}");
        if files.is_file(&to) {
            push(to, *line, detail);
        } else if files.is_folder(&to) {
            for (file, _) in kustomize::closure(scan, &to) {
                push(file, *line, detail.clone());
            }
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Config, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let documents: Vec<Value> = super::yaml_documents(&text)?;
    let mut config = Config::default();
    for document in &documents {
        let requires = document.get("requires").and_then(Value::as_array);
        let required: BTreeSet<&str> = requires
            .into_iter()
            .flatten()
            .filter_map(|one| one.get("path")?.as_str())
            .collect();
        for path in &required {
            config
                .requires
                .push(((*path).to_owned(), line_of(&text, path)));
        }
        super::words_of(document, &mut |word| {
            if word.starts_with("../") && !required.contains(word) && !word.contains('\n') {
                config.outside.push((word.to_owned(), line_of(&text, word)));
            }
        });
    }
    Ok(config)
}
