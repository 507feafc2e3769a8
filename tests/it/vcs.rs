//! Changed paths in states that real repositories get into, with git itself as the oracle.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;

use crate::sandbox::Sandbox;

/// Something that happens to a work tree.
type Change = fn(&Sandbox);

/// Paths that the tool says changed.
fn ours(shop: &Sandbox, arguments: &[&str]) -> BTreeSet<String> {
    let list = shop.list(arguments);
    let changes = list["changes"].as_array().unwrap();
    changes
        .iter()
        .map(|change| change["path"].as_str().unwrap().to_owned())
        .collect()
}

/// Paths that git says changed between `base` and the work tree, untracked ones included.
fn gits(shop: &Sandbox, base: &str) -> BTreeSet<String> {
    let changed = shop.git(&[
        "-c",
        "core.quotePath=false",
        "diff",
        "--no-renames",
        "--name-only",
        base,
    ]);
    let untracked = shop.git(&[
        "-c",
        "core.quotePath=false",
        "ls-files",
        "--others",
        "--exclude-standard",
    ]);
    changed
        .lines()
        .chain(untracked.lines())
        .map(ToOwned::to_owned)
        .collect()
}

/// S7, S9: each change is one for git as well, and no other is.
#[test]
fn odd_changes_are_those_that_git_sees() {
    let changes: &[(&str, Change)] = &[
        ("an exec bit", |shop| {
            shop.git(&["update-index", "--chmod=+x", "p/lone/index.js"]);
        }),
        ("a touched file", |shop| {
            let text = std::fs::read(shop.join("p/lone/index.js")).unwrap();
            std::fs::write(shop.join("p/lone/index.js"), text).unwrap();
        }),
        ("a file that became a link", |shop| {
            shop.remove("p/lone/index.js");
            std::os::unix::fs::symlink("../pay/index.js", shop.join("p/lone/index.js")).unwrap();
        }),
        ("a link to another place", |shop| {
            std::os::unix::fs::symlink("b", shop.join("p/lone/link")).unwrap();
        }),
        ("a folder in place of a file", |shop| {
            shop.remove("p/lone/index.js");
            shop.write("p/lone/index.js/inner.js", "1");
        }),
        ("only the case of a name", |shop| {
            shop.git(&["mv", "p/lone/index.js", "p/lone/Index.js"]);
        }),
        ("staged, then changed again", |shop| {
            shop.write("p/lone/index.js", "// staged\n");
            shop.git(&["add", "-A"]);
            shop.write("p/lone/index.js", "// and again\n");
        }),
        ("staged, then put back", |shop| {
            shop.write("p/pay/index.js", "// staged\n");
            shop.git(&["add", "-A"]);
            shop.write("p/pay/index.js", "// pay\n");
        }),
        ("ignored files", |shop| {
            shop.write(".gitignore", "*.log\n!keep.log\n");
            shop.write("p/lone/a.log", "1");
            shop.write("p/lone/keep.log", "1");
        }),
        ("a name with spaces, quotes and accents", |shop| {
            shop.write("p/lone/a 'b' \u{e9}.js", "1");
        }),
        ("line endings that git undoes", |shop| {
            shop.git(&["config", "core.autocrlf", "true"]);
            shop.write("p/lone/index.js", "// lone\r\n");
        }),
    ];
    for (what, change) in changes {
        let shop = Sandbox::shop();
        change(&shop);
        assert_eq!(ours(&shop, &[]), gits(&shop, "main"), "{what}");
    }
}

/// A file that git was only told to forget is still there for every test: it did not change.
#[test]
fn a_file_that_is_no_longer_tracked_but_still_the_same_did_not_change() {
    let shop = Sandbox::shop();
    shop.git(&["rm", "-q", "--cached", "p/lone/index.js"]);
    assert_eq!(ours(&shop, &[]), BTreeSet::new());
    assert_eq!(
        ours(&shop, &["--staged"]),
        BTreeSet::from(["p/lone/index.js".to_owned()])
    );
}

