//! Go modules. Source: "Go Modules Reference", sections go.mod and go.work.

mod grammar;
mod packages;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use affected_graph::{
    Command, DependencyKind, EcosystemId, Evidence, Ownership, ProjectKind, RepoPath, Stage, Task,
};

use super::{
    Discovery, Ecosystem, FileName, FoundProject, Link, Reference, Scan, SharedFile, SharedRole,
    Standing, Symbol, is_material, prose,
};
use crate::facts::AnyParser;
use grammar::{GO_FILE, GO_MOD, GoFile, GoMod};

/// Go.
pub struct Go;

const ID: EcosystemId = EcosystemId("go");

const SHARED: &[SharedFile] = &[
    SharedFile {
        rule: "go workspace",
        name: FileName::Is("go.work"),
        role: SharedRole::Settings,
    },
    SharedFile {
        rule: "go workspace",
        name: FileName::Is("go.work.sum"),
        role: SharedRole::Lockfile,
    },
    SharedFile {
        rule: "go linter settings",
        name: FileName::StartsWith(".golangci."),
        role: SharedRole::Settings,
    },
];

impl Ecosystem for Go {
    fn id(&self) -> EcosystemId {
        ID
    }

    fn reads(&self) -> &'static [FileName] {
        &[
            FileName::Is("go.mod"),
            FileName::Is("go.work"),
            FileName::EndsWith(".go"),
        ]
    }

    fn parsers(&self) -> &'static [&'static dyn AnyParser] {
        &[&GO_MOD, &GO_FILE]
    }

    /// <https://go.dev/ref/mod#vcs-version>
    fn tag_pattern(&self) -> &'static str {
        "{module}/v{version}"
    }

    /// <https://go.dev/ref/mod#major-version-suffixes>
    fn refuses_major(&self, manifest: &str, major: u64) -> Option<String> {
        let mut lines = manifest.lines();
        let module = lines.find_map(|line| line.trim().strip_prefix("module "))?;
        let module = module.split("//").next().unwrap_or(module).trim();
        let module = module.trim_matches(['"', '`']);
        let has_suffix = module.ends_with(&format!("/v{major}")) || module.starts_with("gopkg.in/");
        let fits = major < 2 || has_suffix;
        (!fits).then(|| format!("the module path `{module}` must end in `/v{major}`"))
    }

    fn programs(&self) -> &'static [&'static str] {
        &["go"]
    }

    fn discover(&self, scan: &Scan<'_>) -> Discovery {
        let mut discovery = Discovery::default();
        let modules = Modules::read(scan, &mut discovery);
        for folder in modules.files.keys() {
            discovery.projects.push(modules.project(folder));
            modules.links(scan, folder, &mut discovery.links);
            modules.prose(scan, folder, &mut discovery.links);
        }
        discovery.units = Some(packages::units(scan, &modules));
        discovery
    }

    fn shared_files(&self) -> &'static [SharedFile] {
        SHARED
    }

    fn unit_of(&self, _root: &RepoPath, path: &RepoPath) -> Option<(RepoPath, bool)> {
        packages::unit_of(path)
    }
}

type ModuleFiles = Vec<(RepoPath, Arc<GoFile>)>;

struct Modules {
    files: BTreeMap<RepoPath, Arc<GoMod>>,
    /// Folders that one go.work uses together, with its own local replacements.
    works: Vec<(RepoPath, Arc<GoMod>, BTreeSet<RepoPath>)>,
    by_module: BTreeMap<String, RepoPath>,
    sources: BTreeMap<RepoPath, ModuleFiles>,
}

impl Modules {
    fn read(scan: &Scan<'_>, discovery: &mut Discovery) -> Self {
        let paths = |name| {
            scan.named(FileName::Is(name))
                .filter(|path| !is_material(path))
                .cloned()
                .collect()
        };
        let mut modules = Self {
            files: BTreeMap::new(),
            works: Vec::new(),
            by_module: BTreeMap::new(),
            sources: BTreeMap::new(),
        };
        for (path, parsed) in scan.parse_all(paths("go.mod"), &GO_MOD) {
            let folder = path.parent().unwrap_or_default();
            let parsed = parsed.unwrap_or_else(|fault| {
                discovery.faults.push(fault);
                Arc::new(GoMod::default())
            });
            if !parsed.module.is_empty() {
                modules
                    .by_module
                    .insert(parsed.module.clone(), folder.clone());
            }
            modules.files.insert(folder, parsed);
        }
        for (path, parsed) in scan.parse_all(paths("go.work"), &GO_MOD) {
            let folder = path.parent().unwrap_or_default();
            match parsed {
                Ok(work) => {
                    let used = work
                        .uses
                        .iter()
                        .filter_map(|used| folder.join(used).ok())
                        .collect();
                    modules.works.push((folder, work, used));
                }
                Err(fault) => discovery.faults.push(fault),
            }
        }
        modules.read_sources(scan);
        modules
    }

