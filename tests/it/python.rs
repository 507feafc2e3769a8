//! Test files of Python: which a change reaches, against what Python itself loads and in real runs of pytest.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::sandbox::Sandbox;

const FILES: &[(&str, &str)] = &[
    (
        "lib/pyproject.toml",
        "[project]\nname = \"lib\"\nversion = \"1\"\n",
    ),
    ("lib/src/lib/__init__.py", ""),
    ("lib/src/lib/money.py", "def cents():\n    return 100\n"),
    (
        "lib/src/lib/price.py",
        "from . import money\n\ndef price():\n    return 2 * money.cents()\n",
    ),
    ("lib/src/lib/clock.py", "NOW = 1\n"),
    (
        "lib/tests/test_money.py",
        "from lib.money import cents\n\ndef test_it():\n    assert cents() == 100\n",
    ),
    (
        "lib/tests/test_clock.py",
        "import lib.clock\n\ndef test_it():\n    assert lib.clock.NOW == 1\n",
    ),
    ("lib/pytest.ini", "[pytest]\npythonpath = src\n"),
    (
        "app/pyproject.toml",
        "[project]\nname = \"app\"\nversion = \"1\"\ndependencies = [\"lib\"]\n\n[tool.uv.sources]\nlib = { path = \"../lib\" }\n\n[tool.pytest.ini_options]\npythonpath = [\".\", \"../lib/src\"]\n",
    ),
    ("app/app/__init__.py", "from .help import TEXT\n"),
    ("app/app/help.py", "TEXT = 'help'\n"),
    (
        "app/app/cart.py",
        "def total():\n    from lib.price import price\n    return price()\n",
    ),
    ("app/app/late.py", "VALUE = 3\n"),
    ("app/tests/__init__.py", ""),
    (
        "app/tests/conftest.py",
        "import pytest\nfrom .support import one\n\n@pytest.fixture\ndef unit():\n    return one()\n",
    ),
    ("app/tests/support.py", "def one():\n    return 1\n"),
    (
        "app/tests/test_cart.py",
        "from app.cart import total\n\ndef test_it():\n    assert total() == 200\n",
    ),
    (
        "app/tests/test_late.py",
        "import importlib\n\ndef test_it():\n    assert importlib.import_module('app.late').VALUE == 3\n",
    ),
    (
        "app/tests/test_patch.py",
        "from unittest import mock\n\ndef test_it():\n    with mock.patch('app.late.VALUE', 4) as value:\n        assert value == 4\n",
    ),
    ("app/tests/deep/__init__.py", ""),
    (
        "app/tests/deep/conftest.py",
        "import pytest\nfrom app import cart\n\n@pytest.fixture\ndef total():\n    return cart.total()\n",
    ),
    (
        "app/tests/deep/test_deep.py",
        "def test_it(total, unit):\n    assert total == 200 * unit\n",
    ),
    ("app/tests/data/one.txt", "1"),
    (
        "app/tests/test_data.py",
        "import pathlib\n\nHERE = pathlib.Path(__file__).parent\n\ndef test_it():\n    assert (HERE / 'data' / 'one.txt').read_text() == '1'\n",
    ),
];

fn repository() -> Sandbox {
    let repo = Sandbox::new();
    for (path, text) in FILES {
        repo.write(path, text);
    }
    repo.write(".gitignore", "__pycache__\n.pytest_cache\n");
    repo.commit("first");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    repo
}

/// The tests that are run, as paths from the root, and whether each task is restricted.
fn selected(repo: &Sandbox) -> (BTreeSet<String>, BTreeMap<String, Value>) {
    let list = repo.list(&["--base", "main"]);
    let (mut found, mut targets) = (BTreeSet::new(), BTreeMap::new());
    for target in list["targets"].as_array().unwrap() {
        let project = target["project"].as_str().unwrap().to_owned();
        match target["units"].as_array() {
            Some(units) => {
                let names = units.iter().map(|unit| unit.as_str().unwrap());
                found.extend(names.map(|name| format!("{project}/{name}")));
            }
            None => {
                let all = FILES.iter().map(|(path, _)| (*path).to_owned());
                let own = all.filter(|path| path.starts_with(&format!("{project}/tests/")));
                found.extend(own.filter(|path| is_test(path)));
            }
        }
        targets.insert(project, target.clone());
    }
    (found, targets)
}

