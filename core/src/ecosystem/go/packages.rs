//! Go packages as compile units: which of them a changed source can reach. Sources: "The Go Programming Language
//! Specification", import declarations; `go help packages`, `go help test`, `go help buildconstraint`.
//!
//! The compiler makes imports exact, whatever the build tags: every file of a folder counts. What a test does besides,
//! by starting the go tool or by reading sources as data, is an escape: such packages always run.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::{Command, RepoPath, Task};

use super::{GoFile, Modules, Sources};
use crate::ecosystem::{Discovery, Part};

/// Names that the go tool takes for a file's platform where they end its name.
const PLATFORMS: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "js",
    "linux",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
    "386",
    "amd64",
    "arm",
    "arm64",
    "loong64",
    "mips",
    "mips64",
    "mips64le",
    "mipsle",
    "ppc64",
    "ppc64le",
    "riscv64",
    "s390x",
    "wasm",
];

/// One folder of Go files.
#[derive(Default)]
struct Package {
    /// Folders that its own files import.
    imports: BTreeSet<RepoPath>,
    /// Folders that its tests import.
    test_imports: BTreeSet<RepoPath>,
    escapes: bool,
    test_escapes: bool,
    /// Whether a file is built on every platform without tags.
    plain: bool,
}

/// Finds the packages that the changed files reach, in each project.
pub(super) fn parts(sources: &Sources<'_>) -> BTreeMap<RepoPath, Part> {
    let whole = |because: String| {
        let roots = sources.roots.iter().cloned();
        roots
            .map(|root| (root, Part::Whole(because.clone())))
            .collect()
    };
    if let Some(path) = sources.changed.iter().find(|path| !is_compiled(path)) {
        return whole(format!("{path} is read by no compiler"));
    }
    let modules = Modules::read(
        sources.scan,
        &mut Discovery::default(),
        Some(sources.around),
    );
    let changed: BTreeSet<RepoPath> = sources.changed.iter().map(folder).collect();
    let packages = read(&modules, &changed);
    let compiled = sources.changed.iter().filter(|path| !is_test(path));
    let escaping = packages.iter().filter(|(_, package)| package.escapes);
    let reached = Reached {
        dirty: importers(&packages, compiled.map(folder).collect()),
        escaped: importers(&packages, escaping.map(|(path, _)| path.clone()).collect()),
        changed,
        trusting: sources.trusting,
    };
    let part = |root: &RepoPath| part(root, &modules, &packages, &reached);
    let roots = sources.roots.iter();
    roots.map(|root| (root.clone(), part(root))).collect()
}

fn folder(path: &RepoPath) -> RepoPath {
    path.parent().unwrap_or_default()
}

/// What a change reaches, in folders.
struct Reached {
    /// Where a file changed.
    changed: BTreeSet<RepoPath>,
    /// What is compiled with a changed file that is no test.
    dirty: BTreeSet<RepoPath>,
    /// What is compiled with something that the compiler does not see the whole of.
    escaped: BTreeSet<RepoPath>,
    trusting: bool,
}

impl Reached {
    fn tests_of(&self, path: &RepoPath, package: &Package) -> bool {
        let among = |set: &BTreeSet<RepoPath>| {
            set.contains(path) || !set.is_disjoint(&package.test_imports)
        };
        let escapes = package.test_escapes || among(&self.escaped);
        self.changed.contains(path) || among(&self.dirty) || (escapes && !self.trusting)
    }
}

fn part(
    root: &RepoPath,
    modules: &Modules,
    packages: &BTreeMap<RepoPath, Package>,
    reached: &Reached,
) -> Part {
    let own = modules.folders(root).into_iter();
    let own = own.filter(|path| is_listed(root, path));
    let own: Vec<_> = own
        .filter_map(|path| Some((path, packages.get(path)?)))
        .collect();
    let hit = own
        .iter()
        .filter(|(path, package)| reached.tests_of(path, package));
    let hit: Vec<_> = hit.collect();
    if let Some((path, _)) = hit.iter().find(|(_, package)| !package.plain) {
        return Part::Whole(format!(
            "package {path} is built on some platforms or with tags only"
        ));
    }
    if hit.len() == own.len() {
        return Part::Whole("every package is reached".to_owned());
    }
    if hit.is_empty() && reached.changed.iter().any(|path| path.is_within(root)) {
        return Part::Whole("what changed is no package any more".to_owned());
    }
    Part::Units(hit.iter().map(|(path, _)| unit(root, path)).collect())
}

