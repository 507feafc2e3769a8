//! pyproject.toml, setup.cfg, setup.py and requirements files, as far as they matter here.

use affected_graph::RepoPath;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::super::line_of;
use super::pytest::{self, PytestSettings};
use crate::facts::{Broken, Parser};

pub(super) const PYPROJECT: Parser<Manifest> = Parser {
    id: "python/pyproject",
    version: 4,
    parse: parse_pyproject,
};
pub(super) const SETUP_CFG: Parser<Manifest> = Parser {
    id: "python/setup-cfg",
    version: 3,
    parse: parse_setup_cfg,
};
pub(super) const SETUP_PY: Parser<Manifest> = Parser {
    id: "python/setup-py",
    version: 2,
    parse: parse_setup_py,
};
pub(super) const PIPFILE: Parser<Vec<Requirement>> = Parser {
    id: "python/pipfile",
    version: 1,
    parse: parse_pipfile,
};
pub(super) const TOX: Parser<Vec<Requirement>> = Parser {
    id: "python/tox",
    version: 1,
    parse: parse_tox,
};
pub(super) const REQUIREMENTS: Parser<Vec<Requirement>> = Parser {
    id: "python/requirements",
    version: 1,
    parse: parse_requirements,
};

/// The group of entry points that makes a plugin of pytest, whatever the form.
const PLUGINS: &str = "pytest11";

/// One project's manifests, joined.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) name: Option<String>,
    pub(super) requires: Vec<Requirement>,
    pub(super) is_package: bool,
    /// A uv workspace root.
    pub(super) is_workspace: bool,
    pub(super) uses_pytest: bool,
    /// Whether it is a plugin of pytest: that takes part wherever it is installed.
    pub(super) is_plugin: bool,
    /// What pytest is told.
    pub(super) pytest: PytestSettings,
    /// Whether its build computes what it needs.
    pub(super) is_dynamic: bool,
    /// The file that names it.
    pub(super) source: String,
}

/// One requirement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Requirement {
    pub(super) name: String,
    /// A folder in this repository.
    pub(super) path: Option<String>,
    pub(super) development: bool,
    pub(super) line: Option<u32>,
    /// The file that asks for it, relative to the project.
    pub(super) file: String,
    /// What `path` is relative to, where that is not the project.
    pub(super) base: Option<RepoPath>,
}

impl Manifest {
    /// Takes over what another file of the same folder says.
    pub(super) fn absorb(&mut self, file: &str, other: &Self) {
        if self.source.is_empty() && other.is_package {
            file.clone_into(&mut self.source);
        }
        self.name = self.name.take().or_else(|| other.name.clone());
        self.is_package |= other.is_package;
        self.is_workspace |= other.is_workspace;
        self.uses_pytest |= other.uses_pytest;
        self.is_plugin |= other.is_plugin;
        self.pytest.absorb(&other.pytest);
        self.is_dynamic |= other.is_dynamic;
        let named = other.requires.iter().cloned();
        self.requires.extend(named.map(|wanted| Requirement {
            file: file.to_owned(),
            ..wanted
        }));
    }

    pub(super) fn add_requirements(
        &mut self,
        file: &str,
        base: impl Fn(&str) -> RepoPath,
        requires: &[Requirement],
        development: bool,
    ) {
        for wanted in requires {
            self.uses_pytest |= wanted.name.starts_with("pytest");
            self.requires.push(Requirement {
                file: file.to_owned(),
                base: wanted.path.as_deref().map(&base),
                development: development || wanted.development,
                ..wanted.clone()
            });
        }
    }
}

/// Returns a name as PEP 503 compares it.
pub(super) fn normalize(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for part in name.split(['-', '_', '.']).filter(|part| !part.is_empty()) {
        if !out.is_empty() {
            out.push('-');
        }
        out.push_str(&part.to_ascii_lowercase());
    }
    out
}

/// Takes the name in front of extras, versions and markers (PEP 508), and the path behind `@ file:`.
fn requirement(text: &str, development: bool, whole: &str) -> Option<Requirement> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .unwrap_or(text.len());
    let name = text[..end].to_owned();
    let path = text.split_once('@').and_then(|(_, url)| local(url));
    let line = line_of(whole, text);
    (!name.is_empty()).then(|| Requirement {
        name,
        path,
        development,
        line,
        ..Requirement::default()
    })
}