fn is_test(path: &str) -> bool {
    path.rsplit('/').next().unwrap().starts_with("test_")
}

fn tests() -> impl Iterator<Item = &'static str> {
    FILES
        .iter()
        .map(|(path, _)| *path)
        .filter(|path| is_test(path))
}

fn absent<T>() -> Option<T> {
    assert!(
        std::env::var_os("CI").is_none(),
        "pytest is missing: python3 -m pip install pytest"
    );
    None
}

/// Runs one test file alone, and tells which files of the repository were loaded; `None` where there is no pytest.
fn loaded(repo: &Sandbox, test: &str) -> Option<BTreeSet<String>> {
    let script = "import os, sys, pytest\n\
        code = pytest.main(['-q', '-p', 'no:cacheprovider', sys.argv[1]])\n\
        for module in list(sys.modules.values()):\n    \
            print('loaded', getattr(module, '__file__', None))\n\
        sys.exit(code)\n";
    let (project, inside) = test.split_once('/').unwrap();
    let output = Command::new("python3")
        .args(["-c", script, inside])
        .current_dir(repo.join(project))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output();
    let root = repo.path().canonicalize().unwrap();
    let Ok(output) = output else { return absent() };
    let text = String::from_utf8_lossy(&output.stdout);
    if !text.contains("loaded") {
        return absent();
    }
    assert!(output.status.success(), "{test}: {text}");
    let lines = text.lines().filter_map(|line| line.strip_prefix("loaded "));
    let inside = lines.filter_map(|path| {
        let path = std::path::Path::new(path).canonicalize().ok()?;
        let path = path.strip_prefix(&root).ok()?;
        Some(path.to_str()?.to_owned())
    });
    Some(inside.collect())
}

/// S1: every file that a test loads selects it, and one that nothing of the kind leads to selects it not.
#[test]
fn s1_tests_are_those_that_load_the_changed_file() {
    let repo = repository();
    let mut oracle: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for test in tests() {
        let Some(found) = loaded(&repo, test) else {
            return;
        };
        assert!(found.contains(test), "{found:?}");
        oracle.insert(test, found);
    }
    let mut more = Vec::new();
    for (path, text) in FILES.iter().filter(|(path, _)| path.ends_with(".py")) {
        repo.write(path, &format!("{text}\n# changed\n"));
        let (found, _) = selected(&repo);
        for (test, loads) in &oracle {
            let wanted = loads.contains(*path);
            assert!(
                found.contains(*test) || !wanted,
                "{path} must select {test}, not only {found:?}"
            );
            if found.contains(*test) && !wanted {
                more.push(format!("{path} {test}"));
            }
        }
        repo.git(&["checkout", "-q", "."]);
    }
    assert_eq!(more, Vec::<String>::new());
}

#[test]
fn files_that_are_no_sources_select_who_names_them_or_everything() {
    let repo = repository();
    repo.write("app/tests/data/one.txt", "2");
    let (found, targets) = selected(&repo);
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        ["app/tests/test_data.py"]
    );
    let units = targets["app"]["units"].as_array().unwrap();
    assert_eq!(units.len(), 1);
    repo.git(&["checkout", "-q", "."]);
    for path in ["app/tests/two.bin", "app/tool.py", "app/pytest.ini"] {
        repo.write(path, "x = 1\n");
        let (_, targets) = selected(&repo);
        let widened = targets["app"]["widened"].as_str().unwrap();
        assert!(
            widened.contains(path.rsplit('/').next().unwrap()) || widened.contains("settings"),
            "{widened}"
        );
        repo.remove(path);
    }
}

