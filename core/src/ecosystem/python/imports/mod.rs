//! Follows changes of Python sources from file to file.
//!
//! Everything that takes part counts, imported or not: the packages around a module, `conftest.py` of every folder above
//! a test, plugins that manifests and settings name, modules that strings name, data files that are read. What hides
//! what it takes in is an escape.

mod calls;
mod data;
mod registry;
mod settings;
mod source;
mod stdlib;
mod suite;
mod syntax;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use affected_graph::{Project, ProjectIndex, RepoPath, Task};

use super::super::{FileLevel, Look, Scan, SourceFile, Suite};
use super::{Python, tools};
use crate::config::defects;
use crate::facts::Fault;
use data::Data;
use registry::Registering;
pub(super) use source::Module;
use source::{SOURCE, Source};
use world::{World, is_source};

/// Tells whether a module is one of the standard library.
pub(super) fn is_standard(module: &str) -> bool {
    stdlib::has(module)
}

impl FileLevel for Python {
    fn suite(&self, look: &Look<'_>, project: &Project, task: &Task) -> Result<Suite, String> {
        suite::of(look, project, task)
    }

    fn sources(&self, look: &Look<'_>, of: &BTreeSet<RepoPath>) -> Vec<SourceFile> {
        let mut world = World::new(look);
        let found = followed(&world, of);
        if !found.values().any(|file| file.moves_path) {
            return found.into_values().map(|file| file.source).collect();
        }
        world.look_everywhere();
        let found = followed(&world, of);
        found.into_values().map(|file| file.source).collect()
    }
}

/// What one file takes in, and what it does to others.
struct Followed {
    source: SourceFile,
    patches: bool,
    moves_path: bool,
    registering: Registering,
}

impl Followed {
    fn new(path: &RepoPath) -> Self {
        Self {
            source: SourceFile {
                path: path.clone(),
                ..SourceFile::default()
            },
            patches: false,
            moves_path: false,
            registering: Registering::default(),
        }
    }
}

type Files = BTreeMap<RepoPath, Followed>;

/// Follows files to the end, and from data to data.
fn followed(world: &World<'_>, of: &BTreeSet<RepoPath>) -> Files {
    let mut data = Data::new(world);
    let tests = tests(world, of);
    let mut found = follow_all(world, &data, &tests);
    if data.lead_outwards(world) {
        found = follow_all(world, &data, &tests);
    }
    for (path, uses) in data.leading() {
        let file = found.entry(path.clone());
        file.or_insert_with(|| Followed::new(path)).source.uses = uses;
    }
    let mut doubtful = data.doubtful();
    for path in settings_only(world) {
        // Read by those only who name it, or may read anything: nothing of it is for the tests.
        doubtful.remove(&path);
        found
            .entry(path.clone())
            .or_insert_with(|| Followed::new(&path));
    }
    for file in found.values_mut() {
        file.source.uses.retain(|path| !doubtful.contains(path));
    }
    registry::spread(&mut found);
    spread_patches(world, of, &mut found);
    found
}

/// Changed manifests. Where one says something new of its project, the project is whole, and nobody asks for this.
fn settings_only(world: &World<'_>) -> Vec<RepoPath> {
    let changed = world.look.changed.modified.iter();
    let is_manifest = |path: &&RepoPath| {
        let owner = world.owner(path);
        let manifests = owner.map(|owner| &world.look.graph.project(owner).manifests);
        path.file_name() == b"pyproject.toml" && manifests.is_some_and(|all| all.contains(path))
    };
    changed.filter(is_manifest).cloned().collect()
}

fn follow_all(world: &World<'_>, data: &Data<'_>, tests: &Tests) -> Files {
    let mut found = Files::new();
    let all = tests.all.iter();
    let mut open: Vec<RepoPath> = all.filter(|path| is_source(path)).cloned().collect();
    while !open.is_empty() {
        let mut next = BTreeSet::new();
        for (path, facts) in read(world, open) {
            let file = follow(world, data, tests, &path, &facts);
            let uses = file.source.uses.iter();
            next.extend(uses.filter(|path| is_source(path)).cloned());
            found.insert(path, file);
        }
        let is_new = |path: &RepoPath| !found.contains_key(path);
        open = next.into_iter().filter(is_new).collect();
    }
    found
}

