//! Which files the test tasks of Python run, and how they are restricted to some of them.
//!
//! Sources: pytest, "Conventions for Python test discovery", "Configuration options" (`python_files`, `testpaths`,
//! `norecursedirs`); pytest-cov, "Reference"; unittest, "Test discovery".

use std::collections::BTreeMap;

use affected_graph::{Project, RepoPath, Task};
use globset::Glob;

use super::super::super::{Look, Suite};
use super::settings::Pytest;
use crate::runner::{self, pytest::Arguments, unittest::Discovery};

/// Folders that pytest does not enter.
const SKIPPED: &[&str] = &[
    "build",
    "dist",
    "CVS",
    "_darcs",
    "node_modules",
    "venv",
    "{arch}",
];

/// Options that let pytest run more than test files.
const MORE: &[&str] = &[
    "--doctest-modules",
    "--doctest-glob",
    "--doctest-plus",
    "--doctest-rst",
    "--markdown-docs",
    "--codeblocks",
    "--pyargs",
    "--nbval",
    // Linters as plugins.
    "--black",
    "--codespell",
    "--flake8",
    "--isort",
    "--mypy",
    "--pycodestyle",
    "--pydocstyle",
    "--pylint",
    "--ruff",
];

/// Finds the files of a task.
pub(super) fn of(look: &Look<'_>, project: &Project, task: &Task) -> Result<Suite, String> {
    let found = runner::recognise(&task.command, task.script.as_deref());
    let call = found.map(|(_, call)| call);
    let call = call.ok_or_else(|| format!("`{}` starts no known test runner", task.name))?;
    if let Some(arguments) = Arguments::of(&call) {
        return pytest(look, project, task, &arguments);
    }
    match Discovery::of(&call) {
        Some(discovery) => unittest(look, project, task, &discovery),
        None => Err(format!(
            "the arguments of `{}` are not understood",
            task.name
        )),
    }
}

/// All files below a folder, in both trees.
fn below<'l>(look: &'l Look<'_>, folder: &'l RepoPath) -> impl Iterator<Item = &'l RepoPath> {
    let head = look.head.files().below(folder).iter();
    let gone = look.changed.deleted.iter();
    let gone = gone.filter(move |path| path.is_within(folder));
    head.map(|entry| &entry.path).chain(gone)
}

fn inside<'p>(folder: &RepoPath, path: &'p RepoPath) -> Option<&'p str> {
    std::str::from_utf8(path.relative_to(folder)?).ok()
}

fn pytest(
    look: &Look<'_>,
    project: &Project,
    task: &Task,
    arguments: &Arguments,
) -> Result<Suite, String> {
    let settings = Pytest::of(look, &project.root);
    let options = settings.words("addopts");
    let all = || {
        options
            .iter()
            .copied()
            .chain(arguments.options.iter().map(String::as_str))
    };
    if let Some(option) = all().find(|word| MORE.iter().any(|more| word.starts_with(more))) {
        return Err(format!("with `{option}` not only test files are run"));
    }
    if demands_coverage(look, project, all()) {
        return Err("its settings demand that all of it is covered".to_owned());
    }
    let covers = all().any(|word| word.starts_with("--cov"));
    let settings_of_coverage = project.manifests.iter().filter(|_| covers).cloned();
    let (mut only, without) = (arguments.paths.clone(), &arguments.ignored);
    if only.is_empty() {
        let paths = settings.words("testpaths").into_iter();
        only = paths.map(ToOwned::to_owned).collect();
    }
    let only: Vec<&str> = only.iter().map(|path| path.trim_end_matches('/')).collect();
    let within = |inside: &str, folder: &str| {
        folder == "." || inside == folder || inside.starts_with(&format!("{folder}/"))
    };
    let patterns = patterns(&settings)?;
    let mut tests = BTreeMap::new();
    for path in below(look, &task.cwd) {
        let Some(inside) = inside(&task.cwd, path) else {
            return Err(format!("{path} cannot be typed"));
        };
        let name = String::from_utf8_lossy(path.file_name()).into_owned();
        let (folders, _) = inside.rsplit_once('/').unwrap_or_default();
        let mut folders = folders.split('/');
        let skipped = folders.any(|part| part.starts_with('.') || SKIPPED.contains(&part));
        let wanted = only.is_empty() || only.iter().any(|folder| within(inside, folder));
        let ignored = without.iter().any(|folder| within(inside, folder));
        if name == "pytest.ini" && inside.contains('/') {
            return Err(format!(
                "{path} is only read where the tests below it run alone"
            ));
        }
        if wanted && !ignored && !skipped && has_examples(look, path) {
            return Err(format!("{path} is run as well, for its examples"));
        }
        let is_test =
            name.ends_with(".py") && patterns.iter().any(|pattern| pattern.is_match(&name));
        if is_test && wanted && !ignored && !skipped {
            tests.insert(path.clone(), inside.to_owned());
        }
    }
    Ok(Suite {
        tests,
        settings: settings_of_coverage.collect(),
        ..Suite::default()
    })
}