/// Settings of a linter are tested by nobody but who reads the file.
#[test]
fn settings_of_linters_select_who_reads_the_manifest() {
    let repo = repository();
    repo.git(&["checkout", "-q", "main"]);
    let text = "def test_it():\n    assert open('pyproject.toml').read()\n";
    repo.write("app/tests/test_meta.py", text);
    repo.commit("more");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    let names = |manifest: &str| {
        repo.write("app/pyproject.toml", manifest);
        selected(&repo).0.into_iter().collect::<Vec<_>>()
    };
    let (_, manifest) = FILES
        .iter()
        .find(|(path, _)| *path == "app/pyproject.toml")
        .unwrap();
    let linted = format!("{manifest}\n[tool.ruff]\nline-length = 99\n");
    assert_eq!(names(&linted), ["app/tests/test_meta.py"]);
    let other = names(&linted.replace("version = \"1\"", "version = \"2\""));
    assert!(other.contains(&"app/tests/test_late.py".to_owned()));
    let other = names(&format!("{manifest}\n[tool.shop]\nx = 1\n"));
    assert!(other.contains(&"app/tests/test_late.py".to_owned()));
}

/// S3: what was deleted selects those that had it, also when nobody asks for it any more.
#[test]
fn s3_deleted_files_select_their_former_users() {
    let repo = repository();
    let check = |wanted: &[&str]| {
        let (found, _) = selected(&repo);
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
        repo.git(&["reset", "-q", "--hard"]);
    };
    repo.remove("lib/src/lib/clock.py");
    check(&["lib/tests/test_clock.py"]);
    repo.remove("lib/src/lib/clock.py");
    repo.write("lib/tests/test_clock.py", "def test_it():\n    pass\n");
    check(&["lib/tests/test_clock.py"]);
    repo.remove("app/tests/deep/conftest.py");
    check(&["app/tests/deep/test_deep.py"]);
    // A deleted test is nobody's loss.
    repo.remove("app/tests/test_patch.py");
    check(&[]);
    // What comes before another module hides it.
    repo.write("app/app/late/__init__.py", "VALUE = 4\n");
    repo.git(&["add", "-A"]);
    check(&["app/tests/test_late.py", "app/tests/test_patch.py"]);
}

#[test]
fn a_test_whose_reach_cannot_be_told_always_runs() {
    let repo = repository();
    let text = "import importlib, os\n\ndef test_it():\n    importlib.import_module(os.environ.get('M', 'app.late'))\n";
    repo.write("app/tests/test_dynamic.py", text);
    repo.git(&["checkout", "-q", "main"]);
    repo.commit("a dynamic test");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    repo.write("app/app/cart.py", "def total():\n    return 200\n");
    let (found, targets) = selected(&repo);
    let dynamic = "app/tests/test_dynamic.py";
    assert!(
        found.contains(dynamic) && !found.contains("app/tests/test_late.py"),
        "{found:?}"
    );
    let why = targets["app"]["unproved"]["tests/test_dynamic.py"]
        .as_str()
        .unwrap();
    assert_eq!(why, "app/tests/test_dynamic.py:4 imports what it computes");
    repo.write("affected.toml", "precision = \"static\"\n");
    repo.git(&["add", "affected.toml"]);
    repo.git(&["stash", "-q"]);
    repo.git(&["checkout", "-q", "main"]);
    repo.write("affected.toml", "precision = \"static\"\n");
    repo.commit("trust imports");
    repo.git(&["checkout", "-q", "-B", "topic"]);
    repo.write("app/app/cart.py", "def total():\n    return 200\n");
    assert!(!selected(&repo).0.contains(dynamic));
}

/// The restricted command runs under pytest itself: it passes, fails, breaks and comes up empty as pytest does.
#[test]
fn restricted_runs_end_as_pytest_ends_them() {
    let repo = repository();
    if loaded(&repo, "app/tests/test_late.py").is_none() {
        return;
    }
    // Python takes compiled code for that of a source of the same size and second.
    let fresh = [("PYTHONDONTWRITEBYTECODE", "1")];
    let run = || repo.affected_with(&["test", "--base", "main", "--filter", "app"], &fresh);
    repo.write("app/app/late.py", "VALUE = 3  # changed\n");
    assert_eq!(run().code, Some(0));
    repo.write("app/app/late.py", "VALUE = 5\n");
    let failed = run();
    assert_eq!(failed.code, Some(1), "{}", failed.stdout);
    repo.write("app/app/late.py", "VALUE = \n");
    assert_eq!(run().code, Some(1));
    repo.git(&["checkout", "-q", "."]);
    // All the others fail now, but only one can be reached.
    repo.write("app/tests/test_data.py", "def test_it():\n    pass\n");
    assert_eq!(run().code, Some(0));
}
