//! .NET: one project for each folder with a project file. Solutions only list projects, so they decide nothing.
//!
//! Source: "MSBuild project file schema reference", "Customize your build by folder" of the MSBuild documentation.

mod evaluate;
mod file;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use affected_graph::{
    DependencyKind, EcosystemId, Evidence, Ownership, ProjectKind, RepoPath, Stage,
};
use globset::GlobBuilder;

use super::{
    Discovery, Ecosystem, FileName, FoundProject, Link, Reference, Scan, SharedFile, SharedRole,
    Standing, Symbol, is_material,
};
use crate::facts::AnyParser;
use evaluate::{Context, Place};
use file::{FILE, Item, MsbuildFile};

/// .NET.
pub struct Dotnet;

const ID: EcosystemId = EcosystemId("dotnet");
const PROJECTS: &[&str] = &[
    ".csproj", ".fsproj", ".vbproj", ".sqlproj", ".shproj", ".esproj", ".dcproj",
];
/// Files that MSBuild takes from the nearest folder above without being told.
const IMPLICIT: &[&str] = &[
    "Directory.Build.props",
    "Directory.Build.targets",
    "Directory.Packages.props",
];
/// The version of the SDK, and the platform of the tests.
const GLOBAL: &str = "global.json";
/// A project that imports more files than any real one is cut off.
const IMPORTS: usize = 256;
const TEST_PACKAGES: &[&str] = &[
    "microsoft.net.test.sdk",
    "xunit",
    "nunit",
    "mstest",
    "tunit",
];

impl Ecosystem for Dotnet {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[
            FileName::EndsWith("proj"),
            FileName::EndsWith(".props"),
            FileName::EndsWith(".targets"),
            FileName::EndsWith(".projitems"),
            FileName::Is(GLOBAL),
        ]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&FILE, &tasks::PLATFORM]
    }

    fn programs(&self) -> &'static [&'static str] {
        &["dotnet"]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let files = read(scan, &mut discovery);
        let build = Build::new(scan, &files);
        for path in build.projects.values() {
            build.project(path, &mut discovery);
        }
        tasks::lock_together(&mut discovery);
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
            shared("dotnet sdk", GLOBAL, SharedRole::Toolchain),
            shared("nuget sources", "nuget.config", SharedRole::Settings),
            shared("nuget sources", "NuGet.config", SharedRole::Settings),
            shared("nuget sources", "NuGet.Config", SharedRole::Settings),
            shared(
                "nuget versions",
                "Directory.Packages.props",
                SharedRole::Lockfile,
            ),
            shared("nuget lockfile", "packages.lock.json", SharedRole::Lockfile),
            shared(
                "msbuild response file",
                "Directory.Build.rsp",
                SharedRole::Settings,
            ),
            shared("dotnet analyzers", ".globalconfig", SharedRole::Settings),
        ];
        SHARED
    }
}

type Files = BTreeMap<RepoPath, Arc<MsbuildFile>>;

fn is_project(path: &RepoPath) -> bool {
    let name = path.file_name().to_ascii_lowercase();
    PROJECTS
        .iter()
        .any(|ending| name.ends_with(ending.as_bytes()))
}

fn read(scan: &Scan<'_>, discovery: &mut Discovery) -> Files {
    let paths = scan.candidates.iter().filter(|path| !is_material(path));
    let paths = paths.filter(|path| path.file_name() != GLOBAL.as_bytes());
    let mut files = Files::new();
    for (path, parsed) in scan.parse_all(paths.cloned().collect(), &FILE) {
        match parsed {
            Ok(file) => {
                files.insert(path, file);
            }
            // Another tool's `.props` or `.proj` need not be XML at all.
            Err(fault) if is_project(&path) => {
                discovery.faults.push(fault);
                files.insert(path, Arc::default());
            }
            Err(_) => {}
        }
    }
    files
}

/// All files, and the projects among them by lower-case path: references are written as Windows reads them.
struct Build<'a> {
    scan: &'a Scan<'a>,
    files: &'a Files,
    projects: BTreeMap<String, RepoPath>,
}

impl<'a> Build<'a> {
    fn new(scan: &'a Scan<'a>, files: &'a Files) -> Self {
        let projects = files.keys().filter(|path| is_project(path));
        let projects = projects.map(|path| (path.to_string().to_lowercase(), path.clone()));
        Self {
            scan,
            files,
            projects: projects.collect(),
        }
    }

    fn project(&self, path: &RepoPath, discovery: &mut Discovery) {
        let folder = path.parent().unwrap_or_default();
        let (context, parts) = self.evaluate(path, &folder);
        discovery
            .projects
            .push(self.found(path, &folder, &context, &parts));
        for part in &parts {
            if !part.is_within(&folder) {
                let to = self.shared_project(part).unwrap_or_else(|| part.clone());
                let detail = format!("imports {part}");
                discovery.links.push(link(
                    &folder,
                    Reference::Path(to),
                    DependencyKind::Link,
                    path,
                    None,
                    detail,
                ));
            }
            let Some(file) = self.files.get(part) else {
                continue;
            };
            for item in &file.items {
                self.item(&context, &folder, part, item, &mut discovery.links);
            }
        }
    }

