//! Ruby: gems and applications, and gems of this repository that they use by path.
//!
//! Source: "Gemfiles" of the Bundler documentation and "Specification Reference" of RubyGems. Both files are
//! programs; their usual forms are read line by line.

use std::collections::BTreeMap;

use affected_graph::{
    Command, DependencyKind, EcosystemId, Evidence, Ownership, ProjectKind, RepoPath, Stage, Task,
};
use serde::{Deserialize, Serialize};

use super::{
    Discovery, Ecosystem, FileName, FoundProject, Link, Reference, Scan, SharedFile, SharedRole,
    Standing, Symbol, is_material,
};
use crate::facts::{AnyParser, Broken, Parser};

/// Ruby.
pub struct Ruby;

const ID: EcosystemId = EcosystemId("ruby");
const FILE: Parser<Vec<Wish>> = Parser {
    id: "ruby/file",
    version: 2,
    parse,
};

/// A gem that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Wish {
    name: String,
    /// Where it lies, if the file says so: the gem itself, or a folder of gems.
    path: Option<String>,
    development: bool,
    line: u32,
}

impl Ecosystem for Ruby {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[
            FileName::Is("Gemfile"),
            FileName::Is("gems.rb"),
            FileName::EndsWith(".gemspec"),
        ]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&FILE]
    }

    fn programs(&self) -> &'static [&'static str] {
        &["ruby", "bundle"]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let paths: Vec<RepoPath> = scan
            .candidates
            .iter()
            .filter(|path| !is_material(path))
            .cloned()
            .collect();
        let mut folders: BTreeMap<RepoPath, RepoPath> = BTreeMap::new();
        for path in &paths {
            let manifest = folders
                .entry(path.parent().unwrap_or_default())
                .or_insert_with(|| path.clone());
            if is_gemspec(path) {
                manifest.clone_from(path);
            }
        }
        let gems: BTreeMap<String, RepoPath> = folders
            .iter()
            .filter(|(_, path)| is_gemspec(path))
            .map(|(folder, path)| (stem(path), folder.clone()))
            .collect();
        for (folder, manifest) in &folders {
            discovery
                .projects
                .push(project(scan, folder, manifest, &folders));
        }
        for (path, parsed) in scan.parse_all(paths, &FILE) {
            let folder = path.parent().unwrap_or_default();
            for wish in parsed.iter().flat_map(|wishes| wishes.iter()) {
                let Some(to) = place(&folder, wish, &gems) else {
                    continue;
                };
                if wish.name.is_empty() && scan.files().is_file(&to) {
                    shared(scan, &folder, &to, &gems, &mut discovery.links);
                }
                discovery.links.extend(link(&folder, &path, wish, to));
            }
        }
        discovery
    }

    fn shared_files(&self) -> &'static [SharedFile] {
        const fn shared(rule: &'static str, name: &'static str, role: SharedRole) -> SharedFile {
            SharedFile {
                rule,
                name: FileName::Is(name),
                role,
            }
        }
        const SHARED: &[SharedFile] = &[
            shared("bundler lockfile", "Gemfile.lock", SharedRole::Lockfile),
            shared("bundler lockfile", "gems.locked", SharedRole::Lockfile),
            shared("ruby version", ".ruby-version", SharedRole::Toolchain),
            shared("linter settings", ".rubocop.yml", SharedRole::Settings),
            shared("rspec settings", ".rspec", SharedRole::Settings),
        ];
        SHARED
    }
}

/// A Gemfile takes in what another one wishes; paths there are meant from that one.
fn shared(
    scan: &Scan<'_>,
    from: &RepoPath,
    file: &RepoPath,
    gems: &BTreeMap<String, RepoPath>,
    links: &mut Vec<Link>,
) {
    let Ok(wishes) = scan.parse(file, &FILE) else {
        return;
    };
    let folder = file.parent().unwrap_or_default();
    for wish in wishes.iter().filter(|wish| !wish.name.is_empty()) {
        if let Some(to) = place(&folder, wish, gems) {
            links.extend(link(from, file, wish, to));
        }
    }
}

fn link(from: &RepoPath, file: &RepoPath, wish: &Wish, to: RepoPath) -> Option<Link> {
    if to == *from {
        return None;
    }
    let kind = if wish.development {
        DependencyKind::Test
    } else {
        DependencyKind::Link
    };
    let detail = match wish.name.as_str() {
        "" => format!("reads {to}"),
        name => format!("gem `{name}`"),
    };
    Some(Link {
        from: from.clone(),
        to: Reference::Path(to),
        kind,
        evidence: Evidence {
            file: file.clone(),
            line: Some(wish.line),
            detail,
        },
    })
}

fn is_gemspec(path: &RepoPath) -> bool {
    path.file_name().ends_with(b".gemspec")
}

fn stem(path: &RepoPath) -> String {
    String::from_utf8_lossy(path.file_name())
        .trim_end_matches(".gemspec")
        .to_owned()
}