/// A file as each tree has it.
struct Facts {
    head: Option<Result<Arc<Source>, Fault>>,
    base: Option<Result<Arc<Source>, Fault>>,
}

fn read(world: &World<'_>, paths: Vec<RepoPath>) -> Vec<(RepoPath, Facts)> {
    let look = world.look;
    let is_changed = |path: &&RepoPath| {
        look.changed.modified.contains(*path) || look.changed.deleted.contains(*path)
    };
    let before: Vec<RepoPath> = paths.iter().filter(is_changed).cloned().collect();
    let mut base: BTreeMap<RepoPath, _> = match &look.base {
        Some(base) => parse(base, before).into_iter().collect(),
        None => BTreeMap::new(),
    };
    let is_there = |path: &RepoPath| look.head.files().is_file(path);
    let (there, gone): (Vec<_>, Vec<_>) = paths.into_iter().partition(is_there);
    let there = parse(&look.head, there).into_iter();
    let all = there
        .map(|(path, facts)| (path, Some(facts)))
        .chain(gone.into_iter().map(|path| (path, None)));
    let mut read = Vec::new();
    for (path, head) in all {
        let base = base.remove(&path);
        read.push((path, Facts { head, base }));
    }
    read
}

fn parse(scan: &Scan<'_>, paths: Vec<RepoPath>) -> Vec<(RepoPath, Result<Arc<Source>, Fault>)> {
    scan.parse_all(paths, &SOURCE)
}

/// What every test of a project takes in, whatever is in it.
struct Tests {
    by_project: BTreeMap<ProjectIndex, BTreeSet<RepoPath>>,
    /// Tests that came or went, by name: two of one name may be in each other's way.
    twins: BTreeMap<Vec<u8>, BTreeSet<RepoPath>>,
    all: BTreeSet<RepoPath>,
}

fn tests(world: &World<'_>, of: &BTreeSet<RepoPath>) -> Tests {
    let (mut by_project, mut twins) = (BTreeMap::new(), BTreeMap::<_, BTreeSet<_>>::new());
    for path in of {
        if let Some(owner) = world.owner(path) {
            let named = || match defects::is("forget-plugins") {
                true => BTreeSet::new(),
                false => settings::plugins(world, owner),
            };
            by_project.entry(owner).or_insert_with(named);
        }
        let changed = world.look.changed;
        if changed.added.contains(path) || changed.deleted.contains(path) {
            let twins = twins.entry(path.file_name().to_vec()).or_default();
            twins.insert(path.clone());
        }
    }
    let all = of.clone();
    Tests {
        by_project,
        twins,
        all,
    }
}

fn follow(
    world: &World<'_>,
    data: &Data<'_>,
    tests: &Tests,
    path: &RepoPath,
    facts: &Facts,
) -> Followed {
    let mut file = Followed::new(path);
    let is_conftest = path.file_name() == b"conftest.py";
    for facts in facts.head.iter().chain(&facts.base).flatten() {
        uses(world, data, path, facts, &mut file.source.uses);
        file.patches |= facts.patches || (is_conftest && facts.patches_within);
        file.moves_path |= facts.moves_path;
        file.registering.add(facts);
    }
    if let Some(head) = &facts.head {
        file.source.escape = escape(world, path, head);
    }
    let is_test = tests.all.contains(path);
    if is_test || is_conftest {
        file.source.uses.extend(world.around(path));
    }
    if is_test {
        let owner = world.owner(path);
        let plugins = owner.and_then(|owner| tests.by_project.get(&owner));
        file.source
            .uses
            .extend(plugins.into_iter().flatten().cloned());
        let twins = tests.twins.get(path.file_name());
        file.source
            .uses
            .extend(twins.into_iter().flatten().cloned());
    }
    file.source.uses.remove(path);
    file
}