/// Puts packages into a command in the place of the pattern for all of them.
pub(super) fn command(task: &Task, units: &[String]) -> Option<Command> {
    let Command::Argv(argv) = &task.command else {
        return None;
    };
    let at = argv.iter().position(|word| word == "./...")?;
    let mut argv = argv.clone();
    argv.splice(at..=at, units.iter().cloned());
    Some(Command::Argv(argv))
}

fn unit(root: &RepoPath, path: &RepoPath) -> String {
    match path.relative_to(root) {
        Some(inside) if !inside.is_empty() => format!("./{}", String::from_utf8_lossy(inside)),
        _ => ".".to_owned(),
    }
}

fn is_test(path: &RepoPath) -> bool {
    path.file_name().ends_with(b"_test.go")
}

/// Go files that a compiler reads because of where they lie; those below `vendor` stand for a module.
fn is_compiled(path: &RepoPath) -> bool {
    let mut parts = path.as_bytes().split(|byte| *byte == b'/');
    path.file_name().ends_with(b".go")
        && parts.all(|part| {
            part != b"testdata"
                && part != b"vendor"
                && !part.starts_with(b"_")
                && !part.starts_with(b".")
        })
}

/// Tells whether `./...` of a module lists a folder, and whether its name can be typed.
fn is_listed(root: &RepoPath, path: &RepoPath) -> bool {
    let inside = path.relative_to(root).unwrap_or_default();
    let hidden = |part: &[u8]| {
        part == b"testdata" || part == b"vendor" || part.starts_with(b"_") || part.starts_with(b".")
    };
    !inside.split(|byte| *byte == b'/').any(hidden) && std::str::from_utf8(inside).is_ok()
}

fn read(modules: &Modules, changed: &BTreeSet<RepoPath>) -> BTreeMap<RepoPath, Package> {
    let names = modules.names();
    let known: BTreeSet<&RepoPath> = modules.all_folders().chain(changed).collect();
    let mut packages: BTreeMap<RepoPath, Package> = BTreeMap::new();
    for (path, file) in modules.sources.values().flatten() {
        let package = packages
            .entry(path.parent().unwrap_or_default())
            .or_default();
        let found = file
            .imports
            .iter()
            .flat_map(|import| located(&names, import));
        let found = found.filter(|folder| known.contains(folder));
        if is_test(path) {
            package.test_imports.extend(found);
            package.test_escapes |= escapes(file);
        } else {
            package.imports.extend(found);
            package.escapes |= escapes(file);
        }
        package.plain |= file.tags.is_empty() && !has_platform(path);
    }
    packages
}

/// Every folder that an import may mean: a module's path, or one that stands for it, and the rest below its folder.
fn located(names: &BTreeMap<&str, BTreeSet<&RepoPath>>, import: &str) -> Vec<RepoPath> {
    let ends = memchr::memchr_iter(b'/', import.as_bytes()).chain([import.len()]);
    let at = |end: usize| {
        let folders = names.get(&import[..end]).into_iter().flatten();
        let rest = import[end..].trim_start_matches('/');
        folders.filter_map(move |folder| folder.join(rest).ok())
    };
    ends.flat_map(at).collect()
}

fn escapes(file: &GoFile) -> bool {
    let starts = |import: &String| {
        matches!(import.as_str(), "os/exec" | "plugin" | "syscall")
            || import.starts_with("go/")
            || import.starts_with("golang.org/x/tools")
    };
    file.reads_sources || file.imports.iter().any(starts)
}

fn has_platform(path: &RepoPath) -> bool {
    let name = String::from_utf8_lossy(path.file_name()).into_owned();
    let stem = name.trim_end_matches(".go").trim_end_matches("_test");
    let last = stem.rsplit_once('_').map(|(_, last)| last);
    last.is_some_and(|last| PLATFORMS.contains(&last))
}

/// The given folders and all that import them, other than from tests.
fn importers(packages: &BTreeMap<RepoPath, Package>, of: BTreeSet<RepoPath>) -> BTreeSet<RepoPath> {
    let mut back: BTreeMap<&RepoPath, Vec<&RepoPath>> = BTreeMap::new();
    for (path, package) in packages {
        for import in &package.imports {
            back.entry(import).or_default().push(path);
        }
    }
    let mut open: Vec<RepoPath> = of.iter().cloned().collect();
    let mut found = of;
    while let Some(at) = open.pop() {
        for by in back.get(&at).into_iter().flatten() {
            if found.insert((*by).clone()) {
                open.push((*by).clone());
            }
        }
    }
    found
}
