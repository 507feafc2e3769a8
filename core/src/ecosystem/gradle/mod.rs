//! Gradle: builds, their projects, and what build scripts in Groovy or Kotlin make of them.
//!
//! Source: "Multi-Project Build Basics", "Declaring dependencies", "Sharing build logic" and "Composite Builds" of
//! the Gradle user manual.

mod builds;
mod catalog;
mod modules;
mod project;
mod script;
mod settings;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;

use affected_graph::{DependencyKind, EcosystemId, Evidence, RepoPath};

use super::{
    Discovery, Ecosystem, FileName, Link, Reference, Scan, SharedFile, SharedRole, is_material,
};
use crate::facts::AnyParser;
use builds::{Build, script_of};
use catalog::{CATALOG, Plugins};
use script::{SCRIPT, Scope, Script, Target, Use};

/// Gradle.
pub struct Gradle;

const ID: EcosystemId = EcosystemId("gradle");

impl Ecosystem for Gradle {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[
            FileName::EndsWith(".gradle"),
            FileName::EndsWith(".gradle.kts"),
            FileName::EndsWith(".versions.toml"),
        ]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&CATALOG, &script::SCRIPT, &settings::SETTINGS]
    }

    fn programs(&self) -> &'static [&'static str] {
        &["java", "gradle"]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let world = World::read(scan, &mut discovery);
        for build in &world.builds {
            for (folder, path) in &build.paths {
                let Some(member) = Member::new(&world, build, folder, path) else {
                    continue;
                };
                discovery.projects.push(member.found());
                member.links(&mut discovery.links);
            }
        }
        discovery
    }

    fn shared_files(&self) -> &'static [SharedFile] {
        const SHARED: &[SharedFile] = &[
            SharedFile {
                rule: "gradle lockfile",
                name: FileName::Is("gradle.lockfile"),
                role: SharedRole::Lockfile,
            },
            SharedFile {
                rule: "gradle lockfile",
                name: FileName::Is("buildscript-gradle.lockfile"),
                role: SharedRole::Lockfile,
            },
            SharedFile {
                rule: "gradle version catalog",
                name: FileName::EndsWith(".versions.toml"),
                role: SharedRole::Lockfile,
            },
        ];
        SHARED
    }
}

/// Everything that is written about Gradle in one tree.
struct World<'a> {
    scan: &'a Scan<'a>,
    builds: Vec<Build>,
    scripts: BTreeMap<RepoPath, Arc<Script>>,
    /// Accessor to plugin id, of every catalog.
    catalog: Plugins,
    /// Plugin id to the project that makes it, and the script that is it.
    plugins: BTreeMap<String, (RepoPath, Option<RepoPath>)>,
}

impl<'a> World<'a> {
    fn read(scan: &'a Scan<'a>, discovery: &mut Discovery) -> Self {
        let builds = builds::find(scan, discovery);
        let (catalogs, scripts): (Vec<_>, Vec<_>) = scan
            .candidates
            .iter()
            .filter(|path| !is_material(path))
            .cloned()
            .partition(|path| path.file_name().ends_with(b".toml"));
        let scripts = scan.parse_all(scripts, &SCRIPT).into_iter();
        let scripts = scripts
            .filter_map(|(path, script)| Some((path, script.ok()?)))
            .collect();
        let catalog = scan.parse_all(catalogs, &CATALOG).into_iter();
        let catalog = catalog.filter_map(|(_, plugins)| plugins.ok());
        let catalog = catalog.flat_map(|plugins| (*plugins).clone()).collect();
        let mut world = Self {
            scan,
            builds,
            scripts,
            catalog,
            plugins: BTreeMap::new(),
        };
        world.plugins = world.made_plugins();
        world
    }

