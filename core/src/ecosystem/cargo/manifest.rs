//! `Cargo.toml` and `build.rs`, as far as they matter here.

use std::collections::BTreeMap;

use affected_graph::DependencyKind;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::super::line_of;
use crate::facts::{Broken, Parser};

/// Parses `Cargo.toml`.
pub(super) const MANIFEST: Parser<Manifest> = Parser {
    id: "cargo/manifest",
    version: 3,
    parse: parse_manifest,
};

/// Parses `build.rs`.
pub(super) const BUILD_SCRIPT: Parser<BuildScript> = Parser {
    id: "cargo/build-script",
    version: 1,
    parse: parse_build_script,
};

/// What matters of a `Cargo.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// `None` for a virtual manifest.
    pub(super) name: Option<String>,
    pub(super) has_bin: bool,
    pub(super) target_paths: Vec<String>,
    pub(super) dependencies: Vec<Dependency>,
    pub(super) workspace: Option<Workspace>,
    /// Package name to path, of every `[patch]` table.
    pub(super) patches: BTreeMap<String, String>,
    /// Whether the integration tests are those in `tests`, as they lie there.
    pub(super) finds_tests: bool,
    /// Test targets that a plain `cargo test` leaves out.
    pub(super) apart: Vec<TestTarget>,
}

/// A test target that runs only when it is named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TestTarget {
    pub(super) name: String,
    /// What it requires.
    pub(super) features: Vec<String>,
}

/// What matters of a `[workspace]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Workspace {
    pub(super) members: Vec<String>,
    pub(super) exclude: Vec<String>,
    pub(super) dependencies: BTreeMap<String, Dependency>,
}

/// One dependency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Dependency {
    /// As it is called here.
    pub(super) key: String,
    /// As the package calls itself.
    pub(super) package: String,
    pub(super) path: Option<String>,
    /// `workspace = true`.
    pub(super) inherited: bool,
    /// Which table: `dependencies`, `dev-dependencies`, `build-dependencies`.
    pub(super) table: Section,
    pub(super) line: Option<u32>,
}

/// A table of dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Section {
    Normal,
    Build,
    Dev,
}

impl Dependency {
    pub(super) fn kind(&self) -> DependencyKind {
        match self.table {
            Section::Normal => DependencyKind::Link,
            Section::Build => DependencyKind::Build,
            Section::Dev => DependencyKind::Test,
        }
    }
}

/// Paths that a build script names, with their lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BuildScript {
    pub(super) paths: Vec<(String, u32)>,
}

fn parse_manifest(bytes: &[u8]) -> Result<Manifest, Broken> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Broken::at(bytes, Some(error.valid_up_to()), "not valid UTF-8"))?;
    let table: Table = toml::from_str(text).map_err(|error: toml::de::Error| {
        let at = error.span().map(|span| span.start);
        Broken::at(bytes, at, format!("not valid TOML: {}", error.message()))
    })?;
    let package = table
        .get("package")
        .or_else(|| table.get("project"))
        .and_then(Value::as_table);
    let mut manifest = Manifest {
        name: package
            .and_then(|package| package.get("name")?.as_str())
            .map(ToOwned::to_owned),
        has_bin: table.contains_key("bin"),
        finds_tests: finds_tests(&table, package),
        apart: apart(&table),
        workspace: table
            .get("workspace")
            .and_then(Value::as_table)
            .map(|table| workspace(table, text)),
        ..Manifest::default()
    };
    if let Some(build) = package.and_then(|package| package.get("build")?.as_str()) {
        manifest.target_paths.push(build.to_owned());
    }
    let targets = ["bin", "test", "bench", "example"]
        .into_iter()
        .filter_map(|key| table.get(key));
    for target in targets
        .filter_map(Value::as_array)
        .flatten()
        .chain(table.get("lib"))
    {
        if let Some(path) = target.get("path").and_then(Value::as_str) {
            manifest.target_paths.push(path.to_owned());
        }
    }
    sections(&table, text, &mut manifest.dependencies);
    let per_target = table
        .get("target")
        .and_then(Value::as_table)
        .into_iter()
        .flatten();
    for target in per_target.filter_map(|(_, target)| target.as_table()) {
        sections(target, text, &mut manifest.dependencies);
    }
    manifest.patches = patches(&table);
    Ok(manifest)
}

