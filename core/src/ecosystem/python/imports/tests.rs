//! What is read in Python files, and what that leads to.

use std::collections::BTreeSet;

use affected_graph::{
    Dependency, DependencyKind, Evidence, Ownership, Project, ProjectGraph, ProjectKind, RepoPath,
    builder,
};

use super::source::{SOURCE, Source};
use crate::ecosystem::{ChangedFiles, FileLevel, Look, Reads, Scan, SourceFile, python::Python};
use crate::facts::FactStore;
use crate::tree::memory::MemoryTree;

fn read(text: &str) -> Source {
    (SOURCE.parse)(text.as_bytes()).expect("valid Python")
}

/// Imports as `.a.b:c`, with a question mark where the file gets on without.
fn imports(text: &str) -> String {
    let found = read(text);
    let all = found.imports.iter().map(|import| {
        let dots = ".".repeat(import.module.level as usize);
        let taken = import.taken.as_ref().map(|name| format!(":{name}"));
        let optional = if import.optional { "?" } else { "" };
        format!(
            "{dots}{}{}{optional}",
            import.module.name,
            taken.unwrap_or_default()
        )
    });
    all.collect::<Vec<_>>().join(" ")
}

fn escape(text: &str) -> String {
    let escape = read(text).escape;
    escape.map_or_else(String::new, |escape| {
        format!("{} {}", escape.line, escape.what)
    })
}

#[test]
fn imports_are_found_wherever_they_stand() {
    let check = |text, expect| assert_eq!(imports(text), expect, "{text}");
    check("import a.b, c as d", "a.b c");
    check("from a.b import c, d as e", "a.b:c a.b:d");
    check("from . import a\nfrom ..b.c import *", ".:a ..b.c:*");
    check(
        "def f():\n    import a\n    class C:\n        from b import c",
        "a b:c",
    );
    check(
        "if TYPE_CHECKING:\n    import a\nelse:\n    import b",
        "a? b?",
    );
    check(
        "try:\n    import a\nexcept ImportError:\n    import b",
        "a? b?",
    );
    check("try:\n    import a\nfinally:\n    pass", "a");
    check(
        "import importlib\nimportlib.import_module('a.b')",
        "a.b importlib",
    );
    check("NAME = 'a.b'\nx = __import__(NAME + '.c')", "a.b.c");
    check(
        "from importlib import import_module\nx = import_module('.c', __package__)",
        "importlib:import_module .c",
    );
    check("x = import_module(f'{__name__}.c')", ".c");
    check("x = import_module('.c', 'a.b')", "a.b.c");
    check("pytest_plugins = ['a.b', 'c']", "a.b c");
    check(
        "import pytest\nx = pytest.importorskip('a.b')",
        "a.b pytest",
    );
    check("__all__ = ['a', 'b']", ".:a? .:b?");
    check("code = '''\nimport a.b\nfrom c import d\n'''", "a.b? c:d?");
}

#[test]
fn what_is_hidden_is_said_with_its_line() {
    let check = |text, expect| assert_eq!(escape(text), expect, "{text}");
    check("import os\nos.path.join('a')", "");
    check("x = 1\nimport_module(name)", "2 imports what it computes");
    check("import_module('.a', package)", "1 imports what it computes");
    check("import_module(f'{name}.a')", "1 imports what it computes");
    check("import subprocess", "1 starts programs");
    check(
        "from os import path\nimport os\nos.system('ls')",
        "3 starts a program",
    );
    check("exec(code)", "1 runs code that it computes");
    check("exec('import a')\nimport re\nre.compile(x)", "");
    check(
        "import sys\nsys.meta_path.append(x)",
        "2 hooks into imports",
    );
    check(
        "from pathlib import Path\nPath('x').rglob('*.py')",
        "2 lists files",
    );
    check("from pathlib import Path\nPath('x').glob('*.json')", "");
    check("import os\nos.listdir('.')", "2 lists files");
    check("import ast\nast.walk(x)", "");
    check(
        "__path__ = __import__('pkgutil').extend_path(__path__, __name__)",
        "",
    );
    check(
        "__path__.append('x')",
        "1 changes where a package is looked for",
    );
    check("pytest_plugins = names()", "1 computes names of plugins");
    check("pkgutil.iter_modules(paths)", "1 lists modules");
    check(
        "def load_tests(loader, tests, pattern): pass",
        "1 decides by itself which tests there are",
    );
}