/// The folder of a gem: where its path says, or in the folder of gems that the path names, or the one of this name.
/// Without a path only a gemspec of this repository is meant: its name is unique among those who publish it.
fn place(folder: &RepoPath, wish: &Wish, gems: &BTreeMap<String, RepoPath>) -> Option<RepoPath> {
    let known = gems.get(&wish.name);
    match &wish.path {
        Some(path) => {
            let base = folder.join(path).ok()?;
            known
                .filter(|known| known.is_within(&base))
                .cloned()
                .or(Some(base))
        }
        None => known.cloned(),
    }
}

fn project(
    scan: &Scan<'_>,
    folder: &RepoPath,
    manifest: &RepoPath,
    all: &BTreeMap<RepoPath, RepoPath>,
) -> FoundProject {
    let fallback = || String::from_utf8_lossy(folder.file_name()).into_owned();
    let name = if is_gemspec(manifest) {
        stem(manifest)
    } else {
        fallback()
    };
    let has = |inside: &str| {
        folder
            .join(inside)
            .is_ok_and(|path| scan.files().is_file(&path) || scan.files().is_folder(&path))
    };
    // A Gemfile at the root of a repository of gems holds what all of them are developed with.
    let is_parent = !is_gemspec(manifest)
        && !has("app")
        && !has("lib")
        && all
            .keys()
            .any(|other| other != folder && other.is_within(folder));
    let runs = has("config.ru") || has("config/application.rb") || has("Procfile");
    let command = if has("spec") {
        vec!["bundle", "exec", "rspec"]
    } else {
        vec!["bundle", "exec", "rake", "test"]
    };
    let test = Task {
        name: "test".to_owned(),
        stage: Some(Stage::new("unit")),
        command: Command::Argv(command.into_iter().map(ToOwned::to_owned).collect()),
        cwd: folder.clone(),
        env: BTreeMap::new(),
        timeout: None,
        script: None,
        inferred_by: Some(ID),
        needs: affected_graph::Needs::default(),
        origin: String::from_utf8_lossy(manifest.file_name()).into_owned(),
    };
    FoundProject {
        root: folder.clone(),
        kind: match () {
            () if is_parent => ProjectKind::Infra,
            () if runs => ProjectKind::Service,
            () => ProjectKind::Library,
        },
        standing: Standing::Manifest,
        manifest: manifest.clone(),
        ownership: if is_parent {
            Ownership::Only(vec!["Gemfile".to_owned(), "gems.rb".to_owned()])
        } else {
            Ownership::Tree
        },
        tasks: if has("spec") || has("test") {
            vec![test]
        } else {
            Vec::new()
        },
        provides: vec![Symbol {
            space: "gem",
            name: name.clone(),
        }],
        name,
    }
}

fn parse(bytes: &[u8]) -> Result<Vec<Wish>, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let mut wishes = Vec::new();
    // Blocks that are open: the path they give to gems, and whether they are for development.
    let mut blocks: Vec<(Option<String>, bool)> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let code = line.split(" #").next().unwrap_or_default().trim();
        let strings: Vec<&str> = code.split(['"', '\'']).skip(1).step_by(2).collect();
        let opens = code.ends_with(" do")
            || code.contains(" do |")
            || code.starts_with("if ")
            || code.starts_with("unless ");
        if opens {
            let path = code
                .starts_with("path ")
                .then(|| strings.first().map(|text| (*text).to_owned()))
                .flatten();
            let development = code.starts_with("group")
                && (code.contains("test") || code.contains("development"));
            blocks.push((path, development));
        } else if code == "end" {
            blocks.pop();
        }
        let call = code
            .rsplit_once("add_")
            .filter(|(_, call)| call.contains("dependency"))
            .map(|(_, call)| call);
        // Wishes that stand in another file: a gemspec's, or those of a shared Gemfile.
        let elsewhere = match code.split([' ', '(']).next() {
            Some("gemspec") => code.contains("path:"),
            Some("eval_gemfile") => true,
            _ => false,
        };
        if let (true, Some(path)) = (elsewhere, strings.first()) {
            wishes.push(Wish {
                name: String::new(),
                path: Some((*path).to_owned()),
                development: false,
                line: number,
            });
        }
        let asks = code.starts_with("gem ") || code.starts_with("gem(") || call.is_some();
        if let (true, Some(name)) = (asks, strings.first()) {
            let own = ["path:", ":path =>", "path =>"].iter().find_map(|key| {
                let after = code.split_once(key)?.1;
                after.split(['"', '\'']).nth(1).map(ToOwned::to_owned)
            });
            let path = own.or_else(|| blocks.iter().rev().find_map(|(path, _)| path.clone()));
            let development = call.is_some_and(|call| call.starts_with("development"))
                || blocks.iter().any(|(_, development)| *development);
            wishes.push(Wish {
                name: (*name).to_owned(),
                path,
                development,
                line: number,
            });
        }
    }
    Ok(wishes)
}