/// Package name to path, of every `[patch]` table.
fn patches(table: &Table) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let patches = table
        .get("patch")
        .and_then(Value::as_table)
        .into_iter()
        .flatten();
    for (key, patch) in patches
        .filter_map(|(_, source)| source.as_table())
        .flatten()
    {
        let package = patch.get("package").and_then(Value::as_str).unwrap_or(key);
        if let Some(path) = patch.get("path").and_then(Value::as_str) {
            found.insert(package.to_owned(), path.to_owned());
        }
    }
    found
}

/// Those with `test = false`, or with a feature that is not on by default. Source: "Cargo Targets" of the Cargo Book.
fn apart(table: &Table) -> Vec<TestTarget> {
    let strings = |list: Option<&Value>| -> Vec<String> {
        let list = list.and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str)
            .map(ToOwned::to_owned)
            .collect()
    };
    let features = table.get("features");
    let default = strings(features.and_then(|features| features.get("default")));
    let targets = table.get("test").and_then(Value::as_array);
    let apart = |target: &Value| {
        let features = strings(target.get("required-features"));
        let is_off = target.get("test").and_then(Value::as_bool) == Some(false);
        let needs_more = features.iter().any(|feature| !default.contains(feature));
        let name = target.get("name").and_then(Value::as_str)?.to_owned();
        (is_off || needs_more).then_some(TestTarget { name, features })
    };
    targets.into_iter().flatten().filter_map(apart).collect()
}

fn finds_tests(table: &Table, package: Option<&Table>) -> bool {
    !table.contains_key("test") && !package.is_some_and(|package| package.contains_key("autotests"))
}

fn sections(table: &Table, text: &str, dependencies: &mut Vec<Dependency>) {
    for (names, section) in [
        (["dependencies", "dependencies"], Section::Normal),
        (["build-dependencies", "build_dependencies"], Section::Build),
        (["dev-dependencies", "dev_dependencies"], Section::Dev),
    ] {
        let found = names
            .into_iter()
            .find_map(|name| table.get(name)?.as_table());
        for (key, value) in found.into_iter().flatten() {
            dependencies.push(dependency(key, value, section, text));
        }
    }
}

fn dependency(key: &str, value: &Value, table: Section, text: &str) -> Dependency {
    let string = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
    };
    let line = line_of(text, &format!("\n{key} =")).or_else(|| line_of(text, &format!("\n{key}.")));
    Dependency {
        key: key.to_owned(),
        package: string("package").unwrap_or_else(|| key.to_owned()),
        path: string("path"),
        inherited: value.get("workspace").and_then(Value::as_bool) == Some(true),
        table,
        // The needle begins on the line before.
        line: line.map(|line| line + 1),
    }
}

fn workspace(table: &Table, text: &str) -> Workspace {
    let list = |key: &str| -> Vec<String> {
        let items = table
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        items
            .filter_map(Value::as_str)
            .map(|glob| glob.trim_end_matches('/').to_owned())
            .collect()
    };
    let shared = table
        .get("dependencies")
        .and_then(Value::as_table)
        .into_iter()
        .flatten();
    Workspace {
        members: list("members"),
        exclude: list("exclude"),
        dependencies: shared
            .map(|(key, value)| (key.clone(), dependency(key, value, Section::Normal, text)))
            .collect(),
    }
}

/// Takes `rerun-if-changed` paths and string literals that name an interface description.
fn parse_build_script(bytes: &[u8]) -> Result<BuildScript, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let mut script = BuildScript::default();
    for (number, line) in (1..).zip(text.lines()) {
        for literal in line.split('"').skip(1).step_by(2) {
            let named = literal
                .split_once("rerun-if-changed=")
                .map(|(_, path)| path);
            let path = named.or_else(|| literal.ends_with(".proto").then_some(literal));
            if let Some(path) = path.filter(|path| !path.contains('{')) {
                script.paths.push((path.to_owned(), number));
            }
        }
    }
    Ok(script)
}