#[test]
fn names_that_are_partly_known_mean_all_below() {
    let check = |text: &str, expect: &str| {
        let found = read(text);
        let below = found
            .below
            .iter()
            .map(|module| format!("{}{}", ".".repeat(module.level as usize), module.name));
        assert_eq!(below.collect::<Vec<_>>().join(" "), expect, "{text}");
        assert_eq!(found.escape, None, "{text}");
    };
    check("import_module(f'a.b.{name}')", "a.b");
    check("import_module('a.b.%s' % name)", "a.b");
    check("import_module('a.{}.c'.format(name))", "a");
    check("import_module('.' + name, __package__)", ".");
    check("import_module(f'{__name__}.{name}')", ".");
    check("import a.b\nimport_module(f'{a.b.__name__}.{name}')", "a.b");
    check(
        "import pkgutil\nimport a\npkgutil.walk_packages(a.__path__)",
        "a",
    );
    check("import pkgutil\npkgutil.iter_modules(__path__)", ".");
}

#[test]
fn strings_and_attributes_are_kept_as_names() {
    let found =
        read("import a\nmock.patch('a.b.c')\nopen('data/x.json')\na.d.e()\nx = 'two words\\n'");
    let words: Vec<&str> = found.words.iter().map(String::as_str).collect();
    assert_eq!(words, ["a.b.c", "data/x.json"]);
    let mentions: Vec<&str> = found
        .mentions
        .iter()
        .map(|module| &module.name[..])
        .collect();
    assert_eq!(mentions, ["a.d.e"]);
}

#[test]
fn names_that_are_filled_in_mean_any_data() {
    let check = |text, expect| assert_eq!(read(text).reads_data, expect, "{text}");
    check("open('data/%s.json' % name)", true);
    check("open('data/{}.json'.format(name))", true);
    check("open('{name}.csv'.format(name=a))", true);
    check("print('%s is not %s.' % pair)", false);
    check("print('100% of {}'.format(a))", false);
    check("open('data/x.json')", false);
}

#[test]
fn loaders_under_another_name_are_an_escape() {
    let escape = |text| read(text).escape.map(|escape| escape.what);
    let renamed = "from importlib import import_module as load\nload('a.' + name)";
    assert_eq!(
        escape(renamed).as_deref(),
        Some("loads modules under another name")
    );
    let other = "loads modules under another name";
    let check = |text, expect: Option<&str>| assert_eq!(escape(text).as_deref(), expect, "{text}");
    check(
        "import importlib\nload = importlib.import_module",
        Some(other),
    );
    check("imp = __import__", Some(other));
    check("load = getattr(importlib, 'import_module')", Some(other));
    check("all = list(map(import_module, names))", Some(other));
    check(
        "load = partial(importlib.import_module, package='a')",
        Some(other),
    );
    check(
        "class C:\n    load = staticmethod(import_module)",
        Some(other),
    );
    check("x = importlib.import_module('a')", None);
    check("x = __import__('a').b", None);
    check("mock.patch.object(importlib, 'import_module')", None);
    assert_eq!(escape("from importlib import import_module"), None);
    assert_eq!(escape("from importlib import metadata as m"), None);
}

#[test]
fn changes_to_what_others_see_are_noticed() {
    let check = |text, at_import, when_called| {
        let found = read(text);
        assert_eq!(
            (found.patches, found.patches_within),
            (at_import, when_called),
            "{text}"
        );
    };
    check("import a\nx = a.b()", false, false);
    check("import a\na.b = 1", true, false);
    check("import os\nos.environ['A'] = 'b'", true, false);
    check(
        "import os\ndef f():\n    os.environ['A'] = 'b'",
        false,
        true,
    );
    check(
        "class C:\n    def f(self):\n        self.a = 1",
        false,
        false,
    );
    check("def pytest_configure(config): pass", true, false);
    check("import django\ndjango.setup()", true, false);
    check(
        "import unittest\nif __name__ == '__main__':\n    run()",
        false,
        false,
    );
    check(
        "@pytest.fixture(scope='session', autouse=True)\ndef f(): pass",
        true,
        false,
    );
    check("@pytest.fixture(autouse=True)\ndef f(): pass", false, false);
    check(
        "import sys\ndef f():\n    sys.modules.pop('a')",
        false,
        true,
    );
}