    fn read_sources(&mut self, scan: &Scan<'_>) {
        let paths = scan.named(FileName::EndsWith(".go")).cloned().collect();
        for (path, parsed) in scan.parse_all(paths, &GO_FILE) {
            let owner = path
                .ancestors()
                .skip(1)
                .find(|folder| self.files.contains_key(folder));
            if let (Some(owner), Ok(file)) = (owner, parsed) {
                self.sources.entry(owner).or_default().push((path, file));
            }
        }
    }

    /// The module paths under which each folder may be imported: its own, and those it stands for.
    fn names(&self) -> BTreeMap<&str, BTreeSet<&RepoPath>> {
        let mut names: BTreeMap<&str, BTreeSet<&RepoPath>> = BTreeMap::new();
        for (folder, file) in &self.files {
            names.entry(&file.module).or_default().insert(folder);
        }
        let works = self.works.iter().map(|(folder, work, _)| (folder, work));
        for (folder, file) in self.files.iter().chain(works) {
            for (module, target) in &file.replaces {
                let target = folder.join(target).ok();
                if let Some((folder, _)) = target.and_then(|at| self.files.get_key_value(&at)) {
                    names.entry(module).or_default().insert(folder);
                }
            }
        }
        names
    }

    fn sources(&self, folder: &RepoPath) -> &[(RepoPath, Arc<GoFile>)] {
        self.sources.get(folder).map_or(&[], Vec::as_slice)
    }

    fn project(&self, folder: &RepoPath) -> FoundProject {
        let module = &self.files[folder].module;
        let sources = self.sources(folder);
        let last = module.rsplit('/').next().filter(|last| !last.is_empty());
        let fallback = || String::from_utf8_lossy(folder.file_name()).into_owned();
        let name = if folder.is_root() {
            last.map_or_else(fallback, ToOwned::to_owned)
        } else {
            fallback()
        };
        let main = sources.iter().any(|(path, file)| {
            let inside = path.relative_to(folder).unwrap_or_default();
            file.is_main && (!inside.contains(&b'/') || inside.starts_with(b"cmd/"))
        });
        FoundProject {
            root: folder.clone(),
            name,
            kind: if main {
                ProjectKind::Service
            } else {
                ProjectKind::Library
            },
            standing: Standing::Manifest,
            manifest: folder.join("go.mod").unwrap_or_default(),
            ownership: Ownership::Tree,
            tasks: tasks(folder, sources),
            provides: vec![Symbol {
                space: "go",
                name: module.clone(),
            }],
        }
    }

    /// Where `module` lies in this repository, as seen from the module in `from`: by a local replacement or a
    /// common go.work. Anything else comes from a proxy.
    fn locate(&self, from: &RepoPath, module: &str) -> Option<RepoPath> {
        let replaced = |base: &RepoPath, file: &GoMod| base.join(file.replaces.get(module)?).ok();
        if let Some(to) = replaced(from, &self.files[from]) {
            return Some(to);
        }
        let work = |(base, work, used): &(RepoPath, Arc<GoMod>, BTreeSet<RepoPath>)| {
            if !used.contains(from) {
                return None;
            }
            let member = self
                .by_module
                .get(module)
                .filter(|folder| used.contains(*folder))
                .cloned();
            replaced(base, work).or(member)
        };
        self.works.iter().find_map(work)
    }

    fn links(&self, scan: &Scan<'_>, folder: &RepoPath, links: &mut Vec<Link>) {
        let file = &self.files[folder];
        let used = Usage::of(self.sources(folder));
        let go_mod = folder.join("go.mod").unwrap_or_default();
        let imported = self
            .by_module
            .keys()
            .filter(|module| used.by(module).is_some());
        let required: BTreeSet<&String> = file.requires.keys().chain(imported).collect();
        for module in required {
            let Some(to) = self.locate(folder, module).filter(|to| to != folder) else {
                continue;
            };
            let line = file.requires.get(module).copied();
            let kind = used.by(module).unwrap_or(DependencyKind::Link);
            let evidence = Evidence {
                file: go_mod.clone(),
                line,
                detail: format!("require {module}"),
            };
            links.push(Link {
                from: folder.clone(),
                to: Reference::Path(to),
                kind,
                evidence,
            });
        }
        for (path, source) in self.sources(folder) {
            let at = path.parent().unwrap_or_default();
            let named = |read: &str| at.join(read).ok().filter(|to| scan.files().is_file(to));
            let files: Vec<RepoPath> = source
                .generates
                .iter()
                .filter_map(|(read, _)| named(read))
                .collect();
            for (read, line) in &source.generates {
                let Ok(to) = at.join(read) else { continue };
                let is_file = scan.files().is_file(&to);
                // `-I ../proto` only says where names are looked up, once a file below it is named.
                let is_root = !is_file && files.iter().any(|file| file.is_within(&to));
                if to.is_within(folder) || is_root || !(is_file || scan.files().is_folder(&to)) {
                    continue;
                }
                let detail = format!("go:generate reads {read}");
                let evidence = Evidence {
                    file: path.clone(),
                    line: Some(*line),
                    detail,
                };
                let kind = DependencyKind::Build;
                links.push(Link {
                    from: folder.clone(),
                    to: Reference::Path(to),
                    kind,
                    evidence,
                });
            }
        }
    }
}

