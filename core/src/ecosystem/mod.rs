//! Ecosystems: each turns its own manifests into projects and references.
//!
//! To add Elixir, add `mix.rs`, the two lines marked below, and `fixtures/ecosystems/mix/`.
//! An ecosystem is a pure function of a tree: it starts nothing and reads no environment.

pub mod build_files;
pub mod cargo;
pub mod compose;
pub mod composer;
pub mod contracts;
pub mod dart;
pub mod docker;
pub mod dotnet;
pub mod go;
pub mod gradle;
pub mod helm;
pub mod kubernetes;
pub mod kustomize;
pub mod maven;
pub mod mix;
pub mod npm;
pub mod nx;
pub mod protobuf;

pub mod python;
pub mod ruby;
pub mod skaffold;
pub mod symlinks;
pub mod terraform;
pub mod turbo; // <- a module here

mod files;
mod outer;
pub(crate) mod prose;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use affected_graph::{
    DependencyKind, EcosystemId, Evidence, Ownership, ProjectKind, RepoPath, Task,
};
use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::facts::{AnyParser, Broken, FactStore, Fault, Parser};
use crate::runner::Selected;
pub use crate::tree::is_material;
use crate::tree::{FileSet, Tree, TreeError};
pub use files::{ChangedFiles, FileLevel, Look, SourceFile, Suite};

/// Every supported ecosystem. All are asked: a repository may speak many languages. Where several
/// name one folder, the first here gives the project its name.
pub static ALL: &[&dyn Ecosystem] = &[
    &cargo::Cargo,
    &npm::Npm,
    &nx::Nx,
    &turbo::Turbo,
    &go::Go,
    &python::Python,
    &maven::Maven,
    &gradle::Gradle,
    &dotnet::Dotnet,
    &ruby::Ruby,
    &composer::Composer,
    &mix::Mix,
    &dart::Dart,
    &build_files::BuildFiles,
    &protobuf::Protobuf,
    &docker::Docker,
    &terraform::Terraform,
    &helm::Helm,
    &kustomize::Kustomize,
    &kubernetes::Kubernetes,
    &contracts::Contracts,
    &skaffold::Skaffold,
    &compose::Compose,
    &symlinks::Symlinks, // <- and a member here
];

/// Matches the last component of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileName {
    /// The whole name.
    Is(&'static str),
    /// The end of the name: `.csproj`.
    EndsWith(&'static str),
    /// The start of the name: `Dockerfile.`.
    StartsWith(&'static str),
}

impl FileName {
    /// Tells whether `path` has such a name.
    #[must_use]
    pub fn matches(&self, path: &RepoPath) -> bool {
        let name = path.file_name();
        match self {
            Self::Is(whole) => name == whole.as_bytes(),
            Self::EndsWith(end) => name.ends_with(end.as_bytes()),
            Self::StartsWith(start) => name.starts_with(start.as_bytes()),
        }
    }
}

/// A file that several projects of an ecosystem read without saying so in their manifests.
#[derive(Debug, Clone, Copy)]
pub struct SharedFile {
    /// The name of the rule, shown in reasons: `cargo lockfile`.
    pub rule: &'static str,
    /// Which files.
    pub name: FileName,
    /// What it is.
    pub role: SharedRole,
}

/// Decides whom a [`SharedFile`] reaches: always projects of its ecosystem at or below its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedRole {
    /// Resolved versions.
    Lockfile,
    /// Compiler or interpreter version.
    Toolchain,
    /// Settings of the build or of the test runner.
    Settings,
}

/// How sure it is that a folder is a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// A build tool of many languages describes it. Below any manifest, also one at the repository root, it is
    /// nothing of its own.
    Package,
    /// Only something that ships it is there (a Dockerfile). Inside a project below the repository
    /// root it is no project of its own: it makes that one a service.
    Marker,
    /// A manifest says so.
    Manifest,
}

/// A project as one ecosystem sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundProject {
    /// Its folder.
    pub root: RepoPath,
    /// Its name; the folder's name if the manifest has none.
    pub name: String,
    /// What it is.
    pub kind: ProjectKind,
    /// How sure.
    pub standing: Standing,
    /// The file that says so.
    pub manifest: RepoPath,
    /// Which files are its own.
    pub ownership: Ownership,
    /// What can be run.
    pub tasks: Vec<Task>,
    /// Names under which others may refer to it.
    pub provides: Vec<Symbol>,
}

/// A name that crosses ecosystems, such as an image: `("image", "acme/cart")`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol {
    /// What kind of name.
    pub space: &'static str,
    /// The name.
    pub name: String,
}