/// X4: any bytes give an answer, on a small stack too.
#[test]
fn hostile_sources_are_refused_not_followed() {
    let refused = |bytes: &[u8]| (SOURCE.parse)(bytes).err().map(|broken| broken.message);
    let check = |text: String, expect: Option<&str>| {
        assert_eq!(
            refused(text.as_bytes()).as_deref(),
            expect,
            "{}",
            &text[..text.len().min(40)]
        );
    };
    check("def f(:\n".to_owned(), Some("not valid Python"));
    check(
        format!("x = {}1", "1+".repeat(20_000)),
        Some("nested too deeply"),
    );
    check(
        format!("x = a{}", ".b".repeat(20_000)),
        Some("nested too deeply"),
    );
    check(
        format!("x = a{}", ".b()".repeat(20_000)),
        Some("nested too deeply"),
    );
    check("[".repeat(100_000), Some("nested too deeply"));
    check(
        format!("x = {}1", "not ".repeat(20_000)),
        Some("nested too deeply"),
    );
    check(format!("x = [{}]", "1,".repeat(20_000)), None);
    check(
        "# -*- coding: latin-1 -*-\nimport a".to_owned(),
        Some("written in latin-1"),
    );
    check("#!/usr/bin/python\n# coding: utf-8\n".to_owned(), None);
    assert_eq!(refused(b"x = '\xe9'").as_deref(), Some("not valid UTF-8"));
    assert!(refused(&[0, 1, 2]).is_some());
}

/// Projects by their folders; each but the first is used by the one before it.
fn graph(folders: &[&str]) -> ProjectGraph {
    let path = |text: &str| RepoPath::new(text).expect("a path");
    let project = |folder: &&str| Project {
        root: path(folder),
        name: (*folder).to_owned(),
        kind: ProjectKind::Library,
        ecosystems: vec![super::super::ID],
        manifests: vec![path(folder).join("pyproject.toml").expect("a path")],
        ownership: Ownership::Tree,
        tasks: Vec::new(),
        inputs: Vec::new(),
    };
    let edge = |pair: &[&str]| Dependency {
        from: path(pair[0]),
        to: path(pair[1]),
        kind: DependencyKind::Link,
        source: "python",
        evidence: Evidence {
            file: path(pair[0]),
            line: None,
            detail: String::new(),
        },
    };
    let edges = folders.windows(2).map(edge).collect();
    builder::build(folders.iter().map(project).collect(), edges).0
}

/// Follows `t/test_a.py`, with the text given, among `files`, and tells all that it reaches, or what hides it. A path with
/// a minus was deleted, one with a star was modified.
fn reached(text: &str, files: &[(&str, &str)], folders: &[&str]) -> String {
    let mut told: BTreeSet<String> = BTreeSet::new();
    for source in followed(text, files, folders) {
        told.extend(source.escape.map(|escape| format!("! {escape}")));
        told.extend(source.uses.iter().map(ToString::to_string));
    }
    told.remove("t/test_a.py");
    told.into_iter().collect::<Vec<_>>().join(", ")
}

