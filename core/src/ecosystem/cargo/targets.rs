//! Cargo targets as compile units: a package's library and programs with their tests, and each integration test. Source:
//! "Cargo Targets" of the Cargo book (target auto-discovery), "Modules" of the Rust reference.
//!
//! A change of the library is a change of everything that links it. An integration test is a crate that nobody links:
//! only it, and those that take its file in as a module, have to run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use affected_graph::{DependencyKind, RepoPath};
use serde::{Deserialize, Serialize};

use super::{Crates, include};
use crate::config::defects;
use crate::ecosystem::{FileName, Scan, Unit};
use crate::facts::{Broken, Parser};

pub(super) const TEST_FILE: Parser<TestFile> = Parser {
    id: "cargo/test-file",
    version: 2,
    parse: parse_test_file,
};

/// What matters of a file below `tests`, or of a build script.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TestFile {
    /// Names of `mod name;`, and of modules that may hold such.
    modules: BTreeSet<String>,
    /// Whether it may read other sources: by path, by a macro, as data of a compile test.
    reads_sources: bool,
    /// Folders below the tests that it names; all of them by an empty name.
    folders: BTreeSet<String>,
    /// Whether it names the folder of the tests.
    names_tests: bool,
}

/// Lists the targets of all packages.
pub(super) fn units(
    scan: &Scan<'_>,
    crates: &Crates,
    packages: &[RepoPath],
    readers: &[include::Reader],
) -> Vec<Unit> {
    let roots: BTreeSet<&RepoPath> = packages.iter().collect();
    let package = |path: &RepoPath| path.ancestors().skip(1).find(|at| roots.contains(at));
    let wanted = |path: &&RepoPath| {
        let root = package(path);
        root.is_some_and(|root| {
            matches!(
                inside(&root, path).as_slice(),
                ["tests", _, ..] | ["build.rs"]
            )
        })
    };
    let paths = scan.named(FileName::EndsWith(".rs")).filter(wanted);
    let mut files: BTreeMap<RepoPath, Vec<(RepoPath, Arc<TestFile>)>> = BTreeMap::new();
    for (path, parsed) in scan.parse_all(paths.cloned().collect(), &TEST_FILE) {
        if let (Some(root), Ok(file)) = (package(&path), parsed) {
            files.entry(root).or_default().push((path, file));
        }
    }
    let mut units = Vec::new();
    for root in packages {
        let own = files.remove(root).unwrap_or_default();
        of_package(crates, root, &own, &mut units);
    }
    for package in include::read_tests(readers) {
        let tests = units
            .iter()
            .filter(|unit| unit.project == package && unit.path != package);
        let tests: Vec<RepoPath> = tests.map(|unit| unit.path.clone()).collect();
        let library = units.iter_mut().find(|unit| unit.path == package);
        library
            .into_iter()
            .for_each(|library| library.uses.extend(tests.iter().cloned()));
    }
    // Sources of the library that take in files of the tests.
    for (package, by, file) in include::inner(scan, readers) {
        let taken = unit_of(&package, &file).map(|(unit, _)| unit);
        let by = unit_of(&package, &by).map(|(unit, _)| unit);
        let user = units
            .iter_mut()
            .find(|unit| Some(&unit.path) == by.as_ref());
        if let (Some(user), Some(taken)) = (user, taken) {
            user.uses.insert(taken);
        }
    }
    units
}

fn of_package(
    crates: &Crates,
    root: &RepoPath,
    files: &[(RepoPath, Arc<TestFile>)],
    units: &mut Vec<Unit>,
) {
    let mut tests = BTreeMap::new();
    let mut library = library(crates, root);
    for (path, file) in files {
        let Some((place, _)) = unit_of(root, path) else {
            continue;
        };
        if place == *root {
            continue;
        }
        let unit = tests.entry(place.clone()).or_insert_with(|| Unit {
            project: root.clone(),
            path: place,
            alone: true,
            uses: BTreeSet::from([root.clone()]),
            ..Unit::default()
        });
        if let Some(name) = target(root, path).filter(|_| crates.manifests[root].finds_tests) {
            unit.name = name;
        }
        let named = |name: &String| [format!("tests/{name}.rs"), format!("tests/{name}")];
        let modules = file.modules.iter();
        let modules = modules.filter(|_| !defects::is("forget-test-modules"));
        let folders = file.folders.iter().map(|name| format!("tests/{name}"));
        let taken = modules.flat_map(named).chain(folders);
        unit.uses
            .extend(taken.filter_map(|taken| root.join(taken).ok()));
        unit.escapes |= file.reads_sources;
    }
    // Where the targets are written down, or a build script looks at them, they are no matter of their files alone.
    let scripts = files
        .iter()
        .filter(|(path, _)| unit_of(root, path).is_some_and(|(at, _)| at == *root));
    if !crates.manifests[root].finds_tests
        || scripts.into_iter().any(|(_, script)| script.names_tests)
    {
        library.uses.extend(tests.keys().cloned());
    }
    units.push(library);
    units.extend(tests.into_values());
}

fn library(crates: &Crates, root: &RepoPath) -> Unit {
    let (mut uses, mut tests_use) = (BTreeSet::new(), BTreeSet::new());
    for (to, kind, ..) in crates.resolved(root) {
        match kind {
            DependencyKind::Test => tests_use.insert(to),
            _ => uses.insert(to),
        };
    }
    Unit {
        project: root.clone(),
        path: root.clone(),
        name: "lib".to_owned(),
        uses,
        tests_use,
        ..Unit::default()
    }
}