/// S10: both sides of a conflict, and the marks in the file, are a change of that file.
#[test]
fn a_conflict_is_a_change() {
    let shop = Sandbox::shop();
    shop.write("p/lone/index.js", "// ours\n");
    shop.commit("ours");
    shop.git(&["checkout", "-q", "-b", "other", "main"]);
    shop.write("p/lone/index.js", "// theirs\n");
    shop.commit("theirs");
    let merge = std::process::Command::new("git")
        .args([
            "-C",
            shop.path().to_str().unwrap(),
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "merge",
            "-q",
            "topic",
        ])
        .output()
        .unwrap();
    assert!(!merge.status.success(), "the merge had to conflict");
    assert_eq!(
        ours(&shop, &["--base", "main"]),
        BTreeSet::from(["p/lone/index.js".to_owned()])
    );
}

/// S7: a bumped submodule is a change of its path, and only that.
#[test]
fn a_bumped_submodule_is_a_change() {
    let library = Sandbox::new();
    library.write("a.txt", "1");
    library.commit("one");
    let shop = Sandbox::shop();
    shop.git(&["checkout", "-q", "main"]);
    let address = library.path().to_str().unwrap();
    shop.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "add",
        "-q",
        address,
        "p/lone/dep",
    ]);
    shop.commit("with a submodule");
    shop.git(&["checkout", "-q", "-B", "topic"]);
    assert_eq!(ours(&shop, &[]), BTreeSet::new());
    library.write("a.txt", "2");
    library.commit("two");
    let inside = shop.join("p/lone/dep");
    shop.git(&[
        "-C",
        inside.to_str().unwrap(),
        "pull",
        "-q",
        "origin",
        "main",
    ]);
    assert_eq!(ours(&shop, &[]), gits(&shop, "main"));
    assert_eq!(shop.names(&[]), "lone");
    shop.commit("bumped");
    assert_eq!(
        ours(&shop, &["--head", "HEAD"]),
        BTreeSet::from(["p/lone/dep".to_owned()])
    );
}

/// S8: SHA-256 repositories are read like others.
#[test]
fn a_repository_of_longer_hashes_is_read() {
    let shop = Sandbox::empty();
    shop.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    shop.write(
        "package.json",
        r#"{"name":"root","private":true,"workspaces":["p/*"]}"#,
    );
    shop.package("lib", &[], &[]);
    shop.package("web", &["lib"], &[]);
    shop.commit("first");
    shop.git(&["checkout", "-q", "-b", "topic"]);
    shop.write("p/lib/index.js", "// changed\n");
    assert_eq!(ours(&shop, &[]), gits(&shop, "main"));
    assert_eq!(shop.names(&[]), "lib web");
}

/// X3: a name that is no text is a path like any other.
#[test]
fn a_name_that_is_no_text_is_a_change_of_its_project() {
    let shop = Sandbox::shop();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.js");
    std::fs::write(shop.join("p/lone").join(name), "1").unwrap();
    assert_eq!(shop.names(&[]), "lone");
    shop.commit("odd name");
    assert_eq!(shop.names(&["--head", "HEAD"]), "lone");
}

/// B2: of several merge bases one is taken, and the answer does not depend on which branch asks.
#[test]
fn a_criss_cross_history_has_a_base() {
    let shop = Sandbox::shop();
    shop.write("p/lib/index.js", "// topic\n");
    let left = shop.commit("left");
    shop.git(&["checkout", "-q", "main"]);
    shop.write("p/pay/index.js", "// main\n");
    let right = shop.commit("right");
    shop.git(&["merge", "-q", "--no-edit", &left]);
    shop.git(&["checkout", "-q", "topic"]);
    shop.git(&["merge", "-q", "--no-edit", &right]);
    shop.write("p/lone/index.js", "// after\n");
    shop.commit("after");
    let bases = shop.git(&["merge-base", "--all", "main", "topic"]);
    assert_eq!(bases.lines().count(), 2, "the history is no criss-cross");
    let chosen = shop.list(&[])["base"]["commit"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        bases.lines().any(|base| base == chosen),
        "{chosen} is none of {bases}"
    );
    let names = shop.names(&[]);
    assert!(names.contains("lone"), "{names}");
}
