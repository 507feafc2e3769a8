//! Which scripts are tasks, and who starts them.

use std::collections::BTreeMap;

use affected_graph::{Command, RepoPath, Stage, Task};

use super::manifest::Manifest;
use super::{ID, Packages, Scan};

const STAGES: &[(&str, &str)] = &[
    ("smoke", "smoke"),
    ("unit", "unit"),
    ("contract", "contract"),
    ("component", "component"),
    ("functional", "component"),
    ("integration", "integration"),
    ("int", "integration"),
    ("it", "integration"),
    ("e2e", "e2e"),
    ("acceptance", "e2e"),
];

/// Infers the tasks of one package from its scripts; without a test script, from its test files.
pub(super) fn infer(
    scan: &Scan<'_>,
    folder: &RepoPath,
    manifest: &Manifest,
    packages: &Packages,
) -> Vec<Task> {
    let runner = runner(scan, folder, packages);
    let mut tasks = Vec::new();
    let mut push =
        |name: String, stage: Option<&str>, argv: Vec<String>, script: Option<(&str, &str)>| {
            tasks.push(Task {
                name,
                stage: stage.map(Stage::new),
                command: Command::Argv(argv),
                cwd: folder.clone(),
                env: BTreeMap::new(),
                timeout: None,
                script: script.map(|(_, body)| body.to_owned()),
                inferred_by: Some(ID),
                needs: affected_graph::Needs::default(),
                origin: script.map_or("test files".to_owned(), |(name, _)| {
                    format!("package.json scripts.{name}")
                }),
            });
        };
    let staged: Vec<(&String, &str)> = manifest
        .scripts
        .keys()
        .filter_map(|script| Some((script, stage_of(script)?)))
        .collect();
    for (script, body) in &manifest.scripts {
        let stage = match script.as_str() {
            "test" if is_placeholder(body) => continue,
            // A script that only starts the staged ones would run them twice.
            "test"
                if staged
                    .iter()
                    .any(|(other, _)| body.contains(other.as_str())) =>
            {
                continue;
            }
            "test" => Some("unit"),
            "build" | "lint" | "typecheck" | "check-types" => None,
            _ => match stage_of(script) {
                Some(stage) => Some(stage),
                None => continue,
            },
        };
        let name = match stage {
            Some("unit") if script == "test" || !manifest.scripts.contains_key("test") => {
                "test".to_owned()
            }
            Some(_) if !script.contains("test") => format!("test:{script}"),
            _ => script.clone(),
        };
        let argv = [runner, "run", script].map(ToOwned::to_owned).to_vec();
        push(name, stage, argv, Some((script, body)));
    }
    if !manifest.scripts.contains_key("test") && staged.is_empty() && has_node_tests(scan, folder) {
        let argv = vec!["node".to_owned(), "--test".to_owned()];
        push("test".to_owned(), Some("unit"), argv, None);
    }
    tasks
}

fn stage_of(script: &str) -> Option<&'static str> {
    let word = script
        .strip_prefix("test:")
        .or_else(|| script.strip_prefix("test-"))
        .or_else(|| script.strip_suffix(":test"))
        .unwrap_or(script);
    STAGES
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, stage)| *stage)
}

/// `npm init` writes a test script that only says that there is none.
fn is_placeholder(body: &str) -> bool {
    body.contains("no test specified")
}

fn has_node_tests(scan: &Scan<'_>, folder: &RepoPath) -> bool {
    const ENDS: [&str; 4] = [".test.js", ".test.mjs", ".test.cjs", "_test.js"];
    scan.files().below(folder).iter().any(|entry| {
        let name = entry.path.file_name();
        ENDS.iter().any(|end| name.ends_with(end.as_bytes()))
            && !entry.path.components().any(|part| part == b"node_modules")
    })
}

/// The package manager: the `packageManager` field of the nearest folder that has one, else the nearest lockfile.
fn runner(scan: &Scan<'_>, folder: &RepoPath, packages: &Packages) -> &'static str {
    const KNOWN: [&str; 4] = ["npm", "pnpm", "yarn", "bun"];
    const LOCKS: [(&str, &str); 6] = [
        ("pnpm-lock.yaml", "pnpm"),
        ("yarn.lock", "yarn"),
        ("bun.lock", "bun"),
        ("bun.lockb", "bun"),
        ("package-lock.json", "npm"),
        ("npm-shrinkwrap.json", "npm"),
    ];
    let named = |folder: RepoPath| {
        let wanted = packages.get(&folder)?.package_manager.clone()?;
        KNOWN
            .into_iter()
            .find(|known| wanted.split('@').next() == Some(*known))
    };
    let locked = |folder: RepoPath| {
        LOCKS
            .into_iter()
            .find(|(file, _)| {
                folder
                    .join(file)
                    .is_ok_and(|path| scan.files().is_file(&path))
            })
            .map(|(_, runner)| runner)
    };
    folder
        .ancestors()
        .find_map(named)
        .or_else(|| folder.ancestors().find_map(locked))
        .unwrap_or("npm")
}