/// Finds the target of a source; files of one folder below `tests` go together.
pub(super) fn unit_of(root: &RepoPath, path: &RepoPath) -> Option<(RepoPath, bool)> {
    if !path.file_name().ends_with(b".rs") {
        return None;
    }
    match inside(root, path).as_slice() {
        ["tests", first, ..] => Some((root.join(format!("tests/{first}")).ok()?, false)),
        _ => Some((root.clone(), false)),
    }
}

/// The name of the integration test whose main file this is.
fn target(root: &RepoPath, path: &RepoPath) -> Option<String> {
    match inside(root, path).as_slice() {
        ["tests", file] => file.strip_suffix(".rs").map(ToOwned::to_owned),
        ["tests", folder, "main.rs"] => Some((*folder).to_owned()),
        _ => None,
    }
}

/// The components of a path below `root`; none where they are no text.
fn inside<'p>(root: &RepoPath, path: &'p RepoPath) -> Vec<&'p str> {
    let below = path.relative_to(root).map(std::str::from_utf8);
    below
        .and_then(Result::ok)
        .into_iter()
        .flat_map(|below| below.split('/'))
        .collect()
}

/// Calls that see what lies in a folder.
const LISTS: [&str; 5] = ["read_dir", "walkdir", "WalkDir", "WalkBuilder", "glob("];

/// Words of a place from which sources of tests can be met by listing.
const HERE: [&str; 7] = [
    "CARGO_MANIFEST_DIR",
    "file!()",
    "current_dir",
    "\".\"",
    "\"./",
    "\"..\"",
    "\"../",
];

/// Finds the folders among the quoted words that lie below the tests, as far as these are told apart: `tests/cases/one` is
/// `cases`, and all tests are the empty name. A file has an ending.
fn folders_of_tests(text: &str) -> BTreeSet<String> {
    let folder = |(at, word): (usize, &str)| {
        let before = text[..at].trim_end_matches(['.', '/']);
        let rest = text[at..].split('"').next().unwrap_or_default();
        let last = rest.rsplit('/').next().unwrap_or_default();
        let is_path = !rest.contains(char::is_whitespace) && !last.contains('.');
        let below = rest[word.len()..].strip_prefix('/');
        let below = below.or((rest == word).then_some(""));
        let below = below.filter(|_| is_path && before.ends_with('"'))?;
        Some(below.split('/').next().unwrap_or_default().to_owned())
    };
    text.match_indices("tests").filter_map(folder).collect()
}

fn parse_test_file(bytes: &[u8]) -> Result<TestFile, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let has = |what: &str| memchr::memmem::find(bytes, what.as_bytes()).is_some();
    let modules = text.match_indices("mod ").filter_map(|(at, word)| {
        let starts = text[..at]
            .chars()
            .next_back()
            .is_none_or(|before| !before.is_alphanumeric() && before != '_');
        let (name, _) = text[at + word.len()..]
            .split_once([';', '{'])
            .filter(|_| starts)?;
        let name = name.trim().trim_start_matches("r#");
        let is_name = !name.is_empty()
            && name
                .chars()
                .all(|letter| letter.is_alphanumeric() || letter == '_');
        is_name.then(|| name.to_owned())
    });
    // The tool itself, which compiles all.
    let starts_cargo = has("process::") && has("new(\"cargo\")");
    let folders = folders_of_tests(&text);
    let lists = LISTS.into_iter().any(has) && HERE.into_iter().any(has);
    Ok(TestFile {
        modules: modules.collect(),
        reads_sources: [
            "#[path",
            "include!",
            "include_",
            ".rs\"",
            "trybuild",
            "ui_test",
            "compiletest",
            "macro_rules!",
            "glob!(",
            "datatest",
            "dir_test",
            "#[files(",
            "\"CARGO\"",
        ]
        .into_iter()
        .any(has)
            || starts_cargo
            || lists
            || folders.contains(""),
        folders,
        names_tests: has("tests"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> TestFile {
        parse_test_file(text.as_bytes()).expect("a source")
    }

    #[test]
    fn tests_that_see_what_lies_in_a_folder_or_compile_may_read_sources() {
        for text in [
            "mytool::check(\"./tests\")",
            "WalkDir::new(env!(\"CARGO_MANIFEST_DIR\"))",
            "std::process::Command::new(\"cargo\")",
            "insta::glob!(\"inputs/*\", |path| {})",
            "datatest_stable::harness!(run, \"tests/cases\", r\"\\.rs$\");",
            "#[files(\"tests/**/*\")] path: PathBuf",
            "trybuild::TestCases::new()",
            "include_dir!(\"tests/cases\")",
            "let path = \"tests/ui/a.rs\";",
        ] {
            assert!(read(text).reads_sources, "{text}");
        }
        let named = read("(\"tests/cases\", \"./tests/ui/deep/\", \"tests/a.json\")");
        let folders: Vec<_> = named.folders.iter().map(String::as_str).collect();
        assert_eq!((folders, named.reads_sources), (vec!["cases", "ui"], false));
        for text in [
            "let global = fs::read_to_string(\"tests/a.json\");",
            "fs::read_dir(\"/proc/self/fd\")",
            "#[cfg(feature = \"cargo\")]",
            "mod tests { \"the tests\" }",
        ] {
            assert!(!read(text).reads_sources, "{text}");
        }
    }

    #[test]
    fn modules_are_found_also_inside_of_others() {
        let modules = read("mod a;\npub mod r#b { mod c; }\n// remod d;").modules;
        assert_eq!(modules.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