/// The folder in a URL of PEP 508, as PDM and Hatch write it too: `file:///${PROJECT_ROOT}/../core#egg=core`,
/// `{root:uri}/../core`.
fn local(url: &str) -> Option<String> {
    let url = url.trim().split(['#', ';']).next()?.trim();
    if let Some(path) = url.strip_prefix("{root:uri}/") {
        return Some(path.to_owned());
    }
    let path = url.strip_prefix("file:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let root = path
        .trim_start_matches('/')
        .strip_prefix("${PROJECT_ROOT}/");
    Some(root.unwrap_or(path).to_owned())
}

fn parse_pyproject(bytes: &[u8]) -> Result<Manifest, Broken> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Broken::at(bytes, Some(error.valid_up_to()), "not valid UTF-8"))?;
    let table: Table = toml::from_str(text).map_err(|error: toml::de::Error| {
        let at = error.span().map(|span| span.start);
        Broken::at(bytes, at, format!("not valid TOML: {}", error.message()))
    })?;
    let at = |path: &[&str]| {
        let mut value = table.get(path[0])?;
        for key in &path[1..] {
            value = value.get(key)?;
        }
        Some(value)
    };
    let poetry = at(&["tool", "poetry"]);
    let workspace = at(&["tool", "uv", "workspace"]).is_some();
    let name = at(&["project", "name"]).or_else(|| at(&["tool", "poetry", "name"]));
    let mut manifest = Manifest {
        name: name.and_then(Value::as_str).map(ToOwned::to_owned),
        is_package: at(&["project"]).is_some()
            || poetry.is_some()
            || workspace
            || at(&["build-system"]).is_some(),
        is_workspace: workspace,
        uses_pytest: text.contains("pytest"),
        is_plugin: text.contains(PLUGINS),
        ..Manifest::default()
    };
    if let Some(settings) = at(&["tool", "pytest", "ini_options"]) {
        manifest.pytest = pytest::of_toml(settings);
    }
    if let Some(list) = at(&["project", "dependencies"]) {
        list_of(list, false, text, &mut manifest.requires);
    }
    let extras = at(&["project", "optional-dependencies"]).and_then(Value::as_table);
    for (extra, list) in extras.into_iter().flatten() {
        let development = matches!(
            extra.as_str(),
            "test" | "tests" | "testing" | "dev" | "lint" | "docs"
        );
        list_of(list, development, text, &mut manifest.requires);
    }
    let groups = [
        at(&["dependency-groups"]),
        at(&["tool", "pdm", "dev-dependencies"]),
    ];
    let groups = groups.into_iter().flatten().filter_map(Value::as_table);
    for (_, list) in groups.flatten() {
        list_of(list, true, text, &mut manifest.requires);
    }
    if let Some(list) = at(&["tool", "uv", "dev-dependencies"]) {
        list_of(list, true, text, &mut manifest.requires);
    }
    poetry_tables(poetry, text, &mut manifest.requires);
    hatch_tables(at(&["tool", "hatch"]), text, &mut manifest.requires);
    manifest.is_dynamic = at(&["project", "dynamic"]).is_some_and(computes_dependencies);
    if let Some(sources) = at(&["tool", "uv", "sources"]).and_then(Value::as_table) {
        apply_sources(sources, &mut manifest.requires);
    }
    Ok(manifest)
}

/// Tells whether `dynamic` of PEP 621 names dependencies of any kind.
fn computes_dependencies(dynamic: &Value) -> bool {
    let fields = dynamic.as_array().into_iter().flatten();
    let mut fields = fields.filter_map(Value::as_str);
    fields.any(|field| matches!(field, "dependencies" | "optional-dependencies"))
}