/// What a [`Link`] points at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// A file or folder. A folder that is, or holds, projects depends on them; anything else is an input.
    Path(RepoPath),
    /// Files matching a glob from the repository root.
    Glob(String),
    /// Whoever provides the symbol; nobody is fine.
    Provided(Symbol),
}

/// A project uses something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The folder of the dependent; `scan` finds the project at it or above it.
    pub from: RepoPath,
    /// What it uses.
    pub to: Reference,
    /// Why.
    pub kind: DependencyKind,
    /// Where it is written.
    pub evidence: Evidence,
}

/// A part of a project that is compiled and tested as one: a Go package, a Cargo target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// The root of its project.
    pub project: RepoPath,
    /// Where its sources are.
    pub path: RepoPath,
    /// Its name for the runner; empty if it is no part of what the runner takes for everything.
    pub name: String,
    /// The units that it is built with, also such as are not there.
    pub uses: BTreeSet<RepoPath>,
    /// The units that its tests are built with, besides.
    pub tests_use: BTreeSet<RepoPath>,
    /// Whether it does what no compiler sees the whole of: reads sources as data, starts programs.
    pub escapes: bool,
    /// Whether its tests do.
    pub tests_escape: bool,
    /// Whether the runner takes its name on every machine; otherwise it is tested with all of the project.
    pub alone: bool,
}

/// All that one ecosystem found in one tree.
#[derive(Debug, Clone, Default)]
pub struct Discovery {
    /// Projects.
    pub projects: Vec<FoundProject>,
    /// References.
    pub links: Vec<Link>,
    /// Files that take in other files, such as a `.proto` that imports one: who reads the first reads the others.
    pub takes_in: BTreeMap<RepoPath, BTreeSet<RepoPath>>,
    /// Compile units, by which changes are followed inside projects; `None` where the ecosystem knows of none.
    pub units: Option<Vec<Unit>>,
    /// Names that the manifest of a folder says the meaning of, so that a source that uses one tells nothing new.
    pub declared: BTreeSet<(RepoPath, Symbol)>,
    /// Broken files; their folder's project counts as changed when they change.
    pub faults: Vec<Fault>,
}

/// Which files a scan read, and with which parsers.
#[derive(Debug, Default)]
pub struct Reads(Mutex<Vec<(RepoPath, &'static str)>>);

impl Reads {
    /// In the place of a parser: the bytes themselves were looked at.
    pub const RAW: &'static str = "";

    fn note(&self, path: &RepoPath, parser: &'static str) {
        if let Ok(mut reads) = self.0.lock() {
            reads.push((path.clone(), parser));
        }
    }

    /// Returns every file that was read with the id of its parser, sorted; several for one file where several read it.
    #[must_use]
    pub fn into_sorted(self) -> Vec<(RepoPath, &'static str)> {
        let mut reads = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        reads.sort_unstable();
        reads.dedup();
        reads
    }
}

/// What an ecosystem may look at.
pub struct Scan<'a> {
    /// The tree.
    pub tree: &'a dyn Tree,
    /// Remembers parsed files.
    pub facts: &'a FactStore,
    /// Notes what is read.
    pub reads: &'a Reads,
    /// Files whose names the ecosystem asked for, sorted.
    pub candidates: Vec<RepoPath>,
}

impl Scan<'_> {
    /// Returns every file of the tree.
    #[must_use]
    pub fn files(&self) -> &FileSet {
        self.tree.files()
    }

    /// Returns the candidates that match `name`.
    pub fn named(&self, name: FileName) -> impl Iterator<Item = &RepoPath> {
        self.candidates
            .iter()
            .filter(move |path| name.matches(path))
    }

    /// Parses one file, or remembers what was found in the same content.
    pub fn parse<T>(&self, path: &RepoPath, parser: &Parser<T>) -> Result<Arc<T>, Fault>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        self.reads.note(path, parser.id);
        self.facts.get(self.tree, path, parser)
    }

    /// Reads one file as it is.
    pub fn read(&self, path: &RepoPath) -> Result<Vec<u8>, TreeError> {
        self.reads.note(path, Reads::RAW);
        self.tree.read(path)
    }

    /// Reads many files on all cores, and returns what `find` finds in them, in the order of `paths`; what cannot be read has nothing.
    pub fn search<T: Send>(
        &self,
        paths: &[&RepoPath],
        find: impl Fn(&RepoPath, &[u8]) -> Option<T> + Sync,
    ) -> Vec<(RepoPath, T)> {
        let found = paths.par_iter().filter_map(|path| {
            let bytes = self.read(path).ok()?;
            Some(((*path).clone(), find(path, &bytes)?))
        });
        found.collect()
    }

    /// Parses many files on all cores; the answers stand in the order of `paths`.
    pub fn parse_all<T>(
        &self,
        paths: Vec<RepoPath>,
        parser: &Parser<T>,
    ) -> Vec<(RepoPath, Result<Arc<T>, Fault>)>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        paths
            .into_par_iter()
            .map(|path| {
                let parsed = self.parse(&path, parser);
                (path, parsed)
            })
            .collect()
    }
}