    /// The project and every file that it is put together from, in the order in which MSBuild reads them, and
    /// the properties that they set.
    fn evaluate(&self, path: &RepoPath, folder: &RepoPath) -> (Context<'_>, Vec<RepoPath>) {
        let mut context = Context {
            files: self.scan.files(),
            project: folder.clone(),
            properties: BTreeMap::new(),
        };
        let mut parts = Vec::new();
        let [first, last @ ..] = IMPLICIT else {
            return (context, parts);
        };
        self.load_nearest(first, folder, &mut context, &mut parts);
        self.load(path, &mut context, &mut parts, 0);
        for name in last {
            self.load_nearest(name, folder, &mut context, &mut parts);
        }
        (context, parts)
    }

    fn load_nearest(
        &self,
        name: &str,
        folder: &RepoPath,
        context: &mut Context<'_>,
        parts: &mut Vec<RepoPath>,
    ) {
        let mut above = folder
            .ancestors()
            .filter_map(|folder| folder.join(name).ok());
        if let Some(path) = above.find(|path| self.scan.files().is_file(path)) {
            self.load(&path, context, parts, 0);
        }
    }

    fn load(
        &self,
        path: &RepoPath,
        context: &mut Context<'_>,
        parts: &mut Vec<RepoPath>,
        depth: usize,
    ) {
        if depth > 32 || parts.len() > IMPORTS || parts.contains(path) {
            return;
        }
        parts.push(path.clone());
        let Some(file) = self.files.get(path) else {
            return;
        };
        set_properties(context, path, file);
        for (import, _) in &file.imports {
            let imported = context.import(path, import);
            if let Some(imported) = imported.filter(|path| self.scan.files().is_file(path)) {
                self.load(&imported, context, parts, depth + 1);
            }
        }
        // The file itself has the last word over what it imports: imports stand at the top.
        set_properties(context, path, file);
    }

    /// The folder of the shared project that a list of shared items belongs to.
    fn shared_project(&self, part: &RepoPath) -> Option<RepoPath> {
        let folder = part.parent()?;
        let stem = part.as_str()?.strip_suffix(".projitems")?.to_lowercase();
        self.projects
            .contains_key(&format!("{stem}.shproj"))
            .then_some(folder)
    }

    fn item(
        &self,
        context: &Context<'_>,
        folder: &RepoPath,
        part: &RepoPath,
        item: &Item,
        links: &mut Vec<Link>,
    ) {
        let is_reference = item.element == "ProjectReference";
        if !(is_reference || item.include.contains(['/', '\\'])) {
            return;
        }
        // A shared file's condition decides who is meant; a project's own ones depend on how it is built.
        let is_shared = !part.is_within(folder);
        if is_shared
            && item
                .conditions
                .iter()
                .any(|text| context.is_false(part, text))
        {
            return;
        }
        let Some(place) = context.place(part, &item.include) else {
            return;
        };
        let mut push = |to, kind| {
            links.push(link(
                folder,
                to,
                kind,
                part,
                Some(item.line),
                item.include.clone(),
            ));
        };
        if is_reference {
            for to in self.referenced(&place) {
                push(Reference::Path(to), DependencyKind::Link);
            }
            return;
        }
        let Some(path) = self.file(folder, place) else {
            return;
        };
        let kind = if item.element == "Protobuf" {
            DependencyKind::Build
        } else {
            DependencyKind::Link
        };
        let is_glob = path.as_bytes().contains(&b'*');
        if is_glob && !starts_within(&path, folder) {
            push(Reference::Glob(path.to_string()), kind);
        } else if !path.is_within(folder) && !folder.is_within(&path) && self.exists(&path) {
            push(Reference::Path(path), kind);
        }
    }

    /// The file or glob that an item names. Where only the end is known, what stands before it is mostly a folder
    /// above the project, such as the repository's root.
    fn file(&self, folder: &RepoPath, place: Place) -> Option<RepoPath> {
        let end = match place {
            Place::Path(path) => return Some(path),
            Place::EndsWith(end) => end,
        };
        let end = end.trim_start_matches('/');
        let named = folder.ancestors().filter_map(|above| above.join(end).ok());
        let mut named = named.map(|path| {
            let is_plain = |path: &RepoPath| !path.as_bytes().contains(&b'*');
            let start = path.ancestors().find(is_plain).unwrap_or_default();
            (path, start)
        });
        let there = |start: &RepoPath| !start.is_root() && self.exists(start);
        named.find(|(_, start)| there(start)).map(|(path, _)| path)
    }

    fn exists(&self, path: &RepoPath) -> bool {
        self.scan.files().is_file(path) || self.scan.files().is_folder(path)
    }

