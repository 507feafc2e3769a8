//! The rules of the house that no lint knows: rooms, sizes, names, registrations.

use std::collections::BTreeSet;
use std::path::Path;

use walkdir::WalkDir;

/// The stages of `core` in the order in which they may know one another.
const ORDER: [&str; 23] = [
    "digest",
    "glob",
    "vcs",
    "hooks",
    "tree",
    "facts",
    "lockfile",
    "config",
    "runner",
    "ecosystem",
    "scan",
    "ci",
    "diff",
    "select",
    "narrow",
    "plan",
    "cache",
    "run",
    "history",
    "release",
    "report",
    "watch",
    "pipeline",
];

/// Crates that only one place may name.
const OWNERS: [(&str, &[&str]); 8] = [
    ("gix::", &["core/src/vcs/"]),
    ("petgraph::", &["graph/src/project_graph.rs"]),
    ("clap::", &["cli/src/", "xtask/src/"]),
    (
        "rayon::",
        &[
            "core/src/scan/",
            "core/src/run/",
            "core/src/ecosystem/mod.rs",
        ],
    ),
    ("blake3::", &["core/src/digest.rs"]),
    ("notify::", &["core/src/watch.rs"]),
    ("rusqlite::", &["core/src/history/"]),
    (
        "std::env::var",
        &[
            "core/src/ci/",
            "core/src/config/",
            "cli/",
            "xtask/",
            "tests/",
            "fixtures/",
        ],
    ),
];

/// Numbered behaviours, each of which a test names: those of the cache and its history, and those of execution.
const BEHAVIOURS: [(&str, usize); 2] = [("C", 12), ("E", 9)];

/// What may lie at the top of the repository, beside names with a dot.
const TOP: [&str; 16] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "cli",
    "clippy.toml",
    "core",
    "deny.toml",
    "fixtures",
    "graph",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "tests",
    "xtask",
];

const BANNED: [&str; 7] = [
    "util", "utils", "helpers", "common", "misc", "manager", "types",
];

/// Checks every Rust file that is no fixture.
pub(crate) fn run() -> Result<(), String> {
    let root = crate::root();
    let mut findings = Vec::new();
    let mut named = BTreeSet::new();
    for folder in ["graph", "core", "cli", "fixtures/src", "xtask", "tests"] {
        for entry in WalkDir::new(root.join(folder))
            .sort_by_file_name()
            .into_iter()
            .flatten()
        {
            if entry.path().extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                let path = entry.path().strip_prefix(&root).unwrap_or(entry.path());
                findings.extend(check(&path.display().to_string(), &text));
                named.extend(behaviours(&text));
            }
        }
    }
    findings.extend(registrations(&root));
    findings.extend(strays(&root)?);
    let all = BEHAVIOURS
        .iter()
        .flat_map(|(letter, last)| (1..=*last).map(move |number| format!("{letter}{number}")));
    let untested = all.filter(|behaviour| !named.contains(behaviour));
    findings.extend(untested.map(|behaviour| format!("tests: none names {behaviour}")));
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(format!("{} findings", findings.len()))
    }
}

/// Checks one file.
fn check(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let mut find =
        |line: usize, message: String| findings.push(format!("{path}:{line}: {message}"));
    let stem = Path::new(path)
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    if BANNED.contains(&stem) {
        find(1, format!("`{stem}` is a name that leads nowhere"));
    }
    if !text.starts_with("//!") {
        find(1, "a module opens with `//!`".to_owned());
    }
    let is_test = path.contains("/tests") || path.starts_with("tests/");
    let code = if is_test { text } else { before_tests(text) };
    if !is_test && code.lines().count() > 600 {
        find(601, "longer than 600 lines; split by concern".to_owned());
    }
    let stage = path
        .strip_prefix("core/src/")
        .map(|rest| rest.split(['/', '.']).next().unwrap_or_default());
    for (number, line) in (1..).zip(code.lines()) {
        let line = line.trim_start();
        if line.starts_with("//") {
            continue;
        }
        for (name, homes) in OWNERS {
            if !is_test && names(line, name) && !homes.iter().any(|home| path.starts_with(home)) {
                find(number, format!("`{name}` belongs to {}", homes.join(", ")));
            }
        }
        if let Some(stage) = stage.filter(|_| !is_test) {
            for later in later_than(stage)
                .iter()
                .filter(|later| names_stage(line, later))
            {
                find(
                    number,
                    format!("`{stage}` comes before `{later}` and may not know it"),
                );
            }
        }
    }
    findings
}