fn list_of(list: &Value, development: bool, whole: &str, requires: &mut Vec<Requirement>) {
    let items = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    requires.extend(items.filter_map(|item| {
        let editable = item.trim().strip_prefix("-e ");
        let Some(path) = editable.and_then(local) else {
            return requirement(item, development, whole);
        };
        Some(Requirement {
            name: path.clone(),
            path: Some(path),
            development,
            line: line_of(whole, item),
            ..Requirement::default()
        })
    }));
}

/// Hooks that fill in what is `dynamic` (`uv-dynamic-versioning` and its like), and what environments add.
fn hatch_tables(hatch: Option<&Value>, whole: &str, requires: &mut Vec<Requirement>) {
    let Some(hatch) = hatch else { return };
    let hooks = hatch.get("metadata").and_then(|table| table.get("hooks"));
    for (_, hook) in hooks.and_then(Value::as_table).into_iter().flatten() {
        let extras = hook.get("optional-dependencies").and_then(Value::as_table);
        let extras = extras.into_iter().flatten().map(|(_, list)| list);
        for list in hook.get("dependencies").into_iter().chain(extras) {
            list_of(list, false, whole, requires);
        }
    }
    let environments = hatch.get("envs").and_then(Value::as_table);
    for (_, environment) in environments.into_iter().flatten() {
        for key in ["dependencies", "extra-dependencies"] {
            if let Some(list) = environment.get(key) {
                list_of(list, true, whole, requires);
            }
        }
    }
}

fn poetry_tables(poetry: Option<&Value>, whole: &str, requires: &mut Vec<Requirement>) {
    let Some(poetry) = poetry else { return };
    let mut table = |value: Option<&Value>, development: bool| {
        for (name, wanted) in value.and_then(Value::as_table).into_iter().flatten() {
            let path = wanted
                .get("path")
                .and_then(Value::as_str)
                .map(ToOwned::to_owned);
            let line = line_of(whole, &format!("\n{name}")).map(|line| line + 1);
            let (name, development) = (name.clone(), development);
            requires.push(Requirement {
                name,
                path,
                development,
                line,
                ..Requirement::default()
            });
        }
    };
    table(poetry.get("dependencies"), false);
    table(poetry.get("dev-dependencies"), true);
    let groups = poetry
        .get("group")
        .and_then(Value::as_table)
        .into_iter()
        .flatten();
    for (name, group) in groups {
        table(group.get("dependencies"), name != "main");
    }
}

/// `[tool.uv.sources]` says where a name comes from: a path here, or elsewhere for git and registries.
fn apply_sources(sources: &Table, requires: &mut [Requirement]) {
    for (name, source) in sources {
        let path = source.get("path").and_then(Value::as_str);
        for wanted in requires
            .iter_mut()
            .filter(|wanted| normalize(&wanted.name) == normalize(name))
        {
            wanted.path = path.map(ToOwned::to_owned);
        }
    }
}

fn parse_setup_cfg(bytes: &[u8]) -> Result<Manifest, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let mut manifest = Manifest {
        uses_pytest: text.contains("pytest"),
        is_plugin: text.contains(PLUGINS),
        ..Manifest::default()
    };
    let (mut section, mut key) = (String::new(), String::new());
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with(['#', ';']))
    {
        let mut value = line.trim();
        if let Some(name) = value
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            (section, key) = (name.to_owned(), String::new());
            continue;
        }
        if !line.starts_with(char::is_whitespace) {
            let Some((name, rest)) = line.split_once('=') else {
                continue;
            };
            (key, value) = (name.trim().to_owned(), rest.trim());
        }
        match (section.as_str(), key.as_str()) {
            ("metadata", "name") if !value.is_empty() => {
                manifest.name = Some(value.to_owned());
                manifest.is_package = true;
            }
            ("tool:pytest", key) => manifest.pytest.take(key, value),
            ("options", "install_requires") => {
                manifest.requires.extend(requirement(value, false, &text));
            }
            ("options.extras_require", extra) => {
                let development = matches!(extra, "test" | "tests" | "dev");
                manifest
                    .requires
                    .extend(requirement(value, development, &text));
            }
            _ => {}
        }
    }
    Ok(manifest)
}

