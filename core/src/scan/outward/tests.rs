//! Small trees of several projects, and the edges and inputs that their sources tell.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use affected_graph::InputPattern;

use super::*;
use crate::config;
use crate::scan::inventory;
use crate::tree::memory::MemoryTree;

/// What sources tell of a tree: `a -> b link`, `a reads b/x.json test`.
fn told(files: &[(&str, &str)]) -> String {
    let files = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
    let tree = MemoryTree::new(files);
    let config = config::load(&tree).unwrap();
    let found = inventory(&tree, &config, &FactStore::default());
    let mut lines = BTreeSet::new();
    for (index, project) in found.graph.projects() {
        for (to, edge) in found.graph.dependencies(index) {
            if edge.source == ID {
                let (to, kind) = (&found.graph.project(to).root, edge.kind.as_str());
                lines.insert(format!("{} -> {to} {kind}", project.root));
            }
        }
        for input in project.inputs.iter().filter(|input| input.source == ID) {
            let InputPattern::Path(path) = &input.pattern else {
                continue;
            };
            lines.insert(format!(
                "{} reads {path} {}",
                project.root,
                input.kind.as_str()
            ));
        }
    }
    lines.into_iter().collect::<Vec<_>>().join("; ")
}

/// Two packages of which no manifest names the other, with more files.
fn two(more: &[(&str, &str)]) -> String {
    let mut files = vec![
        ("a/package.json", "{\"name\": \"a\"}"),
        ("b/package.json", "{\"name\": \"b\"}"),
        ("b/src/y.js", "export const y = 1"),
        ("b/data/x.json", "{}"),
    ];
    files.extend(more);
    told(&files)
}

#[test]
fn what_a_source_names_of_another_project_is_an_edge_or_an_input() {
    let check = |path: &str, text: &str, expect: &str| {
        assert_eq!(two(&[(path, text)]), expect, "{path}: {text}");
    };
    check("a/src/x.js", "import '../../b/src/y.js'", "a -> b link");
    check("a/src/x.js", "require('../../b/src/y')", "a -> b link");
    check("a/src/x.ts", "import '../../b/src/y.js'", "a -> b link");
    check(
        "a/test/x.test.js",
        "import '../../b/src/y.js'",
        "a -> b test",
    );
    check("a/src/x.js", "import '../../b/dist/y.js'", "a -> b link");
    check(
        "a/src/x.js",
        "read('../../b/data/x.json')",
        "a reads b/data/x.json link",
    );
    check(
        "a/src/x.js",
        "read('../b/data/x.json')",
        "a reads b/data/x.json link",
    );
    check("a/src/x.js", "list('../../b/data')", "a reads b/data link");
    check(
        "a/x_test.py",
        "open(ROOT / 'b' / 'data/x.json')",
        "a reads b/data/x.json test",
    );
    check(
        "a/x.py",
        "sys.path.insert(0, str(ROOT / 'b'))",
        "a -> b link",
    );
    check(
        "a/x.go",
        "os.ReadFile(\"../b/data/x.json\")",
        "a reads b/data/x.json link",
    );
    check("a/run.sh", "node ../b/src/y.js", "a -> b link");
    check(
        "a/run.sh",
        "cp \"$ROOT\"/b/data/x.json .",
        "a reads b/data/x.json link",
    );
    check(
        "a/CMakeLists.txt",
        "add_subdirectory(${CMAKE_SOURCE_DIR}/b)",
        "a -> b link",
    );
    check("a/run.sh", "cp $TMPDIR/b/data/x.json $ROOT/c .", "");
    check(
        "a/src/x.js",
        "import '../../c/src/y.js'; read('../../node_modules/b/y.js')",
        "",
    );
    check("a/src/x.js", "// see ../../b/src/y.js\nread('../..')", "");
    check("node_modules/c/x.js", "require('../../b/src/y.js')", "");
}

#[test]
fn what_is_known_is_not_told_again() {
    let known = "{\"name\": \"c\", \"dependencies\": {\"b\": \"file:../b\"}}";
    let files = [
        ("c/package.json", known),
        (
            "c/src/x.js",
            "require('../../b/src/y'); read('../../b/data/x.json')",
        ),
    ];
    assert_eq!(two(&files), "");
    let for_tests = known.replace("dependencies", "devDependencies");
    let files = [
        ("c/package.json", for_tests.as_str()),
        ("c/src/x.js", "require('../../b/src/y')"),
        ("c/test/x.js", "require('../../b/src/y')"),
    ];
    assert_eq!(two(&files), "c -> b link");
}