impl Modules {
    /// Documentation that sources embed or name is data. A word is looked up from the folder of its file and from those
    /// above it, since paths are often joined of several words.
    fn prose(&self, scan: &Scan<'_>, folder: &RepoPath, links: &mut Vec<Link>) {
        let mut known = BTreeSet::new();
        for (path, source) in self.sources(folder) {
            let at = path.parent().unwrap_or_default();
            let above = at.ancestors().take_while(|above| above.is_within(folder));
            let above: Vec<RepoPath> = above.collect();
            let embeds = source
                .embeds
                .iter()
                .map(|word| (word, "embeds", &above[..1]));
            let named = source.prose.iter().map(|word| (word, "names", &above[..]));
            // A test that lists folders reads what it finds there.
            let all = ("**".to_owned(), 1);
            let from = if source.climbs { above.len() - 1 } else { 0 };
            let lists = source.lists && path.file_name().ends_with(b"_test.go");
            let listed = lists.then_some((&all, "lists", &above[from..=from]));
            for ((word, line), how, bases) in embeds.chain(named).chain(listed) {
                let meant = prose::meant(scan, folder, bases, word).into_iter();
                for to in meant.filter(|to| known.insert(to.clone())) {
                    links.push(prose::link(
                        folder,
                        to,
                        path,
                        *line,
                        format!("{how} {word}"),
                    ));
                }
            }
        }
    }
}

/// How the files of a module use other modules.
struct Usage<'a>(BTreeMap<&'a str, DependencyKind>);

impl<'a> Usage<'a> {
    fn of(sources: &'a [(RepoPath, Arc<GoFile>)]) -> Self {
        let mut imports = BTreeMap::new();
        for (path, source) in sources {
            let kind = match () {
                () if path.file_name().ends_with(b"_test.go") => DependencyKind::Test,
                () if source
                    .tags
                    .iter()
                    .any(|tag| tag == "tools" || tag == "ignore") =>
                {
                    DependencyKind::Build
                }
                () => DependencyKind::Link,
            };
            for import in &source.imports {
                let known = imports.entry(import.as_str()).or_insert(kind);
                // The kinds are declared strongest first.
                *known = (*known).min(kind);
            }
        }
        Self(imports)
    }

    /// The strongest use of a package of `module`.
    fn by(&self, module: &str) -> Option<DependencyKind> {
        self.0
            .range(module..)
            .take_while(|(import, _)| import.starts_with(module))
            .filter(|(import, _)| matches!(import.as_bytes().get(module.len()), None | Some(b'/')))
            .map(|(_, kind)| *kind)
            .min()
    }
}

/// Build tags that keep tests out of a plain run, and the stage that they name.
const STAGE_TAGS: [(&str, &str); 7] = [
    ("smoke", "smoke"),
    ("contract", "contract"),
    ("component", "component"),
    ("functional", "component"),
    ("integration", "integration"),
    ("e2e", "e2e"),
    ("acceptance", "e2e"),
];

fn tasks(folder: &RepoPath, sources: &[(RepoPath, Arc<GoFile>)]) -> Vec<Task> {
    let task = |name: &str, stage: Option<&str>, argv: &[&str]| Task {
        name: name.to_owned(),
        stage: stage.map(Stage::new),
        command: Command::Argv(argv.iter().map(ToString::to_string).collect()),
        cwd: folder.clone(),
        env: BTreeMap::new(),
        timeout: None,
        script: None,
        inferred_by: Some(ID),
        needs: affected_graph::Needs::default(),
        origin: "go.mod".to_owned(),
    };
    let tests = || {
        sources
            .iter()
            .filter(|(path, _)| path.file_name().ends_with(b"_test.go"))
    };
    let mut tasks = Vec::new();
    if tests().next().is_some() {
        tasks.push(task("test", Some("unit"), &["go", "test", "./..."]));
    }
    for (tag, stage) in STAGE_TAGS {
        if tests().any(|(_, file)| file.tags.iter().any(|known| known == tag)) {
            tasks.push(task(
                &format!("test:{tag}"),
                Some(stage),
                &["go", "test", "-tags", tag, "./..."],
            ));
        }
    }
    tasks.push(task("build", None, &["go", "build", "./..."]));
    tasks.push(task("lint", None, &["go", "vet", "./..."]));
    tasks
}