/// Reads only literals: `name="x"` and the strings of `install_requires=[...]`. Nothing is run.
fn parse_setup_py(bytes: &[u8]) -> Result<Manifest, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let literals = |text: &str| -> Vec<String> {
        let quote = |c| c == '"' || c == '\'';
        text.split(quote)
            .skip(1)
            .step_by(2)
            .map(ToOwned::to_owned)
            .collect()
    };
    let after = |key: &str| {
        let values = text.match_indices(key).filter_map(|(at, _)| {
            let rest = text[at + key.len()..].trim_start();
            let is_word = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            rest.strip_prefix('=').filter(|_| is_word)
        });
        values.into_iter().next()
    };
    let name = after("name")
        .filter(|rest| rest.trim_start().starts_with(['"', '\'']))
        .and_then(|rest| literals(rest).into_iter().next());
    let mut manifest = Manifest {
        name,
        is_package: true,
        is_plugin: text.contains(PLUGINS),
        ..Manifest::default()
    };
    for (key, end, development) in [
        ("install_requires", ']', false),
        ("extras_require", '}', false),
        ("tests_require", ']', true),
    ] {
        let list = after(key).and_then(|rest| rest.split(end).next());
        let wanted = literals(list.unwrap_or_default());
        let wanted = wanted
            .iter()
            .filter_map(|item| requirement(item, development, &text));
        manifest.requires.extend(wanted);
    }
    Ok(manifest)
}

fn parse_requirements(bytes: &[u8]) -> Result<Vec<Requirement>, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split(" #").next().unwrap_or_default().trim();
        let editable = line
            .strip_prefix("-e ")
            .or_else(|| line.strip_prefix("--editable "));
        let target = editable.unwrap_or(line).trim();
        let local = target
            .strip_prefix("file:")
            .map_or(target, |path| path.trim_start_matches("//"));
        if local.starts_with('.') || (editable.is_some() && !local.contains("://")) {
            let path = local.split('[').next().unwrap_or(local).to_owned();
            let (name, line) = (path.clone(), Some(number));
            found.push(Requirement {
                name,
                path: Some(path),
                line,
                ..Requirement::default()
            });
        } else if !line.starts_with(['-', '#']) {
            let wanted = requirement(line, false, "");
            found.extend(wanted.map(|wanted| Requirement {
                line: Some(number),
                ..wanted
            }));
        }
    }
    Ok(found)
}

fn parse_pipfile(bytes: &[u8]) -> Result<Vec<Requirement>, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let table: Table = toml::from_str(&text).map_err(|error: toml::de::Error| {
        let at = error.span().map(|span| span.start);
        Broken::at(bytes, at, format!("not valid TOML: {}", error.message()))
    })?;
    let mut found = Vec::new();
    for (section, packages) in &table {
        // Other sections are categories of the user's own: packages as well.
        if matches!(
            section.as_str(),
            "source" | "requires" | "scripts" | "pipenv"
        ) {
            continue;
        }
        for (name, wanted) in packages.as_table().into_iter().flatten() {
            let path = wanted.get("path").and_then(Value::as_str);
            let line = line_of(&text, &format!("\n{name}")).map(|line| line + 1);
            found.push(Requirement {
                name: name.clone(),
                path: path.map(ToOwned::to_owned),
                development: section == "dev-packages",
                line,
                ..Requirement::default()
            });
        }
    }
    Ok(found)
}

/// What `tox.ini` installs beside the project: `-e ../core`, `core @ file://{toxinidir}/../core`.
fn parse_tox(bytes: &[u8]) -> Result<Vec<Requirement>, Broken> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for word in line.split([' ', '\t', '=', ',']) {
            let word = word.trim_start_matches("file:").trim_start_matches("//");
            let inside = word
                .strip_prefix("{toxinidir}/")
                .or_else(|| word.strip_prefix("{tox_root}/"))
                .unwrap_or(word);
            if inside.starts_with("../") && !inside.contains(['{', '*']) {
                let path = inside.split('[').next().unwrap_or(inside).to_owned();
                found.push(Requirement {
                    name: path.clone(),
                    path: Some(path),
                    development: true,
                    line: Some(number),
                    ..Requirement::default()
                });
            }
        }
    }
    Ok(found)
}
