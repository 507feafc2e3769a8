use super::source::{SOURCE, Source};

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
        format!("{dots}{}{}{optional}", import.module.name, taken.unwrap_or_default())
    });
    all.collect::<Vec<_>>().join(" ")
}

fn escape(text: &str) -> String {
    let escape = read(text).escape;
    escape.map_or_else(String::new, |escape| format!("{} {}", escape.line, escape.what))
}

#[test]
fn imports_are_found_wherever_they_stand() {
    let check = |text, expect| assert_eq!(imports(text), expect, "{text}");
    check("import a.b, c as d", "a.b c");
    check("from a.b import c, d as e", "a.b:c a.b:d");
    check("from . import a\nfrom ..b.c import *", ".:a ..b.c:*");
    check("def f():\n    import a\n    class C:\n        from b import c", "a b:c");
    check("if TYPE_CHECKING:\n    import a\nelse:\n    import b", "a? b?");
    check("try:\n    import a\nexcept ImportError:\n    import b", "a? b?");
    check("try:\n    import a\nfinally:\n    pass", "a");
    check("import importlib\nimportlib.import_module('a.b')", "a.b importlib");
    check("NAME = 'a.b'\nx = __import__(NAME + '.c')", "a.b.c");
    check("from importlib import import_module\nx = import_module('.c', __package__)", ".c importlib:import_module");
    check("x = import_module(f'{__name__}.c')", ".c");
    check("x = import_module('.c', 'a.b')", "a.b.c");
    check("pytest_plugins = ['a.b', 'c']", "a.b c");
    check("import pytest\nx = pytest.importorskip('a.b')", "a.b pytest");
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
    check("from os import path\nimport os\nos.system('ls')", "3 starts a program");
    check("exec(code)", "1 runs code that it computes");
    check("exec('import a')\nimport re\nre.compile(x)", "");
    check("import sys\nsys.meta_path.append(x)", "2 hooks into imports");
    check("from pathlib import Path\nPath('x').rglob('*.py')", "2 lists files");
    check("from pathlib import Path\nPath('x').glob('*.json')", "");
    check("import os\nos.listdir('.')", "2 lists files");
    check("import ast\nast.walk(x)", "");
    check("__path__ = __import__('pkgutil').extend_path(__path__, __name__)", "");
    check("__path__.append('x')", "1 changes where a package is looked for");
    check("pytest_plugins = names()", "1 computes names of plugins");
    check("pkgutil.iter_modules(paths)", "1 lists modules");
    check("def load_tests(loader, tests, pattern): pass", "1 decides by itself which tests there are");
}

#[test]
fn names_that_are_partly_known_mean_all_below() {
    let check = |text: &str, expect: &str| {
        let found = read(text);
        let below = found.below.iter().map(|module| {
            format!("{}{}", ".".repeat(module.level as usize), module.name)
        });
        assert_eq!(below.collect::<Vec<_>>().join(" "), expect, "{text}");
        assert_eq!(found.escape, None, "{text}");
    };
    check("import_module(f'a.b.{name}')", "a.b");
    check("import_module('a.b.%s' % name)", "a.b");
    check("import_module('a.{}.c'.format(name))", "a");
    check("import_module('.' + name, __package__)", ".");
    check("import_module(f'{__name__}.{name}')", ".");
    check("import a.b\nimport_module(f'{a.b.__name__}.{name}')", "a.b");
    check("import pkgutil\nimport a\npkgutil.walk_packages(a.__path__)", "a");
    check("import pkgutil\npkgutil.iter_modules(__path__)", ".");
}

#[test]
fn strings_and_attributes_are_kept_as_names() {
    let found = read("import a\nmock.patch('a.b.c')\nopen('data/x.json')\na.d.e()\nx = 'two words\\n'");
    let words: Vec<&str> = found.words.iter().map(String::as_str).collect();
    assert_eq!(words, ["a.b.c", "data/x.json"]);
    let mentions: Vec<&str> = found.mentions.iter().map(|module| &module.name[..]).collect();
    assert_eq!(mentions, ["a.d.e"]);
}

#[test]
fn changes_to_what_others_see_are_noticed() {
    let check = |text, at_import, when_called| {
        let found = read(text);
        assert_eq!((found.patches, found.patches_within), (at_import, when_called), "{text}");
    };
    check("import a\nx = a.b()", false, false);
    check("import a\na.b = 1", true, false);
    check("import os\nos.environ['A'] = 'b'", true, false);
    check("import os\ndef f():\n    os.environ['A'] = 'b'", false, true);
    check("class C:\n    def f(self):\n        self.a = 1", false, false);
    check("def pytest_configure(config): pass", true, false);
    check("import django\ndjango.setup()", true, false);
    check("import unittest\nif __name__ == '__main__':\n    run()", false, false);
    check("@pytest.fixture(scope='session', autouse=True)\ndef f(): pass", true, false);
    check("@pytest.fixture(autouse=True)\ndef f(): pass", false, false);
    check("import sys\ndef f():\n    sys.modules.pop('a')", false, true);
}

/// X4: any bytes give an answer, on a small stack too.
#[test]
fn hostile_sources_are_refused_not_followed() {
    let refused = |bytes: &[u8]| (SOURCE.parse)(bytes).err().map(|broken| broken.message);
    let check = |text: String, expect: Option<&str>| {
        assert_eq!(refused(text.as_bytes()).as_deref(), expect, "{}", &text[..text.len().min(40)]);
    };
    check("def f(:\n".to_owned(), Some("not valid Python"));
    check(format!("x = {}1", "1+".repeat(20_000)), Some("nested too deeply"));
    check(format!("x = a{}", ".b".repeat(20_000)), Some("nested too deeply"));
    check(format!("x = a{}", ".b()".repeat(20_000)), Some("nested too deeply"));
    check("[".repeat(100_000), Some("nested too deeply"));
    check(format!("x = {}1", "not ".repeat(20_000)), Some("nested too deeply"));
    check(format!("x = [{}]", "1,".repeat(20_000)), None);
    check("# -*- coding: latin-1 -*-\nimport a".to_owned(), Some("written in latin-1"));
    check("#!/usr/bin/python\n# coding: utf-8\n".to_owned(), None);
    assert_eq!(refused(b"x = '\xe9'").as_deref(), Some("not valid UTF-8"));
    assert_eq!(refused(&[0, 1, 2]).is_some(), true);
}
