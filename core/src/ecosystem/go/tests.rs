//! Which packages a changed file of a module belongs to, and which tests run whatever changed.

use affected_graph::RepoPath;

use super::Go;
use crate::ecosystem::{Discovery, Ecosystem, Reads, Reference, Scan};
use crate::facts::FactStore;
use crate::tree::{Tree, memory::MemoryTree};

fn discover(files: &[(&str, &str)]) -> Discovery {
    let module = ("m/go.mod", "module ex.org/m\n");
    let tree = MemoryTree::new(files.iter().copied().chain([module]));
    let paths = tree.files().entries().iter().map(|entry| &entry.path);
    let wanted = paths.filter(|path| Go.reads().iter().any(|name| name.matches(path)));
    let scan = Scan {
        candidates: wanted.cloned().collect(),
        tree: &tree,
        facts: &FactStore::default(),
        reads: &Reads::default(),
    };
    Go.discover(&scan)
}

#[test]
fn data_of_any_folder_is_read_by_nobody_in_particular() {
    let root = RepoPath::new("m").expect("a path");
    for (path, unit) in [
        ("m/a/a.go", Some(("m/a", false))),
        ("m/a/a_test.go", Some(("m/a", true))),
        ("m/a/data.json", None),
        ("m/a/testdata/x.json", None),
        ("m/a/testdata/x.go", None),
        ("m/a/testdata/deep/x_test.go", None),
        ("m/cases/one.txt", None),
        ("m/.hidden/x.go", None),
        ("m/_old/x.go", None),
        ("m/a/_x.go", None),
        ("m/a/.x.go", None),
        ("m/vendor/ex.org/b/b.go", None),
        ("m/Makefile", None),
        ("m/a/asm_amd64.s", None),
        ("m/a/c.h", None),
        ("m/go.sum", None),
    ] {
        let found = Go.unit_of(&root, &RepoPath::new(path).expect("a path"));
        let found = found.map(|(unit, is_test)| (unit.to_string(), is_test));
        let unit = unit.map(|(unit, is_test)| (unit.to_owned(), is_test));
        assert_eq!(found, unit, "{path}");
    }
}

/// The package's own escape, and that of its tests.
fn escapes(name: &str, text: &str) -> (bool, bool) {
    let text = format!("package a\n\n{text}\n");
    let name = format!("m/a/{name}");
    let more = [("m/a/own.go", "package a"), ("m/a/lib/l.go", "package lib")];
    let plain = ("m/a/pages/x.html", "");
    let units = discover(&[more[0], more[1], plain, (&name, &text)]).units;
    let units = units.unwrap_or_default();
    let unit = units.iter().find(|unit| unit.path.as_bytes() == b"m/a");
    unit.map(|unit| (unit.escapes, unit.tests_escape))
        .expect("a package")
}

#[test]
fn tests_that_may_read_sources_run_always() {
    for text in [
        "var e, _ = os.ReadDir(\"cases\")",
        "var e, _ = filepath.Glob(\"cases/*\")",
        "var e = filepath.WalkDir(root, each)",
        "var e = os.DirFS(root)",
        "var e, _ = os.ReadFile(\"../b/b_test.go\")",
        "var e = sums(\"../money\")",
        "var e = sums(\"..\", \"money\")",
        "//go:embed lib\nvar e embed.FS",
        "//go:embed *\nvar e embed.FS",
        "//go:embed *.go\nvar e embed.FS",
    ] {
        assert_eq!(escapes("a_test.go", text), (false, true), "{text}");
    }
    for text in [
        "var e, _ = os.ReadFile(\"../b/data.json\")",
        "var e, _ = os.ReadFile(\"schema.sql\")",
        "//go:embed *.sql posts/*.md LICENSE\nvar e embed.FS",
        "//go:embed pages\nvar e embed.FS",
    ] {
        assert_eq!(escapes("a_test.go", text), (false, false), "{text}");
    }
}

#[test]
fn sources_that_list_only_what_they_are_given_escape_not() {
    let list = "func list(at string) { os.ReadDir(at) }";
    assert_eq!(escapes("a.go", list), (false, false));
    let above = format!("{list}\nfunc all() {{ list(\"../..\") }}");
    assert_eq!(escapes("a.go", &above), (true, false));
    let embeds = "//go:embed lib/*\nvar e embed.FS";
    assert_eq!(escapes("a.go", embeds), (true, false));
}

/// The documentation that counts as data.
fn prose(files: &[(&str, &str)]) -> String {
    let links = discover(files).links.into_iter();
    let paths = links.filter_map(|link| match link.to {
        Reference::Path(path) => Some(path.to_string()),
        _ => None,
    });
    paths.collect::<Vec<_>>().join(" ")
}

#[test]
fn documentation_that_sources_embed_or_name_is_data() {
    let docs = [
        ("m/README.md", ""),
        ("m/blog/LICENSE", ""),
        ("m/blog/posts/a.md", ""),
        ("m/blog/posts/deep/b.md", ""),
        ("other/c.md", ""),
    ];
    let check = |name: &str, text: &str, expect: &str| {
        let text = format!("package blog\n\n{text}\n");
        let mut files = docs.to_vec();
        files.push((name, &text));
        assert_eq!(prose(&files), expect, "{text}");
    };
    let both = "m/blog/posts/a.md m/blog/posts/deep/b.md";
    let name = "m/blog/blog.go";
    check(name, "//go:embed posts/*.md", "m/blog/posts/a.md");
    check(name, "//go:embed all:posts", both);
    check(name, "//go:embed posts/*", both);
    check(name, "//go:embed x.sql \"LICENSE\"", "m/blog/LICENSE");
    check(name, "var a = read(\"posts/a.md\")", "m/blog/posts/a.md");
    check(name, "var a = Join(\"..\", \"README.md\")", "m/README.md");
    check(name, "// see README.md", "");
    check(name, "var a = os.ReadDir(dir)", "");
    let test = "m/blog/posts/a_test.go";
    check(test, "var a = os.ReadDir(\".\")", both);
    check("m/blog/a_test.go", "var a = os.ReadFile(\"x.md\")", "");
}
