//! Protocol buffers: folders of `.proto` files as contract projects, their imports, and the scripts that generate
//! code from them. Source: "Language Specification" of protocol buffers, `import`.

use std::collections::BTreeSet;
use std::sync::Arc;

use affected_graph::{DependencyKind, EcosystemId, Evidence, Ownership, ProjectKind, RepoPath};
use serde::{Deserialize, Serialize};

use super::{
    Discovery, Ecosystem, FileName, FoundProject, Link, Reference, Scan, Standing, is_material,
};
use crate::facts::{AnyParser, Broken, Parser};
use crate::tree::FileSet;

/// Protocol buffers.
pub struct Protobuf;

const ID: EcosystemId = EcosystemId("protobuf");
const PROTO: Parser<Vec<(String, u32)>> = Parser {
    id: "protobuf/imports",
    version: 1,
    parse: parse_imports,
};
const BUF: Parser<Vec<String>> = Parser {
    id: "protobuf/buf",
    version: 1,
    parse: parse_buf,
};
const SCRIPT: Parser<Script> = Parser {
    id: "protobuf/script",
    version: 1,
    parse: parse_script,
};

/// Words of a script that may be paths, with their lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Script {
    words: Vec<(String, u32)>,
}

impl Ecosystem for Protobuf {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[
            FileName::EndsWith(".proto"),
            FileName::EndsWith(".sh"),
            FileName::Is("Makefile"),
            FileName::Is("buf.gen.yaml"),
            FileName::Is("buf.yaml"),
            FileName::Is("buf.work.yaml"),
        ]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&PROTO, &BUF, &SCRIPT]
    }

    fn programs(&self) -> &'static [&'static str] {
        &["buf", "protoc"]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let is_buf = |path: &RepoPath| matches!(path.file_name(), b"buf.yaml" | b"buf.work.yaml");
        let (protos, scripts): (Vec<_>, Vec<_>) = scan
            .candidates
            .iter()
            .filter(|path| !is_material(path) && !is_buf(path))
            .cloned()
            .partition(|path| path.file_name().ends_with(b".proto"));
        if protos.is_empty() {
            return discovery;
        }
        for folder in topmost(&protos) {
            discovery.projects.push(project(folder, &protos));
        }
        let buf = scan.candidates.iter().filter(|path| is_buf(path));
        let modules = modules(scan, buf.cloned().collect());
        let parsed = scan.parse_all(protos, &PROTO);
        imports(scan.files(), &modules, &parsed, &mut discovery);
        for (path, parsed) in scan.parse_all(scripts, &SCRIPT) {
            if let Ok(script) = parsed {
                generators(scan.files(), &path, &script, &mut discovery.links);
            }
        }
        discovery
    }
}

/// Folders that hold `.proto` files themselves and lie below no other such folder.
fn topmost(protos: &[RepoPath]) -> BTreeSet<RepoPath> {
    let folders: BTreeSet<RepoPath> = protos.iter().filter_map(RepoPath::parent).collect();
    let inner = |folder: &RepoPath| {
        folder
            .ancestors()
            .skip(1)
            .any(|above| folders.contains(&above))
    };
    folders
        .iter()
        .filter(|folder| !inner(folder) && !folder.is_root())
        .cloned()
        .collect()
}

fn project(folder: RepoPath, protos: &[RepoPath]) -> FoundProject {
    let manifest = protos
        .iter()
        .find(|path| path.is_within(&folder))
        .cloned()
        .unwrap_or_default();
    FoundProject {
        name: folder.to_string(),
        root: folder,
        kind: ProjectKind::Contract,
        standing: Standing::Marker,
        manifest,
        ownership: Ownership::Tree,
        tasks: Vec::new(),
        provides: Vec::new(),
    }
}

type Parsed = (
    RepoPath,
    Result<Arc<Vec<(String, u32)>>, crate::facts::Fault>,
);

/// Folders that imports are looked up from: those that a `buf.yaml` lies in or lists (version 2), or a `buf.work.yaml`
/// lists. Source: "buf.yaml" and "buf.work.yaml" of the Buf documentation.
fn modules(scan: &Scan<'_>, files: Vec<RepoPath>) -> BTreeSet<RepoPath> {
    let mut modules = BTreeSet::new();
    for (path, listed) in scan.parse_all(files, &BUF) {
        let folder = path.parent().unwrap_or_default();
        let Ok(listed) = listed else { continue };
        modules.extend(listed.iter().filter_map(|inside| folder.join(inside).ok()));
        if listed.is_empty() {
            modules.insert(folder);
        }
    }
    modules
}