/// Tells whether a file is one of those that pytest runs without being told to.
fn has_examples(look: &Look<'_>, path: &RepoPath) -> bool {
    let name = path.file_name();
    let is_text = name.starts_with(b"test") && name.ends_with(b".txt");
    let read = |path: &RepoPath| look.head.read(path).unwrap_or_default();
    is_text && memchr::memmem::find(&read(path), b">>>").is_some()
}

fn patterns(settings: &Pytest) -> Result<Vec<globset::GlobMatcher>, String> {
    let mut patterns = settings.words("python_files");
    if patterns.is_empty() {
        patterns = vec!["test_*.py", "*_test.py"];
    }
    let compiled = patterns.into_iter().map(|pattern| {
        let name = pattern.rsplit('/').next().unwrap_or(pattern);
        let glob =
            Glob::new(name).map_err(|_| format!("python_files `{pattern}` is not understood"))?;
        Ok(glob.compile_matcher())
    });
    compiled.collect()
}

/// Tells whether a part of the tests would fail for what it does not cover.
fn demands_coverage<'w>(
    look: &Look<'_>,
    project: &Project,
    options: impl Iterator<Item = &'w str>,
) -> bool {
    let options: Vec<&str> = options.collect();
    if !options.iter().any(|word| word.starts_with("--cov")) {
        return false;
    }
    let asks = |name: &str| {
        let path = project.root.join(name).ok();
        let bytes = path.filter(|path| look.head.files().is_file(path));
        let bytes = bytes.and_then(|path| look.head.read(&path).ok());
        bytes.is_some_and(|bytes| memchr::memmem::find(&bytes, b"fail_under").is_some())
    };
    let files = [".coveragerc", "pyproject.toml", "setup.cfg", "tox.ini"];
    options
        .iter()
        .any(|word| word.starts_with("--cov-fail-under"))
        || files.into_iter().any(asks)
}

fn unittest(
    look: &Look<'_>,
    project: &Project,
    task: &Task,
    discovery: &Discovery,
) -> Result<Suite, String> {
    let folder = task
        .cwd
        .join(&discovery.start)
        .map_err(|_| "no such folder".to_owned())?;
    let is_package = |folder: &RepoPath| {
        let init = folder.join("__init__.py");
        init.is_ok_and(|init| {
            look.head.files().is_file(&init) || look.changed.deleted.contains(&init)
        })
    };
    let mut tests = BTreeMap::new();
    for path in below(look, &folder) {
        let name = path.file_name();
        if !(name.starts_with(b"test") && name.ends_with(b".py")) {
            continue;
        }
        let Some(inside) = inside(&task.cwd, path) else {
            return Err(format!("{path} cannot be typed"));
        };
        let folders = path
            .ancestors()
            .skip(1)
            .take_while(|above| *above != task.cwd);
        if let Some(plain) = { folders }.find(|above| !is_package(above)) {
            return Err(format!(
                "{plain} is no package, so whether its tests are found depends on the version of Python"
            ));
        }
        tests.insert(path.clone(), inside.to_owned());
    }
    if tests.is_empty() {
        return Err(format!("no tests of `{}` are known", project.name));
    }
    Ok(Suite {
        tests,
        ..Suite::default()
    })
}
