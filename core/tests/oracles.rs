//! The fixtures as the real tools see them: zero differences. A tool that is not on the machine is named and left
//! out on a laptop, and a failure where `CI` is set.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says what it left out"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use affected_core::config;
use affected_core::facts::FactStore;
use affected_core::scan::{self, Inventory};
use affected_core::tree::worktree::WorkTree;
use affected_fixtures::Case;
use serde_json::Value;

/// Copies of an ecosystem's cases, each with what we find in it.
fn found(ecosystem: &str) -> Vec<(tempfile::TempDir, Case, Inventory)> {
    let cases = affected_fixtures::cases()
        .into_iter()
        .filter(|case| case.ecosystem == ecosystem);
    let found: Vec<_> = cases
        .map(|case| {
            let folder = tempfile::tempdir().unwrap();
            affected_fixtures::copy(&case.tree, folder.path()).unwrap();
            let tree = WorkTree::without_git(folder.path()).unwrap();
            let config = config::load(&tree).unwrap();
            let inventory = scan::inventory(&tree, &config, &FactStore::default());
            (folder, case, inventory)
        })
        .collect();
    assert!(!found.is_empty(), "no case of {ecosystem}");
    found
}

/// Runs a tool; `None` where it is missing.
fn tool(folder: &Path, program: &str, arguments: &[&str], install: &str) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("GOFLAGS", "-mod=mod")
        .env("GOPROXY", "off")
        .output();
    let Ok(output) = output else {
        assert!(
            std::env::var_os("CI").is_none(),
            "{program} is missing: {install}"
        );
        eprintln!("left out: {program} is missing: {install}");
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{program} {arguments:?} in {}: {errors}",
        folder.display()
    );
    Some(String::from_utf8(output.stdout).unwrap())
}

fn relative(root: &Path, path: &str) -> Option<String> {
    let path = PathBuf::from(path).canonicalize().ok()?;
    let inside = path.strip_prefix(root.canonicalize().ok()?).ok()?;
    let text = inside.to_str()?.to_owned();
    Some(if text.is_empty() {
        ".".to_owned()
    } else {
        text
    })
}

fn our_edges(inventory: &Inventory, source: &str) -> Edges {
    let edges = inventory
        .graph
        .edges()
        .into_iter()
        .filter(|edge| edge.source == source);
    edges
        .map(|edge| {
            (
                edge.from.to_string(),
                edge.to.to_string(),
                edge.kind.as_str().to_owned(),
            )
        })
        .collect()
}

/// Roots of our projects that have a manifest of this name.
fn roots(inventory: &Inventory, manifest: &str) -> Vec<String> {
    let has = |project: &affected_graph::Project| {
        project
            .manifests
            .iter()
            .any(|path| path.file_name() == manifest.as_bytes())
    };
    let projects = inventory
        .graph
        .projects()
        .filter(|(_, project)| has(project));
    projects
        .map(|(_, project)| project.root.to_string())
        .collect()
}

type Edges = BTreeSet<(String, String, String)>;

/// Packages and dependencies by path of the workspace that `root` is in; `None` without cargo.
fn cargo_metadata(folder: &Path, root: &str) -> Option<(BTreeSet<String>, Edges)> {
    let manifest = folder.join(root).join("Cargo.toml");
    let manifest = manifest.to_str().unwrap();
    let arguments = [
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
        "--manifest-path",
        manifest,
    ];
    let metadata: Value =
        serde_json::from_str(&tool(folder, "cargo", &arguments, "https://rustup.rs")?).unwrap();
    let (mut packages, mut edges) = (BTreeSet::new(), Edges::new());
    for package in metadata["packages"].as_array().unwrap() {
        let place = package["manifest_path"]
            .as_str()
            .unwrap()
            .trim_end_matches("/Cargo.toml");
        let Some(from) = relative(folder, place) else {
            continue;
        };
        packages.insert(from.clone());
        for dependency in package["dependencies"].as_array().unwrap() {
            let kind = match dependency["kind"].as_str() {
                Some("dev") => "test",
                Some("build") => "build",
                _ => "link",
            };
            let to = dependency["path"]
                .as_str()
                .and_then(|path| relative(folder, path));
            edges.extend(to.map(|to| (from.clone(), to, kind.to_owned())));
        }
    }
    Some((packages, edges))
}

/// Folders that the manifest at the root puts in place of published packages.
fn patched(folder: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    let manifest: toml::Table = text.parse().unwrap();
    let tables = manifest
        .get("patch")
        .and_then(toml::Value::as_table)
        .into_iter()
        .flatten();
    let patches = tables.filter_map(|(_, table)| table.as_table()).flatten();
    patches
        .filter_map(|(_, patch)| {
            Some(
                patch
                    .get("path")?
                    .as_str()?
                    .trim_start_matches("./")
                    .to_owned(),
            )
        })
        .collect()
}