    /// Plugins by `id = "…"` in a build script, and scripts below `src/main` that are plugins themselves.
    fn made_plugins(&self) -> BTreeMap<String, (RepoPath, Option<RepoPath>)> {
        let mut made = BTreeMap::new();
        for (path, script) in &self.scripts {
            let Some(owner) = self.owner(path) else {
                continue;
            };
            for id in &script.makes {
                made.insert(id.clone(), (owner.clone(), None));
            }
            let inside = path.relative_to(&owner).unwrap_or_default();
            let name = String::from_utf8_lossy(path.file_name()).into_owned();
            let stem = name.trim_end_matches(".kts").trim_end_matches(".gradle");
            if inside.starts_with(b"src/main/") {
                made.insert(stem.to_owned(), (owner, Some(path.clone())));
            }
        }
        made
    }

    /// The nearest project above a file.
    fn owner(&self, path: &RepoPath) -> Option<RepoPath> {
        let is_project = |folder: &RepoPath| {
            self.builds
                .iter()
                .any(|build| build.paths.contains_key(folder))
        };
        path.ancestors().skip(1).find(is_project)
    }
}

/// One project, with every script that says something about it.
struct Member<'a> {
    world: &'a World<'a>,
    build: &'a Build,
    folder: &'a RepoPath,
    path: &'a str,
    /// Script, its facts, and which of its scopes hold here.
    parts: Vec<Part<'a>>,
}

struct Part<'a> {
    file: RepoPath,
    script: &'a Script,
    /// Whether the script is the project's own.
    is_own: bool,
}

impl Part<'_> {
    fn holds(&self, scope: &Scope, path: &str) -> bool {
        match scope {
            Scope::Own => self.is_own,
            Scope::Below => !self.is_own,
            Scope::All => true,
            Scope::Named(names) => names.iter().any(|name| name == path),
        }
    }
}

impl<'a> Member<'a> {
    /// Puts a project together; a folder that only groups others is none.
    fn new(
        world: &'a World<'a>,
        build: &'a Build,
        folder: &'a RepoPath,
        path: &'a str,
    ) -> Option<Self> {
        let own = script_of(world.scan, folder);
        let is_included = build.settings.includes.contains_key(path);
        if own.is_none() && !is_included {
            return None;
        }
        let mut member = Self {
            world,
            build,
            folder,
            path,
            parts: Vec::new(),
        };
        member.take(own, true);
        // Scripts of the projects above, nearest first: their blocks may be about this one.
        for above in member.above() {
            member.take(script_of(world.scan, &above), false);
        }
        member.take_applied();
        Some(member)
    }

    /// Folders of the projects above in the build.
    fn above(&self) -> Vec<RepoPath> {
        let mut found = Vec::new();
        let mut path = self.path;
        while let Some((above, _)) = path.rsplit_once(':').filter(|_| path != ":") {
            path = if above.is_empty() { ":" } else { above };
            found.extend(self.build.projects.get(path).cloned());
        }
        found
    }

    fn take(&mut self, file: Option<RepoPath>, is_own: bool) {
        let Some(file) = file.filter(|file| self.parts.iter().all(|part| part.file != *file))
        else {
            return;
        };
        if let Some(script) = self.world.scripts.get(&file) {
            self.parts.push(Part {
                file,
                script,
                is_own,
            });
        }
    }

    /// Scripts applied with `apply from`, and plugins that are scripts; what they apply in turn as well.
    fn take_applied(&mut self) {
        let mut at = 0;
        while at < self.parts.len() {
            let part = &self.parts[at];
            let folder = part.file.parent().unwrap_or_default();
            let applied = part
                .script
                .applies
                .iter()
                .filter(|(scope, ..)| part.holds(scope, self.path));
            let mut files: Vec<RepoPath> = applied
                .filter_map(|(_, text, _)| {
                    self.existing(&[&folder, &self.build.root, self.folder], text)
                })
                .collect();
            let ids = part
                .script
                .plugins
                .iter()
                .filter(|(scope, _)| part.holds(scope, self.path));
            files.extend(ids.filter_map(|(_, id)| self.plugin(id)?.1.clone()));
            for file in files {
                self.take(Some(file), true);
            }
            at += 1;
        }
    }