/// Cuts off the module of unit tests.
fn before_tests(text: &str) -> &str {
    let starts = ["#[cfg(test)]\nmod tests", "#[cfg(all(test"];
    let end = starts.iter().filter_map(|start| text.find(start)).min();
    &text[..end.unwrap_or(text.len())]
}

/// Tells whether a line names a crate, rather than a string or a module of that name.
fn names(line: &str, crate_name: &str) -> bool {
    line.match_indices(crate_name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '"' | ':'))
    })
}

/// Tells whether a line names a stage, rather than one whose name only begins alike.
fn names_stage(line: &str, stage: &str) -> bool {
    let path = format!("crate::{stage}");
    line.match_indices(&path).any(|(at, _)| {
        let after = line[at + path.len()..].chars().next();
        !after.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    })
}

fn later_than(stage: &str) -> &'static [&'static str] {
    ORDER
        .iter()
        .position(|known| *known == stage)
        .map_or(&[], |at| &ORDER[at + 1..])
}

/// The behaviours that a file's tests name: in the lines before `#[test]` and in the name of the function after it.
fn behaviours(text: &str) -> BTreeSet<String> {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let mut found = BTreeSet::new();
    for (at, _) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| **line == "#[test]")
    {
        let doc = lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.starts_with("///"));
        let function = lines[at..].iter().find(|line| line.starts_with("fn "));
        let words = doc
            .chain(function)
            .flat_map(|line| line.split(|c: char| !c.is_alphanumeric()));
        found.extend(words.map(str::to_uppercase));
    }
    found
}

/// Tracked files at the top that have no place there, as downloads that were added by mistake.
fn strays(root: &Path) -> Result<Vec<String>, String> {
    let listed = std::process::Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("git ls-files: {error}"))?;
    let listed = String::from_utf8_lossy(&listed.stdout);
    let tops: BTreeSet<&str> = listed
        .split_terminator('\0')
        .filter_map(|path| path.split('/').next())
        .collect();
    Ok(tops
        .into_iter()
        .filter(|top| !top.starts_with('.') && !TOP.contains(top))
        .map(|top| format!("{top}:1: nothing of this name belongs at the top"))
        .collect())
}

/// Every registered ecosystem is named in the README.
fn registrations(root: &Path) -> Vec<String> {
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
    let (registry, readme) = (read("core/src/ecosystem/mod.rs"), read("README.md"));
    registry
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.split(';').next())
        .flat_map(|member| {
            let mut findings = Vec::new();
            if !readme.contains(&format!("`{member}`")) {
                findings.push(format!(
                    "README.md:1: ecosystem `{member}` is not described"
                ));
            }
            if !root.join("fixtures/ecosystems").join(member).is_dir() {
                findings.push(format!(
                    "fixtures/ecosystems:1: ecosystem `{member}` has no fixture"
                ));
            }
            findings
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{behaviours, check};

    #[test]
    fn tests_name_behaviours() {
        let found =
            behaviours("/// C1, E9: x.\n    #[test]\n    fn e2_c7_works() {}\n/// E4\nfn x() {}\n");
        let named = ["C1", "E9", "E2", "C7"].map(|name| found.contains(name));
        assert_eq!((named, found.contains("E4")), ([true; 4], false));
    }

    #[test]
    fn rooms_are_kept() {
        let found = |path: &str, code: &str| check(path, &format!("//! x\n{code}\n")).len();
        assert_eq!(found("core/src/scan/x.rs", "use gix::Repository;"), 1);
        assert_eq!(found("core/src/vcs/x.rs", "use gix::Repository;"), 0);
        assert_eq!(
            found("core/src/tree/x.rs", "use crate::scan::Inventory;"),
            1
        );
        assert_eq!(found("core/src/scan/x.rs", "use crate::tree::Tree;"), 0);
        assert_eq!(found("core/src/scan/x.rs", "use crate::runner::Call;"), 0);
        assert_eq!(found("core/src/scan/util.rs", ""), 1);
        assert_eq!(check("core/src/scan/x.rs", "fn x() {}").len(), 1);
        assert_eq!(found("core/src/scan/x.rs", &"let x = 1;\n".repeat(601)), 1);
    }
}