/// Adds all that a file takes in.
fn uses(
    world: &World<'_>,
    data: &Data<'_>,
    path: &RepoPath,
    facts: &Source,
    uses: &mut BTreeSet<RepoPath>,
) {
    for import in &facts.imports {
        uses.extend(world.import(path, import).files);
    }
    for module in &facts.mentions {
        uses.extend(world.find(path, module, None).files);
    }
    for module in &facts.below {
        for folder in world.folders(path, module) {
            uses.extend(world.below(&folder));
            uses.insert(folder);
        }
    }
    let words = facts.words.iter();
    for word in words.filter(|_| !defects::is("forget-names-in-strings")) {
        uses.extend(named(world, path, word).files);
        if facts.names_apps {
            for folder in applications(world, path, word) {
                uses.extend(world.below(&folder));
                uses.insert(folder);
            }
        }
    }
    data.add(world, path, facts, uses);
    if facts
        .imports
        .iter()
        .any(|import| tools::is_tool(&import.module))
    {
        let near = settings_only(world).into_iter();
        uses.extend(near.filter(|manifest| world.is_near(path, manifest)));
    }
}

/// What a string loads if it is the name of a module, or of something in one: `shop.cart.total`, `shop.main:app`.
fn named(world: &World<'_>, path: &RepoPath, word: &str) -> world::Hits {
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    let parts: Vec<&str> = word.split(['.', ':']).collect();
    if parts.len() < 2 || !parts.iter().all(|part| is_name(part)) || !world.is_top(parts[0]) {
        return world::Hits::default();
    }
    world.find(path, &Module::absolute(parts.join(".")), None)
}

/// The folder of a Django application, which is loaded as a whole.
fn applications(world: &World<'_>, path: &RepoPath, word: &str) -> BTreeSet<RepoPath> {
    let mut name = word;
    loop {
        let top = name.split('.').next().unwrap_or(name);
        if !world.is_top(top) {
            return BTreeSet::new();
        }
        let folders = world.folders(path, &Module::absolute(name));
        match name.rsplit_once('.') {
            Some((above, _)) if folders.is_empty() => name = above,
            _ => return folders,
        }
    }
}

/// What hides what a file takes in, with the place.
fn escape(
    world: &World<'_>,
    path: &RepoPath,
    facts: &Result<Arc<Source>, Fault>,
) -> Option<String> {
    let facts = match facts {
        Ok(facts) => facts,
        Err(fault) => return Some(fault.to_string()),
    };
    if let Some(escape) = &facts.escape {
        return Some(format!("{path}:{} {}", escape.line, escape.what));
    }
    if world.is_symlink(path) {
        return Some(format!("{path} is a symbolic link"));
    }
    let needed = facts.imports.iter().filter(|import| !import.optional);
    let missing = needed
        .filter(|import| world.import(path, import).missing)
        .find(|import| !settings::is_generated(world, path, &import.module));
    missing.map(|import| {
        let dots = ".".repeat(import.module.level as usize);
        format!(
            "{path} imports {dots}{}, which is not there",
            import.module.name
        )
    })
}

/// What a file of the tests changes for others, it changes for all of them: they run in one process.
fn spread_patches(world: &World<'_>, of: &BTreeSet<RepoPath>, found: &mut Files) {
    let owners: BTreeMap<&RepoPath, _> = of.iter().map(|path| (path, world.owner(path))).collect();
    let folders: BTreeSet<RepoPath> = of.iter().filter_map(RepoPath::parent).collect();
    let is_of_tests = |path: &RepoPath| {
        path.file_name() == b"conftest.py" || path.ancestors().any(|above| folders.contains(&above))
    };
    let mut patching: BTreeMap<_, BTreeSet<RepoPath>> = BTreeMap::new();
    for (path, file) in found.iter() {
        if file.patches && is_of_tests(path) {
            let owner = world.owner(path);
            patching.entry(owner).or_default().insert(path.clone());
        }
    }
    for (path, owner) in owners {
        if let (Some(file), Some(all)) = (found.get_mut(path), patching.get(&owner)) {
            let others = all.iter().filter(|other| *other != path);
            file.source.uses.extend(others.cloned());
        }
    }
}

#[cfg(test)]
mod tests;