    /// The first of the folders in which a path exists.
    fn existing(&self, folders: &[&RepoPath], text: &str) -> Option<RepoPath> {
        let files = self.world.scan.files();
        let mut paths = folders.iter().filter_map(|folder| folder.join(text).ok());
        paths.find(|path| files.is_file(path) || files.is_folder(path))
    }

    /// Who makes a plugin, by its id or its accessor in a catalog.
    fn plugin(&self, id: &str) -> Option<&(RepoPath, Option<RepoPath>)> {
        let real = self.world.catalog.get(id).map_or(id, String::as_str);
        self.world
            .plugins
            .get(real)
            .filter(|(maker, _)| maker != self.folder)
    }

    /// Ids of the plugins that are applied here.
    fn applied(&self) -> impl Iterator<Item = (&Part<'a>, &str)> {
        self.parts.iter().flat_map(move |part| {
            let here = part
                .script
                .plugins
                .iter()
                .filter(|(scope, _)| part.holds(scope, self.path));
            here.map(move |(_, id)| {
                (
                    part,
                    self.world
                        .catalog
                        .get(id)
                        .map_or(id.as_str(), String::as_str),
                )
            })
        })
    }

    fn links(&self, links: &mut Vec<Link>) {
        for part in &self.parts {
            self.used(part, links);
            self.read_files(part, links);
        }
        for (part, id) in self.applied() {
            if let Some((maker, _)) = self.plugin(id) {
                let detail = format!("plugin `{id}`");
                links.push(self.link(
                    maker.clone(),
                    DependencyKind::Build,
                    &part.file,
                    None,
                    detail,
                ));
            }
        }
        for (to, detail) in self.surroundings() {
            let at = self.build.settings_file.as_ref().unwrap_or(&to).clone();
            links.push(self.link(to, DependencyKind::Build, &at, None, detail.to_owned()));
        }
    }

