//! Go packages as compile units. Sources: "The Go Programming Language Specification", import declarations; `go help
//! packages`, `go help test`, `go help buildconstraint`.
//!
//! The compiler makes imports exact, whatever the build tags: every file of a folder counts. What a test does besides,
//! by starting the go tool or by reading sources as data, is an escape: such packages always run.

use std::collections::{BTreeMap, BTreeSet};

use affected_graph::RepoPath;

use super::{GoFile, Modules};
use crate::ecosystem::{Scan, Unit};

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

/// Lists the packages of all modules.
pub(super) fn units(scan: &Scan<'_>, modules: &Modules) -> Vec<Unit> {
    let names = modules.names();
    let mut units: BTreeMap<RepoPath, Unit> = BTreeMap::new();
    for (module, sources) in &modules.sources {
        for (path, file) in sources {
            let folder = path.parent().unwrap_or_default();
            let unit = units.entry(folder.clone()).or_insert_with(|| Unit {
                project: module.clone(),
                name: name(module, &folder),
                path: folder,
                ..Unit::default()
            });
            add(unit, path, file, &names);
            unit.escapes |= embeds_sources(scan, path, file) && !is_test(path);
            unit.tests_escape |= embeds_sources(scan, path, file) && is_test(path);
        }
    }
    units.into_values().collect()
}

fn add(unit: &mut Unit, path: &RepoPath, file: &GoFile, names: &Names<'_>) {
    let used = file.imports.iter();
    let used = used.flat_map(|import| located(names, import));
    if is_test(path) {
        unit.tests_use.extend(used);
        unit.tests_escape |= escapes(file) || file.lists || file.climbs;
    } else {
        unit.uses.extend(used);
        unit.escapes |= escapes(file) || (file.lists && file.climbs);
    }
    unit.alone |= file.tags.is_empty() && !has_platform(path);
}

/// Finds the package of a file that a compiler reads because of where it lies; one below `vendor` stands for a module.
pub(super) fn unit_of(path: &RepoPath) -> Option<(RepoPath, bool)> {
    let compiled = path.file_name().ends_with(b".go") && !is_hidden(path.as_bytes());
    compiled.then(|| (path.parent().unwrap_or_default(), is_test(path)))
}

/// The name of a package below its module; none where `./...` leaves the folder out, or it cannot be typed.
fn name(module: &RepoPath, folder: &RepoPath) -> String {
    match folder.relative_to(module).map(std::str::from_utf8) {
        Some(Ok("")) => ".".to_owned(),
        Some(Ok(inside)) if !is_hidden(inside.as_bytes()) => format!("./{inside}"),
        _ => String::new(),
    }
}

/// Tells whether the go tool leaves a path out of what it lists.
fn is_hidden(path: &[u8]) -> bool {
    let mut parts = path.split(|byte| *byte == b'/');
    parts.any(|part| {
        part == b"testdata" || part == b"vendor" || part.starts_with(b"_") || part.starts_with(b".")
    })
}

fn is_test(path: &RepoPath) -> bool {
    path.file_name().ends_with(b"_test.go")
}

type Names<'m> = BTreeMap<&'m str, BTreeSet<&'m RepoPath>>;

/// Every folder that an import may mean: a module's path, or one that stands for it, and the rest below its folder.
fn located(names: &Names<'_>, import: &str) -> Vec<RepoPath> {
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

/// Tells whether Go files may be among what a file embeds: by a pattern without another ending, or in a folder.
fn embeds_sources(scan: &Scan<'_>, path: &RepoPath, file: &GoFile) -> bool {
    let folder = path.parent().unwrap_or_default();
    let holds_sources = |at: &RepoPath| {
        let mut below = scan.files().below(at).iter();
        below.any(|entry| entry.path.file_name().ends_with(b".go"))
    };
    file.embeds.iter().any(|(pattern, _)| {
        let ending = pattern
            .rsplit(['/', '*', '?', ']'])
            .next()
            .unwrap_or_default();
        let ending = ending.rsplit_once('.').map_or("", |(_, ending)| ending);
        let is_glob = pattern.contains(['*', '?', '[', '\\']);
        let is_other = ending != "go" && !(is_glob && ending.is_empty());
        match folder.join(pattern) {
            // What is gone from a folder without any other source is a stray, which takes all.
            Ok(at) if scan.files().is_folder(&at) => holds_sources(&at),
            _ => !is_other,
        }
    })
}

fn has_platform(path: &RepoPath) -> bool {
    let name = String::from_utf8_lossy(path.file_name()).into_owned();
    let stem = name.trim_end_matches(".go").trim_end_matches("_test");
    let last = stem.rsplit_once('_').map(|(_, last)| last);
    last.is_some_and(|last| PLATFORMS.contains(&last))
}