/// `cargo metadata`: every package, and every dependency by path. A `[patch]` is applied when versions are resolved,
/// which `--no-deps` leaves out, so edges to patched packages are ours alone.
#[test]
fn cargo_sees_the_same_packages_and_paths() {
    for (folder, case, inventory) in found("cargo") {
        let (mut packages, mut edges) = (BTreeSet::new(), Edges::new());
        let ours = roots(&inventory, "Cargo.toml");
        for root in &ours {
            let Some(told) = cargo_metadata(folder.path(), root) else {
                return;
            };
            packages.extend(told.0);
            edges.extend(told.1);
        }
        assert_eq!(
            packages,
            ours.into_iter().collect(),
            "packages of {}",
            case.name
        );
        let patched = patched(folder.path());
        let ours = our_edges(&inventory, "cargo")
            .into_iter()
            .filter(|(_, to, _)| !patched.contains(to));
        assert_eq!(edges, ours.collect(), "edges of {}", case.name);
    }
}

/// `go list -m`: every module, by the workspace where there is one; and its local replacements.
#[test]
fn go_sees_the_same_modules() {
    for (folder, case, inventory) in found("go") {
        let mut modules = BTreeSet::new();
        for (_, project) in inventory.graph.projects() {
            let here = folder.path().join(project.root.to_string());
            if !here.join("go.mod").exists() {
                continue;
            }
            let install = "https://go.dev/dl";
            let Some(text) = tool(&here, "go", &["mod", "edit", "-json"], install) else {
                return;
            };
            let module: Value = serde_json::from_str(&text).unwrap();
            let name = module["Module"]["Path"].as_str().unwrap().to_owned();
            modules.insert((project.root.to_string(), name));
        }
        let ours = inventory
            .graph
            .projects()
            .filter(|(_, project)| project.ecosystems.iter().any(|id| id.0 == "go"));
        let roots: BTreeSet<String> = ours.map(|(_, project)| project.root.to_string()).collect();
        let theirs: BTreeSet<String> = modules.into_iter().map(|(root, _)| root).collect();
        assert_eq!(theirs, roots, "modules of {}", case.name);
    }
}

/// `npm query .workspace`: every member of the workspace.
#[test]
fn npm_sees_the_same_members() {
    for (folder, case, inventory) in found("npm") {
        if !folder.path().join("package.json").exists()
            || folder.path().join("pnpm-workspace.yaml").exists()
        {
            continue;
        }
        let arguments = ["query", ".workspace", "--package-lock-only=false"];
        let Some(text) = tool(folder.path(), "npm", &arguments, "https://nodejs.org") else {
            return;
        };
        let members: Vec<Value> = serde_json::from_str(&text).unwrap();
        let theirs: BTreeSet<String> = members
            .iter()
            .filter_map(|one| one["location"].as_str().map(ToOwned::to_owned))
            .collect();
        let ours: BTreeSet<String> = inventory
            .graph
            .projects()
            .map(|(_, project)| project.root.to_string())
            .collect();
        assert!(
            theirs.is_subset(&ours),
            "{}: npm knows {theirs:?}, we know {ours:?}",
            case.name
        );
    }
}

/// Maven's own reading of the poms: its reactor holds our modules, each after all that it depends on.
#[test]
fn maven_builds_the_same_modules_in_an_order_that_fits() {
    for (folder, case, inventory) in found("maven") {
        let Some(text) = tool(
            folder.path(),
            "mvn",
            &["-o", "-B", "validate"],
            "https://maven.apache.org",
        ) else {
            return;
        };
        let order: Vec<String> = text
            .lines()
            .skip_while(|line| !line.contains("Reactor Build Order"))
            .filter_map(|line| {
                line.strip_prefix("[INFO] ")?
                    .split_whitespace()
                    .next()
                    .map(ToOwned::to_owned)
            })
            .take_while(|word| !word.starts_with("---"))
            .filter(|word| word != "Reactor")
            .collect();
        let names: BTreeSet<String> = inventory
            .graph
            .projects()
            .map(|(_, project)| project.name.clone())
            .collect();
        assert_eq!(
            order.iter().cloned().collect::<BTreeSet<_>>(),
            names,
            "modules of {}\n{text}",
            case.name
        );
        let place = |root: &affected_graph::RepoPath| {
            let project = inventory.graph.project(inventory.graph.at(root).unwrap());
            order.iter().position(|name| *name == project.name).unwrap()
        };
        for edge in inventory.graph.edges() {
            assert!(
                place(&edge.to) < place(&edge.from),
                "{} -> {}",
                edge.from,
                edge.to
            );
        }
    }
}