    /// Folders of the projects that a reference names; one that is missing is kept, since it may come back.
    fn referenced(&self, place: &Place) -> BTreeSet<RepoPath> {
        let folders = |wanted: &dyn Fn(&str) -> bool| {
            let all = self.projects.iter().filter(|(lower, _)| wanted(lower));
            all.filter_map(|(_, path)| path.parent())
                .collect::<BTreeSet<_>>()
        };
        match place {
            Place::EndsWith(end) => {
                let end = end.to_lowercase();
                folders(&|lower| format!("/{lower}").ends_with(&end))
            }
            Place::Path(path) => {
                let lower = path.to_string().to_lowercase();
                if lower.contains('*') {
                    let glob = GlobBuilder::new(&lower).literal_separator(true).build();
                    let glob = glob.map(|glob| glob.compile_matcher());
                    return glob.map_or_else(
                        |_| BTreeSet::new(),
                        |glob| folders(&|path| glob.is_match(path)),
                    );
                }
                let known = self.projects.get(&lower).and_then(RepoPath::parent);
                BTreeSet::from([known.unwrap_or_else(|| path.clone())])
            }
        }
    }

    fn found(
        &self,
        path: &RepoPath,
        folder: &RepoPath,
        context: &Context<'_>,
        parts: &[RepoPath],
    ) -> FoundProject {
        let file_name = String::from_utf8_lossy(path.file_name()).into_owned();
        let name = file_name
            .rsplit_once('.')
            .map_or(file_name.as_str(), |(stem, _)| stem)
            .to_owned();
        let is = |key: &str, wanted: &[&str]| {
            let value = context
                .properties
                .get(key)
                .map(|(value, _)| value.to_lowercase());
            value.is_some_and(|value| wanted.contains(&value.as_str()))
        };
        let sdk = self
            .files
            .get(path)
            .map(|file| file.sdk.to_lowercase())
            .unwrap_or_default();
        let is_test = is("istestproject", &["true"])
            || sdk.contains("mstest")
            || self.asks_for_tests(context, parts);
        let ships = [".web", ".worker", "apphost", "azure.functions"]
            .iter()
            .any(|kind| sdk.contains(kind));
        let runs = ships || is("outputtype", &["exe", "winexe"]);
        FoundProject {
            root: folder.clone(),
            kind: if runs && !is_test {
                ProjectKind::Service
            } else {
                ProjectKind::Library
            },
            standing: Standing::Manifest,
            manifest: path.clone(),
            ownership: Ownership::Tree,
            tasks: tasks::of(
                folder,
                &file_name,
                is_test.then(|| stage(&name)),
                self.is_platform(folder),
            ),
            provides: vec![Symbol {
                space: "dotnet",
                name: name.clone(),
            }],
            name,
        }
    }

    /// What the nearest `global.json` says, as `dotnet` finds it from where it starts.
    fn is_platform(&self, folder: &RepoPath) -> bool {
        let above = folder.ancestors();
        let mut above = above.filter_map(|folder| folder.join(GLOBAL).ok());
        let nearest = above.find(|path| self.scan.files().is_file(path));
        let chosen = nearest.and_then(|path| self.scan.parse(&path, &tasks::PLATFORM).ok());
        chosen.is_some_and(|chosen| *chosen)
    }

    fn asks_for_tests(&self, context: &Context<'_>, parts: &[RepoPath]) -> bool {
        parts.iter().any(|part| {
            let items = self
                .files
                .get(part)
                .into_iter()
                .flat_map(|file| &file.items);
            items
                .filter(|item| item.element == "PackageReference")
                .any(|item| {
                    let name = item.include.to_lowercase();
                    TEST_PACKAGES
                        .iter()
                        .any(|test| name == *test || name.starts_with(&format!("{test}.v")))
                        && !item
                            .conditions
                            .iter()
                            .any(|text| context.is_false(part, text))
                })
        })
    }
}

fn set_properties(context: &mut Context<'_>, path: &RepoPath, file: &MsbuildFile) {
    for (name, value) in &file.properties {
        let own = format!("$({name})").to_lowercase();
        // `<X>$(X);more</X>` adds to what is there; where there is something, that says enough.
        let adds = value.to_lowercase().contains(&own);
        if !adds {
            context
                .properties
                .insert(name.to_lowercase(), (value.clone(), path.clone()));
        }
    }
}

/// Tells whether the part of a glob before its first wildcard lies in `folder`.
fn starts_within(glob: &RepoPath, folder: &RepoPath) -> bool {
    let mut above = glob.ancestors();
    above
        .find(|path| !path.as_bytes().contains(&b'*'))
        .is_some_and(|path| path.is_within(folder))
}

/// Tests that need more than the process itself say so in their project's name.
fn stage(name: &str) -> Stage {
    let name = name.to_lowercase();
    let named = |words: &[&str]| words.iter().any(|word| name.contains(word));
    Stage::new(match () {
        () if named(&["e2e", "endtoend", "acceptance", "playwright"]) => "e2e",
        () if named(&["functional", "integration"]) => "integration",
        () if named(&["contract"]) => "contract",
        () => "unit",
    })
}

fn link(
    from: &RepoPath,
    to: Reference,
    kind: DependencyKind,
    file: &RepoPath,
    line: Option<u32>,
    detail: String,
) -> Link {
    let evidence = Evidence {
        file: file.clone(),
        line,
        detail,
    };
    Link {
        from: from.clone(),
        to,
        kind,
        evidence,
    }
}
