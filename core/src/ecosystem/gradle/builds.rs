//! Which folders form which build: settings with what they include, and folders that stand alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use affected_graph::RepoPath;

use super::settings::{SETTINGS, Settings};
use crate::ecosystem::{Discovery, Scan, is_material};

/// A build: one `settings.gradle(.kts)`, or a lone script.
pub(super) struct Build {
    pub(super) root: RepoPath,
    pub(super) settings_file: Option<RepoPath>,
    pub(super) settings: Arc<Settings>,
    /// Project path to folder; `:` is the root.
    pub(super) projects: BTreeMap<String, RepoPath>,
    /// Folder to project path.
    pub(super) paths: BTreeMap<RepoPath, String>,
}

impl Build {
    /// Names that a path may mean when written in `from`: Gradle takes it from the root or from the project.
    pub(super) fn folder_of(&self, from: &str, path: &str) -> Option<&RepoPath> {
        let absolute = format!(":{}", path.trim_start_matches(':'));
        let relative = format!("{}:{path}", from.trim_end_matches(':'));
        self.projects
            .get(&absolute)
            .or_else(|| self.projects.get(&relative))
    }

    /// The project that a type-safe accessor names: `a-b:c` is `aB.c`.
    pub(super) fn by_accessor(&self, accessor: &str) -> Option<&RepoPath> {
        let wanted = canonical(accessor);
        self.projects.iter().find_map(|(path, folder)| {
            let named = canonical(&path.trim_start_matches(':').replace(':', "."));
            let of_root = self
                .settings
                .name
                .as_deref()
                .map(|name| format!("{}.{named}", canonical(name)));
            (named == wanted || of_root.as_deref() == Some(&wanted)).then_some(folder)
        })
    }
}

/// Lower case without the separators that accessors drop.
fn canonical(name: &str) -> String {
    name.chars()
        .filter(|letter| !matches!(letter, '-' | '_'))
        .collect::<String>()
        .to_lowercase()
}

/// Finds a project's script: the usual name, or the project's own.
pub(super) fn script_of(scan: &Scan<'_>, folder: &RepoPath) -> Option<RepoPath> {
    let own = String::from_utf8_lossy(folder.file_name()).into_owned();
    let names = ["build.gradle.kts", "build.gradle"].map(ToOwned::to_owned);
    let own = [format!("{own}.gradle.kts"), format!("{own}.gradle")];
    let candidates = names.into_iter().chain(own);
    candidates
        .filter_map(|name| folder.join(name).ok())
        .find(|path| scan.files().is_file(path))
}

fn is_settings(path: &RepoPath) -> bool {
    matches!(
        path.file_name(),
        b"settings.gradle" | b"settings.gradle.kts"
    )
}

fn is_build_script(path: &RepoPath) -> bool {
    // Plugins that are scripts, and samples that tests build.
    if [&b"src/main/"[..], b"src/test/"]
        .iter()
        .any(|part| memchr::memmem::find(path.as_bytes(), part).is_some())
    {
        return false;
    }
    let name = path.file_name();
    let stem = name
        .strip_suffix(b".kts")
        .unwrap_or(name)
        .strip_suffix(b".gradle");
    let folder = path.parent().unwrap_or_default();
    stem.is_some_and(|stem| stem == b"build" || stem == folder.file_name()) && !is_settings(path)
}

/// Finds every build of a tree.
pub(super) fn find(scan: &Scan<'_>, discovery: &mut Discovery) -> Vec<Build> {
    let real = || scan.candidates.iter().filter(|path| !is_material(path));
    let mut builds: Vec<Build> = Vec::new();
    for (path, parsed) in scan.parse_all(
        real().filter(|path| is_settings(path)).cloned().collect(),
        &SETTINGS,
    ) {
        let settings = parsed.unwrap_or_else(|fault| {
            discovery.faults.push(fault);
            Arc::default()
        });
        let root = path.parent().unwrap_or_default();
        builds.push(build(scan, root, Some(path), settings));
    }
    let roots: BTreeSet<RepoPath> = builds.iter().map(|build| build.root.clone()).collect();
    let folders: BTreeSet<RepoPath> = real()
        .filter(|path| is_build_script(path))
        .filter_map(RepoPath::parent)
        .collect();
    for build in &mut builds {
        if build.settings.is_dynamic {
            computed(build, &folders, &roots);
        }
    }
    let known: BTreeSet<RepoPath> = builds
        .iter()
        .flat_map(|build| build.projects.values().cloned())
        .collect();
    for folder in folders.difference(&known) {
        builds.push(build(scan, folder.clone(), None, Arc::default()));
    }
    builds
}

fn build(
    scan: &Scan<'_>,
    root: RepoPath,
    settings_file: Option<RepoPath>,
    settings: Arc<Settings>,
) -> Build {
    let mut projects = BTreeMap::from([(":".to_owned(), root.clone())]);
    for path in settings.includes.keys() {
        // `:a:b` makes a project `:a` as well.
        let ends = path
            .match_indices(':')
            .skip(1)
            .map(|(at, _)| at)
            .chain([path.len()]);
        for part in ends.map(|end| &path[..end]) {
            let place = part.trim_start_matches(':').replace(':', "/");
            let place = settings.folders.get(part).unwrap_or(&place);
            let folder = root
                .join(place)
                .ok()
                .filter(|folder| scan.files().is_folder(folder));
            if let Some(folder) = folder {
                projects.entry(part.to_owned()).or_insert(folder);
            }
        }
    }
    let paths = projects
        .iter()
        .map(|(path, folder)| (folder.clone(), path.clone()))
        .collect();
    Build {
        root,
        settings_file,
        settings,
        projects,
        paths,
    }
}

/// Where includes are computed, every folder with a script that no other build claims may be meant.
fn computed(build: &mut Build, folders: &BTreeSet<RepoPath>, roots: &BTreeSet<RepoPath>) {
    for folder in folders {
        let nearest = folder.ancestors().find(|above| roots.contains(above));
        let free = nearest.as_ref() == Some(&build.root) && !build.paths.contains_key(folder);
        if free && !folder.components().any(|name| name == b"buildSrc") {
            let inside = folder.relative_to(&build.root).unwrap_or_default();
            let path = format!(":{}", String::from_utf8_lossy(inside).replace('/', ":"));
            build.paths.insert(folder.clone(), path.clone());
            // The last component alone is how computed includes mostly name a project.
            let short = format!(":{}", String::from_utf8_lossy(folder.file_name()));
            build
                .projects
                .entry(short)
                .or_insert_with(|| folder.clone());
            build.projects.insert(path, folder.clone());
        }
    }
}