fn parse_buf(bytes: &[u8]) -> Result<Vec<String>, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let value: serde_json::Value = super::yaml(&text)?;
    let list = |key: &str| value.get(key).and_then(serde_json::Value::as_array);
    let modules = list("modules").into_iter().flatten();
    let modules = modules.filter_map(|module| module.get("path"));
    let folders = list("directories").into_iter().flatten();
    let paths = modules.chain(folders).filter_map(|path| path.as_str());
    Ok(paths.map(ToOwned::to_owned).collect())
}

fn imports(
    files: &FileSet,
    modules: &BTreeSet<RepoPath>,
    parsed: &[Parsed],
    discovery: &mut Discovery,
) {
    for (path, found) in parsed {
        let Ok(found) = found else { continue };
        let folder = path.parent().unwrap_or_default();
        for (import, line) in found.iter() {
            // The roots of the compiler are not known: every folder above the file may be one.
            let mut roots = folder.ancestors().chain(modules.iter().cloned());
            let to = roots.find_map(|root| root.join(import).ok().filter(|to| files.is_file(to)));
            let Some(to) = to else { continue };
            let taken = discovery.takes_in.entry(path.clone()).or_default();
            taken.insert(to.clone());
            if to.parent().as_ref() == Some(&folder) {
                continue;
            }
            let evidence = Evidence {
                file: path.clone(),
                line: Some(*line),
                detail: format!("import \"{import}\""),
            };
            // A folder, not a file: what that folder imports in turn matters as well.
            let to = to.parent().unwrap_or_default();
            discovery.links.push(Link {
                from: folder.clone(),
                to: Reference::Path(to),
                kind: DependencyKind::Link,
                evidence,
            });
        }
    }
}

/// A script that names a `.proto` file, or a folder of them, outside of its own folder generates code from it.
fn generators(files: &FileSet, path: &RepoPath, script: &Script, links: &mut Vec<Link>) {
    let folder = path.parent().unwrap_or_default();
    if folder.is_root() {
        return;
    }
    let named: Vec<RepoPath> = script
        .words
        .iter()
        .filter_map(|(word, _)| folder.join(word).ok())
        .filter(|path| path.file_name().ends_with(b".proto") && files.is_file(path))
        .collect();
    for (word, line) in &script.words {
        let Ok(to) = folder.join(word) else {
            continue;
        };
        let is_proto = word.ends_with(".proto") && files.is_file(&to);
        let holds = |to: &RepoPath| {
            files
                .below(to)
                .iter()
                .any(|entry| entry.path.file_name().ends_with(b".proto"))
        };
        if to.is_within(&folder) || folder.is_within(&to) || !(is_proto || holds(&to)) {
            continue;
        }
        // `-I ../proto` only says where names are looked up, once a file below it is named.
        if !is_proto && named.iter().any(|file| file.is_within(&to)) {
            continue;
        }
        let target = if is_proto {
            to.parent().unwrap_or_default()
        } else {
            to
        };
        let evidence = Evidence {
            file: path.clone(),
            line: Some(*line),
            detail: format!("generates from {word}"),
        };
        let (from, to) = (folder.clone(), Reference::Path(target));
        links.push(Link {
            from,
            to,
            kind: DependencyKind::Build,
            evidence,
        });
    }
}

fn parse_imports(bytes: &[u8]) -> Result<Vec<(String, u32)>, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(rest) = line.trim_start().strip_prefix("import ")
            && let Some(path) = rest.split(['"', '\'']).nth(1)
        {
            found.push((path.to_owned(), number));
        }
    }
    Ok(found)
}

/// Splits a script into words and replaces variables that the same file sets to plain text.
fn parse_script(bytes: &[u8]) -> Result<Script, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let mut script = Script::default();
    if !text.contains("proto") {
        return Ok(script);
    }
    let mut variables: Vec<(String, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let separators =
            |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '=' | ',' | ':' | ';' | '`');
        for word in line.split('#').next().unwrap_or_default().split(separators) {
            let mut word = word.trim_start_matches("-I").to_owned();
            for (name, value) in &variables {
                word = word
                    .replace(&format!("${{{name}}}"), value)
                    .replace(&format!("$({name})"), value);
                word = word.replace(&format!("${name}"), value);
            }
            if word.contains("../") || word.starts_with("..") {
                script
                    .words
                    .push((word.trim_end_matches("*.proto").to_owned(), number));
            }
        }
        let assignment = line.trim().trim_start_matches("export ").split_once('=');
        if let Some((name, value)) = assignment {
            let name = name.trim().trim_end_matches([':', '?']);
            let plain =
                name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty();
            let value = value.trim().trim_matches(['"', '\'']);
            if plain && !value.contains('$') && variables.len() < 64 {
                variables.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    Ok(script)
}