/// One language's or tool's way to describe projects.
pub trait Ecosystem: Sync {
    /// Its name in JSON and configuration.
    fn id(&self) -> EcosystemId;

    /// The names of the files it wants as candidates.
    fn reads(&self) -> &'static [FileName];

    /// The parsers that it uses: whether a changed file still says the same is asked of them.
    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[]
    }

    /// The programs that its tasks start, directly or not: another version of one may give another result.
    fn programs(&self) -> &'static [&'static str] {
        &[]
    }

    /// Finds projects and what they refer to.
    fn discover(&self, scan: &Scan<'_>) -> Discovery;

    /// Files that reach projects of this ecosystem at or below their folder.
    fn shared_files(&self) -> &'static [SharedFile] {
        &[]
    }

    /// Returns the custom of this ecosystem for names of release tags, as a pattern of [`crate::release::series`].
    fn tag_pattern(&self) -> &'static str {
        "{name}/v{version}"
    }

    /// Says why a manifest cannot be released as this major version; `None` if it can.
    fn refuses_major(&self, _manifest: &str, _major: u64) -> Option<String> {
        None
    }

    /// Finds the compile unit that a source file of the project at `root` belongs to, and whether only the tests of that unit read it. `None` for
    /// a file that no compiler reads because of where it lies: then nobody knows who does.
    fn unit_of(&self, _root: &RepoPath, _path: &RepoPath) -> Option<(RepoPath, bool)> {
        None
    }

    /// Says what a unit is to the runner: its kind, and its name from the folder where tasks start.
    fn selected(&self, unit: &str) -> Selected {
        Selected::Package(unit.to_owned())
    }

    /// Fields of its manifests, as [`crate::diff::fields`] names them, that only tools read which take no part in tests: a manifest in
    /// which nothing else changed is a file like any other.
    fn idle_fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// How its changes are followed from file to file, where tests are run file by file.
    fn file_level(&self) -> Option<&dyn FileLevel> {
        None
    }
}

/// Counts the 1-based line of the first occurrence of `needle`, for evidence where a parser has no spans.
#[must_use]
pub fn line_of(text: &str, needle: &str) -> Option<u32> {
    let at = memchr::memmem::find(text.as_bytes(), needle.as_bytes())?;
    u32::try_from(memchr::memchr_iter(b'\n', &text.as_bytes()[..at]).count() + 1).ok()
}

/// Calls `see` with every string of a document, keys left out. Parsers bound the depth of what they read.
pub(crate) fn words_of(value: &serde_json::Value, see: &mut impl FnMut(&str)) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            serde_json::Value::String(word) => see(word),
            serde_json::Value::Array(list) => open.extend(list),
            serde_json::Value::Object(map) => open.extend(map.values()),
            _ => {}
        }
    }
}

/// Reads YAML as older readers do: of a key written twice, the last counts.
pub(crate) fn yaml<T: DeserializeOwned>(text: &str) -> Result<T, Broken> {
    serde_saphyr::from_str_with_options(text, yaml_options()).map_err(not_yaml)
}

/// Reads all documents of a YAML file, as [`yaml`] does.
pub(crate) fn yaml_documents<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, Broken> {
    serde_saphyr::from_multiple_with_options(text, yaml_options()).map_err(not_yaml)
}

fn yaml_options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: crate::lockfile::REPLAYED },
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn not_yaml(error: serde_saphyr::Error) -> Broken {
    Broken {
        line: None,
        message: format!("not valid YAML: {error}"),
    }
}

/// Blanks out the comments of JSON, which settings of TypeScript and Turborepo may hold.
pub(crate) fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut quoted) = (text, false);
    while let Some(letter) = rest.chars().next() {
        let skipped = match letter {
            '/' if !quoted && rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if !quoted && rest.starts_with("/*") => {
                rest.find("*/").map_or(rest.len(), |end| end + 2)
            }
            _ => 0,
        };
        if skipped > 0 {
            rest = &rest[skipped..];
            continue;
        }
        let escaped = quoted && letter == '\\';
        let length = letter.len_utf8()
            + if escaped {
                rest[1..].chars().next().map_or(0, char::len_utf8)
            } else {
                0
            };
        quoted ^= letter == '"';
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}