#[test]
fn a_place_in_the_own_project_is_meant_first() {
    let files = [
        ("a/b/data/x.json", "{}"),
        ("a/src/x.js", "read('../b/data/x.json')"),
    ];
    assert_eq!(two(&files), "");
}

#[test]
fn a_project_inside_of_another_is_no_part_of_it() {
    let check = |path: &str, text: &str, expect: &str| {
        let files = [
            ("a/web/package.json", "{\"name\": \"web\"}"),
            ("a/web/src/y.js", ""),
            ("a/web/x.json", "{}"),
            (path, text),
        ];
        assert_eq!(two(&files), expect, "{path}: {text}");
    };
    check("a/src/x.js", "require('../web/src/y')", "a -> a/web link");
    check(
        "a/makefile",
        "\tnode $(ROOT)/a/web/src/y.js",
        "a -> a/web link",
    );
    check(
        "a/src/x.js",
        "read(ROOT, 'web/x.json')",
        "a reads a/web/x.json link",
    );
    check(
        "a/web/src/z.js",
        "require('./y'); require('../../src/x')",
        "",
    );
}

#[test]
fn what_only_runs_beside_it_may_be_read_as_well() {
    let files = [
        ("a/Dockerfile", "FROM scratch\nCOPY . .\n"),
        (
            "compose.yaml",
            "services:\n  a:\n    build: a\n    environment:\n      - X=${X}\n",
        ),
        (".env", "X=1\n"),
        ("a/src/x.js", "read('../../.env')"),
    ];
    assert_eq!(two(&files), "a reads .env link");
}

#[test]
fn a_folder_of_many_projects_is_meant_by_tests_only() {
    let all = [
        ("p/c/package.json", "{\"name\": \"c\"}"),
        ("p/d/package.json", "{\"name\": \"d\"}"),
    ];
    let named = |path| two(&[all[0], all[1], (path, "list('../../p/' + name)")]);
    assert_eq!(named("a/src/x.js"), "");
    assert_eq!(named("a/test/x.js"), "a -> p/c test; a -> p/d test");
}

#[test]
fn documentation_of_its_own_counts_where_a_source_reads_it() {
    let check = |path: &str, text: &str, expect: &str| {
        let files = [("a/help.md", ""), ("a/src/help.md", ""), (path, text)];
        assert_eq!(two(&files), expect, "{path}: {text}");
    };
    check(
        "a/src/x.js",
        "import './help.md?raw'",
        "a reads a/src/help.md link",
    );
    check("a/test_x.py", "open('help.md')", "a reads a/help.md test");
    check("a/setup.py", "open('help.md')", "");
    check(
        "a/package.json",
        "{\"name\": \"a\", \"files\": [\"help.md\"]}",
        "",
    );
}

#[test]
fn a_module_that_no_manifest_names_is_an_edge() {
    let check = |path: &str, text: &str, expect: &str| {
        let files = [
            ("p/pyproject.toml", "[project]\nname = \"p\"\n"),
            ("p/src/shop/__init__.py", ""),
            ("q/pyproject.toml", "[project]\nname = \"q\"\n"),
            ("q/main.py", ""),
            (path, text),
        ];
        assert_eq!(two(&files), expect, "{path}: {text}");
    };
    check(
        "a/src/x.js",
        "import { y } from 'b/src/y.js'",
        "a -> b link",
    );
    check("a/test/x.js", "require('b')", "a -> b test");
    check("b/src/x.js", "require('b')", "");
    check("a/src/x.js", "require('c')", "");
    check("q/test_x.py", "from shop.cart import total", "q -> p test");
    check("q/x.py", "import main", "");
    check("p/x.py", "import main", "p -> q link");
    let declared = "{\"name\": \"c\", \"dependencies\": {\"b\": \"^1\"}}";
    let files = [("c/package.json", declared), ("c/x.js", "require('b')")];
    assert_eq!(two(&files), "");
}