/// What one of the files uses.
fn reached_from(text: &str, files: &[(&str, &str)], of: &str) -> String {
    let all = followed(text, files, &["t"]).into_iter();
    let mut own = all.filter(|source| source.path.to_string() == of);
    let uses = own.next().expect("a file that is followed").uses;
    uses.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn followed(text: &str, files: &[(&str, &str)], folders: &[&str]) -> Vec<SourceFile> {
    let path = |text: &str| RepoPath::new(text).expect("a path");
    let of = BTreeSet::from([path("t/test_a.py")]);
    let mut changed = ChangedFiles::default();
    let mut there = vec![("t/test_a.py", text)];
    for (name, text) in files {
        match (name.strip_prefix('-'), name.strip_prefix('*')) {
            (Some(name), _) => {
                changed.deleted.insert(path(name));
            }
            (_, Some(name)) => {
                changed.modified.insert(path(name));
                there.push((name, *text));
            }
            _ => there.push((*name, *text)),
        }
    }
    let tree = MemoryTree::new(there);
    let (facts, reads, graph) = (FactStore::default(), Reads::default(), graph(folders));
    let look = Look {
        head: Scan {
            tree: &tree,
            facts: &facts,
            reads: &reads,
            candidates: Vec::new(),
        },
        base: None,
        graph: &graph,
        changed: &changed,
    };
    Python.sources(&look, &of)
}

#[test]
fn names_lead_to_files() {
    let check = |text: &str, files: &[&str], expect: &str| {
        let files: Vec<(&str, &str)> = files.iter().map(|name| (*name, "")).collect();
        assert_eq!(reached(text, &files, &["t"]), expect, "{text}");
    };
    // Every package on the way is loaded.
    check(
        "import a.b.c",
        &[
            "t/src/a/__init__.py",
            "t/src/a/b/__init__.py",
            "t/src/a/b/c.py",
            "t/src/a/d.py",
        ],
        "t/src/a/__init__.py, t/src/a/b/__init__.py, t/src/a/b/c.py",
    );
    check(
        "from a import b, c",
        &["t/src/a/__init__.py", "t/src/a/b.py"],
        "t/src/a/__init__.py, t/src/a/b.py",
    );
    // Namespaces have no file of their own, and may lie in several places.
    check(
        "import a.b, a.c",
        &["t/a/b.py", "t/src/a/c.py"],
        "t/a/b.py, t/src/a/c.py",
    );
    // What was deleted is still looked for (S3), also as a package in front of a module.
    check("import a", &["-t/a.py"], "t/a.py");
    check(
        "import a.b",
        &["t/a/b.py", "-t/a/__init__.py"],
        "t/a/__init__.py, t/a/b.py",
    );
    // One name in two places may mean either.
    check(
        "import a",
        &["t/a.py", "t/src/a/__init__.py"],
        "t/a.py, t/src/a/__init__.py",
    );
    // A module inside a package is none at the top, unless the path is changed.
    check(
        "import b",
        &["t/a/__init__.py", "t/a/b.py", "t/b.py"],
        "t/b.py",
    );
    check(
        "import sys\nsys.path.insert(0, 'x')\nimport b",
        &["t/a/__init__.py", "t/a/b.py", "t/b.py"],
        "t/a/b.py, t/b.py",
    );
    check("import logging", &["t/a/__init__.py", "t/a/logging.py"], "");
    check(
        "from . import b\nfrom .c import d",
        &["t/b.py", "t/c.py"],
        "t/b.py, t/c.py",
    );
    check(
        "import a\na.b.c()",
        &["t/a/__init__.py", "t/a/b.py"],
        "t/a/__init__.py, t/a/b.py",
    );
}

#[test]
fn names_that_lead_to_no_file_are_of_others_or_hide_something() {
    let check = |text: &str, files: &[&str], expect: &str| {
        let files: Vec<(&str, &str)> = files.iter().map(|name| (*name, "")).collect();
        assert_eq!(reached(text, &files, &["t"]), expect, "{text}");
    };
    // Outside of the repository.
    check("import numpy.linalg", &["t/a.py"], "");
    // In it, but not there.
    check(
        "import a.b",
        &["t/a/__init__.py"],
        "! t/test_a.py imports a.b, which is not there, t/a/__init__.py",
    );
    check(
        "try:\n    import a.b\nexcept ImportError: pass",
        &["t/a/__init__.py"],
        "t/a/__init__.py",
    );
}

#[test]
fn what_is_not_imported_takes_part_too() {
    let check = |text: &str, files: &[(&str, &str)], expect: &str| {
        assert_eq!(reached(text, files, &["t", "u"]), expect, "{text}");
    };
    check(
        "",
        &[
            ("t/__init__.py", ""),
            ("conftest.py", "import a"),
            ("t/a.py", ""),
        ],
        "conftest.py, t/__init__.py, t/a.py",
    );
    check("mock.patch('a.b.C')", &[("t/a/b.py", "")], "t/a/b.py");
    check("uvicorn.run('a.b:app')", &[("t/a/b.py", "")], "t/a/b.py");
    check(
        "import_module(f'a.{x}')",
        &[("t/a/__init__.py", ""), ("t/a/b/c.py", "")],
        "t/a, t/a/__init__.py, t/a/b/c.py",
    );
    check(
        "INSTALLED_APPS = ['a']",
        &[("t/a/__init__.py", ""), ("t/a/models.py", "")],
        "t/a, t/a/__init__.py, t/a/models.py",
    );
    check(
        "open('run/a.py')",
        &[("t/run/a.py", "import b"), ("t/b.py", "")],
        "t/b.py, t/run/a.py",
    );
}

#[test]
fn plugins_and_helpers_take_part_by_name_and_by_what_they_change() {
    let check = |text: &str, files: &[(&str, &str)], expect: &str| {
        assert_eq!(reached(text, files, &["t", "u"]), expect, "{text}");
    };
    // Plugins, by the settings of the runner and by manifests of what is used.
    check(
        "",
        &[
            ("t/pytest.ini", "[pytest]\naddopts = -p plug"),
            ("t/plug.py", ""),
        ],
        "t/plug.py",
    );
    check(
        "",
        &[
            (
                "u/pyproject.toml",
                "[project.entry-points.pytest11]\nx = \"u_plug\"",
            ),
            ("u/u_plug.py", ""),
        ],
        "u/u_plug.py",
    );
    check(
        "from a import _version",
        &[
            ("t/a/__init__.py", "from ._version import v"),
            ("t/setup.cfg", "write_to = a/_version.py"),
        ],
        "t/a/__init__.py",
    );
    // A helper of the tests that changes what others see does so for all.
    check(
        "",
        &[
            ("t/conftest.py", "import a"),
            ("t/a.py", "import os\nos.x = 1"),
        ],
        "t/a.py, t/conftest.py",
    );
    check(
        "import a",
        &[("t/a.py", "def f(:")],
        "! t/a.py:1: not valid Python, t/a.py",
    );
}

#[test]
fn data_is_found_by_name() {
    let check = |text: &str, files: &[&str], expect: &str| {
        let files: Vec<(&str, &str)> = files.iter().map(|name| (*name, "")).collect();
        assert_eq!(reached(text, &files, &["t", "u"]), expect, "{text}");
    };
    check(
        "open('data/x.json')",
        &["*t/data/x.json", "*t/data/y.json"],
        "t/data/x.json",
    );
    check(
        "open(HERE / 'data' / name)",
        &["*t/data/x.json", "*t/y.json"],
        "t/data/x.json",
    );
    // What nobody names is a stray, which takes all of the project.
    check("open(f'{name}.json')", &["*t/data/x.json"], "");
    check("Path(__file__).parent / name", &["*t/x.json"], "");
    check("Path(__file__).parent / 'y.json'", &["*t/x.json"], "");
    check(
        "def test(snapshot): pass",
        &["*t/__snapshots__/other.ambr"],
        "",
    );
    check(
        "",
        &[
            "*t/__snapshots__/test_a.ambr",
            "*t/__snapshots__/test_b.ambr",
        ],
        "t/__snapshots__/test_a.ambr",
    );
    check("x = glob.glob('*.json')", &["*t/x.json", "*u/y.json"], "");
    // Nobody can tell what becomes of the sources of other languages.
    check("open('x.proto')", &["*t/x.proto"], "");
}

#[test]
fn manifests_and_documents_are_found_by_name() {
    let check = |text: &str, files: &[&str], expect: &str| {
        let files: Vec<(&str, &str)> = files.iter().map(|name| (*name, "")).collect();
        assert_eq!(reached(text, &files, &["t", "u"]), expect, "{text}");
    };
    // Where a manifest changed for tools only, nothing is asked for but who may read it.
    check(
        "open('pyproject.toml')",
        &["*t/pyproject.toml"],
        "t/pyproject.toml",
    );
    check(
        "import mypy.api",
        &["*t/pyproject.toml"],
        "t/pyproject.toml",
    );
    check(
        "open(f'{name}.toml')",
        &["*t/pyproject.toml"],
        "t/pyproject.toml",
    );
    check("", &["*t/pyproject.toml"], "");
    // Documents are data like any other.
    check(
        "open('CHANGELOG.md')",
        &["*t/CHANGELOG.md", "*t/x.md"],
        "t/CHANGELOG.md",
    );
    check(
        "doctest.testfile('../README.md')",
        &["*README.md"],
        "README.md",
    );
    check(
        "Path('docs/usage.md').read_text()",
        &["*t/docs/usage.md"],
        "t/docs/usage.md",
    );
}

#[test]
fn data_leads_to_the_data_that_it_names() {
    let check = |text: &str, files: &[(&str, &str)], expect: &str| {
        assert_eq!(reached(text, files, &["t", "u"]), expect, "{files:?}");
    };
    let other = ("t/conftest.py", "X = 'base.html'");
    let page = |text| ("t/web/page.html", text);
    check(
        "render('page.html')",
        &[
            other,
            ("*t/web/base.html", ""),
            page("{% extends 'base.html' %}"),
        ],
        "t/conftest.py, t/web/base.html, t/web/page.html",
    );
    check(
        "render('page.html')",
        &[other, ("*t/web/base.html", ""), page("base")],
        "t/conftest.py, t/web/base.html, t/web/page.html",
    );
    check(
        "render('page.html')",
        &[other, ("*t/web/base.html", ""), page("other.html")],
        "t/conftest.py, t/web/base.html",
    );
    // Over several.
    check(
        "render('shop.html')",
        &[
            other,
            ("*t/web/base.html", ""),
            page("{% extends 'base.html' %}"),
            ("t/web/shop.html", "{% extends 'page.html' %}"),
        ],
        "t/conftest.py, t/web/base.html, t/web/page.html, t/web/shop.html",
    );
    // Who reads what nobody names?
    check(
        "",
        &[
            other,
            ("*t/web/base.html", ""),
            page("{% extends 'base.html' %}"),
        ],
        "t/conftest.py",
    );
    // Prose only talks.
    check(
        "",
        &[
            other,
            ("*t/web/base.html", ""),
            ("t/README.md", "base.html"),
        ],
        "t/conftest.py, t/web/base.html",
    );
}

#[test]
fn words_that_look_like_a_name_prove_no_reader() {
    let check = |text: &str, files: &[&str], expect: &str| {
        let files: Vec<(&str, &str)> = files.iter().map(|name| (*name, "")).collect();
        assert_eq!(reached(text, &files, &["t", "u"]), expect, "{text}");
    };
    check("reverse('order_list')", &["*t/web/order_list.html"], "");
    check(
        "getLogger('shop')",
        &["*t/shop/x.html", "t/shop/views.py"],
        "",
    );
    check(
        "render('web/order_list')",
        &["*t/web/order_list.html"],
        "t/web/order_list.html",
    );
    check("HERE / 'web'", &["*t/web/x.html"], "t/web/x.html");
}

#[test]
fn what_keeps_others_is_known_by_name() {
    let check = |text: &str, by_call: &str, by_heir: &str| {
        let kept = read(text).kept;
        let told = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(" ");
        let told = (told(kept.by_call), told(kept.by_heir));
        assert_eq!(told, (by_call.to_owned(), by_heir.to_owned()), "{text}");
    };
    check(
        "R = {}\ndef add(n):\n    def deco(f):\n        R[n] = f\n    return deco",
        "R add",
        "",
    );
    check(
        "R = []\ndef add(f):\n    R.append(f)\ndef also(f): return add(f)",
        "R add also",
        "",
    );
    check("def add(f):\n    global x\n    x = f", "add", "");
    check("R = {}\ndef get(n): return R[n]", "R", "");
    check("def add(r, f):\n    r[0] = f", "", "");
    check("app = Flask()", "app", "app");
    check("T = TypeVar('T')\nlog = logging.getLogger()", "", "");
    check("@functools.singledispatch\ndef show(x): pass", "show", "");
    check(
        "class B:\n    all = []\n    def __init_subclass__(cls):\n        B.all.append(cls)",
        "",
        "B",
    );
    check(
        "class M(type):\n    all = {}\n    def __new__(m, n):\n        m.all[n] = m",
        "",
        "M",
    );
    check("class C:\n    def f(self):\n        self.x[0] = 1", "", "");
}

#[test]
fn who_uses_a_registry_uses_what_others_put_into_it() {
    let check = |registry: &str, handler: &str, expect: &str| {
        let files = [
            ("t/conftest.py", "import hand"),
            ("t/reg.py", registry),
            ("t/hand.py", handler),
        ];
        let found = reached_from("import reg", &files, "t/reg.py");
        assert_eq!(found, expect, "{registry} {handler}");
    };
    let keeping = "R = {}\ndef register(f):\n    R[f] = f";
    check(
        keeping,
        "from reg import register\n@register\ndef f(): pass",
        "t/hand.py",
    );
    check(
        keeping,
        "from reg import register as r\n@r\ndef f(): pass",
        "t/hand.py",
    );
    check(keeping, "import reg\nreg.register(1)", "t/hand.py");
    check(
        keeping,
        "from reg import register\ndef f(): register(1)",
        "",
    );
    check(keeping, "@register\ndef f(): pass", "");
    check(
        "def register(f): return f",
        "from reg import register\n@register\ndef f(): pass",
        "",
    );
    check(
        "app = App()",
        "from reg import app\n@app.route('/')\ndef f(): pass",
        "t/hand.py",
    );
    check("app = App()", "from reg import app\nx = app", "");
    let family = "A = []\nclass B:\n    def __init_subclass__(cls):\n        A.append(cls)\nclass C(B): pass";
    check(family, "from reg import B\nclass D(B): pass", "t/hand.py");
    check(family, "from reg import C\nclass D(C): pass", "t/hand.py");
    check("R = {}", "from reg import R\nR['a'] = 1", "t/hand.py");
    check("R = {}", "from reg import R\nx = R['a']", "");
}