    fn link(
        &self,
        to: RepoPath,
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
            from: self.folder.clone(),
            to: Reference::Path(to),
            kind,
            evidence,
        }
    }

    fn used(&self, part: &Part<'_>, links: &mut Vec<Link>) {
        let here = part
            .script
            .uses
            .iter()
            .filter(|wanted| part.holds(&wanted.scope, self.path));
        for wanted in here {
            for folder in self.meant(wanted) {
                let detail = format!("{} {}", wanted.configuration, words(&wanted.target));
                let (line, detail) = (Some(wanted.line), detail.trim().to_owned());
                links.push(self.link(
                    folder,
                    kind(&wanted.configuration),
                    &part.file,
                    line,
                    detail,
                ));
            }
        }
    }

    fn read_files(&self, part: &Part<'_>, links: &mut Vec<Link>) {
        let here = part
            .script
            .files
            .iter()
            .filter(|(scope, ..)| part.holds(scope, self.path));
        for (_, text, from_root, line) in here {
            let folder = if *from_root {
                &self.build.root
            } else {
                self.folder
            };
            let path = self.existing(&[folder], text);
            let apart =
                |path: &RepoPath| !path.is_within(self.folder) && !self.folder.is_within(path);
            if let Some(path) = path.filter(apart) {
                links.push(self.link(
                    path,
                    DependencyKind::Build,
                    &part.file,
                    Some(*line),
                    text.clone(),
                ));
            }
        }
    }

    /// Folders of the projects that a use may mean.
    fn meant(&self, wanted: &Use) -> Vec<RepoPath> {
        let own = |folder: &&RepoPath| *folder != self.folder;
        match &wanted.target {
            Target::Path(path) => self
                .build
                .folder_of(self.path, path)
                .into_iter()
                .filter(own)
                .cloned()
                .collect(),
            Target::Accessor(accessor) => self
                .build
                .by_accessor(accessor)
                .into_iter()
                .filter(own)
                .cloned()
                .collect(),
            Target::Prefix(prefix) => {
                let all = self
                    .build
                    .projects
                    .iter()
                    .filter(|(path, _)| *path != ":" && path.starts_with(prefix.as_str()));
                all.map(|(_, folder)| folder).filter(own).cloned().collect()
            }
            Target::Module(module) => self.substituted(module),
        }
    }

    /// Builds that this one includes, and its `buildSrc`.
    fn included(&self) -> impl Iterator<Item = &'a Build> {
        let roots = self
            .build
            .settings
            .builds
            .iter()
            .filter_map(|path| self.build.root.join(path).ok());
        let roots: Vec<RepoPath> = roots.collect();
        self.world
            .builds
            .iter()
            .filter(move |build| roots.contains(&build.root))
    }

    /// What every project of a build is built with.
    fn surroundings(&self) -> Vec<(RepoPath, &'static str)> {
        let files = self.world.scan.files();
        let root = &self.build.root;
        let mut found: Vec<(RepoPath, &'static str)> = Vec::new();
        for name in ["gradle.properties", "gradlew", "gradlew.bat"] {
            found.extend(
                root.join(name)
                    .ok()
                    .map(|path| (path, "settings of the build")),
            );
        }
        found.extend(
            self.build
                .settings_file
                .clone()
                .map(|path| (path, "settings of the build")),
        );
        for (at, above) in self.above().iter().rev().enumerate() {
            let script = script_of(self.world.scan, above);
            // The root decides about plugin versions even if it names nobody.
            let counts = |file: &RepoPath| {
                at == 0
                    || self
                        .world
                        .scripts
                        .get(file)
                        .is_some_and(|script| script.spreads)
            };
            found.extend(
                script
                    .filter(counts)
                    .map(|path| (path, "script of the build")),
            );
        }
        let shared = root.join("gradle").unwrap_or_default();
        let own = files.below(&shared).iter().map(|entry| entry.path.clone());
        let own = own.filter(|path| self.world.owner(path).is_none_or(|owner| owner == *root));
        found.extend(own.map(|path| (path, "catalog, wrapper or shared script of the build")));
        found.retain(|(path, _)| files.is_file(path) && !path.is_within(self.folder));
        let build_logic = root.join("buildSrc").unwrap_or_default();
        if files.is_folder(&build_logic) && !self.folder.is_within(&build_logic) {
            found.push((build_logic, "logic of the build"));
        }
        // An included build whose plugins have no known id may be used by anybody.
        for build in self.included() {
            let makers = self
                .world
                .plugins
                .values()
                .any(|(maker, _)| maker.is_within(&build.root));
            let logic = build.settings.includes.is_empty() && !makers;
            if logic && build.root != *self.folder {
                found.push((build.root.clone(), "included build"));
            }
        }
        found
    }
}

fn kind(configuration: &str) -> DependencyKind {
    const TESTS: &[&str] = &[
        "test",
        "jmh",
        "benchmark",
        "aggregation",
        "coverage",
        "kover",
    ];
    const BUILDS: &[&str] = &[
        "annotationprocessor",
        "kapt",
        "ksp",
        "classpath",
        "dependson",
    ];
    let lower = configuration.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    match () {
        // First, since `testAnnotationProcessor` only makes code of tests.
        () if has(TESTS) => DependencyKind::Test,
        () if lower.is_empty() || has(BUILDS) => DependencyKind::Build,
        () => DependencyKind::Link,
    }
}

fn words(target: &Target) -> String {
    match target {
        Target::Path(path) => format!("project(\"{path}\")"),
        Target::Accessor(accessor) => format!("projects.{accessor}"),
        Target::Prefix(prefix) => {
            format!("project(\"{prefix}…\"), which is computed, so every one that fits")
        }
        Target::Module(module) => module.clone(),
    }
}
